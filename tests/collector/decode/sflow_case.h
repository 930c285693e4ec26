// sFlow datagrams written by hand and what sflow_decode makes of them, for its tests.
#pragma once

#include "collector/decode/decode.h"
#include "collector/decode/sflow.h"

#include "tests/collector/decode/flow_case.h"

#define RECEIVED_NS UINT64_C(1700000000123456789)
#define RESULTS_MAX 8

#define IPV4_TCP                                                                                   \
    "45200064 12344000 3f06aaaa 0a000001 0a000002 "                                                \
    "01bb c350 00000001 00000002 5018 0400 beef 0000 "
#define ETHERNET_IPV4_TCP "0200000000bb 0200000000aa 0800 " IPV4_TCP
#define RAW_ETHERNET      "00000001 0000003a 00000004 00000036 " ETHERNET_IPV4_TCP "0000"

// Own AS 65000, peer 65001; the source is of own AS unless it is given.
#define GATEWAY(source) "00000001 05050505 0000fde8 " source " 0000fde9 "

// A datagram being written; samples and records get their length and padding when they end.
struct writer {
    uint8_t data[70000];
    size_t len;
};

struct result {
    struct ledger ledger;
    size_t count;
    struct flow flows[RESULTS_MAX];
    struct bytes bytes;
};

void put(struct writer *w, uint32_t value);
void put_hex(struct writer *w, const char *text);

struct writer *start(uint32_t samples);

// A sample or a record: its format and length. Returns what put_end takes.
size_t put_begin(struct writer *w, uint32_t format);
void put_end(struct writer *w, size_t begun);

size_t begin_flow(struct writer *w, uint32_t input, uint32_t output, uint32_t records);
size_t begin_expanded(struct writer *w, const char *interfaces, uint32_t records);
void put_record(struct writer *w, uint32_t format, const char *hex);
void put_good_flow(struct writer *w);

// The books are checked after every datagram.
struct result *decode(const uint8_t *data, size_t len);
struct result *finish(struct writer *w);
void done(struct result *result);

void assert_reason(const struct result *result, enum reason reason, uint64_t count);
