#include "collector/decode/raw/raw.h"

#include "collector/decode/decode_type.h"
#include "collector/decode/raw/protocol.h"
#include "common/flow/render.h"

#include <stdlib.h>

#define NS_PER_S UINT64_C(1000000000)

struct raw {
    struct raw_options options;
    struct flow flow;
    char bytes[RAW_BYTES_MAX]; // pages that no message needs are never touched
};

struct raw *raw_new(const struct raw_options *options)
{
    struct raw *raw = malloc(sizeof *raw);
    if (raw != NULL)
        raw->options = *options;
    return raw;
}

void raw_free(struct raw *raw)
{
    free(raw);
}

static void put_source(struct buf *out, const struct datagram *datagram)
{
    char address[ADDR_TEXT_MAX];
    buf_printf(out, datagram->source.len == 16 ? "[%s]:%u" : "%s:%u",
               addr_string(address, &datagram->source), (unsigned)datagram->port);
}

static size_t put_time(uint8_t text[static RENDER_TIME_MAX], const struct datagram *datagram)
{
    uint64_t ns = datagram->received_ns;
    uint8_t *end = render_time(text, (int64_t)(ns / NS_PER_S), (uint32_t)(ns % NS_PER_S));
    return (size_t)(end - text);
}

static const char *type_name(enum flow_type type)
{
    switch (type) {
    case FLOW_TYPE_SFLOW_5:
        return "sflow";
    case FLOW_TYPE_NETFLOW_V5:
        return "netflowv5";
    case FLOW_TYPE_NETFLOW_V9:
        return "netflowv9";
    case FLOW_TYPE_IPFIX:
        return "ipfix";
    case FLOW_TYPE_UNKNOWN:
        break;
    }
    return "";
}

static void put_json(struct raw *raw, struct buf *out, enum flow_type type,
                     const struct datagram *datagram)
{
    uint8_t time[RENDER_TIME_MAX];
    buf_printf(out, "{\"type\":\"%s\",\"message\":{", type_name(type));
    if (type == FLOW_TYPE_SFLOW_5)
        raw_sflow_json(out, datagram);
    else if (type == FLOW_TYPE_NETFLOW_V5)
        raw_netflow_legacy_json(out, datagram);
    else
        raw_netflow_json(out, datagram, decoder_domains(raw->options.decoder));
    buf_text(out, "},\"src\":\"");
    put_source(out, datagram);
    buf_text(out, "\",\"time_received\":\"");
    buf_bytes(out, time, put_time(time, datagram));
    buf_text(out, "\"}");
}

// The time is as Go prints one: 2023-11-14 22:13:20.123456789 +0000 UTC.
static void put_text(struct buf *out, enum flow_type type, const struct datagram *datagram)
{
    enum { DATE_LEN = 10 };
    uint8_t time[RENDER_TIME_MAX];
    size_t len = put_time(time, datagram);
    time[DATE_LEN] = ' ';
    buf_bytes(out, time, len - 1);
    buf_text(out, " +0000 UTC ");
    put_source(out, datagram);
    buf_text(out, ": ");
    if (type == FLOW_TYPE_SFLOW_5)
        raw_sflow_text(out, datagram);
    else if (type == FLOW_TYPE_NETFLOW_V5)
        raw_netflow_legacy_text(out, datagram);
    else
        raw_netflow_text(out, datagram);
}

static void describe(struct flow *flow, enum flow_type type, const struct datagram *datagram)
{
    struct span sampler = {.data = datagram->source.bytes, .len = datagram->source.len};
    struct span agent = {.len = 0}; // as long when it does not know its address
    if (type == FLOW_TYPE_SFLOW_5)
        agent = raw_sflow_agent(datagram);
    if (agent.len != 0)
        sampler = agent;
    flow_reset(flow);
    flow_set_num(flow, FLOW_TYPE, type);
    flow_set_num(flow, FLOW_TIME_RECEIVED_NS, datagram->received_ns);
    flow_set_bytes(flow, FLOW_SAMPLER_ADDRESS, sampler.data, sampler.len);
}

// The message is made before the decoder learns from the datagram: what stands before a template in
// it may need the one that it replaces.
void raw_run(struct raw *raw, enum decode_scheme scheme, const struct datagram *datagram)
{
    const struct raw_options *o = &raw->options;
    enum flow_type type = decode_type(scheme, datagram);
    struct buf out = buf_over(raw->bytes, sizeof raw->bytes);
    uint64_t parsed = o->ledger->datagrams_parsed;
    uint64_t flows = o->ledger->flows_made;
    if (type != FLOW_TYPE_UNKNOWN && o->kind == RAW_JSON)
        put_json(raw, &out, type, datagram);
    else if (type != FLOW_TYPE_UNKNOWN)
        put_text(&out, type, datagram);
    decoder_run(o->decoder, scheme, datagram);
    o->ledger->flows_made = flows;
    if (o->ledger->datagrams_parsed == parsed)
        return;
    o->ledger->flows_made++;
    if (!buf_ok(&out)) {
        ledger_count(o->ledger, REASON_OUTPUT_TOO_LARGE, 1);
        return;
    }
    describe(&raw->flow, type, datagram);
    o->emit(o->user, &raw->flow, out.data, out.len);
}
