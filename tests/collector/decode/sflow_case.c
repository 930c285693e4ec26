#include "tests/collector/decode/sflow_case.h"

void put(struct writer *w, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        w->data[w->len++] = (uint8_t)(value >> shift);
}

void put_hex(struct writer *w, const char *text)
{
    struct bytes bytes = bytes_hex(text);
    memcpy(w->data + w->len, bytes.data, bytes.len);
    w->len += bytes.len;
    free(bytes.data);
}

struct writer *start(uint32_t samples)
{
    struct writer *w = calloc(1, sizeof *w);
    assert_non_null(w);
    put_hex(w, "00000005 00000001 0a090807 00000000 00000007 000003e8");
    put(w, samples);
    return w;
}

size_t put_begin(struct writer *w, uint32_t format)
{
    put(w, format);
    put(w, 0);
    return w->len;
}

void put_end(struct writer *w, size_t begun)
{
    size_t end = w->len;
    w->len = begun - 4;
    put(w, (uint32_t)(end - begun));
    w->len = end;
    while (w->len % 4 != 0)
        w->data[w->len++] = 0;
}

size_t begin_flow(struct writer *w, uint32_t input, uint32_t output, uint32_t records)
{
    size_t sample = put_begin(w, 1);
    put_hex(w, "00000001 00000100 000003e8 00000000 00000000");
    put(w, input);
    put(w, output);
    put(w, records);
    return sample;
}

size_t begin_expanded(struct writer *w, const char *interfaces, uint32_t records)
{
    size_t sample = put_begin(w, 3);
    put_hex(w, "00000001 00000000 00000100 000003e8 00000000 00000000");
    put_hex(w, interfaces);
    put(w, records);
    return sample;
}

void put_record(struct writer *w, uint32_t format, const char *hex)
{
    size_t record = put_begin(w, format);
    put_hex(w, hex);
    put_end(w, record);
}

void put_good_flow(struct writer *w)
{
    size_t sample = begin_flow(w, 3, 4, 1);
    put_record(w, 1, RAW_ETHERNET);
    put_end(w, sample);
}

static void keep(void *user, struct flow *flow)
{
    struct result *result = user;
    if (result->count < RESULTS_MAX)
        result->flows[result->count] = *flow;
    result->count++;
    result->ledger.flows_delivered++;
}

struct result *decode(const uint8_t *data, size_t len)
{
    struct result *result = calloc(1, sizeof *result);
    assert_non_null(result);
    result->bytes = bytes_copy(data, len);
    struct datagram datagram = {
        .data = result->bytes.data, .len = len, .port = 50000, .received_ns = RECEIVED_NS};
    const struct decode_options options = {.hash_seed = 1};
    struct decoder *decoder = decoder_new(&options, &result->ledger, keep, result);
    assert_non_null(decoder);
    decoder_run(decoder, DECODE_SFLOW, &datagram);
    decoder_free(decoder);
    assert_true(ledger_balanced(&result->ledger));
    assert_int_equal(result->ledger.flows_made, result->count);
    return result;
}

struct result *finish(struct writer *w)
{
    struct result *result = decode(w->data, w->len);
    free(w);
    return result;
}

void done(struct result *result)
{
    free(result->bytes.data);
    free(result);
}

void assert_reason(const struct result *result, enum reason reason, uint64_t count)
{
    assert_int_equal(result->ledger.reasons[reason], count);
}
