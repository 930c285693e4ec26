// Makes the tables, or brings them up to date.
//
// Any number of processes may do so at once: every step may be given twice.
#pragma once

#include "common/sink/clickhouse/option.h"

// Applies the steps that schema_version does not have, adds the columns that the table of flows
// does not have, and logs both. 0, or -1 after having logged why. A server that is away is waited
// for as long as one insert would be.
int clickhouse_migrate(const struct clickhouse_options *options);
