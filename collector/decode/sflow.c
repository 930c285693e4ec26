#include "collector/decode/sflow.h"

#include "collector/decode/decode_sampling.h"
#include "collector/decode/sflow_record.h"

// Sample formats of enterprise 0.
enum {
    SAMPLE_FLOW = 1,
    SAMPLE_COUNTERS = 2,
    SAMPLE_FLOW_EXPANDED = 3,
    SAMPLE_COUNTERS_EXPANDED = 4,
    SAMPLE_DISCARDED = 5,
};

struct header {
    struct span agent;
    uint32_t sub_agent;
    uint32_t sequence;
    uint32_t samples; // as announced
};

struct interface {
    uint32_t format;
    uint32_t value;
};

#define INTERFACE_INDEX_MAX UINT32_C(0x7fffffff) // RFC 2863, InterfaceIndex

enum {
    INTERFACE_SINGLE = 0,
    INTERFACE_DISCARDED = 1,
    INTERFACE_MULTIPLE = 2,
};

// An agent that does not know its address (which takes no bytes then) goes by the sender's.
static int read_header(struct cursor *c, struct header *header, const struct addr *source)
{
    enum { AGENT_UNKNOWN = 0, AGENT_IPV4 = 1, AGENT_IPV6 = 2 };
    cursor_skip(c, 4); // version
    uint32_t agent_type = cursor_u32(c);
    if (cursor_ok(c) && agent_type > AGENT_IPV6)
        return -REASON_AGENT_ADDRESS;
    if (agent_type == AGENT_UNKNOWN) {
        header->agent = (struct span){.data = source->bytes, .len = source->len};
    } else {
        header->agent.len = agent_type == AGENT_IPV4 ? 4 : 16;
        header->agent.data = cursor_take(c, header->agent.len);
    }
    header->sub_agent = cursor_u32(c);
    header->sequence = cursor_u32(c);
    cursor_skip(c, 4); // uptime
    header->samples = cursor_u32(c);
    if (!cursor_ok(c))
        return -REASON_HEADER_SHORT;
    return header->samples > SFLOW_SAMPLES_MAX ? -REASON_COUNT_LIMIT : 0;
}

// Compact samples have the format in the two highest bits.
static struct interface take_interface(struct cursor *c, bool expanded)
{
    if (expanded) {
        uint32_t format = cursor_u32(c);
        uint32_t value = cursor_u32(c);
        bool internal = format == INTERFACE_SINGLE && value == UINT32_MAX;
        return (struct interface){format, internal ? SFLOW_INTERFACE_INTERNAL : value};
    }
    uint32_t word = cursor_u32(c);
    return (struct interface){word >> 30, word & 0x3fffffff};
}

static uint32_t interface_number(struct interface interface)
{
    switch (interface.format) {
    case INTERFACE_SINGLE:
        return interface.value <= INTERFACE_INDEX_MAX ? interface.value : 0;
    case INTERFACE_MULTIPLE:
        return SFLOW_INTERFACE_MULTIPLE;
    default:
        return 0;
    }
}

static void start_flow(struct decode_run *run, const struct header *header, uint32_t rate,
                       struct interface in, struct interface out)
{
    enum { FORWARDING_DROPPED = 128 };
    struct flow *flow = run->flow;
    uint64_t received_ns = run->datagram->received_ns;
    flow_reset(flow);
    flow_set_num(flow, FLOW_TYPE, FLOW_TYPE_SFLOW_5);
    flow_set_num(flow, FLOW_TIME_RECEIVED_NS, received_ns);
    flow_set_num(flow, FLOW_TIME_FLOW_START_NS, received_ns);
    flow_set_num(flow, FLOW_TIME_FLOW_END_NS, received_ns);
    flow_set_num(flow, FLOW_SEQUENCE_NUM, header->sequence);
    flow_set_bytes(flow, FLOW_SAMPLER_ADDRESS, header->agent.data, header->agent.len);
    const struct sampling_found sampling = {
        .rate = rate, .source = rate == 0 ? EXPORTER_SAMPLING_UNKNOWN : EXPORTER_SAMPLING_SAMPLE};
    decode_sampling(run, &sampling);
    flow_set_num(flow, FLOW_PACKETS, 1);
    flow_set_num(flow, FLOW_IN_IF, interface_number(in));
    flow_set_num(flow, FLOW_OUT_IF, interface_number(out));
    if (out.format == INTERFACE_DISCARDED)
        flow_set_num(flow, FLOW_FORWARDING_STATUS, FORWARDING_DROPPED);
}

// Walks the records that end a sample; those of a flow are read. Each takes eight bytes at the
// least, so the announced count is not what bounds the work.
static int walk_records(struct decode_run *run, struct cursor *c, uint32_t count,
                        struct sflow_facts *facts)
{
    uint32_t good = 0;
    uint32_t i = 0;
    for (; i < count; i++) {
        uint32_t format = cursor_u32(c);
        struct cursor record = sflow_take_opaque(c, cursor_u32(c));
        if (!cursor_ok(c))
            break;
        if (facts == NULL || sflow_read_record(facts, format, record))
            good++;
        else
            decode_note(run, REASON_RECORD_INVALID);
    }
    if (count != 0 && good == 0)
        return -REASON_SAMPLE_RECORD;
    if (i < count)
        decode_note(run, REASON_RECORD_INVALID);
    return 0;
}

static int decode_flow(struct decode_run *run, const struct header *header, struct cursor *c,
                       bool expanded)
{
    cursor_skip(c, expanded ? 12 : 8); // sequence number and source of the sample
    uint32_t rate = cursor_u32(c);
    cursor_skip(c, 8); // packets that could have been sampled, samples dropped
    struct interface in = take_interface(c, expanded);
    struct interface out = take_interface(c, expanded);
    uint32_t records = cursor_u32(c);
    if (!cursor_ok(c))
        return -REASON_SAMPLE_LENGTH;
    struct sflow_facts facts;
    facts.seen = 0;
    int error = walk_records(run, c, records, &facts);
    if (error < 0)
        return error;
    start_flow(run, header, rate, in, out);
    sflow_fill(run->flow, run->mapping, &facts);
    decode_part(run, expanded ? EXPORTER_FLOW_SAMPLES_EXPANDED : EXPORTER_FLOW_SAMPLES, records);
    decode_emit_flow(run);
    return 0;
}

// A sample that makes no flow: its own fields, then records.
static int walk_sample(struct decode_run *run, struct cursor *c, size_t fields_len,
                       enum exporter_part part)
{
    cursor_skip(c, fields_len);
    uint32_t records = cursor_u32(c);
    if (!cursor_ok(c))
        return -REASON_SAMPLE_LENGTH;
    int error = walk_records(run, c, records, NULL);
    if (error == 0)
        decode_part(run, part, records);
    return error;
}

// One sample. A length past the end of the datagram leaves the cursor failed: where the next one
// begins is then unknown.
static int decode_sample(struct decode_run *run, const struct header *header, struct cursor *c)
{
    uint32_t format = cursor_u32(c);
    struct cursor sample = sflow_take_opaque(c, cursor_u32(c));
    if (!cursor_ok(c))
        return -REASON_SAMPLE_LENGTH;
    switch (format) {
    case SAMPLE_FLOW:
        return decode_flow(run, header, &sample, false);
    case SAMPLE_FLOW_EXPANDED:
        return decode_flow(run, header, &sample, true);
    case SAMPLE_COUNTERS:
        return walk_sample(run, &sample, 8, EXPORTER_COUNTER_SAMPLES); // sequence number, source
    case SAMPLE_COUNTERS_EXPANDED:
        // The source's class and index apart.
        return walk_sample(run, &sample, 12, EXPORTER_COUNTER_SAMPLES_EXPANDED);
    case SAMPLE_DISCARDED:
        // Also drops, input, output, reason.
        return walk_sample(run, &sample, 28, EXPORTER_OTHER_SAMPLES);
    default:
        decode_part(run, EXPORTER_OTHER_SAMPLES, 0);
        return -REASON_SAMPLE_UNKNOWN;
    }
}

void sflow_decode(struct decode_run *run)
{
    struct ledger *ledger = run->ledger;
    struct cursor c = cursor_over(run->datagram->data, run->datagram->len);
    struct header header;
    int error = read_header(&c, &header, &run->datagram->source);
    if (error < 0) {
        ledger_count(ledger, (enum reason) - error, 1);
        return;
    }
    ledger->datagrams_parsed++;
    ledger->units_received += header.samples;
    struct addr agent = addr_of(header.agent.data, header.agent.len);
    decode_from(run, &agent, FLOW_TYPE_SFLOW_5, header.sub_agent);
    decode_sequence(run, header.sequence,
                    &(struct sequence_step){.flows = (uint16_t)header.samples});
    uint32_t seen = 0;
    for (; seen < header.samples && cursor_ok(&c) && cursor_left(&c) != 0; seen++) {
        error = decode_sample(run, &header, &c);
        if (error == 0)
            ledger->units_decoded++;
        else
            ledger_count(ledger, (enum reason) - error, 1);
    }
    ledger_count(ledger, REASON_SAMPLE_MISSING, header.samples - seen);
    if (cursor_ok(&c) && cursor_left(&c) != 0)
        decode_note(run, REASON_TRAILING_BYTES);
}
