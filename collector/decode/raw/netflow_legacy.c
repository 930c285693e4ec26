#include "collector/decode/raw/protocol.h"

#include "collector/decode/raw/put.h"

#define RECORD_LEN 48

static const struct raw_field HEADER_FIELDS[] = {
    {"version", RAW_U16},    {"count", RAW_U16},      {"sys-uptime", RAW_U32},
    {"unix-secs", RAW_U32},  {"unix-nsecs", RAW_U32}, {"flow-sequence", RAW_U32},
    {"engine-type", RAW_U8}, {"engine-id", RAW_U8},   {"sampling-interval", RAW_U16}};
static const struct raw_layout HEADER = RAW_LAYOUT(HEADER_FIELDS);

static const struct raw_field RECORD_FIELDS[] = {
    {"src-addr", RAW_IPV4}, {"dst-addr", RAW_IPV4}, {"next-hop", RAW_IPV4}, {"input", RAW_U16},
    {"output", RAW_U16},    {"dpkts", RAW_U32},     {"doctets", RAW_U32},   {"first", RAW_U32},
    {"last", RAW_U32},      {"src-port", RAW_U16},  {"dst-port", RAW_U16},  {"pad1", RAW_U8},
    {"tcp-flags", RAW_U8},  {"proto", RAW_U8},      {"tos", RAW_U8},        {"src-as", RAW_U16},
    {"dst-as", RAW_U16},    {"src-mask", RAW_U8},   {"dst-mask", RAW_U8},   {"pad2", RAW_U16}};
static const struct raw_layout RECORD = RAW_LAYOUT(RECORD_FIELDS);

void raw_netflow_legacy_json(struct buf *out, const struct datagram *datagram)
{
    struct cursor c = cursor_over(datagram->data, datagram->len);
    unsigned count = datagram->len < 4 ? 0 : bytes_u16(datagram->data + 2);
    raw_fields(out, &c, &HEADER);
    raw_open(out, "records", '[');
    for (; count != 0 && cursor_left(&c) >= RECORD_LEN; count--) {
        raw_item(out);
        buf_byte(out, '{');
        raw_fields(out, &c, &RECORD);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

void raw_netflow_legacy_text(struct buf *out, const struct datagram *datagram)
{
    struct cursor c = cursor_over(datagram->data, datagram->len);
    cursor_skip(&c, 2);
    unsigned count = cursor_u16(&c);
    cursor_skip(&c, 12); // uptime, time
    buf_printf(out, "NetFlowV5 seq:%u count:%u", (unsigned)cursor_u32(&c), count);
}
