// Log lines on stderr, in Go's slog shapes: logfmt-like text or JSON.
//
//   log_info("starting collection", "scheme", "sflow", "port", "6343");
//
// A line is a level, a message and pairs of strings, key then value. It leaves with one write, so
// that lines of several threads do not mix. Any thread.
//
// Where stderr is the journal (systemd.exec(5), $JOURNAL_STREAM), a line begins with its priority
// (sd-daemon(3)), and text has no time of its own: the journal has one.
#pragma once

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_DEBUG = -4,
    LOG_LEVEL_INFO = 0,
    LOG_LEVEL_WARN = 4,
    LOG_LEVEL_ERROR = 8,
};

// The level below which lines are dropped; the one mutable global besides the stop flag. Set it
// before the first thread starts. `json` chooses the shape.
void log_setup(int level, bool json);

// Reads debug, info, warn or error in any case, with an optional +N or -N; errors are said at any
// level. 0, or -1.
int log_level_parse(const char *text, int *level);

// Reads normal or json. 0, or -1. goflow2 takes any other word for normal; here it is an error.
int log_format_parse(const char *text, bool *json);

bool log_enabled(int level);
bool log_is_json(void);

// The pairs end with NULL; use the macros below.
void log_pairs(int level, const char *message, ...) __attribute__((sentinel));

#define log_debug(...) log_pairs(LOG_LEVEL_DEBUG, __VA_ARGS__, (char *)0)
#define log_info(...)  log_pairs(LOG_LEVEL_INFO, __VA_ARGS__, (char *)0)
#define log_warn(...)  log_pairs(LOG_LEVEL_WARN, __VA_ARGS__, (char *)0)
#define log_error(...) log_pairs(LOG_LEVEL_ERROR, __VA_ARGS__, (char *)0)

// Room for one number or short text given to a pair: log_info("x", "n", log_number(n).text). In
// JSON a number stands without quotes; a mark in front of its digits says that it is one, so it is
// for pairs only.
struct log_text {
    char text[64];
};
struct log_text log_number(long long value);
struct log_text log_unsigned(unsigned long long value);
