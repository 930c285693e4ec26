// What -check says of the ClickHouse server that flows go to.
#pragma once

#include "common/base/check.h"
#include "common/sink/sink.h"

void clickhouse_check(struct check *check, const struct settings *settings,
                      const struct sink_options *options);
