// Templates of NetFlow v9 (RFC 3954, section 5) and IPFIX (RFC 7011, section 3.4): the layout of
// the records that an exporter sends, as it announced it.
#pragma once

#include "common/base/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPLATE_FIELDS_MAX 1024   // fields of one template; more is refused
#define TEMPLATE_VARIABLE   0xffff // field length: the record says it (RFC 7011, section 7)

// The two protocols differ in a few words of their layout.
enum template_dialect {
    TEMPLATE_V9 = 9,
    TEMPLATE_IPFIX = 10,
};

struct template_field {
    uint16_t element; // without the enterprise bit
    uint16_t length;
    uint32_t enterprise; // 0: IANA's, or any of v9
};

struct mapping;
struct plan;

// Its life, kept by whoever decodes; whoever has the template may write it. Unix time.
struct template_life {
    uint64_t announced; // how often
    uint64_t added_ns;
    uint64_t updated_ns; // announced last
    uint64_t used_ns;    // by a data set
    uint64_t told_ns;    // to other decoders
    bool borrowed;       // another collector says so; the exporter has not, to us
};

// One allocation with its fields behind it.
struct template
{
    uint16_t id;
    bool options;
    uint16_t field_count;
    uint16_t scope_count;       // options: the first fields, the record's scope
    bool variable;              // some field is of variable length
    bool post_is_reverse;       // 23 and 24 count the way back (biflow.h); for template_map
    bool used;                  // lately; the mark of template_table.h
    uint32_t min_len;           // of a record: its very length unless variable
    uint64_t layout;            // the same for templates of the same layout
    struct plan *plan;          // of a data template; owned
    struct template_life *life; // owned
    struct template_field fields[];
};

enum template_result {
    TEMPLATE_PARSED,
    TEMPLATE_WITHDRAWN, // IPFIX, field count 0 (RFC 7011, section 8.1); *id says which
    TEMPLATE_PADDING,   // only zeros follow
    TEMPLATE_BAD,       // cut short, reserved id, no or too many fields
};

// Reads the next template record of a (options) template set. With TEMPLATE_PARSED *out is new and
// the caller's. After TEMPLATE_BAD nothing more can be read from the set.
enum template_result template_parse(struct cursor *set, enum template_dialect dialect, bool options,
                                    struct template **out, uint16_t *id);

// Compiles a data template again, for that mapping (NULL: none), which is borrowed for as long as
// it is not compiled for another. 0, or -1 without memory: the plan is as it was.
int template_map(struct template *template, enum template_dialect dialect,
                 const struct mapping *mapping);

void template_free(struct template *template); // its plan too; NULL is allowed

bool template_same_layout(const struct template *a, const struct template *b);

size_t template_bytes(const struct template *template);

// Takes one field's value out of a record: a cursor over it, failed at the record's end.
struct cursor template_value(const struct template_field *field, struct cursor *record);
