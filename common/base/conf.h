// YAML files read through a schema table, one object at a time: nothing but the current item of a
// list is held in memory, and every error says file:line.
//
// A fault of a value does not end the reading: the value is passed over, and so is the object that
// it stands in, so that one look at a file finds all of its faults. What is no YAML ends it. The
// last fault is handed back, the ones before it are errors in the log.
//
// Mappings with fixed keys have a conf_schema; a key that is in none is an error unless it says so.
// Anchors, aliases and more than one document are refused. One thread at a time.
#pragma once

#include "common/base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A scalar as it was written; text is NULL when the key was not given, and has no inner NUL.
struct conf_text {
    const char *text;
    size_t len;
    unsigned line;
};

// A number, or a boolean as 0 and 1; line is 0 when the key was not given.
struct conf_number {
    int64_t value;
    unsigned line;
};

struct conf_list {
    const struct conf_text *items;
    size_t count;
};

struct conf_pair {
    struct conf_text key;
    struct conf_text value;
};

struct conf_map {
    const struct conf_pair *items;
    size_t count;
};

#define CONF_MAP_MAX    1024 // keys of one CONF_MAP
#define CONF_FAULTS_MAX 20   // faults of a file that are said one by one

enum conf_kind {
    CONF_TEXT,    // struct conf_text
    CONF_NUMBER,  // struct conf_number: decimal, hexadecimal with 0x, optional minus
    CONF_BOOL,    // struct conf_number
    CONF_TEXTS,   // struct conf_list: [a, b]
    CONF_MAP,     // struct conf_map: {any: text}
    CONF_OBJECT,  // a struct of its own, embedded at the offset
    CONF_OBJECTS, // a list of objects, each handed to its schema's `done`; nothing at the offset
    CONF_SKIP,    // anything; it is not looked at
};

// What a key does that its schema does not have.
enum conf_unknown {
    CONF_UNKNOWN_FAILS,
    CONF_UNKNOWN_WARNS,  // is logged and passed over with its value
    CONF_UNKNOWN_PASSES, // only the latter
};

struct conf_schema;

struct conf_field {
    const char *name;
    enum conf_kind kind;
    size_t offset;                // in the object
    const struct conf_schema *of; // CONF_OBJECT, CONF_OBJECTS
};

struct conf;

struct conf_schema {
    const char *what; // "network", for messages
    const struct conf_field *fields;
    size_t field_count; // at most 64
    size_t size;        // of the object
    // Called when an object is complete and no value of its own has a fault (that of an object in
    // it is the other one's), with the line it begins on. All that the object points to is
    // borrowed for this call. 0, or -1 after conf_fail, once for each fault. May be NULL.
    int (*done)(struct conf *conf, void *object, unsigned line);
    // Where unknown keys do not fail, as in files that were made for another program, a key without
    // a value counts as not given.
    enum conf_unknown unknown;
};

// Reads the file into `object` (zeroed first) by way of the schema's `done`. 0, or -1 with the
// fault filled. `context` is what conf_context gives to the functions called.
int conf_read(const char *path, const struct conf_schema *schema, void *object, void *context,
              struct fault *fault);

void *conf_context(const struct conf *conf);
const struct fault *conf_fault(const struct conf *conf);

// Whether there was a fault so far.
bool conf_failed(const struct conf *conf);

// Takes the fault back that was filled last: it was said otherwise, and is none.
void conf_withdraw(struct conf *conf);

const char *conf_path(const struct conf *conf);

// Fills the fault with "path:line: ...", the one that was there is logged. Always returns -1.
int conf_fail(struct conf *conf, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Logs a warning of the same shape; the file is read on.
void conf_warn(const struct conf *conf, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
