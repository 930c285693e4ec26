// The law of sFlow's records: any order of them, and any record that says nothing in front or
// behind, makes the same flow.
#include "tests/collector/decode/sflow_case.h"

#include "common/flow/wire.h"

#define FLOW_BYTES_MAX 4096

struct kind {
    uint32_t format;
    const char *hex;
    const char *zero;    // the same record, saying 0 of everything
    const char *unknown; // and saying that it does not know
};

// The header is 200 bytes long on the wire, the packet in it 182; the tag is of VLAN 7.
static const struct kind KINDS[] = {
    {1,
     "00000001 000000c8 00000004 0000003a 0200000000bb 0200000000aa 8100 0007 0800 " IPV4_TCP
     "0000",
     "00000000 00000000 00000000 00000000", "00000001 ffffffff ffffffff 00000000"},
    {2, "000000c8 0200000000aa0000 0200000000bb0000 00008100",
     "00000000 0000000000000000 0000000000000000 00000000",
     "ffffffff 0000000000000000 0000000000000000 ffffffff"},
    {3, "000000b6 00000006 0a000001 0a000002 000001bb 0000c350 00000018 00000020",
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
     "ffffffff ffffffff 00000000 00000000 ffffffff ffffffff ffffffff ffffffff"},
    {4,
     "000000b6 00000011 20010db8000000000000000000000001 20010db8000000000000000000000002 "
     "00000050 00000401 00000000 00000004",
     "00000000 00000000 00000000000000000000000000000000 00000000000000000000000000000000 "
     "00000000 00000000 00000000 00000000",
     "ffffffff ffffffff 00000000000000000000000000000000 00000000000000000000000000000000 "
     "ffffffff ffffffff ffffffff ffffffff"},
    {1001, "0000000a 00000001 00000014 00000002", "00000000 00000000 00000000 00000000",
     "ffffffff ffffffff ffffffff ffffffff"},
    {1002, "00000001 09090909 00000018 00000010",
     "00000002 00000000000000000000000000000000 00000000 00000000", "00000000 ffffffff ffffffff"},
    {1003,
     GATEWAY("0000fde7") "00000001 00000002 00000002 0000fbf0 0000fbf1 00000001 fde80001 00000064",
     "00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
     "00000000 00000000 00000000 00000000 00000000 00000000 ffffffff"},
};

#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

// The flows of a run of samples that are all to say the same, encoded.
struct same {
    uint8_t bytes[FLOW_BYTES_MAX];
    size_t len;
    size_t count;
    struct flow flow; // the first; what it borrows is gone
    struct ledger ledger;
};

static void compare(void *user, struct flow *flow)
{
    struct same *same = user;
    uint8_t bytes[FLOW_BYTES_MAX];
    assert_true(wire_bound(flow) <= sizeof bytes);
    size_t len = (size_t)(wire_write(bytes, flow) - bytes);
    if (same->count++ == 0) {
        memcpy(same->bytes, bytes, len);
        same->len = len;
        same->flow = *flow;
    }
    assert_int_equal(len, same->len);
    assert_memory_equal(bytes, same->bytes, len);
    same->ledger.flows_delivered++;
}

static void decode_all(struct decoder *decoder, const struct writer *w)
{
    struct datagram datagram = {
        .data = w->data, .len = w->len, .port = 50000, .received_ns = RECEIVED_NS};
    decoder_run(decoder, DECODE_SFLOW, &datagram);
}

// One datagram is one sample here, so that its sequence number is the same.
static void put_sample(struct decoder *decoder, const uint32_t *formats, const char *const *records,
                       size_t count)
{
    struct writer *w = start(1);
    size_t sample = begin_flow(w, 3, 4, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        put_record(w, formats[i], records[i]);
    put_end(w, sample);
    decode_all(decoder, w);
    free(w);
}

static void put_order(struct decoder *decoder, const size_t *order, size_t count)
{
    uint32_t formats[KIND_COUNT] = {0};
    const char *records[KIND_COUNT] = {NULL};
    for (size_t i = 0; i < count; i++) {
        formats[i] = KINDS[order[i]].format;
        records[i] = KINDS[order[i]].hex;
    }
    put_sample(decoder, formats, records, count);
}

// Every permutation, by exchanging each of the rest into place `at`.
static void put_orders(struct decoder *decoder, size_t *order, size_t count, size_t at)
{
    if (at == count)
        put_order(decoder, order, count);
    for (size_t i = at; i < count; i++) {
        size_t kept = order[at];
        order[at] = order[i];
        order[i] = kept;
        put_orders(decoder, order, count, at + 1);
        order[i] = order[at];
        order[at] = kept;
    }
}

static size_t choose(size_t *order, unsigned subset)
{
    size_t count = 0;
    for (size_t i = 0; i < KIND_COUNT; i++)
        if ((subset >> i & 1) != 0)
            order[count++] = i;
    return count;
}

static struct decoder *begin(struct same *same)
{
    const struct decode_options options = {.hash_seed = 1};
    *same = (struct same){.count = 0};
    struct decoder *decoder = decoder_new(&options, &same->ledger, compare, same);
    assert_non_null(decoder);
    return decoder;
}

static void end(struct decoder *decoder, const struct same *same, size_t wanted)
{
    decoder_free(decoder);
    assert_int_equal(same->count, wanted);
    assert_true(ledger_balanced(&same->ledger));
    assert_int_equal(same->ledger.reasons[REASON_RECORD_INVALID], 0);
}

// What the records of a subset say, whoever comes first.
static void assert_precedence(const struct flow *flow, unsigned subset)
{
    enum {
        HEADER = 1,
        ETHERNET = 2,
        IPV4 = 4,
        IPV6 = 8,
        BRIDGE = 16,
        ROUTER = 32,
        GATEWAY_AS = 64
    };
    bool framed = (subset & (HEADER | ETHERNET)) != 0;
    bool four = (subset & (HEADER | IPV4)) != 0;
    bool six = !four && (subset & IPV6) != 0;
    assert_int_equal(flow_num(flow, FLOW_BYTES), framed ? 200 : four || six ? 182 : 0);
    assert_int_equal(flow_num(flow, FLOW_SRC_PORT), four ? 443 : six ? 80 : 0);
    assert_int_equal(flow_num(flow, FLOW_ETYPE), four                  ? 0x0800
                                                 : six                 ? 0x86dd
                                                 : (subset & ETHERNET) ? 0x8100
                                                                       : 0);
    assert_int_equal(flow_num(flow, FLOW_SRC_MAC), framed ? 0x0200000000aa : 0);
    assert_int_equal(flow_num(flow, FLOW_VLAN_ID), (subset & HEADER) != 0 ? 7 : 0);
    assert_int_equal(flow_num(flow, FLOW_SRC_VLAN), (subset & BRIDGE) != 0 ? 10 : 0);
    assert_int_equal(flow_num(flow, FLOW_SRC_NET), (subset & ROUTER) != 0 ? 24 : 0);
    assert_int_equal(flow_num(flow, FLOW_DST_AS), (subset & GATEWAY_AS) != 0 ? 64497 : 0);
}

static void any_order_is_the_same_flow(void **state)
{
    (void)state;
    static struct same same;
    static const size_t factorial[] = {1, 1, 2, 6, 24, 120, 720, 5040};
    for (unsigned subset = 0; subset < 1U << KIND_COUNT; subset++) {
        size_t order[KIND_COUNT];
        size_t count = choose(order, subset);
        struct decoder *decoder = begin(&same);
        put_orders(decoder, order, count, 0);
        end(decoder, &same, factorial[count]);
        assert_precedence(&same.flow, subset);
    }
}

// Puts the sample of the subset with one more record at every place.
static void put_twin(struct decoder *decoder, unsigned subset, uint32_t format, const char *twin)
{
    size_t order[KIND_COUNT];
    size_t count = choose(order, subset);
    for (size_t at = 0; at <= count; at++) {
        uint32_t formats[KIND_COUNT + 1] = {0};
        const char *records[KIND_COUNT + 1] = {NULL};
        for (size_t i = 0; i <= count; i++) {
            bool here = i == at;
            const struct kind *kind = here ? NULL : &KINDS[order[i - (i > at)]];
            formats[i] = here ? format : kind->format;
            records[i] = here ? twin : kind->hex;
        }
        put_sample(decoder, formats, records, count + 1);
    }
}

static void a_record_that_says_nothing_replaces_nothing(void **state)
{
    (void)state;
    static struct same same;
    for (unsigned subset = 1; subset < 1U << KIND_COUNT; subset++) {
        size_t order[KIND_COUNT];
        size_t count = choose(order, subset);
        struct decoder *decoder = begin(&same);
        put_order(decoder, order, count);
        for (size_t i = 0; i < KIND_COUNT; i++) {
            // A next hop of zeros is one where no other is known.
            bool has_router = (subset & 32) != 0 || KINDS[i].format != 1002;
            bool has_gateway = (subset & 64) != 0 || KINDS[i].format != 1003;
            const char *zero = has_router && has_gateway ? KINDS[i].zero : KINDS[i].unknown;
            put_twin(decoder, subset, KINDS[i].format, zero);
            put_twin(decoder, subset, KINDS[i].format, KINDS[i].unknown);
        }
        end(decoder, &same, 1 + 2 * KIND_COUNT * (count + 1));
        assert_precedence(&same.flow, subset);
    }
}

// Fields of the header stand, and what it leaves open is filled from the record about the packet.
static void the_header_is_completed(void **state)
{
    (void)state;
    static struct same same;
    // A later fragment, which has no ports.
    static const char header[] = "0000000b 000000c8 00000004 00000014 "
                                 "45000064 12340001 3f06aaaa 0a000001 0a000002";
    static const char same_packet[] =
        "000000b6 00000006 0a000001 0a000002 000001bb 0000c350 00000018 00000020";
    static const char other_packet[] =
        "000000b6 00000011 0a000001 0a000003 000001bb 0000c350 00000018 00000020";
    const uint32_t orders[][2] = {{1, 3}, {3, 1}};
    for (int i = 0; i < 2; i++) {
        struct decoder *decoder = begin(&same);
        put_sample(
            decoder, orders[i],
            (const char *const[]){i == 0 ? header : same_packet, i == 0 ? same_packet : header}, 2);
        end(decoder, &same, 1);
        assert_nums(&same.flow, FLOW_BYTES, 200, FLOW_SRC_PORT, 443);
        assert_nums(&same.flow, FLOW_IP_TOS, 0x20, FLOW_PROTO, 6);
        decoder = begin(&same);
        put_sample(
            decoder, orders[i],
            (const char *const[]){i == 0 ? header : other_packet, i == 0 ? other_packet : header},
            2);
        end(decoder, &same, 1);
        assert_nums(&same.flow, FLOW_BYTES, 200, FLOW_SRC_PORT, 0);
        assert_nums(&same.flow, FLOW_IP_TOS, 0, FLOW_PROTO, 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_is_the_same_flow),
        cmocka_unit_test(a_record_that_says_nothing_replaces_nothing),
        cmocka_unit_test(the_header_is_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
