// Reads the files of what was learnt of exporters: a JSON object of exporters ("<ip:port>"), each
// an object of what was learnt of it, by the names of domains or templates.
//
// No state; any thread.
#pragma once

#include "collector/decode/domain.h"
#include "common/base/fault.h"

#include <jansson.h>

// Where the reading is.
struct state_place {
    const char *path;
    const char *router;       // the exporter
    const char *key;          // the member of its object
    struct domain_key domain; // source and port of the exporter; the rest is the reader's to set
    struct fault *fault;
};

// Takes one member. 0, or -1 and a fault: the reading ends.
typedef int state_entry(struct state_place *at, const json_t *entry, void *user);

// Takes every member of every exporter, in the order of the file. 0, also for no text at all, or -1
// and a fault that says where, as path:line:column or by the names of the members.
int state_file_read(const char *path, const char *text, size_t len, struct fault *fault,
                    state_entry *take, void *user);

// -1, and the fault that this member of the entry is not what is wanted.
int state_refuse(const struct state_place *at, const char *member, const char *wanted);

// A decimal number of at most `most` with the character `end` behind it, which *at is moved past.
bool state_number(const char **at, char end, uint64_t most, uint64_t *out);

// "<version>/<domain>" with the character `end` behind it, into the place's key, as state_number.
bool state_domain(struct state_place *place, const char **at, char end);
