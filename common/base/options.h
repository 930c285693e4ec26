// Command line flags in the manner of Go's flag package, as a table.
//
// One or two dashes are the same, -x v or -x=v, booleans only as -x or -x=true|false|1|0|t|f...; no
// abbreviations; of a repeated flag the last one wins; parsing stops at the first other argument
// or at "--".
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
    OPTION_STRING,      // const char *, never NULL
    OPTION_BOOL,        // bool
    OPTION_INT,         // int64_t
    OPTION_BYTES,       // uint64_t, with an optional KiB, MiB, GiB (or k, m, g)
    OPTION_DURATION_NS, // int64_t, Go syntax: 300ms, 10s, 1m30s, 2h, 0
    OPTION_SECRET,      // const char *; never shown, and NAME.file reads it from a file
    OPTION_URLS,        // const char *; who logs in by it, and queries, are not shown; NAME.file
    OPTION_ACTION,      // bool, something to do instead of running: a flag only
    OPTION_ABSENT,      // no target; names that begin so are refused, with the help as the reason
};

struct option {
    const char *name; // without dashes
    enum option_kind kind;
    void *target;      // holds the default when parsing starts
    const char *help;  // one or more lines; a word in `backquotes` names the value
    const char *group; // heading it stands under in -h; NULL: that of the option before
};

enum options_result {
    OPTIONS_OK = 0,
    OPTIONS_HELP = 1,         // -h or -help
    OPTIONS_BAD = -1,         // one line on stderr said what and the nearest valid flag: exit 2
    OPTIONS_FAULTY_FILE = -2, // it said what is wrong with a file: exit 1
};

// One value as it was given.
struct option_given {
    const struct option *option;
    const char *text;
    bool in_file; // NAME.file: the text is the path of a file that holds it
};

// Whether the option's value may hold a password: no message shows it as it is.
bool option_is_secret(const struct option *option);

// The option that a name stands for, its text left open. False when there is none.
bool option_find(const struct option *options, size_t count, const char *name, size_t len,
                 struct option_given *given);

// Why there is no option of that name; NULL: nothing is known.
const char *option_absence(const struct option *options, size_t count, const char *name);

// Reads argv[1..argc-1] and visits each flag, whose text is one of its kind; *rest is the index of
// the first argument not taken. A flag that is none, a text of another kind and a visit that
// returns anything but OPTIONS_OK have said why; the others are read all the same, up to a -h.
typedef enum options_result options_visit(void *user, const struct option_given *given);
enum options_result options_walk(const struct option *options, size_t count, int argc,
                                 char *const argv[], int *rest, options_visit *visit, void *user);

// Reads argv[1..argc-1] into the targets; *rest is the index of the first argument not taken.
enum options_result options_parse(const struct option *options, size_t count, int argc,
                                  char *const argv[], int *rest);

// Writes the help text: the synopsis, then the options by group with their defaults.
void options_help(const struct option *options, size_t count, const char *synopsis, int fd);
