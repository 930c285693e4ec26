#include "tests/bench/feed.h"

#include "tests/bench/random.h"

#include <assert.h>
#include <string.h>

#define TEMPLATE_ID_FIRST 256
#define SAMPLER_TEMPLATE  65000
#define SAMPLING_RATE     1000
#define UPTIME_MS         1000000000 // at the start
#define TEMPLATE_ROOM     1300       // of a datagram

#define SFLOW_SAMPLE_SEQUENCE 8 // offset in a sample

static const struct shape *const SHAPES[] = {&SHAPE_NETFLOW5, &SHAPE_NETFLOW9, &SHAPE_IPFIX,
                                             &SHAPE_SFLOW};

const struct shape *feed_shape(const char *name)
{
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++)
        if (strcmp(SHAPES[i]->name, name) == 0)
            return SHAPES[i];
    return NULL;
}

static uint8_t *put(uint8_t *out, size_t len, uint64_t value)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(len - i > 8 ? 0 : value >> 8 * (len - i - 1));
    return out + len;
}

static uint64_t base_of(const struct feed *feed, enum element_base base)
{
    switch (base) {
    case ELEMENT_PLAIN:
        return 0;
    case ELEMENT_UPTIME:
        return UPTIME_MS;
    case ELEMENT_UNIX:
        return feed->started_ns / 1000000;
    }
    return 0;
}

static uint8_t *put_element(struct feed *feed, const struct element *element, uint8_t *out)
{
    uint64_t value = base_of(feed, element->base) + (uint64_t)element->low;
    if (element->count > 1)
        value += element->step * random_below(&feed->random, element->count);
    if (element->len != 16)
        return put(out, element->len, value);
    out = put(out, 8, value);
    return put(out, 8, random_next(&feed->random));
}

static uint8_t *put_record(struct feed *feed, const struct record_layout *layout, uint8_t *out)
{
    uint8_t *end = out + layout->len;
    for (size_t i = 0; i < layout->count; i++)
        out = put_element(feed, &layout->elements[i], out);
    assert(out <= end);
    memset(out, 0, (size_t)(end - out));
    return end;
}

static size_t block_len(const struct shape *shape, const struct block *block)
{
    size_t records_len = block->records * block->layout->len;
    return shape->has_templates ? (4 + records_len + 3) / 4 * 4 : records_len;
}

void feed_make_flows(struct feed *feed, struct feed_datagram *out)
{
    const struct shape *shape = feed->shape;
    uint8_t *at = out->data + shape->header_len;
    memset(out, 0, sizeof *out);
    for (size_t b = 0; b < shape->block_count; b++) {
        const struct block *block = &shape->blocks[b];
        uint8_t *end = at + block_len(shape, block);
        assert(end <= out->data + sizeof out->data);
        if (shape->has_templates)
            at = put(put(at, 2, 0), 2, (uint64_t)(end - at));
        for (size_t i = 0; i < block->records; i++)
            at = put_record(feed, block->layout, at);
        at = end;
    }
    out->len = (uint16_t)(at - out->data);
    out->flows = (uint16_t)shape->flows;
}

static size_t template_len(const struct shape *shape)
{
    size_t len = 0;
    for (size_t b = 0; b < shape->block_count; b++)
        len += 4 + 4 * shape->blocks[b].layout->count;
    return len;
}

static uint32_t templates_of_datagram(const struct shape *shape)
{
    return (uint32_t)(TEMPLATE_ROOM / template_len(shape));
}

uint32_t feed_template_datagrams(const struct feed *feed)
{
    if (!feed->shape->has_templates)
        return 0;
    uint32_t each = templates_of_datagram(feed->shape);
    return (feed->template_count + each - 1) / each;
}

static uint16_t template_id(const struct shape *shape, uint32_t turn, size_t block)
{
    return (uint16_t)(TEMPLATE_ID_FIRST + turn * shape->block_count + block);
}

static uint8_t *put_template(const struct shape *shape, uint32_t turn, uint8_t *out)
{
    for (size_t b = 0; b < shape->block_count; b++) {
        const struct record_layout *layout = shape->blocks[b].layout;
        out = put(put(out, 2, template_id(shape, turn, b)), 2, layout->count);
        for (size_t i = 0; i < layout->count; i++)
            out = put(put(out, 2, layout->elements[i].id), 2, layout->elements[i].len);
    }
    return out;
}

// The sampling rate: an options template and its one record.
static uint8_t *put_sampler(const struct shape *shape, uint8_t *out)
{
    // RFC 3954, section 6.1: 4 bytes of scopes, 12 of options; scope "system", the sampler with its
    // mode and rate, padding. RFC 7011, section 3.4.2: 2 fields, 1 scope; the observation domain.
    static const uint16_t netflow9[] = {SAMPLER_TEMPLATE, 4, 12, 1, 4, 48, 4, 49, 1, 50, 4, 0};
    static const uint16_t ipfix[] = {SAMPLER_TEMPLATE, 2, 1, 149, 4, 34, 4};
    bool is_ipfix = shape == &SHAPE_IPFIX;
    const uint16_t *words = is_ipfix ? ipfix : netflow9;
    size_t count = is_ipfix ? sizeof ipfix / 2 : sizeof netflow9 / 2;
    out = put(put(out, 2, shape->template_set + 1u), 2, 4 + 2 * count);
    for (size_t i = 0; i < count; i++)
        out = put(out, 2, words[i]);
    if (is_ipfix)
        return put(put(put(put(out, 2, SAMPLER_TEMPLATE), 2, 12), 4, 1), 4, SAMPLING_RATE);
    out = put(put(put(out, 2, SAMPLER_TEMPLATE), 2, 20), 4, 1);
    return put(put(put(put(out, 4, 1), 1, 2), 4, SAMPLING_RATE), 3, 0);
}

void feed_make_templates(const struct feed *feed, uint32_t index, struct feed_datagram *out)
{
    const struct shape *shape = feed->shape;
    uint32_t turn = index * templates_of_datagram(shape);
    uint32_t end = turn + templates_of_datagram(shape);
    uint8_t *set = out->data + shape->header_len;
    uint8_t *at = set + 4;
    memset(out, 0, sizeof *out);
    for (; turn < end && turn < feed->template_count; turn++) {
        at = put_template(shape, turn, at);
        out->templates += (uint16_t)shape->block_count;
    }
    put(put(set, 2, shape->template_set), 2, (uint64_t)(at - set));
    if (index == 0) {
        at = put_sampler(shape, at);
        out->templates++;
        out->options++;
    }
    assert(at <= out->data + sizeof out->data);
    out->len = (uint16_t)(at - out->data);
}

struct moment {
    uint64_t seconds;
    uint64_t nanoseconds;
    uint64_t uptime_ms;
};

static void stamp_netflow5(uint8_t *at, uint32_t sequence, const struct moment *moment)
{
    at = put(put(at, 2, 5), 2, SHAPE_NETFLOW5.flows);
    at = put(put(put(at, 4, moment->uptime_ms), 4, moment->seconds), 4, moment->nanoseconds);
    put(put(put(at, 4, sequence), 2, 0), 2, 0x4000 | SAMPLING_RATE);
}

static void stamp_netflow9(uint8_t *at, uint32_t sequence, const struct moment *moment,
                           const struct feed_datagram *datagram)
{
    // RFC 3954, section 5.1: records of every kind
    at = put(put(at, 2, 9), 2, (uint64_t)datagram->templates + datagram->options + datagram->flows);
    put(put(put(put(at, 4, moment->uptime_ms), 4, moment->seconds), 4, sequence), 4, 1);
}

static void stamp_ipfix(uint8_t *at, uint32_t sequence, const struct moment *moment,
                        const struct feed_datagram *datagram)
{
    at = put(put(at, 2, 10), 2, datagram->len);
    put(put(put(at, 4, moment->seconds), 4, sequence), 4, 1);
}

static void stamp_sflow(uint8_t *at, const struct feed_exporter *exporter,
                        const struct moment *moment)
{
    uint8_t *sample = at + SHAPE_SFLOW.header_len + SFLOW_SAMPLE_SEQUENCE;
    uint32_t sequence = exporter->sequence * (uint32_t)SHAPE_SFLOW.flows;
    at = put(put(put(put(at, 4, 5), 4, 1), 4, exporter->address), 4, 0);
    put(put(put(at, 4, exporter->sequence), 4, moment->uptime_ms), 4, SHAPE_SFLOW.flows);
    for (size_t i = 0; i < SHAPE_SFLOW.flows; i++)
        put(sample + i * SHAPE_SFLOW.blocks[0].layout->len, 4, sequence++);
}

static void stamp_header(struct feed_exporter *exporter, const struct moment *moment,
                         const struct shape *shape, struct feed_datagram *datagram)
{
    if (shape == &SHAPE_NETFLOW5) {
        stamp_netflow5(datagram->data, exporter->sequence, moment);
        exporter->sequence += datagram->flows;
    } else if (shape == &SHAPE_NETFLOW9) {
        stamp_netflow9(datagram->data, exporter->sequence++, moment, datagram);
    } else if (shape == &SHAPE_IPFIX) {
        // RFC 7011, section 3.1: data records, options among them
        stamp_ipfix(datagram->data, exporter->sequence, moment, datagram);
        exporter->sequence += (uint32_t)datagram->flows + datagram->options;
    } else {
        stamp_sflow(datagram->data, exporter, moment);
        exporter->sequence++;
    }
}

static size_t octets_offset(const struct record_layout *layout, size_t *len)
{
    size_t offset = 0;
    size_t i = 0;
    while (layout->elements[i].id != ELEMENT_OCTETS)
        offset += layout->elements[i++].len;
    *len = layout->elements[i].len;
    return offset;
}

static void stamp_records(struct feed *feed, uint32_t turn, uint8_t *at)
{
    const struct shape *shape = feed->shape;
    for (size_t b = 0; b < shape->block_count; b++) {
        const struct block *block = &shape->blocks[b];
        uint8_t *record = shape->has_templates ? at + 4 : at;
        size_t len = 0;
        size_t offset = octets_offset(block->layout, &len);
        if (shape->has_templates)
            put(at, 2, template_id(shape, turn, b));
        for (size_t i = 0; feed->unique && i < block->records; i++)
            put(record + i * block->layout->len + offset, len, feed->flows + i + 1);
        feed->flows += block->records;
        at += block_len(shape, block);
    }
}

void feed_stamp(struct feed *feed, struct feed_exporter *exporter, uint64_t now_ns,
                struct feed_datagram *datagram)
{
    const struct moment moment = {
        .seconds = now_ns / 1000000000,
        .nanoseconds = now_ns % 1000000000,
        .uptime_ms = UPTIME_MS + (now_ns - feed->started_ns) / 1000000,
    };
    stamp_header(exporter, &moment, feed->shape, datagram);
    if (datagram->templates != 0)
        return;
    stamp_records(feed, exporter->turn, datagram->data + feed->shape->header_len);
    if (++exporter->turn == feed->template_count)
        exporter->turn = 0;
}
