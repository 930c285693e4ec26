// The hostile corpus: files of cases, each some datagrams and what they must cost.
//
//   case NAME
//     about TEXT          what is wrong with it, or right although it looks wrong
//     scheme S            flow (default), netflow or sflow
//     from ADDRESS PORT   who sends what follows
//     at SECONDS          when what follows is received, after the first honest datagram
//     ports N             the next datagram comes N times, each time from the next port
//     send NOTATION       a datagram (notation.h)
//     cost REASON N       what the ledger counts, by its label; what is not named must stay 0
//     flows N             flows that the datagrams give all the same (default 0)
//     shows TEXT          one of these flows has this in its text
//     held N              sets still waiting for their template at the end; with it holding is on
//
// Lines that are indented deeper than the keyword before go on with it; # begins a comment. The
// number of flows without a sampling rate (sampling_unknown) is checked only where it is named.
#pragma once

#include "collector/decode/decode.h"

#define CASE_STEPS_MAX 64
#define CASE_SHOWS_MAX 8

struct case_step {
    uint8_t *data;
    size_t len;
    struct addr source;
    uint16_t port;
    unsigned ports; // how many times, each from the next port
    uint64_t at_s;
};

struct hostile_case {
    char *name;
    enum decode_scheme scheme;
    struct case_step steps[CASE_STEPS_MAX];
    unsigned step_count;
    uint64_t costs[REASON_COUNT];
    bool cost_named[REASON_COUNT];
    uint64_t flows;
    char *shows[CASE_SHOWS_MAX];
    unsigned show_count;
    bool holds;
    uint64_t held;
};

struct case_list {
    struct hostile_case *cases;
    size_t count;
};

// Reads a file and adds its cases. A mistake in the file ends the program with file:line.
void case_read(struct case_list *list, const char *path);

// All files named *.txt of a directory, in the order of their names.
void case_read_directory(struct case_list *list, const char *path);

void case_free(struct case_list *list);
