// The tables against the schema of flows: names and types of columns come from one table, and the
// script that makes them is whole.
#include "common/sink/clickhouse/schema.h"

#include "proto/flow.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const ProtobufCMessageDescriptor *const SCHEMA = &flowpb__flow_message__descriptor;

static struct clickhouse_schema schema_of(enum clickhouse_profile profile)
{
    return (struct clickhouse_schema){
        .database = "d", .table = "t", .user = "", .password = "", .profile = profile};
}

static void every_field_has_its_column(void **state)
{
    unsigned found = 0;
    (void)state;
    for (unsigned i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++) {
        struct clickhouse_column column = clickhouse_column(i);
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
            SCHEMA, column.name);
        found += field != NULL;
        if (field == NULL) {
            assert_int_equal(column.field, FLOW_FIELD_COUNT);
            assert_memory_equal(column.name, "src_s", 4);
            continue;
        }
        assert_int_equal(FLOW_FIELDS[column.field].number, field->id);
        assert_int_equal(FLOW_FIELDS[column.field].column, i); // the order of JSON
    }
    assert_int_equal(found, SCHEMA->n_fields);
}

// No number of the schema is cut by its column.
static void columns_are_as_wide_as_fields(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FLOW_FIELD_COUNT; i++) {
        struct clickhouse_column column = clickhouse_column(i);
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
            SCHEMA, column.name);
        const char *type = clickhouse_type(column.kind, CLICKHOUSE_REDUCED);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            assert_true(strncmp(type, "Array(", 6) == 0 || strncmp(type, "Nested(", 7) == 0);
        else if (field->type == PROTOBUF_C_TYPE_UINT64)
            assert_string_equal(type, "UInt64");
        else if (field->type == PROTOBUF_C_TYPE_UINT32)
            assert_string_equal(type, "UInt32");
        else if (field->type == PROTOBUF_C_TYPE_BYTES)
            assert_string_equal(type, "FixedString(16)");
        else
            assert_string_equal(type, "String");
    }
}

static void check_script(enum clickhouse_profile profile, const char *wanted, const char *unwanted)
{
    struct clickhouse_schema schema = schema_of(profile);
    char *script = clickhouse_schema_script(&schema);
    assert_non_null(script);
    assert_non_null(strstr(script, wanted));
    assert_null(strstr(script, unwanted));
    for (unsigned i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++) {
        char define[128];
        snprintf(define, sizeof define, "\n    %s %s", clickhouse_column(i).name,
                 clickhouse_type(clickhouse_column(i).kind, profile));
        assert_non_null(strstr(script, define));
    }
    assert_non_null(strstr(script, "CREATE TABLE IF NOT EXISTS d.t\n"));
    assert_non_null(strstr(script, "CREATE MATERIALIZED VIEW IF NOT EXISTS d.t_1h_view"));
    assert_non_null(strstr(script, "(6, 'TCP')"));
    free(script);
}

static void scripts_are_whole(void **state)
{
    (void)state;
    check_script(CLICKHOUSE_FULL, "CODEC(", "Nested(");
    check_script(CLICKHOUSE_REDUCED, "Nested(", "CODEC(");
}

static void steps_come_to_an_end(void **state)
{
    char text[CLICKHOUSE_STATEMENT_MAX];
    struct clickhouse_schema schema = schema_of(CLICKHOUSE_FULL);
    unsigned version = 1;
    (void)state;
    for (;; version++) {
        struct buf out = buf_over(text, sizeof text);
        if (clickhouse_schema_step(&out, &schema, version) == NULL)
            break;
        assert_true(buf_ok(&out));
        assert_true(out.len != 0);
    }
    assert_in_range(version, 10, 100);
}

static void the_password_is_not_printed(void **state)
{
    struct clickhouse_schema schema = schema_of(CLICKHOUSE_FULL);
    char text[CLICKHOUSE_STATEMENT_MAX];
    struct buf out = buf_over(text, sizeof text - 1);
    (void)state;
    schema.user = "it's";
    schema.password = "secret";
    char *script = clickhouse_schema_script(&schema);
    assert_null(strstr(script, "secret"));
    assert_non_null(strstr(script, "USER 'it\\'s' PASSWORD '***'"));
    free(script);
    for (unsigned version = 1; clickhouse_schema_step(&out, &schema, version) != NULL; version++)
        continue;
    text[out.len] = '\0';
    assert_non_null(strstr(text, "PASSWORD 'secret'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_its_column),
        cmocka_unit_test(columns_are_as_wide_as_fields),
        cmocka_unit_test(scripts_are_whole),
        cmocka_unit_test(steps_come_to_an_end),
        cmocka_unit_test(the_password_is_not_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
