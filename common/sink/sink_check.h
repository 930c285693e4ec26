// What -check says of the output.
#pragma once

#include "common/base/check.h"
#include "common/sink/sink.h"

// Says where flows would go, in which format. Nothing is opened for writing, reached or made.
void sink_check(struct check *check, const struct settings *settings, const struct sink_ops *ops,
                const struct sink_options *options, const char *format);
