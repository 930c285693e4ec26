// What -check says of the file that flows go to.
#pragma once

#include "common/base/check.h"
#include "common/sink/sink.h"

void file_check(struct check *check, const struct settings *settings,
                const struct sink_options *options);
