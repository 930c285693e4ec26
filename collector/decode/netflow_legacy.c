#include "collector/decode/netflow_legacy.h"

#include "collector/decode/decode_sampling.h"
#include "collector/decode/plan.h"
#include "collector/decode/straight.h"

#include <stdlib.h>

#define RECORD_LEN 48
#define ETYPE_IPV4 0x0800

struct header {
    uint16_t count;
    uint32_t uptime_ms;
    uint64_t export_ns;
    uint32_t sequence;
    uint16_t engine;   // type and id
    uint16_t sampling; // mode, the two high bits, and interval
};

#define SAMPLING_INTERVAL 0x3fff

static struct header read_header(struct cursor *c)
{
    struct header h;
    cursor_skip(c, 2);
    h.count = cursor_u16(c);
    h.uptime_ms = cursor_u32(c);
    h.export_ns = (uint64_t)cursor_u32(c) * 1000000000;
    h.export_ns += cursor_u32(c);
    h.sequence = cursor_u32(c);
    h.engine = cursor_u16(c);
    h.sampling = cursor_u16(c);
    return h;
}

static void fill(struct flow *flow, const struct netflow_clock *clock, const uint8_t *record)
{
    flow_set_bytes(flow, FLOW_SRC_ADDR, record, 4);
    flow_set_bytes(flow, FLOW_DST_ADDR, record + 4, 4);
    flow_set_bytes(flow, FLOW_NEXT_HOP, record + 8, 4);
    flow_set_num(flow, FLOW_IN_IF, bytes_u16(record + 12));
    flow_set_num(flow, FLOW_OUT_IF, bytes_u16(record + 14));
    flow_set_num(flow, FLOW_PACKETS, bytes_u32(record + 16));
    flow_set_num(flow, FLOW_BYTES, bytes_u32(record + 20));
    flow_set_num(flow, FLOW_TIME_FLOW_START_NS,
                 netflow_clock_uptime(clock, bytes_u32(record + 24)));
    flow_set_num(flow, FLOW_TIME_FLOW_END_NS, netflow_clock_uptime(clock, bytes_u32(record + 28)));
    flow_set_num(flow, FLOW_SRC_PORT, bytes_u16(record + 32));
    flow_set_num(flow, FLOW_DST_PORT, bytes_u16(record + 34));
    flow_set_num(flow, FLOW_TCP_FLAGS, record[37]);
    flow_set_num(flow, FLOW_PROTO, record[38]);
    flow_set_num(flow, FLOW_IP_TOS, record[39]);
    flow_set_num(flow, FLOW_SRC_AS, bytes_u16(record + 40));
    flow_set_num(flow, FLOW_DST_AS, bytes_u16(record + 42));
    flow_set_num(flow, FLOW_SRC_NET, record[44]);
    flow_set_num(flow, FLOW_DST_NET, record[45]);
    if (plan_icmp_is(record[38]))
        plan_icmp_ports(flow);
}

struct plan *netflow_legacy_plan(void)
{
    // Addresses and next hop; interfaces; packets, bytes, start, end; ports; padding, TCP flags,
    // protocol, TOS; AS numbers; prefix lengths; padding.
    static const struct template_field fields[] = {
        {8, 4, 0},  {12, 4, 0}, {15, 4, 0}, {10, 2, 0}, {14, 2, 0},  {2, 4, 0},  {1, 4, 0},
        {22, 4, 0}, {21, 4, 0}, {7, 2, 0},  {11, 2, 0}, {210, 1, 0}, {6, 1, 0},  {4, 1, 0},
        {5, 1, 0},  {16, 2, 0}, {17, 2, 0}, {9, 1, 0},  {13, 1, 0},  {210, 2, 0}};
    struct template *template = calloc(1, sizeof *template + sizeof fields);
    if (template == NULL)
        return NULL;
    template->field_count = sizeof fields / sizeof fields[0];
    template->min_len = RECORD_LEN;
    memcpy(template->fields, fields, sizeof fields);
    struct plan *plan = plan_new(template, TEMPLATE_V9, NULL);
    free(template);
    return plan;
}

// Neither mode nor interval is what exporters send that do not sample. That is no word of a rate of
// 1, and -sampling.default may say better: some that sample do not fill it in.
static struct sampling_found sampling_of(const struct header *h)
{
    if ((h->sampling & SAMPLING_INTERVAL) != 0)
        return (struct sampling_found){.rate = h->sampling & SAMPLING_INTERVAL,
                                       .source = EXPORTER_SAMPLING_HEADER};
    return (struct sampling_found){.source = h->sampling == 0 ? EXPORTER_SAMPLING_UNSAMPLED
                                                              : EXPORTER_SAMPLING_UNKNOWN};
}

static void fill_base(struct decode_run *run, const struct header *h)
{
    struct flow *flow = run->flow;
    const struct datagram *datagram = run->datagram;
    flow_reset(flow);
    flow_set_num(flow, FLOW_TYPE, FLOW_TYPE_NETFLOW_V5);
    flow_set_num(flow, FLOW_TIME_RECEIVED_NS, datagram->received_ns);
    flow_set_num(flow, FLOW_SEQUENCE_NUM, h->sequence);
    flow_set_bytes(flow, FLOW_SAMPLER_ADDRESS, datagram->source.bytes, datagram->source.len);
}

static void emit_record(struct decode_run *run, const struct header *h,
                        const struct netflow_clock *clock, const uint8_t *record)
{
    struct flow *flow = run->flow;
    const struct sampling_found sampling = sampling_of(h);
    fill_base(run, h);
    decode_sampling(run, &sampling);
    flow_set_num(flow, FLOW_ETYPE, ETYPE_IPV4);
    fill(flow, clock, record);
    if (!flow_has(flow, FLOW_TIME_FLOW_START_NS) || !flow_has(flow, FLOW_TIME_FLOW_END_NS))
        decode_note(run, REASON_TIME_INVALID);
    decode_emit_flow(run);
}

// How many of so many records were there.
static unsigned take_records(struct decode_run *run, const struct header *h, struct cursor *c,
                             struct plan *plan)
{
    const struct netflow_clock clock = {
        .dialect = TEMPLATE_V9, .export_ns = h->export_ns, .uptime_ms = h->uptime_ms};
    struct straight straight;
    unsigned taken = 0;
    straight.run = run;
    straight.clock = &clock;
    straight.sampling = NULL;
    straight.header = sampling_of(h);
    fill_base(run, h);
    straight_begin(&straight, plan);
    for (; taken < h->count && cursor_left(c) >= RECORD_LEN; taken++) {
        const uint8_t *record = cursor_take(c, RECORD_LEN);
        if (!straight_record(&straight, record))
            emit_record(run, h, &clock, record);
    }
    straight_end(&straight);
    return taken;
}

void netflow_legacy_decode(struct decode_run *run, struct plan *plan)
{
    struct cursor c = cursor_over(run->datagram->data, run->datagram->len);
    struct header h = read_header(&c);
    if (!cursor_ok(&c)) {
        ledger_count(run->ledger, REASON_HEADER_SHORT, 1);
        return;
    }
    run->ledger->datagrams_parsed++;
    run->ledger->units_received++;
    decode_from(run, &run->datagram->source, FLOW_TYPE_NETFLOW_V5, h.engine);
    decode_sequence(run, h.sequence, &(struct sequence_step){.flows = h.count});
    decode_clock(run, h.export_ns);
    unsigned taken = take_records(run, &h, &c, plan);
    if (run->exporter != NULL)
        run->exporter->counts.parts[EXPORTER_DATA_SETS] += taken;
    if (taken != h.count) // the count is the sender's word only
        ledger_count(run->ledger, REASON_RECORDS_MISSING, 1);
    else
        run->ledger->units_decoded++;
    if (taken == h.count && cursor_left(&c) != 0)
        decode_note(run, REASON_TRAILING_BYTES);
}
