// A daemon's settings: flags over variables over a file, over the defaults.
//
//   -transport.nats.stream flows                 a flag
//   GOFLOW2PLUS_TRANSPORT_NATS_STREAM=flows      a variable: capitals, _ for dots and dashes
//   transport.nats: {stream: flows}              a line of the yaml file that -config names
//
// Read once, in the main thread, before the others start; afterwards any thread may look. Texts of
// files are owned by it, those of flags and variables by the process.
#pragma once

#include "common/base/buf.h"
#include "common/base/options.h"

#include <stdint.h>

#define SETTINGS_ROWS_MAX    160
#define SETTINGS_SECRET_MAX  65536 // bytes of a file that holds a value
#define SETTINGS_STRANGE_MAX 8     // unknown variables that are told of

enum settings_layer {
    SETTINGS_DEFAULT,
    SETTINGS_FILE,
    SETTINGS_VARIABLE,
    SETTINGS_FLAG,
};

// Where a value came from.
struct settings_origin {
    enum settings_layer layer;
    unsigned line; // of the file
};

struct settings_text;

struct settings {
    struct option rows[SETTINGS_ROWS_MAX]; // filled by the caller, as is `prefix`
    size_t count;
    const char *prefix; // of variables: "GOFLOW2PLUS_"
    const char *config; // path of the file; "": none. Set by settings_begin
    struct settings_origin origins[SETTINGS_ROWS_MAX];
    const char *strange[SETTINGS_STRANGE_MAX]; // NAME=VALUE that no option goes by
    size_t strange_count;
    bool rest_secret; // the first argument not taken may be the rest of a password
    struct settings_text *texts;
};

// Begins a table, whose first row is -config.
void settings_begin(struct settings *settings, const char *prefix);
void settings_end(struct settings *settings);

// Reads everything into the targets. Secrets given as flags are made unreadable in argv, which
// other users can see. With OPTIONS_BAD and OPTIONS_FAULTY_FILE stderr has a line for each thing
// that is wrong: a flag that is none, a value of the wrong kind, an argument that is no flag.
enum options_result settings_read(struct settings *settings, int argc, char *const argv[],
                                  char *const environment[]);

// Logs each setting that was given, whose name begins with the prefix, and that has no effect
// without what `wanted` names ("-transport=nats").
void settings_warn_unused(const struct settings *settings, const char *prefix, const char *wanted);

// Logs variables that begin with the prefix and are none: not an error, since whoever starts
// processes may set others.
void settings_warn(const struct settings *settings);

// Says on stderr what is wrong with the value that the option has, and where it came from:
// "flows.yaml:3: format: ...". Always returns -1.
int settings_complain(const struct settings *settings, const char *name, const char *what);

// The same in the words "got ..., wanted ...".
int settings_refuse(const struct settings *settings, const char *name, const char *wanted, ...)
    __attribute__((format(printf, 3, 4)));

// Writes one line for each setting that is not the default: its name, value and origin.
void settings_put(const struct settings *settings, struct buf *out);
