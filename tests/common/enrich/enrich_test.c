// Enriching by appending against enriching the decoded flow, and against protobuf-c.
#include "common/enrich/enrich.h"

#include "common/flow/wire.h"

#include "proto/flow.pb-c.h"
#include "tests/common/flow/reference.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROUNDS 10000

static const char FIRST_YAML[] =
    "networks:\n"
    "- {name: all, cidrs: [0.0.0.0/0, '::/0'], context: {zone: outside, a: b}}\n"
    "- {name: hosting, cidr: 192.0.2.0/24, context: {zone: inside}}\n"
    "- {name: low, cidr: 64.0.0.0/4}\n";
static const char SECOND_YAML[] = "networks:\n"
                                  "- {name: other, cidr: 192.0.2.0/25, context: {c: d}}\n"
                                  "- {name: low, cidr: 64.0.0.0/3}\n";

static const struct enrich_options KEEP = {.sampling_rate = 0};

static struct flow flow;
static struct flow direct;
static struct flow appended;

static struct snapshot *load(const char *yaml, const char *asn, const char *country)
{
    struct snapshot_options options = {.asn_path = asn, .country_path = country};
    if (yaml != NULL)
        options.context_path = scratch_text(yaml);
    struct snapshot *snapshot = snapshot_new(&options);
    assert_non_null(snapshot);
    return snapshot;
}

// Addresses that the databases and context know, beside random ones.
static void random_addresses(struct flow *out, uint64_t *seed)
{
    static const uint8_t known[][16] = {{192, 0, 2, 7},
                                        {203, 0, 113, 200},
                                        {0x20, 0x01, 0x0d, 0xb8, 0, 0x0a},
                                        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 200}};
    static const size_t len[] = {4, 4, 16, 16};
    for (int side = 0; side < 2; side++) {
        uint64_t pick = random_next(seed) % 6;
        if (pick < 4)
            flow_set_bytes(out, side == 0 ? FLOW_SRC_ADDR : FLOW_DST_ADDR, known[pick], len[pick]);
    }
}

// One field that the schema does not have, or not with this wire type, in some odd encoding.
static uint8_t *put_unknown(uint8_t *out, uint64_t *seed)
{
    static const uint8_t odd[][16] = {
        {0x9d, 0x06, 1, 2, 3, 4},             // 99 as 32 bits
        {0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8}, // 99 as 64 bits
        {0xba, 0x3e, 3, 'a', 'b', 'c'},       // 999 as bytes
        {0x98, 0x86, 0x80, 0x00, 5},          // 99 with an over-long tag
        {0x72, 2, 'x', 'y'},                  // 14 as bytes
        {0xc0, 0x3e, 7},                      // 1000 as a number
        {0x30, 9},                            // 6 as a number
        {0xc0, 0x96, 0x80, 0x00, 1},          // 360 with an over-long tag
        {0xd0, 0x7c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, // all ones
    };
    static const size_t len[] = {6, 10, 6, 5, 4, 3, 2, 5, 12};
    size_t pick = random_next(seed) % 9;
    memcpy(out, odd[pick], len[pick]);
    return out + len[pick];
}

// The fields of a random flow in random order, unknown ones between them.
static size_t random_body(uint8_t *out, uint64_t *seed)
{
    static uint8_t plain[1 << 17];
    struct wire_field fields[512];
    size_t count = 0;
    random_flow(&flow, seed);
    random_addresses(&flow, seed);
    const uint8_t *end = wire_write(plain, &flow);
    size_t head;
    size_t len;
    assert_int_equal(wire_frame(plain, (size_t)(end - plain), &head, &len), WIRE_FRAME);
    struct cursor c = cursor_over(plain + head, len);
    while (count < 512 && wire_next(&c, &fields[count]) == 1)
        count++;
    uint8_t *at = out;
    bool shuffled = random_next(seed) % 2 == 0;
    for (size_t i = 0; i < count; i++) {
        size_t pick = shuffled ? i + random_next(seed) % (count - i) : i;
        struct wire_field field = fields[pick];
        fields[pick] = fields[i];
        memcpy(at, field.at, (size_t)(field.end - field.at));
        at += field.end - field.at;
        if (random_next(seed) % 10 == 0)
            at = put_unknown(at, seed);
        if (random_next(seed) % 20 == 0) { // another value of a field that was there
            field = fields[random_next(seed) % (i + 1)];
            memcpy(at, field.at, (size_t)(field.end - field.at));
            at[field.end - field.at - 1] ^= field.type == 0 || field.bytes.len != 0;
            at += field.end - field.at;
        }
    }
    return (size_t)(at - out);
}

static uint8_t *body_of(uint8_t *frame, const uint8_t *end, size_t *len)
{
    size_t head;
    assert_int_equal(wire_frame(frame, (size_t)(end - frame), &head, len), WIRE_FRAME);
    assert_ptr_equal(frame + head + *len, end);
    return frame + head;
}

static void assert_same_flow(const struct flow *a, const struct flow *b)
{
    uint8_t *left = malloc(wire_bound(a));
    uint8_t *right = malloc(wire_bound(b));
    size_t left_len = (size_t)(wire_write(left, a) - left);
    size_t right_len = (size_t)(wire_write(right, b) - right);
    assert_int_equal(left_len, right_len);
    assert_memory_equal(left, right, left_len);
    free(left);
    free(right);
}

// Allocated to the byte, so that the sanitizer sees what the bound does not cover.
static uint8_t *enrich(const struct snapshot *snapshot, const struct enrich_options *options,
                       const uint8_t *body, size_t len, uint8_t **end)
{
    uint8_t *out = malloc(enrich_frame_bound(snapshot, len));
    *end = enrich_frame(snapshot, options, body, len, out);
    assert_non_null(*end);
    return out;
}

static void appends_what_decoding_sets(void **state)
{
    (void)state;
    static uint8_t body[1 << 17];
    struct snapshot *snapshots[] = {
        load(FIRST_YAML, FIXTURES "/demo-asn.mmdb", FIXTURES "/demo-country.mmdb"),
        load(SECOND_YAML, NULL, NULL),
        load(NULL, FIXTURES "/flat-asn.mmdb", NULL),
        load(NULL, NULL, FIXTURES "/flat-country.mmdb"),
        load(NULL, NULL, NULL),
        NULL,
    };
    uint64_t seed = 3;
    for (int round = 0; round < ROUNDS; round++) {
        const struct snapshot *snapshot = snapshots[round % 6];
        struct enrich_options options = {.sampling_rate = round % 7 == 0 ? 1000 : 0};
        uint8_t *end;
        size_t copy_len;
        size_t len = random_body(body, &seed);
        uint8_t *out = enrich(snapshot, &options, body, len, &end);
        const uint8_t *copy = body_of(out, end, &copy_len);
        assert_int_equal(wire_read(&appended, copy, copy_len), 0);
        assert_int_equal(wire_read(&direct, body, len), 0);
        enrich_flow(snapshot, &options, &direct);
        assert_same_flow(&appended, &direct);
        free(out);
    }
    for (int i = 0; i < 6; i++)
        snapshot_unref(snapshots[i]);
}

// Fields that nobody here knows stand in the copy as they stood in the body, and in that order.
static void keeps_unknown_fields(void **state)
{
    (void)state;
    static uint8_t body[1 << 17];
    struct snapshot *snapshot = load(FIRST_YAML, FIXTURES "/demo-asn.mmdb",
                                     FIXTURES "/demo-country.mmdb");
    uint64_t seed = 5;
    for (int round = 0; round < ROUNDS / 10; round++) {
        uint8_t *end;
        size_t copy_len;
        size_t len = random_body(body, &seed);
        uint8_t *out = enrich(snapshot, &KEEP, body, len, &end);
        const uint8_t *copy = body_of(out, end, &copy_len);
        struct cursor before = cursor_over(body, len);
        struct cursor after = cursor_over(copy, copy_len);
        struct wire_field field;
        struct wire_field kept;
        while (wire_next(&before, &field) == 1) {
            bool as_number = field.type == 0 && field.number >= 14 && field.number <= 15;
            bool as_bytes = field.type == 2 && field.number >= 1000;
            if (as_number || as_bytes)
                continue;
            do {
                assert_int_equal(wire_next(&after, &kept), 1);
            } while (kept.type == 0 && kept.number >= 14 && kept.number <= 15);
            assert_int_equal(kept.end - kept.at, field.end - field.at);
            assert_memory_equal(kept.at, field.at, (size_t)(field.end - field.at));
        }
        free(out);
    }
    snapshot_unref(snapshot);
}

static void gives_the_second_enrichers_answer(void **state)
{
    (void)state;
    static uint8_t body[1 << 17];
    struct snapshot *first = load(FIRST_YAML, FIXTURES "/demo-asn.mmdb",
                                  FIXTURES "/demo-country.mmdb");
    struct snapshot *second = load(SECOND_YAML, FIXTURES "/demo-asn.mmdb",
                                   FIXTURES "/demo-country.mmdb");
    uint64_t seed = 9;
    for (int round = 0; round < ROUNDS / 10; round++) {
        uint8_t *end;
        size_t copy_len;
        size_t len = random_body(body, &seed);
        uint8_t *once = enrich(first, &KEEP, body, len, &end);
        const uint8_t *copy = body_of(once, end, &copy_len);
        uint8_t *twice = enrich(second, &KEEP, copy, copy_len, &end);
        size_t twice_len;
        const uint8_t *twice_body = body_of(twice, end, &twice_len);
        assert_int_equal(wire_read(&appended, twice_body, twice_len), 0);
        assert_int_equal(wire_read(&direct, body, len), 0);
        enrich_flow(second, &KEEP, &direct);
        assert_same_flow(&appended, &direct);
        // Once more with the same snapshot changes nothing, not even the length.
        size_t again_len;
        uint8_t *again = enrich(second, &KEEP, twice_body, twice_len, &end);
        (void)body_of(again, end, &again_len);
        assert_int_equal(again_len, twice_len);
        free(once);
        free(twice);
        free(again);
    }
    snapshot_unref(first);
    snapshot_unref(second);
}

static char *text_of(struct span span)
{
    char *text = calloc(1, span.len + 1);
    if (span.len != 0)
        memcpy(text, span.data, span.len);
    return text;
}

static Flowpb__FlowMessage__SrcContextEntry *entry_of(struct span entry)
{
    Flowpb__FlowMessage__SrcContextEntry *out = malloc(sizeof *out);
    struct span key;
    struct span value;
    assert_int_equal(wire_entry(entry, &key, &value), 0);
    flowpb__flow_message__src_context_entry__init(out);
    out->key = text_of(key);
    out->value = text_of(value);
    return out;
}

// What enriching means for the source address, in protobuf-c's terms.
static void set_source(Flowpb__FlowMessage *message, const struct snapshot *snapshot)
{
    struct answer answer;
    snapshot_lookup(snapshot, message->src_addr.data, message->src_addr.len, &answer);
    if (answer.has_asn)
        message->src_as = answer.asn;
    message->src_country = text_of(answer.country);
    message->src_as_name = text_of(answer.as_name);
    message->src_group = text_of(answer.group);
    message->n_src_context = answer.tag_count;
    message->src_context = calloc(answer.tag_count + 1, sizeof message->src_context[0]);
    for (size_t i = 0; i < answer.tag_count; i++)
        message->src_context[i] = entry_of(answer_tag(&answer, i));
}

static void appends_what_protobuf_c_packs(void **state)
{
    (void)state;
    static uint8_t body[1 << 17];
    static uint8_t expected[1 << 17];
    static uint8_t got[1 << 17];
    struct snapshot *snapshot = load(FIRST_YAML, FIXTURES "/demo-asn.mmdb",
                                     FIXTURES "/demo-country.mmdb");
    uint64_t seed = 11;
    for (int round = 0; round < ROUNDS / 10; round++) {
        random_flow(&flow, &seed);
        flow.set &= ~(FLOW_BIT(FLOW_SRC_COUNTRY) | FLOW_BIT(FLOW_SRC_AS_NAME) |
                      FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_SRC_CONTEXT));
        random_addresses(&flow, &seed);
        flow_clear(&flow, FLOW_DST_ADDR); // so that the other side has no answer...
        flow.set &= ~(FLOW_BIT(FLOW_DST_COUNTRY) | FLOW_BIT(FLOW_DST_AS_NAME) |
                      FLOW_BIT(FLOW_DST_GROUP) | FLOW_BIT(FLOW_DST_CONTEXT)); // ...and no fields
        uint8_t *end = wire_write(body, &flow);
        size_t len;
        const uint8_t *plain = body_of(body, end, &len);
        Flowpb__FlowMessage *message = flowpb__flow_message__unpack(NULL, len, plain);
        assert_non_null(message);
        set_source(message, snapshot);
        size_t expected_len = flowpb__flow_message__pack(message, expected);
        flowpb__flow_message__free_unpacked(message, NULL);

        uint8_t *out = enrich(snapshot, &KEEP, plain, len, &end);
        size_t copy_len;
        const uint8_t *copy = body_of(out, end, &copy_len);
        message = flowpb__flow_message__unpack(NULL, copy_len, copy);
        assert_non_null(message);
        size_t got_len = flowpb__flow_message__pack(message, got);
        flowpb__flow_message__free_unpacked(message, NULL);
        free(out);
        assert_int_equal(got_len, expected_len);
        assert_memory_equal(got, expected, got_len);
    }
    snapshot_unref(snapshot);
}

struct group {
    uint8_t *bodies[ENRICH_GROUP_MAX]; // allocated to the byte
    struct enrich_plan plans[ENRICH_GROUP_MAX];
    size_t count;
};

// Bodies of which some, now and then, are no protobuf.
static void random_group(struct group *group, uint64_t *seed)
{
    static uint8_t body[1 << 17];
    group->count = random_next(seed) % (ENRICH_GROUP_MAX + 1);
    for (size_t i = 0; i < group->count; i++) {
        size_t len = random_body(body, seed);
        if (random_next(seed) % 100 == 0 && len != 0)
            len -= random_next(seed) % len;
        group->bodies[i] = malloc(len + 1);
        memcpy(group->bodies[i], body, len);
        group->plans[i] = (struct enrich_plan){.body = group->bodies[i], .len = len};
    }
}

static void assert_planned(const struct snapshot *snapshot, const struct enrich_options *options,
                           const struct enrich_plan *plan)
{
    uint8_t *end;
    uint8_t *alone = enrich(snapshot, options, plan->body, plan->len, &end);
    size_t alone_len = (size_t)(end - alone);
    uint8_t *out = malloc(enrich_frame_bound(snapshot, plan->len));
    end = enrich_planned_frame(snapshot, options, plan, out);
    assert_int_equal(end - out, alone_len);
    assert_memory_equal(out, alone, alone_len);
    assert_int_equal(wire_read(&direct, plan->body, plan->len), 0);
    enrich_flow(snapshot, options, &direct);
    struct enrich_plan peeked = {.body = plan->body, .len = plan->len};
    enrich_peek_group(snapshot, &peeked, 1);
    const struct enrich_plan *const plans[] = {plan, &peeked};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wire_read(&flow, plan->body, plan->len), 0);
        enrich_planned_flow(snapshot, options, plans[i], &flow);
        assert_same_flow(&flow, &direct);
    }
    free(alone);
    free(out);
}

// What a group makes of its bodies is what each becomes alone.
static void makes_the_same_in_groups(void **state)
{
    (void)state;
    struct snapshot *snapshots[] = {
        load(FIRST_YAML, FIXTURES "/demo-asn.mmdb", FIXTURES "/demo-country.mmdb"),
        load(SECOND_YAML, NULL, NULL),
        load(NULL, FIXTURES "/flat-asn.mmdb", NULL),
        NULL,
    };
    uint64_t seed = 21;
    for (int round = 0; round < ROUNDS / 20; round++) {
        const struct snapshot *snapshot = snapshots[round % 4];
        struct enrich_options options = {.sampling_rate = round % 7 == 0 ? 1000 : 0};
        struct group group;
        random_group(&group, &seed);
        size_t good = enrich_plan_group(snapshot, &options, group.plans, group.count);
        for (size_t i = 0; i < good; i++)
            assert_planned(snapshot, &options, &group.plans[i]);
        if (good < group.count) {
            const struct enrich_plan *bad = &group.plans[good];
            uint8_t *out = malloc(enrich_frame_bound(snapshot, bad->len));
            assert_null(enrich_frame(snapshot, &options, bad->body, bad->len, out));
            free(out);
        }
        for (size_t i = 0; i < group.count; i++)
            free(group.bodies[i]);
    }
    for (int i = 0; i < 4; i++)
        snapshot_unref(snapshots[i]);
}

static void keeps_an_exporters_as_without_an_answer(void **state)
{
    (void)state;
    static const uint8_t unknown[] = {8, 8, 8, 8};
    struct snapshot *snapshot = load(NULL, FIXTURES "/demo-asn.mmdb", NULL);
    flow_reset(&flow);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, unknown, sizeof unknown);
    flow_set_num(&flow, FLOW_SRC_AS, 15169);
    flow_set_bytes(&flow, FLOW_SRC_AS_NAME, "old", 3);
    enrich_flow(snapshot, &KEEP, &flow);
    assert_int_equal(flow_num(&flow, FLOW_SRC_AS), 15169);
    assert_false(flow_has(&flow, FLOW_SRC_AS_NAME));
    snapshot_unref(snapshot);
}

// Cut or changed anywhere: a copy that is protobuf, or none.
static void refuses_what_is_no_protobuf(void **state)
{
    (void)state;
    static uint8_t body[1 << 17];
    struct snapshot *snapshot = load(FIRST_YAML, FIXTURES "/demo-asn.mmdb",
                                     FIXTURES "/demo-country.mmdb");
    uint64_t seed = 13;
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = random_body(body, &seed);
        size_t cut = len == 0 ? 0 : random_next(&seed) % len;
        if (round % 2 == 0)
            len = cut;
        else if (len != 0)
            body[cut] ^= (uint8_t)(1 + random_next(&seed) % 255);
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, body, len);
        uint8_t *out = malloc(enrich_frame_bound(snapshot, len));
        uint8_t *end = enrich_frame(snapshot, &KEEP, exact, len, out);
        struct cursor c = cursor_over(exact, len);
        struct wire_field field;
        int more;
        while ((more = wire_next(&c, &field)) == 1)
            ;
        assert_int_equal(end != NULL, more == 0);
        free(exact);
        free(out);
    }
    snapshot_unref(snapshot);
}

static int remove_scratch(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_what_decoding_sets),
        cmocka_unit_test(keeps_unknown_fields),
        cmocka_unit_test(gives_the_second_enrichers_answer),
        cmocka_unit_test(appends_what_protobuf_c_packs),
        cmocka_unit_test(makes_the_same_in_groups),
        cmocka_unit_test(keeps_an_exporters_as_without_an_answer),
        cmocka_unit_test(refuses_what_is_no_protobuf),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
