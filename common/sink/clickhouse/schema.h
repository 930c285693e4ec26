// The tables as statements of SQL, in numbered steps.
//
// Each step is one statement that may be given again: two who apply them at once do no harm. What
// was applied stands in the table schema_version. Steps are only ever appended; a field that is
// new in the field table needs none, its column is added when it is missing.
// No state; any thread.
#pragma once

#include "common/base/buf.h"
#include "common/sink/clickhouse/column.h"

#include <stddef.h>

#define CLICKHOUSE_STATEMENT_MAX (16u << 10)

// Names are identifiers, see clickhouse_options_check.
struct clickhouse_schema {
    const char *database;
    const char *table; // of flows; the names of the others begin with it
    const char *user;  // whom the dictionary reads its table as; "" for the server's default
    const char *password;
    enum clickhouse_profile profile;
};

// Statements before the first step: the database and the table of versions.
#define CLICKHOUSE_BASE_COUNT 2
void clickhouse_schema_base(struct buf *out, const struct clickhouse_schema *schema,
                            unsigned index);

// Step `version`, counted from 1: what it makes, its statement in `out`, which is empty when the
// profile has no such thing. NULL when there is no such step.
const char *clickhouse_schema_step(struct buf *out, const struct clickhouse_schema *schema,
                                   unsigned version);

// Statements that record a step, that ask for the last one and that add a column.
void clickhouse_schema_record(struct buf *out, const struct clickhouse_schema *schema,
                              unsigned version, const char *what);
void clickhouse_schema_last(struct buf *out, const struct clickhouse_schema *schema);
void clickhouse_schema_add(struct buf *out, const struct clickhouse_schema *schema,
                           unsigned column);

// All of it as a script, from malloc and terminated by NUL; NULL without memory. The password
// is left out.
char *clickhouse_schema_script(const struct clickhouse_schema *schema);
