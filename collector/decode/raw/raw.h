// -produce raw: datagrams as they were sent, decoded but not made into flows, with goflow2's names.
//
// Each datagram that the decoder takes becomes one message, in JSON all that it says and in text a
// line about it. A message takes the place of a flow in the ledger; the decoder goes on as always,
// and keeps the only templates, but its flows are not counted and go nowhere: give it an emit that
// does nothing. A set whose template is not known is shown as bytes at once, so it is of no use to
// hold it. One thread.
#pragma once

#include "collector/decode/decode.h"

// A message of one datagram is at most so long; a larger one is dropped and counted as
// REASON_OUTPUT_TOO_LARGE. The largest datagram fits with elements of four bytes and more.
#define RAW_BYTES_MAX (1u << 20)

enum raw_kind {
    RAW_OFF,
    RAW_JSON,
    RAW_TEXT,
};

// Takes one message. The flow has its type, sampler address and time of receipt; all is valid for
// the call.
typedef void raw_emit(void *user, const struct flow *flow, const char *bytes, size_t len);

struct raw_options {
    enum raw_kind kind;      // not RAW_OFF
    struct decoder *decoder; // borrowed, as is its ledger
    struct ledger *ledger;
    raw_emit *emit;
    void *user;
};

struct raw;

// NULL only without memory.
struct raw *raw_new(const struct raw_options *options);
void raw_free(struct raw *raw); // NULL is allowed

// In the place of decoder_run.
void raw_run(struct raw *raw, enum decode_scheme scheme, const struct datagram *datagram);
