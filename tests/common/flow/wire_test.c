// Our encoder against protobuf-c's, reading back, frames, and bytes that are no protobuf.
#include "common/flow/wire.h"

#include "tests/common/flow/reference.h"

#include "proto/flow.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define ROUNDS 20000

static struct flow flow;
static struct flow again;

static void writes_what_protobuf_c_packs(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        size_t expected_len = 0;
        random_flow(&flow, &seed);
        uint8_t *expected = reference_pack(&flow, &expected_len);
        size_t bound = wire_bound(&flow);
        uint8_t *out = malloc(bound);
        size_t len = (size_t)(wire_write(out, &flow) - out);
        assert_non_null(expected);
        assert_true(len <= bound);
        assert_int_equal(len, expected_len);
        assert_memory_equal(out, expected, len);
        free(out);
        free(expected);
    }
}

static void assert_same_list(enum flow_field id)
{
    size_t count;
    size_t count_again;
    if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST) {
        const uint32_t *items = flow_num_list(&flow, id, &count);
        const uint32_t *items_again = flow_num_list(&again, id, &count_again);
        assert_int_equal(count, count_again);
        assert_memory_equal(items, items_again, count * sizeof *items);
        return;
    }
    const struct span *items = flow_bytes_list(&flow, id, &count);
    const struct span *items_again = flow_bytes_list(&again, id, &count_again);
    assert_int_equal(count, count_again);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].len, items_again[i].len);
        if (items[i].len != 0)
            assert_memory_equal(items[i].data, items_again[i].data, items[i].len);
    }
}

static void assert_same_flow(void)
{
    assert_int_equal(flow.set, again.set);
    for (int i = 0; i < FLOW_FIELD_COUNT; i++) {
        enum flow_field id = (enum flow_field)i;
        if (!flow_has(&flow, id))
            continue;
        if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST || FLOW_FIELDS[id].kind == FIELD_BYTES_LIST) {
            assert_same_list(id);
        } else if (FLOW_FIELDS[id].kind == FIELD_BYTES) {
            assert_int_equal(flow.span[id].len, again.span[id].len);
            assert_memory_equal(flow.span[id].data, again.span[id].data, flow.span[id].len);
        } else {
            assert_int_equal(flow.num[id], again.num[id]);
        }
    }
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int round = 0; round < ROUNDS; round++) {
        size_t head = 0;
        size_t body = 0;
        random_flow(&flow, &seed);
        uint8_t *out = malloc(wire_bound(&flow));
        size_t len = (size_t)(wire_write(out, &flow) - out);
        assert_int_equal(wire_frame(out, len, &head, &body), WIRE_FRAME);
        assert_int_equal(head + body, len);
        assert_int_equal(wire_read(&again, out + head, body), 0);
        assert_same_flow();
        free(out);
    }
}

// A reader of any age takes fields in any order, the last one of a scalar wins, and what it does
// not know is passed over.
static void reads_any_order_and_unknown_fields(void **state)
{
    (void)state;
    static const uint8_t body[] = {
        0xa8, 0x01, 80,                            // src_port 80
        0xa8, 0x01, 0xbb, 0x03,                    // src_port 443
        0xfa, 0xff, 0x7f, 2,    'h', 'i',          // field 262143, bytes
        0x48, 0,                                   // bytes 0: not set
        0x0d, 1,    2,    3,    4,                 // field 1 as 32 bits: not the schema's type
        0x11, 1,    2,    3,    4,   5,   6, 7, 8, // field 2, 64 bits
        0x08, 4,                                   // type IPFIX
        0x82, 0x05, 2,    60,   61,                // mpls_ttl, packed
        0x80, 0x05, 62,                            // mpls_ttl, unpacked
    };
    size_t count;
    assert_int_equal(wire_read(&flow, body, sizeof body), 0);
    assert_int_equal(flow.set,
                     FLOW_BIT(FLOW_TYPE) | FLOW_BIT(FLOW_SRC_PORT) | FLOW_BIT(FLOW_MPLS_TTL));
    assert_int_equal(flow_num(&flow, FLOW_TYPE), FLOW_TYPE_IPFIX);
    assert_int_equal(flow_num(&flow, FLOW_SRC_PORT), 443);
    const uint32_t *ttl = flow_num_list(&flow, FLOW_MPLS_TTL, &count);
    assert_int_equal(count, 3);
    assert_int_equal(ttl[0], 60);
    assert_int_equal(ttl[2], 62);
}

static void refuses_what_is_no_protobuf(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint8_t body[16];
    } cases[] = {
        {1, {0x08}},                                                       // a tag alone
        {2, {0x08, 0x80}},                                                 // a varint cut short
        {3, {0x32, 0x04, 0x01}},                                           // bytes past the end
        {1, {0x00}},                                                       // field 0
        {2, {0x0b, 0x01}},                                                 // a group
        {11, {0x32, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}},      // length 2^64 - 1
        {12, {0x08, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1}}, // eleven bytes
        {11, {0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2}},      // 65 bits
        {3, {0x82, 0x05, 0x01}},                                           // packed list cut short
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(wire_read(&flow, cases[i].body, cases[i].len), -1);
}

static void cuts_at_every_byte_are_safe(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 200; round++) {
        size_t head = 0;
        size_t body = 0;
        random_flow(&flow, &seed);
        uint8_t *out = malloc(wire_bound(&flow));
        size_t len = (size_t)(wire_write(out, &flow) - out);
        assert_int_equal(wire_frame(out, len, &head, &body), WIRE_FRAME);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *part = malloc(cut + 1); // so that a sanitizer sees any read past the cut
            memcpy(part, out, cut);
            size_t some_head;
            size_t some_body;
            assert_int_equal(wire_frame(part, cut, &some_head, &some_body), WIRE_MORE);
            if (cut >= head)
                (void)wire_read(&again, part + head, cut - head);
            free(part);
        }
        free(out);
    }
}

static void frames_have_a_largest_size(void **state)
{
    (void)state;
    static const uint8_t largest[] = {0x80, 0x80, 0x80, 0x02};
    static const uint8_t larger[] = {0x81, 0x80, 0x80, 0x02};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t over_long[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                        0x80, 0x80, 0x80, 0x80, 0x00};
    size_t head;
    size_t body;
    assert_int_equal(wire_frame(largest, sizeof largest, &head, &body), WIRE_MORE);
    assert_int_equal(wire_frame(larger, sizeof larger, &head, &body), WIRE_INVALID);
    assert_int_equal(wire_frame(huge, sizeof huge, &head, &body), WIRE_INVALID);
    assert_int_equal(wire_frame(over_long, sizeof over_long, &head, &body), WIRE_INVALID);
    assert_int_equal(wire_frame(over_long, 0, &head, &body), WIRE_MORE);
}

static void entries_go_there_and_back(void **state)
{
    (void)state;
    static const struct span key = {(const uint8_t *)"tier", 4};
    static const struct span value = {(const uint8_t *)"frontend", 8};
    uint8_t out[32];
    struct span key_again;
    struct span value_again;
    struct span entry = {out, (size_t)(wire_put_entry(out, key, value) - out)};
    assert_int_equal(wire_entry(entry, &key_again, &value_again), 0);
    assert_int_equal(key_again.len, 4);
    assert_memory_equal(key_again.data, "tier", 4);
    assert_int_equal(value_again.len, 8);
    assert_memory_equal(value_again.data, "frontend", 8);
    entry.len--;
    assert_int_equal(wire_entry(entry, &key_again, &value_again), -1);
}

// Behind the fields of the schema, in their order, each with its tag; a zero too.
static void custom_values_follow_the_schema(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        36,                                                      // length
        0x48, 7,                                                 // bytes
        0x98, 0x3f, 0,                                           // 1011, varint
        0x92, 0x3f, 2,    'h',  'i',                             // 1010, bytes
        0x92, 0x3f, 0,                                           // and empty
        0x99, 0x3f, 0,    0,    0,    0,    0,    0, 0xf0, 0x3f, // 1011, 64 bits
        0x9d, 0x3f, 1,    2,    3,    4,                         // 1011, 32 bits
        0xf8, 0xff, 0xff, 0xff, 0x0f, 0xac, 0x02,                // 536870911
    };
    uint8_t out[1024];
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_BYTES, 7);
    flow_add_custom(&flow, &(struct flow_custom){1011, FLOW_CUSTOM_VARINT, 0, {NULL, 0}});
    flow_add_custom(&flow,
                    &(struct flow_custom){1010, FLOW_CUSTOM_BYTES, 0, {(const uint8_t *)"hi", 2}});
    flow_add_custom(&flow, &(struct flow_custom){1010, FLOW_CUSTOM_BYTES, 0, {NULL, 0}});
    flow_add_custom(&flow, &(struct flow_custom){
                               1011, FLOW_CUSTOM_FIXED64, UINT64_C(0x3ff0000000000000), {NULL, 0}});
    flow_add_custom(&flow, &(struct flow_custom){1011, FLOW_CUSTOM_FIXED32, 0x04030201, {NULL, 0}});
    flow_add_custom(&flow, &(struct flow_custom){536870911, FLOW_CUSTOM_VARINT, 300, {NULL, 0}});
    assert_true(wire_bound(&flow) <= sizeof out);
    assert_int_equal(wire_write(out, &flow) - out, sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
}

static void custom_values_are_read_back(void **state)
{
    (void)state;
    static const uint8_t body[] = {
        0x98, 0x3f, 0,           // 1011, varint
        0x48, 7,                 // bytes
        0x92, 0x3f, 2, 'h', 'i', // 1010, bytes
        0x4d, 1,    2, 3,   4,   // bytes as 32 bits: of another type, so unknown
    };
    uint8_t out[1024];
    assert_int_equal(wire_read(&flow, body, sizeof body), 0);
    assert_int_equal(flow_num(&flow, FLOW_BYTES), 7);
    assert_int_equal(flow.custom_count, 3);
    assert_int_equal(flow.custom[0].number, 1011);
    assert_int_equal(flow.custom[1].bytes.len, 2);
    assert_int_equal(flow.custom[2].kind, FLOW_CUSTOM_FIXED32);
    assert_int_equal(flow.custom[2].value, 0x04030201);
    assert_int_equal(wire_write(out, &flow) - out, sizeof body + 1);
    assert_int_equal(wire_read(&flow, body, 0), 0);
    assert_int_equal(flow.custom_count, 0);
}

static void custom_values_are_bounded(void **state)
{
    (void)state;
    uint8_t body[3 * (FLOW_CUSTOM_MAX + 1)];
    for (size_t i = 0; i < sizeof body; i += 3)
        memcpy(body + i, "\x98\x3f\x01", 3);
    assert_int_equal(wire_read(&flow, body, sizeof body), 0);
    assert_int_equal(flow.custom_count, FLOW_CUSTOM_MAX);
    assert_true(flow.list_cut);
    assert_non_null(flow_store(&flow, FLOW_STORE_MAX - 1));
    assert_null(flow_store(&flow, 2));
    assert_non_null(flow_store(&flow, 1));
}

static void lists_are_bounded(void **state)
{
    (void)state;
    flow_reset(&flow);
    for (uint32_t i = 0; i < FLOW_LIST_MAX + 10; i++)
        flow_append_num(&flow, FLOW_MPLS_LABEL, i);
    assert_int_equal(flow_num(&flow, FLOW_MPLS_LABEL), FLOW_LIST_MAX);
    assert_true(flow.list_cut);
    flow_set_item(&flow, FLOW_LAYER_SIZE, FLOW_LIST_MAX, 1);
    assert_false(flow_has(&flow, FLOW_LAYER_SIZE));
    flow_set_item(&flow, FLOW_LAYER_SIZE, 2, 7);
    assert_int_equal(flow_num(&flow, FLOW_LAYER_SIZE), 3);
    assert_int_equal(flow.layer_size[0], 0);
    assert_int_equal(flow.layer_size[2], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_protobuf_c_packs),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(reads_any_order_and_unknown_fields),
        cmocka_unit_test(refuses_what_is_no_protobuf),
        cmocka_unit_test(cuts_at_every_byte_are_safe),
        cmocka_unit_test(frames_have_a_largest_size),
        cmocka_unit_test(entries_go_there_and_back),
        cmocka_unit_test(custom_values_follow_the_schema),
        cmocka_unit_test(custom_values_are_read_back),
        cmocka_unit_test(custom_values_are_bounded),
        cmocka_unit_test(lists_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
