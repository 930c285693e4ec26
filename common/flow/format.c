#include "common/flow/format.h"

#include "common/base/buf.h"
#include "common/base/json.h"
#include "common/flow/render.h"
#include "common/flow/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN_COUNT FLOW_FIELD_COUNT
#define NAME_MAX_LEN 48   // `,"ipv6_routing_header_addresses":`
#define SKELETON_MAX 2048 // all names with their zeros
#define VALUE_MAX    48   // one value of fixed size, quotes and comma included
#define CONTEXT_MAX  96   // `"context":{"source_group":...}` without what stands in it

#define CONTEXT_FIELDS                                                                             \
    (FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_DST_GROUP) | FLOW_BIT(FLOW_SRC_CONTEXT) |            \
     FLOW_BIT(FLOW_DST_CONTEXT))

// Everything but the values of fields that are set. The skeleton is the text of a flow in which
// nothing is set: `,"name":zero` for each column. A run of unset columns is one copy out of it.
struct format {
    enum format_kind kind;
    bool context;                           // the context object is printed even when empty
    uint64_t shown;                         // columns printed even when unset
    uint8_t field[COLUMN_COUNT];            // of each column
    uint8_t column[FLOW_FIELD_COUNT];       // of each field
    uint16_t skeleton_at[COLUMN_COUNT + 1]; // where each column begins in the skeleton
    uint8_t name_len[COLUMN_COUNT];
    char name[COLUMN_COUNT][NAME_MAX_LEN]; // `,"name":` or ` name=`
    char skeleton[SKELETON_MAX];
};

int format_kind_parse(const char *name, enum format_kind *kind)
{
    static const char *const names[] = {"bin", "json", "text"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *kind = (enum format_kind)i;
        return 0;
    }
    return -1;
}

static const char *zero_text(const struct field *field, bool json)
{
    if (field->kind == FIELD_NUM_LIST || field->kind == FIELD_BYTES_LIST)
        return "[]";
    switch (field->render) {
    case RENDER_NUM:
        return "0";
    case RENDER_TYPE:
        return json ? "\"FLOWUNKNOWN\"" : "FLOWUNKNOWN";
    case RENDER_PROTO:
        return json ? "\"HOPOPT\"" : "HOPOPT";
    case RENDER_MAC:
        return json ? "\"00:00:00:00:00:00\"" : "00:00:00:00:00:00";
    case RENDER_IP:
    case RENDER_ETYPE:
    case RENDER_SRC_NET:
    case RENDER_DST_NET:
    case RENDER_LAYER:
    case RENDER_STRING:
    case RENDER_CONTEXT:
        break;
    }
    return json ? "\"\"" : "";
}

static void build_column(struct format *format, unsigned column)
{
    const struct field *field = &FLOW_FIELDS[format->field[column]];
    const char *zero = zero_text(field, format->kind == FORMAT_JSON);
    struct buf name = buf_over(format->name[column], NAME_MAX_LEN);
    struct buf skeleton = buf_over(format->skeleton, SKELETON_MAX);
    if (format->kind == FORMAT_JSON)
        buf_printf(&name, "%c\"%s\":", column == 0 ? '{' : ',', field->name);
    else
        buf_printf(&name, "%s%s=", column == 0 ? "" : " ", field->name);
    format->name_len[column] = (uint8_t)name.len;
    skeleton.len = format->skeleton_at[column];
    if (format->shown >> column & 1) {
        buf_bytes(&skeleton, name.data, name.len);
        buf_text(&skeleton, zero);
    }
    format->skeleton_at[column + 1] = (uint16_t)skeleton.len;
    assert(buf_ok(&name) && buf_ok(&skeleton));
}

static uint64_t column_bit(const struct format *format, enum flow_field id)
{
    return UINT64_C(1) << format->column[id];
}

static uint64_t shown_columns(const struct format *format, unsigned columns)
{
    uint64_t shown = (UINT64_C(1) << FLOW_COLLECTOR_COLUMNS) - 1;
    if (columns & FORMAT_COUNTRY)
        shown |= column_bit(format, FLOW_SRC_COUNTRY) | column_bit(format, FLOW_DST_COUNTRY);
    if (columns & FORMAT_AS_NAME)
        shown |= column_bit(format, FLOW_SRC_AS_NAME) | column_bit(format, FLOW_DST_AS_NAME);
    // In JSON the context is one object behind the columns.
    if (columns & FORMAT_CONTEXT && format->kind == FORMAT_TEXT)
        shown |= column_bit(format, FLOW_SRC_GROUP) | column_bit(format, FLOW_DST_GROUP) |
                 column_bit(format, FLOW_SRC_CONTEXT) | column_bit(format, FLOW_DST_CONTEXT);
    return shown;
}

struct format *format_new(enum format_kind kind, unsigned columns)
{
    struct format *format = calloc(1, sizeof *format);
    if (format == NULL)
        return NULL;
    format->kind = kind;
    format->context = (columns & FORMAT_CONTEXT) != 0;
    for (unsigned id = 0; id < FLOW_FIELD_COUNT; id++) {
        format->column[id] = FLOW_FIELDS[id].column;
        format->field[FLOW_FIELDS[id].column] = (uint8_t)id;
    }
    format->shown = shown_columns(format, columns);
    for (unsigned column = 0; column < COLUMN_COUNT; column++)
        build_column(format, column);
    return format;
}

void format_free(struct format *format)
{
    free(format);
}

enum format_kind format_kind(const struct format *format)
{
    return format->kind;
}

static uint8_t *put(uint8_t *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

static uint8_t *put_name(uint8_t *out, const char *name, size_t len, uint64_t number)
{
    return name == NULL ? render_num(out, number) : put(out, name, len);
}

// In text a flow is a line: control characters of a string must not end it, nor reach a terminal.
static uint8_t *put_printable(uint8_t *out, struct span span)
{
    for (size_t i = 0; i < span.len; i++) {
        bool control = span.data[i] < 0x20 || span.data[i] == 0x7f;
        *out++ = control ? '?' : span.data[i];
    }
    return out;
}

static uint8_t *put_string(const struct format *format, uint8_t *out, struct span span)
{
    if (format->kind == FORMAT_JSON)
        return json_escape(out, span.data, span.len);
    return put_printable(out, span);
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

static uint8_t *put_bytes_list(const struct format *format, uint8_t *out, const struct flow *flow,
                               enum flow_field id)
{
    size_t count;
    const struct span *items = flow_bytes_list(flow, id, &count);
    if (FLOW_FIELDS[id].render == RENDER_CONTEXT)
        return put_tags(format, out, flow, id);
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            *out++ = ',';
        if (format->kind == FORMAT_JSON)
            *out++ = '"';
        out = render_ip(out, items[i]);
        if (format->kind == FORMAT_JSON)
            *out++ = '"';
    }
    return out;
}

static uint8_t *put_num_list(const struct format *format, uint8_t *out, const struct flow *flow,
                             enum flow_field id)
{
    size_t count;
    const uint32_t *items = flow_num_list(flow, id, &count);
    bool names = FLOW_FIELDS[id].render == RENDER_LAYER;
    bool quoted = names && format->kind == FORMAT_JSON;
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        const char *name = names ? render_layer_name(items[i], &len) : NULL;
        if (i != 0)
            *out++ = ',';
        if (quoted)
            *out++ = '"';
        out = put_name(out, name, len, items[i]);
        if (quoted)
            *out++ = '"';
    }
    return out;
}

static uint8_t *put_list(const struct format *format, uint8_t *out, const struct flow *flow,
                         enum flow_field id)
{
    *out++ = '[';
    if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST)
        out = put_num_list(format, out, flow, id);
    else
        out = put_bytes_list(format, out, flow, id);
    *out++ = ']';
    return out;
}

// A value that is a string in JSON, without its quotes.
static uint8_t *put_quoted_value(const struct format *format, uint8_t *out, const struct flow *flow,
                                 enum flow_field id)
{
    size_t len = 0;
    const char *name = NULL;
    switch (FLOW_FIELDS[id].render) {
    case RENDER_TYPE:
        name = render_type_name(flow_num(flow, id), &len);
        return put_name(out, name, len, flow_num(flow, id));
    case RENDER_ETYPE:
        name = render_etype_name(flow_num(flow, id), &len);
        return put(out, name, len);
    case RENDER_PROTO:
        name = render_proto_name(flow_num(flow, id), &len);
        return put(out, name, len);
    case RENDER_IP:
        return render_ip(out, flow_bytes(flow, id));
    case RENDER_MAC:
        return render_mac(out, flow_num(flow, id));
    case RENDER_SRC_NET:
        return render_prefix(out, flow_bytes(flow, FLOW_SRC_ADDR), flow_num(flow, id));
    case RENDER_DST_NET:
        return render_prefix(out, flow_bytes(flow, FLOW_DST_ADDR), flow_num(flow, id));
    case RENDER_STRING:
        return put_string(format, out, flow_bytes(flow, id));
    case RENDER_NUM:
    case RENDER_LAYER:
    case RENDER_CONTEXT:
        break;
    }
    return out;
}

static uint8_t *put_value(const struct format *format, uint8_t *out, const struct flow *flow,
                          enum flow_field id)
{
    const struct field *field = &FLOW_FIELDS[id];
    if (field->kind == FIELD_NUM_LIST || field->kind == FIELD_BYTES_LIST)
        return put_list(format, out, flow, id);
    if (field->render == RENDER_NUM)
        return render_num(out, flow->num[id]);
    if (format->kind == FORMAT_TEXT)
        return put_quoted_value(format, out, flow, id);
    *out++ = '"';
    out = put_quoted_value(format, out, flow, id);
    *out++ = '"';
    return out;
}

// The columns of the fields that are set. A network is printed as soon as its address is there.
static uint64_t set_columns(const struct format *format, uint64_t set)
{
    uint64_t columns = 0;
    set |= (set >> FLOW_SRC_ADDR & 1) << FLOW_SRC_NET | (set >> FLOW_DST_ADDR & 1) << FLOW_DST_NET;
    for (; set != 0; set &= set - 1)
        columns |= UINT64_C(1) << format->column[__builtin_ctzll(set)];
    return columns;
}

static uint8_t *put_columns(const struct format *format, uint8_t *out, const struct flow *flow,
                            uint64_t set)
{
    unsigned next = 0;
    for (uint64_t left = set_columns(format, set); left != 0; left &= left - 1) {
        unsigned column = (unsigned)__builtin_ctzll(left);
        uint16_t from = format->skeleton_at[next];
        out = put(out, format->skeleton + from, format->skeleton_at[column] - (size_t)from);
        out = put(out, format->name[column], format->name_len[column]);
        out = put_value(format, out, flow, (enum flow_field)format->field[column]);
        next = column + 1;
    }
    uint16_t from = format->skeleton_at[next];
    return put(out, format->skeleton + from, format->skeleton_at[COLUMN_COUNT] - (size_t)from);
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
    out = put(out, ",\"context\":{", 12);
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

static size_t bytes_list_bound(const struct flow *flow, enum flow_field id)
{
    size_t count;
    const struct span *items = flow_bytes_list(flow, id, &count);
    size_t bound = count * VALUE_MAX;
    if (FLOW_FIELDS[id].render == RENDER_CONTEXT)
        for (size_t i = 0; i < count; i++)
            bound += JSON_ESCAPED_MAX(items[i].len);
    return bound;
}

// What a flow's lists and strings add to the text of its other fields.
static size_t sized_bound(const struct flow *flow)
{
    size_t bound = 0;
    for (uint64_t left = flow->set; left != 0; left &= left - 1) {
        enum flow_field id = (enum flow_field)__builtin_ctzll(left);
        if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST)
            bound += (size_t)flow->num[id] * VALUE_MAX;
        else if (FLOW_FIELDS[id].kind == FIELD_BYTES_LIST)
            bound += bytes_list_bound(flow, id);
        else if (FLOW_FIELDS[id].render == RENDER_STRING)
            bound += JSON_ESCAPED_MAX(flow->span[id].len);
    }
    return bound;
}

size_t format_bound(const struct format *format, const struct flow *flow)
{
    if (format->kind == FORMAT_BIN)
        return wire_bound(flow);
    return SKELETON_MAX + COLUMN_COUNT * (NAME_MAX_LEN + VALUE_MAX) + CONTEXT_MAX +
           sized_bound(flow);
}

uint8_t *format_flow(const struct format *format, const struct flow *flow, uint8_t *out)
{
    if (format->kind == FORMAT_BIN)
        return wire_write(out, flow);
    if (format->kind == FORMAT_TEXT)
        return put_columns(format, out, flow, flow->set);
    out = put_columns(format, out, flow, flow->set & ~CONTEXT_FIELDS);
    if (format->context || (flow->set & CONTEXT_FIELDS) != 0)
        out = put_context(format, out, flow);
    *out++ = '}';
    return out;
}
