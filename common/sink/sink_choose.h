// The sink that the operator asks for.
#pragma once

#include "common/base/settings.h"
#include "common/sink/sink.h"

#define SINK_KAFKA_ABSENT "Kafka is not built in, NATS JetStream takes its place"

// That of the setting -transport: one of SINKS, or `more` (NULL: none), which not every daemon has.
// NULL after one line on stderr that lists those there are.
const struct sink_ops *sink_choose(const struct settings *settings, const char *name,
                                   const struct sink_ops *more);
