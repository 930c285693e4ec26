// Sequence numbers of one stream of datagrams: what is missing, came twice or came late.
//
// What a number counts differs. NetFlow v9 (RFC 3954, section 5.1) and sFlow count datagrams,
// NetFlow v5 and IPFIX (RFC 7011, section 3.1) the records sent before; but there are exporters of
// IPFIX that count datagrams, of v9 that count flows, those that count templates or leave options
// out, those that give a datagram the number behind its own records, and those whose observation
// domains share one number. So the rule is found out: all of SEQUENCE_RULES are held against the
// stream, and where another one keeps explaining what the present one does not, it takes its place.
//
// A gap is a loss only when the rule goes on to hold behind it, and when other rules that explain
// the gap have failed. Numbers are 32 bits and wrap.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_RECENT_MAX 32 // datagrams behind the newest that may still come, or come again

enum sequence_count {
    SEQUENCE_DATAGRAMS,
    SEQUENCE_RECORDS, // data records, of options too
    SEQUENCE_FLOWS,   // data records but for those of options
    SEQUENCE_ALL,     // data records and templates
    SEQUENCE_DATA_DATAGRAMS,
    SEQUENCE_COUNTS,
};

// A rule is what is counted, | SEQUENCE_OWN, | SEQUENCE_SHARED.
#define SEQUENCE_OWN     8  // a datagram's number counts its own units, too
#define SEQUENCE_SHARED  16 // one number for all domains of an address and port
#define SEQUENCE_RULES   32
#define SEQUENCE_NOTHING 32 // numbers never change: nothing can be told of losses
#define SEQUENCE_NO_RULE 40 // numbers follow none of the rules: likewise

// What a datagram may move the number by.
struct sequence_step {
    uint16_t flows; // data records
    uint16_t options;
    uint16_t templates;
    bool unknown; // sets could not be decoded: only datagrams can be counted
};

// The datagram that is furthest on.
struct sequence_head {
    uint32_t number;
    struct sequence_step step;
    bool started;
};

// Where the stream of an address and port is, if its domains share a number.
struct sequence_shared {
    struct sequence_head head;
    uint32_t owed; // units that came late to another domain than the one that missed them
};

struct sequence {
    uint64_t taken; // units that came
    uint64_t lost;  // units never seen; those that come late are taken off again
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t resets; // the exporter began anew
    struct sequence_head head;
    uint32_t pending;  // lost, should the rule go on to hold
    uint32_t doubted;  // the same where another rule, which is not refuted, says that nothing is
    uint32_t refuted;  // rules that failed where the present one held
    uint32_t late_end; // where the latest late datagram leads
    uint8_t rule;
    uint8_t rule_given;              // where it begins
    uint8_t against[SEQUENCE_RULES]; // how often a rule held where the present one failed, of late
    uint8_t held;                    // how often the present one held, at most UINT8_MAX
    uint8_t failed;
    uint8_t run;      // times that it held in a row
    uint8_t same;     // times that the number was the same, in a row
    uint8_t late_run; // late datagrams in a row, each where the one before led
    bool contested;   // something is against the rule
    bool watched;     // or pending, or in doubt
    uint8_t recent_count;
    uint8_t recent_at; // where the next one goes
    uint32_t recent[SEQUENCE_RECENT_MAX];
};

// Begins with the rule of the protocol.
void sequence_begin(struct sequence *s, unsigned rule);

// Whether the datagram follows without any doubt; if so it is taken. Sequences that share a number
// never say so.
bool sequence_follow(struct sequence *s, uint32_t number, const struct sequence_step *step);

// Takes any datagram. `shared` is NULL where no number can be shared. True when the rule changed:
// what is taken and lost counts other units from now on.
bool sequence_take(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                   const struct sequence_step *step);

// Whether rules of a shared number hold, or may yet.
bool sequence_may_be_shared(const struct sequence *s);

static inline bool sequence_has_rule(const struct sequence *s)
{
    return s->rule < SEQUENCE_RULES;
}
