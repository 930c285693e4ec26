// What an exporter's options said of its sampling: rates, and what each of them holds for.
//
// A rate holds for what the scope of its options record named (RFC 3954, section 6.1; RFC 7011,
// section 3.4.2.1) and for the selector in it; for all records when that was the exporter itself.
// Bounded: SAMPLING_ROWS_MAX rows of SAMPLING_KINDS_MAX different kinds of scope. What more than
// that is said is not kept. Embedded by its owner. One thread.
#pragma once

#include "collector/decode/sampling.h"

#define SAMPLING_ROWS_MAX  512
#define SAMPLING_KINDS_MAX 8

// What a row is bound to; none of them: all records.
enum sampling_name {
    SAMPLING_SELECTOR = 1,
    SAMPLING_TEMPLATE = 2,
    SAMPLING_INGRESS = 4,
    SAMPLING_EGRESS = 8,
    SAMPLING_INTERFACE = 16, // in `ingress`: of either direction, as v9 names them
    SAMPLING_CARD = 32,
    SAMPLING_DOMAIN = 64, // another one than the options' own, in `card`; 0: each of the others

    SAMPLING_NAMES = 128,
    SAMPLING_INTERFACES = SAMPLING_INGRESS | SAMPLING_EGRESS | SAMPLING_INTERFACE,
};

struct sampling_row {
    uint64_t selector;
    uint64_t rate; // never 0
    uint32_t ingress;
    uint32_t egress;
    uint32_t card;
    uint16_t template_id;
    uint8_t names; // of enum sampling_name; what is not named is 0
    uint8_t unused;
};

// Templates whose rates are remembered; most exporters use two, one for each IP version.
#define SAMPLING_MEMOS 4

// What was found last for a record that names no card and no interface.
struct sampling_memo {
    bool valid;
    bool has_selector;
    uint16_t template_id;
    uint64_t selector;
    uint64_t rate;
};

struct sampling_table {
    uint64_t last;    // rate that was said, 0: none
    uint64_t told_ns; // to other decoders, Unix time
    bool borrowed;    // another collector says so; the exporter has not, to us
    uint8_t kind_count;
    uint8_t kinds[SAMPLING_KINDS_MAX]; // the different `names` of rows, the closest ones first
    uint16_t count;
    uint16_t room;                             // for so many rows
    struct sampling_memo memo[SAMPLING_MEMOS]; // by template
    struct sampling_row row[];                 // in order
};

// How large a table with so much room is.
static inline size_t sampling_bytes(unsigned room)
{
    return sizeof(struct sampling_table) + room * sizeof(struct sampling_row);
}

void sampling_clear(struct sampling_table *table);

// Takes a row, in place of one for the same. True when that changed what is known. A new row needs
// room, unless there are SAMPLING_ROWS_MAX.
bool sampling_put(struct sampling_table *table, const struct sampling_row *row);

// Whether both say the same rates.
bool sampling_agrees(const struct sampling_table *a, const struct sampling_table *b);

// Whether rows are bound to one of these names.
bool sampling_has(const struct sampling_table *table, unsigned names);

// Whether a row for a selector is there, of the domain's own (0) or of other ones
// (SAMPLING_DOMAIN).
bool sampling_has_selectors(const struct sampling_table *table, unsigned foreign);

// What a record says of where it was sampled, besides its terms.
struct sampling_place {
    uint32_t in_if;
    uint32_t out_if; // 0: not known
    uint16_t template_id;
    uint32_t domain; // of records of another domain than the table's: that one,
    uint8_t foreign; // SAMPLING_DOMAIN then, else 0
};

// The rate for a record with these terms, which say none themselves: of the row bound to most of
// what the record is; 0 when none is known. A selector that the table does not have has no rate,
// unless the table has no selectors; of what a record does not name (a selector, a line card,
// interfaces), all rows have to agree.
uint64_t sampling_find(struct sampling_table *table, const struct sampling_terms *terms,
                       const struct sampling_place *place);
