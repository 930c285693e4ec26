// A yaml file as the events of its parser; for conf*.c only.
#pragma once

#include "common/base/conf.h"

#include <stdbool.h>
#include <yaml.h>

#define CONF_DEPTH_MAX 64 // lists and mappings in each other
#define CONF_QUOTE_MAX 60 // characters of a value that a message repeats

struct chunk;

struct conf {
    yaml_parser_t parser;
    yaml_event_t event; // the current one
    const char *path;
    struct fault *fault;
    void *context;
    unsigned depth;       // lists and mappings begun and not ended
    unsigned fault_count; // the last one is in the fault, those before it were logged
    bool broken;          // nothing behind the current event can be read
    struct chunk *chunk;  // memory of the objects that are read, see conf.c
};

// Opens the file and calls `body` at the first event of its only document; the body ends at the
// last one, or returns -1. It is not called for a file that `may_be_empty`. 0, or -1 with the fault
// filled: then there was one, whatever the body returned.
typedef int conf_body(struct conf *conf, void *user);
int conf_run(struct conf *conf, bool may_be_empty, conf_body *body, void *user);

// Moves on to the next event: 0, or -1 with the fault filled, and so ever after. Deep nesting is a
// fault: the time that the parser takes grows with its square.
int conf_next(struct conf *conf);

// Moves on to the end of the value that stands at that depth, wherever in it the current event is.
// 0, or -1 when the file is broken.
int conf_end_value(struct conf *conf, unsigned depth);

// Fails because there is no memory; nothing behind it is read. Always returns -1.
int conf_no_memory(struct conf *conf);

// The line of the current event.
unsigned conf_line(const struct conf *conf);

// Whether it is a scalar that stands for no value.
bool conf_is_nothing(const yaml_event_t *event);

// Fails because the value of `name` that is here should be something else. Always returns -1.
int conf_wrong_type(struct conf *conf, const char *name, const char *wanted);
