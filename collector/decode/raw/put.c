#include "collector/decode/raw/put.h"

#include "collector/decode/sflow_record.h"
#include "common/base/base64.h"
#include "common/flow/render.h"

static void separate(struct buf *out)
{
    if (!buf_ok(out) || out->len == 0)
        return;
    char last = out->data[out->len - 1];
    if (last != '{' && last != '[')
        buf_byte(out, ',');
}

static void put_number(struct buf *out, uint64_t value)
{
    uint8_t text[RENDER_NUM_MAX];
    buf_bytes(out, text, (size_t)(render_num(text, value) - text));
}

static void begin(struct buf *out, const char *name)
{
    separate(out);
    buf_byte(out, '"');
    buf_text(out, name);
    buf_bytes(out, "\":", 2);
}

void raw_item(struct buf *out)
{
    separate(out);
}

void raw_open(struct buf *out, const char *name, char bracket)
{
    begin(out, name);
    buf_byte(out, bracket);
}

void raw_number(struct buf *out, const char *name, uint64_t value)
{
    begin(out, name);
    put_number(out, value);
}

void raw_null(struct buf *out, const char *name)
{
    begin(out, name);
    buf_text(out, "null");
}

void raw_bool(struct buf *out, const char *name, bool value)
{
    begin(out, name);
    buf_text(out, value ? "true" : "false");
}

void raw_base64(struct buf *out, const char *name, const uint8_t *bytes, size_t len)
{
    begin(out, name);
    buf_byte(out, '"');
    buf_base64(out, bytes, len);
    buf_byte(out, '"');
}

void raw_undo(struct buf *out, size_t len)
{
    if (buf_ok(out))
        out->len = len;
}

static void put_address(struct buf *out, const char *name, struct cursor *c, size_t len)
{
    uint8_t text[RENDER_IP_MAX];
    const struct span address = {.data = cursor_take(c, len), .len = len};
    begin(out, name);
    buf_byte(out, '"');
    if (address.data != NULL)
        buf_bytes(out, text, (size_t)(render_ip(text, address) - text));
    buf_byte(out, '"');
}

static void put_typed_address(struct buf *out, const char *name, struct cursor *c)
{
    enum { ADDRESS_UNKNOWN, ADDRESS_IPV4, ADDRESS_IPV6 };
    uint32_t type = cursor_u32(c);
    if (type > ADDRESS_IPV6)
        c->failed = true;
    separate(out);
    buf_printf(out, "\"%s-ip-version\":%u", name, (unsigned)type);
    put_address(out, name, c, type == ADDRESS_UNKNOWN ? 0 : type == ADDRESS_IPV4 ? 4 : 16);
}

static void put_string(struct buf *out, const char *name, struct cursor *c)
{
    struct cursor text = sflow_take_opaque(c, cursor_u32(c));
    begin(out, name);
    buf_byte(out, '"');
    buf_json_escaped(out, text.at, cursor_left(&text));
    buf_byte(out, '"');
}

// Of a header that is announced longer than its record there is what the record has.
static void put_header(struct buf *out, const char *name, struct cursor *c)
{
    uint32_t announced = cursor_u32(c);
    size_t len = announced < cursor_left(c) ? announced : cursor_left(c);
    raw_number(out, "original-length", announced);
    raw_base64(out, name, cursor_take(c, len), len);
}

static void put_list(struct buf *out, struct cursor numbers)
{
    for (; cursor_left(&numbers) != 0 && buf_ok(out);) {
        raw_item(out);
        put_number(out, cursor_u32(&numbers));
    }
}

static void put_numbers(struct buf *out, const char *name, struct cursor *c)
{
    uint32_t count = cursor_u32(c);
    struct cursor numbers = cursor_sub(c, (size_t)count * 4);
    separate(out);
    buf_printf(out, "\"%s-length\":%u", name, (unsigned)count);
    raw_open(out, name, '[');
    put_list(out, numbers);
    buf_byte(out, ']');
}

// All segments make one path, of the type of the first.
static void put_path(struct buf *out, const char *name, struct cursor *c)
{
    uint32_t segments = cursor_u32(c);
    uint32_t type = 0;
    uint64_t length = 0;
    struct cursor again = *c;
    for (uint32_t i = 0; i < segments && cursor_ok(c); i++) {
        uint32_t of_segment = cursor_u32(c);
        uint32_t count = cursor_u32(c);
        cursor_skip(c, (size_t)count * 4);
        type = i == 0 ? of_segment : type;
        length += count;
    }
    raw_number(out, "as-destinations", segments);
    raw_number(out, "as-path-type", type);
    raw_number(out, "as-path-length", length);
    if (segments == 0 || !cursor_ok(c)) {
        raw_null(out, name);
        return;
    }
    raw_open(out, name, '[');
    for (uint32_t i = 0; i < segments && buf_ok(out); i++) {
        cursor_skip(&again, 4);
        uint32_t count = cursor_u32(&again);
        put_list(out, cursor_sub(&again, (size_t)count * 4));
    }
    buf_byte(out, ']');
}

static void put_field(struct buf *out, struct cursor *c, const struct raw_field *field)
{
    switch (field->kind) {
    case RAW_U8:
        raw_number(out, field->name, cursor_u8(c));
        break;
    case RAW_U16:
        raw_number(out, field->name, cursor_u16(c));
        break;
    case RAW_U32:
        raw_number(out, field->name, cursor_u32(c));
        break;
    case RAW_U64:
        raw_number(out, field->name, cursor_u64(c));
        break;
    case RAW_IPV4:
        put_address(out, field->name, c, 4);
        break;
    case RAW_IPV6:
        put_address(out, field->name, c, 16);
        break;
    case RAW_ADDRESS:
        put_typed_address(out, field->name, c);
        break;
    case RAW_MAC:
    case RAW_MAC_6: {
        const uint8_t *mac = cursor_take(c, field->kind == RAW_MAC ? 8 : 6);
        raw_base64(out, field->name, mac, mac == NULL ? 0 : 6);
        break;
    }
    case RAW_STRING:
        put_string(out, field->name, c);
        break;
    case RAW_HEADER:
        put_header(out, field->name, c);
        break;
    case RAW_PATH:
        put_path(out, field->name, c);
        break;
    case RAW_NUMBERS:
        put_numbers(out, field->name, c);
        break;
    }
}

void raw_fields(struct buf *out, struct cursor *c, const struct raw_layout *layout)
{
    for (size_t i = 0; i < layout->count && cursor_ok(c) && buf_ok(out); i++)
        put_field(out, c, &layout->fields[i]);
}
