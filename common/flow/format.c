#include "common/flow/format.h"

#include "common/base/copy.h"
#include "common/base/decimal.h"
#include "common/base/json.h"
#include "common/base/utf8.h"
#include "common/flow/format_plan.h"
#include "common/flow/render.h"
#include "common/flow/wire.h"

#include <string.h>

// No array stands in the frames of these: what has its address taken is one word, written by a
// function that knows its size. A canary would cost JSON 2% of its instructions.
#ifdef __has_attribute
#if __has_attribute(no_stack_protector)
#define WITHOUT_CANARY __attribute__((no_stack_protector))
#endif
#endif
#ifndef WITHOUT_CANARY
#define WITHOUT_CANARY
#endif

enum format_kind format_kind(const struct format *format)
{
    return format->kind;
}

static inline uint8_t *put(uint8_t *out, const char *text, size_t len)
{
    return copy_bytes(out, (const uint8_t *)text, len);
}

static uint8_t *put_name(uint8_t *out, const char *name, size_t len, uint64_t number)
{
    return name == NULL ? render_num(out, number) : put(out, name, len);
}

static uint8_t *put_string(const struct format *format, uint8_t *out, struct span span)
{
    if (format->kind == FORMAT_JSON)
        return json_escape(out, span.data, span.len);
    // In text a flow is a line: what a string holds must not end it, nor govern a terminal.
    return out + utf8_mask(out, span.data, span.len);
}

static uint8_t *put_time(uint8_t *out, uint64_t value, uint32_t per_second)
{
    int64_t seconds = (int64_t)value / per_second;
    int64_t rest = (int64_t)value % per_second;
    if (rest < 0) {
        rest += per_second;
        seconds--;
    }
    return render_time(out, seconds, (uint32_t)rest * (1000000000 / per_second));
}

static uint8_t *put_float(const struct format *format, uint8_t *out, double value)
{
    uint8_t *end = render_float(out, value);
    if (end != out)
        return end;
    return format->kind == FORMAT_JSON ? put(out, "null", 4) : put(out, "NaN", 3);
}

WITHOUT_CANARY static uint8_t *put_float_bits(const struct format *format, uint8_t *out,
                                              uint64_t bits, bool narrow)
{
    double wide;
    float single;
    uint32_t low = (uint32_t)bits;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&single, &low, sizeof single);
    return put_float(format, out, narrow ? (double)single : wide);
}

// A number by its renderer, without quotes.
WITHOUT_CANARY static uint8_t *put_number(const struct format *format, uint8_t *out, uint8_t render,
                                          uint64_t number)
{
    size_t len = 0;
    const char *name = NULL;
    switch (render) {
    case RENDER_TYPE:
        name = render_type_name(number, &len);
        return put_name(out, name, len, number);
    case RENDER_LAYER:
        name = render_layer_name(number, &len);
        return put_name(out, name, len, number);
    case RENDER_ETYPE:
        name = render_etype_name(number, &len);
        return put(out, name, len);
    case RENDER_PROTO:
        name = render_proto_name(number, &len);
        return put(out, name, len);
    case RENDER_MAC:
        return render_mac(out, number);
    case RENDER_BOOL:
        return number != 0 ? put(out, "true", 4) : put(out, "false", 5);
    case RENDER_FLOAT:
    case RENDER_FLOAT32:
        return put_float_bits(format, out, number, render == RENDER_FLOAT32);
    case RENDER_DATETIME:
        return put_time(out, number, 1);
    case RENDER_DATETIME_MILLI:
        return put_time(out, number, 1000);
    case RENDER_DATETIME_NANO:
        return put_time(out, number, 1000000000);
    case RENDER_UNKNOWN:
        return put(out, "unknown", 7);
    default:
        return render_num(out, number);
    }
}

static uint8_t *put_bytes(const struct format *format, uint8_t *out, uint8_t render,
                          struct span bytes)
{
    switch (render) {
    case RENDER_IP:
        return render_ip(out, bytes);
    case RENDER_STRING:
        return put_string(format, out, bytes);
    case RENDER_UNKNOWN:
        return put(out, "unknown", 7);
    default:
        return render_hex(out, bytes);
    }
}

// A value that is a string in JSON, without its quotes.
WITHOUT_CANARY static uint8_t *put_unquoted(const struct format *format,
                                            const struct format_column *column, uint8_t *out,
                                            const struct flow *flow)
{
    enum flow_field id = (enum flow_field)column->field;
    size_t len = 0;
    const char *name = NULL;
    switch (column->render) {
    case RENDER_IP:
    case RENDER_STRING:
    case RENDER_HEX:
    case RENDER_UNKNOWN:
        return put_bytes(format, out, column->render, flow_bytes(flow, id));
    case RENDER_SRC_NET:
        return render_prefix(out, flow_bytes(flow, FLOW_SRC_ADDR), flow_num(flow, id));
    case RENDER_DST_NET:
        return render_prefix(out, flow_bytes(flow, FLOW_DST_ADDR), flow_num(flow, id));
    case RENDER_ICMP_NAME:
        name = render_icmp_name(flow_num(flow, FLOW_PROTO), flow_num(flow, FLOW_ICMP_TYPE), &len);
        return put(out, name, len);
    default:
        return put_number(format, out, column->render, flow_num(flow, id));
    }
}

// The tags of one side: "key":"value" pairs, or key=value, joined by commas.
static uint8_t *put_tags(const struct format *format, uint8_t *out, const struct flow *flow,
                         enum flow_field id)
{
    bool json = format->kind == FORMAT_JSON;
    size_t count;
    const struct span *entries = flow_bytes_list(flow, id, &count);
    for (size_t i = 0; i < count; i++) {
        struct span key;
        struct span value;
        (void)wire_entry(entries[i], &key, &value); // what is no entry prints as empty strings
        if (i != 0)
            *out++ = ',';
        if (json)
            *out++ = '"';
        out = put_string(format, out, key);
        out = json ? put(out, "\":\"", 3) : put(out, "=", 1);
        out = put_string(format, out, value);
        if (json)
            *out++ = '"';
    }
    return out;
}

// One item of a list, in its quotes.
static uint8_t *put_item(const struct format *format, uint8_t *out, uint8_t render, bool is_number,
                         uint64_t number, struct span bytes)
{
    bool quoted = format->kind == FORMAT_JSON && !format_is_bare(render);
    if (quoted)
        *out++ = '"';
    out = is_number ? put_number(format, out, render, number)
                    : put_bytes(format, out, render, bytes);
    if (quoted)
        *out++ = '"';
    return out;
}

static uint8_t *put_list(const struct format *format, const struct format_column *column,
                         uint8_t *out, const struct flow *flow)
{
    enum flow_field id = (enum flow_field)column->field;
    bool numbers = FLOW_FIELDS[id].kind == FIELD_NUM_LIST;
    bool object = column->render == RENDER_CONTEXT && format->kind == FORMAT_JSON;
    size_t count;
    *out++ = object ? '{' : '[';
    if (column->render == RENDER_CONTEXT) {
        out = put_tags(format, out, flow, id);
    } else if (numbers) {
        const uint32_t *items = flow_num_list(flow, id, &count);
        for (size_t i = 0; i < count; i++) {
            if (i != 0)
                *out++ = ',';
            out = put_item(format, out, column->render, true, items[i], (struct span){NULL, 0});
        }
    } else {
        const struct span *items = flow_bytes_list(flow, id, &count);
        for (size_t i = 0; i < count; i++) {
            if (i != 0)
                *out++ = ',';
            out = put_item(format, out, column->render, false, 0, items[i]);
        }
    }
    *out++ = object ? '}' : ']';
    return out;
}

// "context":{"source_group":"...","destination_group":"...","source":{...},"destination":{...}}
static uint8_t *put_context(const struct format *format, uint8_t *out, const struct flow *flow)
{
    static const struct {
        enum flow_field id;
        const char *open;
        char close;
    } members[] = {
        {FLOW_SRC_GROUP, "\"source_group\":\"", '"'},
        {FLOW_DST_GROUP, "\"destination_group\":\"", '"'},
        {FLOW_SRC_CONTEXT, "\"source\":{", '}'},
        {FLOW_DST_CONTEXT, "\"destination\":{", '}'},
    };
    bool first = true;
    *out++ = '{';
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!flow_has(flow, members[i].id))
            continue;
        if (!first)
            *out++ = ',';
        first = false;
        out = put(out, members[i].open, strlen(members[i].open));
        if (FLOW_FIELDS[members[i].id].kind == FIELD_BYTES)
            out = put_string(format, out, flow_bytes(flow, members[i].id));
        else
            out = put_tags(format, out, flow, members[i].id);
        *out++ = (uint8_t)members[i].close;
    }
    *out++ = '}';
    return out;
}

// Texts of a fixed length are padded with NULs (RFC 7011, section 6.1.6, allows it not, but many
// exporters do).
static struct span without_padding(struct span bytes)
{
    while (bytes.len != 0 && bytes.data[bytes.len - 1] == 0)
        bytes.len--;
    return bytes;
}

static uint8_t *put_custom(const struct format *format, const struct format_column *column,
                           uint8_t *out, const struct flow_custom *custom)
{
    uint8_t render = custom->kind == FLOW_CUSTOM_VARINT    ? column->render
                     : custom->kind == FLOW_CUSTOM_FIXED64 ? RENDER_FLOAT
                     : custom->kind == FLOW_CUSTOM_FIXED32 ? RENDER_FLOAT32
                                                           : column->render_bytes;
    struct span bytes = render == RENDER_STRING ? without_padding(custom->bytes) : custom->bytes;
    return put_item(format, out, render, custom->kind != FLOW_CUSTOM_BYTES, custom->value, bytes);
}

const struct flow_custom *format_last_custom(const struct format_column *column,
                                             const struct flow *flow)
{
    for (uint32_t i = flow->custom_count; i-- > 0;)
        if (flow->custom[i].number == column->number)
            return &flow->custom[i];
    return NULL;
}

static uint8_t *put_custom_list(const struct format *format, const struct format_column *column,
                                uint8_t *out, const struct flow *flow)
{
    bool first = true;
    *out++ = '[';
    for (uint32_t i = 0; i < flow->custom_count; i++) {
        if (flow->custom[i].number != column->number)
            continue;
        if (!first)
            *out++ = ',';
        first = false;
        out = put_custom(format, column, out, &flow->custom[i]);
    }
    *out++ = ']';
    return out;
}

// The last value; without one, what the skeleton shows of a column that stands there all the same.
static uint8_t *put_last_custom(const struct format *format, const struct format_column *column,
                                uint8_t *out, const struct flow *flow)
{
    const struct flow_custom *custom = format_last_custom(column, flow);
    if (custom != NULL)
        return put_custom(format, column, out, custom);
    return put_item(format, out, RENDER_UNKNOWN, true, 0, (struct span){NULL, 0});
}

WITHOUT_CANARY uint8_t *format_value(const struct format *format,
                                     const struct format_column *column, const struct flow *flow,
                                     uint8_t *out)
{
    switch ((enum format_shape)column->shape) {
    case SHAPE_BARE:
        return put_number(format, out, column->render,
                          flow_num(flow, (enum flow_field)column->field));
    case SHAPE_QUOTED:
        break;
    case SHAPE_LIST:
        return put_list(format, column, out, flow);
    case SHAPE_CUSTOM:
        return put_last_custom(format, column, out, flow);
    case SHAPE_CUSTOM_LIST:
        return put_custom_list(format, column, out, flow);
    case SHAPE_CONTEXT:
        return put_context(format, out, flow);
    }
    if (format->kind == FORMAT_TEXT)
        return put_unquoted(format, column, out, flow);
    *out++ = '"';
    out = put_unquoted(format, column, out, flow);
    *out++ = '"';
    return out;
}

// The columns, 64 of them, of the fields that are set.
static uint64_t columns_set(const struct format *format, unsigned word, const struct flow *flow)
{
    const uint64_t *columns_of = format->columns_of[word];
    uint64_t columns = 0;
    for (uint64_t set = flow->set; set != 0; set &= set - 1)
        columns |= columns_of[__builtin_ctzll(set)];
    if (flow->custom_count == 0)
        return columns;
    for (unsigned i = 0; i < format->custom_count; i++) {
        unsigned index = format->custom[i];
        if (index / 64 == word && format_last_custom(&format->columns[index], flow) != NULL)
            columns |= UINT64_C(1) << index % 64;
    }
    return columns;
}

static inline uint8_t *put_skeleton(const struct format *format, uint8_t *out, uint32_t from,
                                    uint32_t to)
{
    return copy_steps(out, (const uint8_t *)format->skeleton + from, to - from);
}

static inline uint8_t *put_value(const struct format *format, const struct format_column *column,
                                 const struct flow *flow, uint8_t *out)
{
    if (column->quick == QUICK_NUM)
        return decimal_put(out, flow->num[column->field]);
    if (column->quick != QUICK_ADDRESS)
        return format_value(format, column, flow, out);
    *out++ = '"';
    out = render_ip(out, flow->span[column->field]);
    *out++ = '"';
    return out;
}

static uint8_t *put_columns(const struct format *format, uint8_t *out, const struct flow *flow)
{
    const struct format_column *columns = format->columns;
    uint32_t from = 0;
    for (unsigned word = 0; word < format->word_count; word++) {
        for (uint64_t left = columns_set(format, word, flow); left != 0; left &= left - 1) {
            unsigned index = 64 * word + (unsigned)__builtin_ctzll(left);
            const struct format_column *column = &columns[index];
            out = put_skeleton(format, out, from, column->value_at);
            if (!column->named)
                out = put(out, column->name, column->name_len);
            out = put_value(format, column, flow, out);
            from = columns[index + 1].skeleton_at;
        }
    }
    return put_skeleton(format, out, from, columns[format->column_count].skeleton_at);
}

static size_t bytes_list_bound(const struct flow *flow, enum flow_field id)
{
    size_t count;
    const struct span *items = flow_bytes_list(flow, id, &count);
    size_t bound = count * FORMAT_VALUE_MAX;
    for (size_t i = 0; i < count; i++)
        bound += JSON_ESCAPED_MAX(items[i].len);
    return bound;
}

static size_t custom_bound(const struct flow *flow)
{
    size_t bound = 0;
    for (uint32_t i = 0; i < flow->custom_count; i++)
        bound += FORMAT_VALUE_MAX + JSON_ESCAPED_MAX(flow->custom[i].bytes.len);
    return bound;
}

// What a flow's lists and strings add to the text of its other fields.
static size_t sized_bound(const struct format *format, const struct flow *flow)
{
    size_t bound = 0;
    for (uint64_t left = flow->set & format->sized; left != 0; left &= left - 1) {
        enum flow_field id = (enum flow_field)__builtin_ctzll(left);
        if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST)
            bound += (size_t)flow->num[id] * FORMAT_VALUE_MAX;
        else if (FLOW_FIELDS[id].kind == FIELD_BYTES_LIST)
            bound += bytes_list_bound(flow, id);
        else if (FLOW_FIELDS[id].kind == FIELD_BYTES)
            bound += JSON_ESCAPED_MAX(flow->span[id].len);
    }
    return bound;
}

size_t format_bound(const struct format *format, const struct flow *flow)
{
    if (format->kind == FORMAT_BIN)
        return wire_bound(flow);
    size_t bound = format->fixed + format->copies * sized_bound(format, flow);
    return flow->custom_count == 0 ? bound : bound + custom_bound(flow);
}

// The first column that is there has a separator in front of it, which is not wanted.
static uint8_t *behead(const struct format *format, uint8_t *start, uint8_t *end)
{
    if (format->kind == FORMAT_JSON) {
        *start = '{';
        return end == start ? start + 1 : end;
    }
    if (end == start)
        return start;
    memmove(start, start + 1, (size_t)(end - start) - 1);
    return end - 1;
}

uint8_t *format_flow(const struct format *format, const struct flow *flow, uint8_t *out)
{
    if (format->kind == FORMAT_BIN)
        return wire_write(out, flow);
    uint8_t *end = put_columns(format, out, flow);
    if (format->headless)
        end = behead(format, out, end);
    if (format->kind == FORMAT_JSON)
        *end++ = '}';
    return end;
}
