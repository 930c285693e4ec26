#include "common/flow/format.h"

#include "common/flow/format_plan.h"
#include "common/flow/render.h"

#include <string.h>

// FNV-1, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv
#define FNV_BASIS 2166136261U
#define FNV_PRIME 16777619U

static uint32_t hash_text(uint32_t hash, const void *text, size_t len)
{
    const uint8_t *bytes = text;
    for (size_t i = 0; i < len; i++)
        hash = hash * FNV_PRIME ^ bytes[i];
    return hash;
}

static uint32_t hash_byte(uint32_t hash, char byte)
{
    return hash_text(hash, &byte, 1);
}

static uint32_t hash_number(uint32_t hash, uint64_t number)
{
    uint8_t text[RENDER_NUM_MAX];
    return hash_text(hash, text, (size_t)(render_num(text, number) - text));
}

// Enums print as their names.
static uint32_t hash_field_number(uint32_t hash, enum flow_field id, uint64_t number)
{
    size_t len = 0;
    const char *name = NULL;
    if (FLOW_FIELDS[id].render == RENDER_TYPE)
        name = render_type_name(number, &len);
    if (FLOW_FIELDS[id].render == RENDER_LAYER)
        name = render_layer_name(number, &len);
    return name == NULL ? hash_number(hash, number) : hash_text(hash, name, len);
}

static uint32_t hash_bytes(uint32_t hash, struct span bytes)
{
    hash = hash_byte(hash, '[');
    for (size_t i = 0; i < bytes.len; i++) {
        if (i != 0)
            hash = hash_byte(hash, ' ');
        hash = hash_number(hash, bytes.data[i]);
    }
    return hash_byte(hash, ']');
}

static uint32_t hash_list(uint32_t hash, const struct flow *flow, enum flow_field id)
{
    bool numbers = FLOW_FIELDS[id].kind == FIELD_NUM_LIST;
    size_t count;
    const uint32_t *number = numbers ? flow_num_list(flow, id, &count) : NULL;
    const struct span *bytes = numbers ? NULL : flow_bytes_list(flow, id, &count);
    hash = hash_byte(hash, '[');
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            hash = hash_byte(hash, ' ');
        hash = numbers ? hash_field_number(hash, id, number[i]) : hash_bytes(hash, bytes[i]);
    }
    return hash_byte(hash, ']');
}

// Texts of the schema, which only enrichment has, print as they are.
static uint32_t hash_field(uint32_t hash, const struct flow *flow, enum flow_field id)
{
    switch (FLOW_FIELDS[id].kind) {
    case FIELD_NUM:
    case FIELD_NUM32:
        return hash_field_number(hash, id, flow_num(flow, id));
    case FIELD_BYTES:
        break;
    case FIELD_NUM_LIST:
    case FIELD_BYTES_LIST:
        return hash_list(hash, flow, id);
    }
    struct span bytes = flow_bytes(flow, id);
    return FLOW_FIELDS[id].render == RENDER_STRING ? hash_text(hash, bytes.data, bytes.len)
                                                   : hash_bytes(hash, bytes);
}

static uint32_t hash_custom(uint32_t hash, const struct flow_custom *custom)
{
    return custom->kind == FLOW_CUSTOM_BYTES ? hash_bytes(hash, custom->bytes)
                                             : hash_number(hash, custom->value);
}

static uint32_t hash_custom_list(uint32_t hash, const struct format_column *column,
                                 const struct flow *flow)
{
    bool first = true;
    for (uint32_t i = 0; i < flow->custom_count; i++) {
        if (flow->custom[i].number != column->number)
            continue;
        hash = hash_byte(hash, first ? '[' : ' ');
        hash = hash_custom(hash, &flow->custom[i]);
        first = false;
    }
    return first ? hash : hash_byte(hash, ']');
}

static uint32_t hash_column(uint32_t hash, const struct format_column *column,
                            const struct flow *flow)
{
    if (column->shape == SHAPE_CUSTOM_LIST)
        return hash_custom_list(hash, column, flow);
    if (column->shape != SHAPE_CUSTOM)
        return hash_field(hash, flow, (enum flow_field)column->field);
    const struct flow_custom *custom = format_last_custom(column, flow);
    return custom == NULL ? hash : hash_custom(hash, custom);
}

uint32_t format_key(const struct format *format, const struct flow *flow)
{
    if (format->key_count == 0)
        return 0;
    uint32_t hash = FNV_BASIS;
    for (unsigned i = 0; i < format->key_count; i++)
        hash = hash_column(hash, &format->keys[i], flow);
    return hash;
}
