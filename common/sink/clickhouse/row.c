#include "common/sink/clickhouse/row.h"

#include "common/flow/render.h"
#include "common/flow/wire.h"

#include <string.h>

#define ADDRESS_LEN 16

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < sizeof value; i++)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

static uint8_t *put_u64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < sizeof value; i++)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

static uint8_t *put_text(uint8_t *out, const void *bytes, size_t len)
{
    out = wire_put_varint(out, len);
    if (len != 0)
        memcpy(out, bytes, len);
    return out + len;
}

static uint8_t *put_address(uint8_t *out, struct span address)
{
    static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (address.len == ADDRESS_LEN) {
        memcpy(out, address.data, ADDRESS_LEN);
    } else if (address.len == 4) {
        memcpy(out, mapped, sizeof mapped); // RFC 4291, section 2.5.5.2
        memcpy(out + sizeof mapped, address.data, 4);
    } else {
        memset(out, 0, ADDRESS_LEN);
    }
    return out + ADDRESS_LEN;
}

static uint8_t *put_name(uint8_t *out, uint64_t type)
{
    uint8_t number[RENDER_NUM_MAX];
    size_t len;
    const char *name = render_type_name(type, &len);
    if (name != NULL)
        return put_text(out, name, len);
    return put_text(out, number, (size_t)(render_num(number, type) - number));
}

static uint8_t *put_numbers(uint8_t *out, const struct flow *flow, enum flow_field field)
{
    size_t count;
    const uint32_t *items = flow_num_list(flow, field, &count);
    out = wire_put_varint(out, count);
    for (size_t i = 0; i < count; i++)
        out = put_u32(out, items[i]);
    return out;
}

static uint8_t *put_addresses(uint8_t *out, const struct flow *flow, enum flow_field field)
{
    size_t count;
    const struct span *items = flow_bytes_list(flow, field, &count);
    out = wire_put_varint(out, count);
    for (size_t i = 0; i < count; i++)
        out = put_address(out, items[i]);
    return out;
}

// A map has each key beside its value; nested columns are a list of keys and one of values.
static uint8_t *put_tags(uint8_t *out, const struct flow *flow, enum flow_field field, bool nested)
{
    struct span keys[FLOW_LIST_MAX];
    struct span values[FLOW_LIST_MAX];
    size_t count;
    size_t good = 0;
    const struct span *entries = flow_bytes_list(flow, field, &count);
    for (size_t i = 0; i < count; i++)
        good += wire_entry(entries[i], &keys[good], &values[good]) == 0;
    out = wire_put_varint(out, good);
    for (size_t i = 0; i < good; i++) {
        out = put_text(out, keys[i].data, keys[i].len);
        if (!nested)
            out = put_text(out, values[i].data, values[i].len);
    }
    if (!nested)
        return out;
    out = wire_put_varint(out, good);
    for (size_t i = 0; i < good; i++)
        out = put_text(out, values[i].data, values[i].len);
    return out;
}

int64_t clickhouse_row_time_ns(const struct flow *flow, enum flow_field field)
{
    uint64_t value = flow_num(flow, field);
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void clickhouse_layout_init(struct clickhouse_layout *layout, enum clickhouse_profile profile)
{
    layout->profile = profile;
    for (unsigned i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++)
        layout->columns[i] = clickhouse_column(i);
}

void clickhouse_layout_names(const struct clickhouse_layout *layout, struct buf *out)
{
    for (unsigned i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++) {
        const char *name = layout->columns[i].name;
        if (i != 0)
            buf_byte(out, ',');
        if (layout->columns[i].kind == CLICKHOUSE_TAGS && layout->profile == CLICKHOUSE_REDUCED)
            buf_printf(out, "%s.key,%s.value", name, name);
        else
            buf_text(out, name);
    }
}

size_t clickhouse_row_bound(const struct flow *flow)
{
    size_t bound = CLICKHOUSE_COLUMN_COUNT * (ADDRESS_LEN + WIRE_VARINT_MAX);
    for (uint64_t set = flow->set; set != 0; set &= set - 1) {
        enum flow_field id = (enum flow_field)__builtin_ctzll(set);
        size_t count;
        const struct span *items;
        switch (FLOW_FIELDS[id].kind) {
        case FIELD_NUM:
        case FIELD_NUM32:
            break;
        case FIELD_BYTES:
            bound += flow->span[id].len;
            break;
        case FIELD_NUM_LIST:
            (void)flow_num_list(flow, id, &count);
            bound += count * sizeof(uint32_t);
            break;
        case FIELD_BYTES_LIST:
            items = flow_bytes_list(flow, id, &count);
            for (size_t i = 0; i < count; i++)
                bound += items[i].len + ADDRESS_LEN;
            break;
        }
    }
    return bound;
}

uint8_t *clickhouse_row_write(const struct clickhouse_layout *layout, uint8_t *out,
                              const struct flow *flow, const struct flow_origin *origin)
{
    for (unsigned i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++) {
        enum flow_field field = layout->columns[i].field;
        struct span bytes;
        switch (layout->columns[i].kind) {
        case CLICKHOUSE_NUM:
            out = put_u64(out, flow_num(flow, field));
            break;
        case CLICKHOUSE_NUM32:
            out = put_u32(out, (uint32_t)flow_num(flow, field));
            break;
        case CLICKHOUSE_TIME:
            out = put_u64(out, (uint64_t)clickhouse_row_time_ns(flow, field));
            break;
        case CLICKHOUSE_NAME:
            out = put_name(out, flow_num(flow, field));
            break;
        case CLICKHOUSE_ADDRESS:
            out = put_address(out, flow_bytes(flow, field));
            break;
        case CLICKHOUSE_TEXT:
            bytes = flow_bytes(flow, field);
            out = put_text(out, bytes.data, bytes.len);
            break;
        case CLICKHOUSE_NUM_LIST:
            out = put_numbers(out, flow, field);
            break;
        case CLICKHOUSE_ADDRESS_LIST:
            out = put_addresses(out, flow, field);
            break;
        case CLICKHOUSE_TAGS:
            out = put_tags(out, flow, field, layout->profile == CLICKHOUSE_REDUCED);
            break;
        case CLICKHOUSE_STREAM:
            out = put_u64(out, origin->stream);
            break;
        case CLICKHOUSE_SEQUENCE:
            out = put_u64(out, origin->sequence);
            break;
        case CLICKHOUSE_STORED:
            out = put_u64(out, (uint64_t)origin->time_ns);
            break;
        case CLICKHOUSE_INDEX:
            out = put_u32(out, origin->index);
            break;
        case CLICKHOUSE_KIND_COUNT:
            break;
        }
    }
    return out;
}
