// The subject of a message: a pattern with fields of its flows in braces.
//
//   flows.{type}.{sampler_address}.{key:16}
//
// A field stands for one token: its value as text, bytes that mean something in a subject (or
// little to a shell) replaced by '-', "none" when the flow has no value. {key:N} is the partition
// key modulo N. Only what a packet says may be named: a name or an AS from a database would send a
// message that comes again to another subject after a reload.
//
// Parsed once, immutable afterwards: any thread may render. https://docs.nats.io, subjects
#pragma once

#include "common/base/fault.h"
#include "common/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBJECT_TEXT_MAX   256 // of a pattern and of a subject, final NUL included
#define SUBJECT_PIECES_MAX 17

enum subject_kind {
    SUBJECT_LITERAL,
    SUBJECT_FIELD,
    SUBJECT_KEY,
};

struct subject_piece {
    enum subject_kind kind;
    uint32_t modulus;      // SUBJECT_KEY
    enum flow_field field; // SUBJECT_FIELD
    uint16_t begin;        // SUBJECT_LITERAL: in the pattern's text
    uint16_t len;
};

struct subject {
    bool wants_fields; // a flow is needed to render it
    bool wants_key;
    unsigned count;
    struct subject_piece pieces[SUBJECT_PIECES_MAX];
    char text[SUBJECT_TEXT_MAX];     // as given
    char wildcard[SUBJECT_TEXT_MAX]; // '*' where it varies: what a stream must be bound to
};

// 0, or -1 and the fault says what, got and wanted.
int subject_parse(struct subject *out, const char *text, struct fault *fault);

// Writes the subject of that flow, with a final NUL; returns its length. `flow` may be NULL when
// the pattern names no field.
size_t subject_render(const struct subject *subject, const struct flow *flow, uint32_t key,
                      char out[static SUBJECT_TEXT_MAX]);

// Whether everything that `inner` matches is matched by `outer` too ('*' and '>' in both).
bool subject_covers(const char *outer, const char *inner);

// Whether there is a subject that both match.
bool subject_meets(const char *one, const char *other);
