#include "collector/decode/raw/protocol.h"

#include "collector/decode/raw/put.h"
#include "collector/decode/sflow.h"
#include "collector/decode/sflow_record.h"
#include "common/flow/render.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// Samples and records by their data format (sFlow version 5, section 5, and
// https://sflow.org/sflow_drops.txt).
struct record_layout {
    uint32_t format;
    struct raw_layout layout;
};

struct sample_layout {
    uint32_t format;
    bool expanded; // the source's class and index stand in numbers of their own
    struct raw_layout layout;
    const char *count; // the name of the number of records
    const struct record_layout *records;
    size_t record_count;
};

static const struct raw_field HEADER[] = {{"protocol", RAW_U32},
                                          {"frame-length", RAW_U32},
                                          {"stripped", RAW_U32},
                                          {"header-data", RAW_HEADER}};
static const struct raw_field ETHERNET[] = {
    {"length", RAW_U32}, {"src-mac", RAW_MAC}, {"dst-mac", RAW_MAC}, {"eth-type", RAW_U32}};
static const struct raw_field ETHERNET_UNPADDED[] = {
    {"length", RAW_U32}, {"src-mac", RAW_MAC_6}, {"dst-mac", RAW_MAC_6}, {"eth-type", RAW_U32}};
static const struct raw_field IPV4[] = {
    {"length", RAW_U32},   {"protocol", RAW_U32}, {"src-ip", RAW_IPV4},   {"dst-ip", RAW_IPV4},
    {"src-port", RAW_U32}, {"dst-port", RAW_U32}, {"tcp-flags", RAW_U32}, {"tos", RAW_U32}};
static const struct raw_field IPV6[] = {
    {"length", RAW_U32},   {"protocol", RAW_U32}, {"src-ip", RAW_IPV6},   {"dst-ip", RAW_IPV6},
    {"src-port", RAW_U32}, {"dst-port", RAW_U32}, {"tcp-flags", RAW_U32}, {"priority", RAW_U32}};
static const struct raw_field SWITCH[] = {{"src-vlan", RAW_U32},
                                          {"src-priority", RAW_U32},
                                          {"dst-vlan", RAW_U32},
                                          {"dst-priority", RAW_U32}};
static const struct raw_field ROUTER[] = {
    {"next-hop", RAW_ADDRESS}, {"src-mask-len", RAW_U32}, {"dst-mask-len", RAW_U32}};
static const struct raw_field GATEWAY[] = {{"next-hop", RAW_ADDRESS}, {"as", RAW_U32},
                                           {"src-as", RAW_U32},       {"src-peer-as", RAW_U32},
                                           {"as-path", RAW_PATH},     {"communities", RAW_NUMBERS},
                                           {"local-pref", RAW_U32}};
static const struct raw_field EGRESS_QUEUE[] = {{"queue", RAW_U32}};
static const struct raw_field ACL[] = {
    {"number", RAW_U32}, {"name", RAW_STRING}, {"direction", RAW_U32}};
static const struct raw_field FUNCTION[] = {{"symbol", RAW_STRING}};

static const struct record_layout FLOW_RECORDS[] = {
    {1, RAW_LAYOUT(HEADER)},     {2, RAW_LAYOUT(ETHERNET)},        {3, RAW_LAYOUT(IPV4)},
    {4, RAW_LAYOUT(IPV6)},       {1001, RAW_LAYOUT(SWITCH)},       {1002, RAW_LAYOUT(ROUTER)},
    {1003, RAW_LAYOUT(GATEWAY)}, {1036, RAW_LAYOUT(EGRESS_QUEUE)}, {1037, RAW_LAYOUT(ACL)},
    {1038, RAW_LAYOUT(FUNCTION)}};

static const struct raw_field INTERFACE[] = {{"if-index", RAW_U32},
                                             {"if-type", RAW_U32},
                                             {"if-speed", RAW_U64},
                                             {"if-direction", RAW_U32},
                                             {"if-status", RAW_U32},
                                             {"if-in-octets", RAW_U64},
                                             {"if-in-ucast-pkts", RAW_U32},
                                             {"if-in-multicast-pkts", RAW_U32},
                                             {"if-in-broadcast-pkts", RAW_U32},
                                             {"if-in-discards", RAW_U32},
                                             {"if-in-errors", RAW_U32},
                                             {"if-in-unknown-protos", RAW_U32},
                                             {"if-out-octets", RAW_U64},
                                             {"if-out-ucast-pkts", RAW_U32},
                                             {"if-out-multicast-pkts", RAW_U32},
                                             {"if-out-broadcast-pkts", RAW_U32},
                                             {"if-out-discards", RAW_U32},
                                             {"if-out-errors", RAW_U32},
                                             {"if-promiscuous-mode", RAW_U32}};
// The names are goflow2's, and so is their spelling.
static const struct raw_field ETHERNET_COUNTERS[] = {
    {"dot3-stats-aligment-errors", RAW_U32},
    {"dot3-stats-fcse-errors", RAW_U32},
    {"dot3-stats-single-collision-frames", RAW_U32},
    {"dot3-stats-multiple-collision-frames", RAW_U32},
    {"dot3-stats-seq-test-errors", RAW_U32},
    {"dot3-stats-deferred-transmissions", RAW_U32},
    {"dot3-stats-late-collisions", RAW_U32},
    {"dot3-stats-excessive-collisions", RAW_U32},
    {"dot3-stats-internal-mac-transmit-errors", RAW_U32},
    {"dot3-stats-carrier-sense-errors", RAW_U32},
    {"dot3-stats-frame-too-longs", RAW_U32},
    {"dot3-stats-internal-mac-receive-errors", RAW_U32},
    {"dot3-stats-symbol-errors", RAW_U32}};

static const struct record_layout COUNTER_RECORDS[] = {{1, RAW_LAYOUT(INTERFACE)},
                                                       {2, RAW_LAYOUT(ETHERNET_COUNTERS)}};

static const struct raw_field FLOW_SAMPLE[] = {{"sampling-rate", RAW_U32},
                                               {"sample-pool", RAW_U32},
                                               {"drops", RAW_U32},
                                               {"input", RAW_U32},
                                               {"output", RAW_U32}};
static const struct raw_field EXPANDED_SAMPLE[] = {
    {"sampling-rate", RAW_U32},   {"sample-pool", RAW_U32},    {"drops", RAW_U32},
    {"input-if-format", RAW_U32}, {"input-if-value", RAW_U32}, {"output-if-format", RAW_U32},
    {"output-if-value", RAW_U32}};
static const struct raw_field DROP_SAMPLE[] = {
    {"drops", RAW_U32}, {"input", RAW_U32}, {"output", RAW_U32}, {"reason", RAW_U32}};

#define FLOWS    "flow-records-count", FLOW_RECORDS, COUNT(FLOW_RECORDS)
#define COUNTERS "counter-records-count", COUNTER_RECORDS, COUNT(COUNTER_RECORDS)

static const struct sample_layout SAMPLES[] = {
    {1, false, RAW_LAYOUT(FLOW_SAMPLE), FLOWS},    {2, false, {NULL, 0}, COUNTERS},
    {3, true, RAW_LAYOUT(EXPANDED_SAMPLE), FLOWS}, {4, true, {NULL, 0}, COUNTERS},
    {5, true, RAW_LAYOUT(DROP_SAMPLE), FLOWS},
};

// Sampled Ethernet of 20 bytes has its addresses without padding: see sflow_read_record.
static const struct raw_layout *find_record(const struct sample_layout *sample, uint32_t format,
                                            size_t len)
{
    static const struct raw_layout unpadded = RAW_LAYOUT(ETHERNET_UNPADDED);
    if (sample->records == FLOW_RECORDS && format == SFLOW_RECORD_ETHERNET &&
        len == SFLOW_ETHERNET_UNPADDED_LEN)
        return &unpadded;
    for (size_t i = 0; i < sample->record_count; i++)
        if (sample->records[i].format == format)
            return &sample->records[i].layout;
    return NULL;
}

static const struct sample_layout *find_sample(uint32_t format)
{
    for (size_t i = 0; i < COUNT(SAMPLES); i++)
        if (SAMPLES[i].format == format)
            return &SAMPLES[i];
    return NULL;
}

static void put_record(struct buf *out, const struct sample_layout *sample, uint32_t format,
                       struct cursor data, uint32_t announced)
{
    const struct raw_layout *layout = find_record(sample, format, cursor_left(&data));
    struct cursor c = data;
    raw_item(out);
    buf_byte(out, '{');
    raw_open(out, "header", '{');
    raw_number(out, "data-format", format);
    raw_number(out, "length", announced);
    buf_byte(out, '}');
    raw_open(out, "data", '{');
    size_t begin = out->len;
    if (layout != NULL)
        raw_fields(out, &c, layout);
    if (layout == NULL || !cursor_ok(&c)) {
        raw_undo(out, begin);
        raw_base64(out, "data", data.at, cursor_left(&data));
    }
    buf_text(out, "}}");
}

static void put_records(struct buf *out, const struct sample_layout *sample, struct cursor *c)
{
    uint32_t count = cursor_u32(c);
    raw_number(out, sample->count, count);
    raw_open(out, "records", '[');
    for (uint32_t i = 0; i < count && cursor_left(c) != 0 && buf_ok(out); i++) {
        uint32_t format = cursor_u32(c);
        uint32_t len = cursor_u32(c);
        struct cursor data = sflow_take_opaque(c, len);
        if (!cursor_ok(c))
            break;
        put_record(out, sample, format, data, len);
    }
    buf_byte(out, ']');
}

static void put_source(struct buf *out, const struct sample_layout *sample, struct cursor *c)
{
    raw_number(out, "sample-sequence-number", cursor_u32(c));
    uint32_t type = cursor_u32(c);
    uint32_t value = sample->expanded ? cursor_u32(c) : type & 0xffffff;
    raw_number(out, "source-id-type", sample->expanded ? type : type >> 24);
    raw_number(out, "source-id-value", value);
}

// A sample of another format, or too short for its own fields, is shown as bytes.
static void put_sample(struct buf *out, uint32_t format, uint32_t announced, struct cursor body)
{
    const struct sample_layout *sample = find_sample(format);
    struct cursor c = body;
    raw_open(out, "header", '{');
    raw_number(out, "format", format);
    raw_number(out, "length", announced);
    size_t begin = out->len;
    if (sample != NULL) {
        put_source(out, sample, &c);
        buf_byte(out, '}');
        raw_fields(out, &c, &sample->layout);
        bool counted = cursor_left(&c) >= 4;
        if (counted && cursor_ok(&c)) {
            put_records(out, sample, &c);
            return;
        }
    }
    raw_undo(out, begin);
    buf_byte(out, '}');
    raw_base64(out, "data", body.at, cursor_left(&body));
}

static void put_samples(struct buf *out, struct cursor *c, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < SFLOW_SAMPLES_MAX && buf_ok(out); i++) {
        uint32_t format = cursor_u32(c);
        uint32_t len = cursor_u32(c);
        struct cursor body = sflow_take_opaque(c, len);
        raw_item(out);
        if (!cursor_ok(c)) {
            buf_text(out, "null");
            continue;
        }
        buf_byte(out, '{');
        put_sample(out, format, len, body);
        buf_byte(out, '}');
    }
}

struct header {
    uint32_t address_type;
    struct span agent;
    uint32_t sub_agent;
    uint32_t sequence;
    uint32_t uptime_ms;
    uint32_t samples;
};

static struct header read_header(struct cursor *c)
{
    struct header header;
    cursor_skip(c, 4); // version
    header.address_type = cursor_u32(c);
    header.agent.len = header.address_type == 0 ? 0 : header.address_type == 1 ? 4 : 16;
    header.agent.data = cursor_take(c, header.agent.len);
    header.sub_agent = cursor_u32(c);
    header.sequence = cursor_u32(c);
    header.uptime_ms = cursor_u32(c);
    header.samples = cursor_u32(c);
    return header;
}

static void put_agent(struct buf *out, const struct header *header)
{
    uint8_t text[RENDER_IP_MAX];
    if (header->agent.data != NULL)
        buf_bytes(out, text, (size_t)(render_ip(text, header->agent) - text));
}

struct span raw_sflow_agent(const struct datagram *datagram)
{
    struct cursor c = cursor_over(datagram->data, datagram->len);
    return read_header(&c).agent;
}

void raw_sflow_json(struct buf *out, const struct datagram *datagram)
{
    struct cursor c = cursor_over(datagram->data, datagram->len);
    struct header header = read_header(&c);
    raw_number(out, "version", 5);
    raw_number(out, "ip-version", header.address_type);
    buf_text(out, ",\"agent-ip\":\"");
    put_agent(out, &header);
    buf_byte(out, '"');
    raw_number(out, "sub-agent-id", header.sub_agent);
    raw_number(out, "sequence-number", header.sequence);
    raw_number(out, "uptime", header.uptime_ms);
    raw_number(out, "samples-count", header.samples);
    raw_open(out, "samples", '[');
    put_samples(out, &c, header.samples);
    buf_byte(out, ']');
}

void raw_sflow_text(struct buf *out, const struct datagram *datagram)
{
    struct cursor c = cursor_over(datagram->data, datagram->len);
    struct header header = read_header(&c);
    buf_text(out, "sFlow5 agent:");
    put_agent(out, &header);
    buf_printf(out, " seq:%u count:%u", (unsigned)header.sequence, (unsigned)header.samples);
}
