#include "collector/decode/mapping/mapping.h"

#include "collector/decode/mapping/table.h"
#include "collector/decode/ntp.h"
#include "collector/decode/sampling.h"
#include "common/base/ledger.h"

#include <stdlib.h>

struct mapping *mapping_ref(struct mapping *mapping)
{
    atomic_fetch_add_explicit(&mapping->references, 1, memory_order_relaxed);
    return mapping;
}

void mapping_unref(struct mapping *mapping)
{
    if (mapping == NULL ||
        atomic_fetch_sub_explicit(&mapping->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < PACKET_HEADER_COUNT; i++)
        free(mapping->layers[i].items);
    free(mapping->elements[0].items);
    free(mapping->elements[1].items);
    free(mapping->ports);
    free(mapping->vias);
    free(mapping);
}

const struct mapping_elements *mapping_elements(const struct mapping *mapping, bool ipfix)
{
    return &mapping->elements[ipfix];
}

int mapping_find(const struct mapping_elements *elements, uint32_t enterprise, uint16_t element)
{
    uint64_t key = (uint64_t)enterprise << 16 | element;
    size_t low = 0;
    size_t high = elements->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (elements->items[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < elements->count && elements->items[low].key == key ? (int)low : -1;
}

bool mapping_is_sampling(const struct mapping_elements *elements, int index)
{
    const struct mapping_target *target = &elements->items[index].target;
    return target->number == 0 && target->field == FLOW_SAMPLING_RATE;
}

bool mapping_is_little(const struct mapping_elements *elements, int index)
{
    return elements->items[index].target.little;
}

bool mapping_wants_bytes(const struct mapping_target *target)
{
    if (target->number == 0)
        return FLOW_FIELDS[target->field].kind == FIELD_BYTES ||
               FLOW_FIELDS[target->field].kind == FIELD_BYTES_LIST;
    return target->type == CUSTOM_BYTES || target->type == CUSTOM_IP ||
           target->type == CUSTOM_IPV4 || target->type == CUSTOM_IPV6;
}

static uint64_t number_of(bool little, const uint8_t *data, size_t len)
{
    uint64_t value = 0;
    if (len > sizeof value)
        return 0;
    if (!little)
        return bytes_be(data, len);
    while (len-- != 0)
        value = value << 8 | data[len];
    return value;
}

static bool is_sampling_element(const struct mapping_elements *elements, int index)
{
    uint64_t key = elements->items[index].key; // enterprise and element
    return key <= UINT16_MAX && sampling_is_element((uint16_t)key);
}

uint16_t mapping_sampling_element(const struct mapping_elements *elements, int index)
{
    enum { SAMPLING_INTERVAL = 34 };
    return is_sampling_element(elements, index) ? (uint16_t)elements->items[index].key
                                                : SAMPLING_INTERVAL;
}

uint64_t mapping_sampling_number(const struct mapping_elements *elements, int index,
                                 const uint8_t *data, size_t len)
{
    uint64_t number = number_of(elements->items[index].target.little, data, len);
    uint64_t other = number_of(false, data, len);
    return is_sampling_element(elements, index) && other < number ? other : number;
}

static void put_custom(struct flow *flow, uint32_t number, enum flow_custom_kind kind,
                       uint64_t value, struct span bytes)
{
    const struct flow_custom custom = {number, kind, value, bytes};
    flow_add_custom(flow, &custom);
}

// A float of four bytes becomes a double, which has every value of it.
static uint64_t double_bits(uint64_t value, size_t len)
{
    float narrow;
    uint32_t low = (uint32_t)value;
    if (len != sizeof narrow)
        return value;
    memcpy(&narrow, &low, sizeof narrow);
    double wide = (double)narrow;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static void put_number(const struct mapping_target *target, struct flow *flow, uint64_t value,
                       size_t len)
{
    enum field_kind kind = FLOW_FIELDS[target->field].kind;
    if (target->number == 0 && kind == FIELD_NUM_LIST) {
        flow_append_num(flow, target->field, (uint32_t)value);
    } else if (target->number == 0) {
        flow_set_num(flow, target->field, kind == FIELD_NUM32 ? (uint32_t)value : value);
    } else if (target->type == CUSTOM_FLOAT) {
        put_custom(flow, target->number, FLOW_CUSTOM_FIXED64, double_bits(value, len),
                   (struct span){NULL, 0});
    } else {
        if (target->type == CUSTOM_BOOL) // RFC 7011, section 6.1.5: 1 is true, 2 is false
            value = value == 1;
        if (target->type == CUSTOM_DATETIME_NTP)
            value = ntp_unix_ns(value);
        put_custom(flow, target->number, FLOW_CUSTOM_VARINT, value, (struct span){NULL, 0});
    }
}

static void put_bytes(const struct mapping_target *target, struct flow *flow, const uint8_t *data,
                      size_t len)
{
    if (target->number != 0)
        put_custom(flow, target->number, FLOW_CUSTOM_BYTES, 0, (struct span){data, len});
    else if (FLOW_FIELDS[target->field].kind == FIELD_BYTES_LIST)
        flow_append_bytes(flow, target->field, data, len);
    else
        flow_set_bytes(flow, target->field, data, len);
}

static bool can_have(const struct mapping_target *target, size_t len)
{
    switch (target->number == 0 ? CUSTOM_BYTES : target->type) {
    case CUSTOM_IP:
        return len == 4 || len == 16;
    case CUSTOM_IPV4:
        return len == 4;
    case CUSTOM_IPV6:
        return len == 16;
    case CUSTOM_FLOAT:
        return len == 4 || len == 8;
    case CUSTOM_VARINT:
    case CUSTOM_BYTES:
    case CUSTOM_MAC:
    case CUSTOM_BOOL:
    case CUSTOM_DATETIME:
    case CUSTOM_DATETIME_MILLI:
    case CUSTOM_DATETIME_NANO:
    case CUSTOM_DATETIME_NTP:
        break;
    }
    return true;
}

void mapping_take(const struct mapping_elements *elements, int index, const uint8_t *data,
                  size_t len, struct flow *flow, struct ledger *ledger)
{
    const struct mapping_target *target = &elements->items[index].target;
    if (!can_have(target, len))
        ledger_count(ledger, REASON_FIELD_LENGTH, 1);
    else if (mapping_wants_bytes(target))
        put_bytes(target, flow, data, len);
    else if (len > sizeof(uint64_t))
        ledger_count(ledger, REASON_FIELD_TOO_LONG, 1);
    else
        put_number(target, flow, number_of(target->little, data, len), len);
}

void mapping_bits(uint8_t *out, const uint8_t *data, size_t len, size_t offset, size_t length)
{
    size_t count = (length + 7) / 8;
    unsigned shift = offset % 8;
    for (size_t i = 0; i < count; i++) {
        size_t at = offset / 8 + i;
        unsigned word = at < len ? (unsigned)data[at] << 8 : 0;
        word |= at + 1 < len ? data[at + 1] : 0;
        out[i] = (uint8_t)(word << shift >> 8);
    }
    if (length % 8 != 0)
        out[count - 1] = (uint8_t)(out[count - 1] >> (8 - length % 8));
}

// The bits as one number, however many of them the last byte has.
static uint64_t bits_number(const uint8_t *bytes, size_t length)
{
    size_t whole = length / 8;
    uint64_t value = bytes_be(bytes, whole);
    return length % 8 == 0 ? value : value << length % 8 | bytes[whole];
}

static void take_bits(const struct mapping_layer *layer, struct flow *flow, const uint8_t *data,
                      size_t len)
{
    const struct mapping_target *target = &layer->target;
    size_t count = (layer->length + 7) / 8;
    uint8_t number[8] = {0};
    bool beyond = layer->offset > 8 * len || layer->length == 0;
    if (mapping_wants_bytes(target)) {
        bool whole = layer->offset % 8 == 0 && layer->length % 8 == 0 &&
                     layer->offset + layer->length <= 8 * len;
        uint8_t *copy = beyond || whole ? NULL : flow_store(flow, count);
        if (copy != NULL)
            mapping_bits(copy, data, len, layer->offset, layer->length);
        if (beyond)
            put_bytes(target, flow, NULL, 0);
        else if (whole || copy != NULL)
            put_bytes(target, flow, whole ? data + layer->offset / 8 : copy, count);
        return;
    }
    if (!beyond)
        mapping_bits(number, data, len, layer->offset, layer->length);
    put_number(target, flow,
               beyond           ? 0
               : target->little ? number_of(true, number, count)
                                : bits_number(number, layer->length),
               count);
}

void mapping_header(const struct mapping *mapping, struct flow *flow, enum packet_header header,
                    uint32_t via, bool encapsulated, const uint8_t *data, size_t len)
{
    const struct mapping_layers *layers = &mapping->layers[header];
    for (size_t i = 0; i < layers->count; i++)
        if (layers->items[i].encapsulated == encapsulated)
            take_bits(&layers->items[i], flow, data, len);
    for (size_t i = 0; i < mapping->via_count; i++)
        if (mapping->vias[i].via == via && mapping->vias[i].layer.encapsulated == encapsulated)
            take_bits(&mapping->vias[i].layer, flow, data, len);
}

static enum packet_header find_port(const struct mapping *mapping, uint32_t key)
{
    for (size_t i = 0; i < mapping->port_count; i++)
        if (mapping->ports[i].key == key)
            return mapping->ports[i].header;
    return PACKET_HEADER_NONE;
}

enum packet_header mapping_port(const struct mapping *mapping, bool tcp, uint16_t source,
                                uint16_t destination, uint16_t *port)
{
    *port = destination;
    enum packet_header header = find_port(mapping, mapping_port_key(tcp, false, destination));
    if (header != PACKET_HEADER_NONE)
        return header;
    *port = source;
    return find_port(mapping, mapping_port_key(tcp, true, source));
}
