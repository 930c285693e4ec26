// The field table against the schema: the two are kept by hand and must say the same.
#include "common/flow/fields.h"
#include "common/flow/render.h"

#include "proto/flow.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const ProtobufCMessageDescriptor *const SCHEMA = &flowpb__flow_message__descriptor;

static enum field_kind kind_in_schema(const ProtobufCFieldDescriptor *field)
{
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        if (repeated)
            return FIELD_NUM_LIST;
        return field->type == PROTOBUF_C_TYPE_ENUM ? FIELD_NUM : FIELD_NUM32;
    case PROTOBUF_C_TYPE_UINT64:
        assert_false(repeated);
        return FIELD_NUM;
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: // an entry of a map
        return repeated ? FIELD_BYTES_LIST : FIELD_BYTES;
    default:
        fail_msg("%s has a type that the table does not know", field->name);
        return FIELD_NUM;
    }
}

static void every_row_is_the_schemas(void **state)
{
    (void)state;
    assert_int_equal(FLOW_FIELD_COUNT, SCHEMA->n_fields);
    for (unsigned i = 0; i < FLOW_FIELD_COUNT; i++) {
        const ProtobufCFieldDescriptor *field = &SCHEMA->fields[i]; // sorted by number
        assert_int_equal(FLOW_FIELDS[i].number, field->id);
        assert_string_equal(FLOW_FIELDS[i].name, field->name);
        assert_int_equal(FLOW_FIELDS[i].kind, kind_in_schema(field));
    }
}

static void columns_are_a_permutation(void **state)
{
    (void)state;
    uint64_t seen = 0;
    for (unsigned i = 0; i < FLOW_FIELD_COUNT; i++) {
        assert_in_range(FLOW_FIELDS[i].column, 0, FLOW_FIELD_COUNT - 1);
        assert_int_equal(seen >> FLOW_FIELDS[i].column & 1, 0);
        seen |= UINT64_C(1) << FLOW_FIELDS[i].column;
    }
}

static void both_spellings_find_a_field(void **state)
{
    (void)state;
    assert_int_equal(field_find("in_if"), FLOW_IN_IF);
    assert_int_equal(field_find("InIf"), FLOW_IN_IF);
    assert_int_equal(field_find("bgp_communities"), FLOW_BGP_COMMUNITIES);
    assert_int_equal(field_find("inif"), -1);
    assert_int_equal(field_find(""), -1);
}

static void numbers_find_fields(void **state)
{
    (void)state;
    for (int i = 0; i < FLOW_FIELD_COUNT; i++)
        assert_int_equal(field_of_number(FLOW_FIELDS[i].number), i);
    assert_int_equal(field_of_number(0), -1);
    assert_int_equal(field_of_number(2), -1);
    assert_int_equal(field_of_number(1906), -1);
    assert_int_equal(field_of_number(UINT32_MAX), -1);
}

static void check_names(const ProtobufCEnumDescriptor *schema,
                        const char *(*name_of)(uint64_t, size_t *))
{
    for (unsigned i = 0; i < schema->n_values; i++) {
        size_t len = 0;
        const char *name = name_of((uint64_t)schema->values[i].value, &len);
        assert_non_null(name);
        assert_int_equal(len, strlen(schema->values[i].name));
        assert_memory_equal(name, schema->values[i].name, len);
    }
}

static void enum_names_are_the_schemas(void **state)
{
    (void)state;
    size_t len;
    check_names(&flowpb__flow_message__flow_type__descriptor, render_type_name);
    check_names(&flowpb__flow_message__layer_stack__descriptor, render_layer_name);
    assert_null(render_type_name(5, &len));
    assert_null(render_layer_name(14, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_the_schemas),    cmocka_unit_test(columns_are_a_permutation),
        cmocka_unit_test(both_spellings_find_a_field), cmocka_unit_test(numbers_find_fields),
        cmocka_unit_test(enum_names_are_the_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
