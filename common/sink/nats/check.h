// What -check says of the NATS servers that flows go to or come from.
#pragma once

#include "common/base/check.h"
#include "common/sink/nats/option.h"
#include "common/sink/sink.h"

// The servers and how to log in there: the files are read; one server is tried if that was asked
// for.
void nats_check_access(struct check *check, const struct nats_access *access);

// The sink's.
void nats_check(struct check *check, const struct settings *settings,
                const struct sink_options *options);
