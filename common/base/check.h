// What -check does: the daemon's parts say what they would do, without doing it, and log what is
// wrong with what they were told. No state; main thread.
#pragma once

#include "common/base/buf.h"
#include "common/base/settings.h"

// The report under construction; a part that fails logs why, and the others are checked all the
// same.
struct check {
    struct buf out;
    bool failed;
    bool connects; // servers are tried; false until the caller says so
    bool away;     // one of them cannot be had
};

// False without memory.
bool check_begin(struct check *check, const struct settings *settings);

// A heading, and a line below it.
void check_heading(struct check *check, const char *name);
void check_line(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Logs what is wrong with the value of a setting.
void check_fail(struct check *check, const struct settings *settings, const char *name,
                const char *what);

// Fails unless the file can be read; unless it can be written or made, with as many missing folders
// above it as the daemon makes.
void check_readable(struct check *check, const struct settings *settings, const char *name,
                    const char *path);
void check_writable(struct check *check, const struct settings *settings, const char *name,
                    const char *path, unsigned folders);

// The HTTP server at -addr; "": none.
void check_pages(struct check *check, const char *address);

// Logs that the server of a setting cannot be had: it would be waited for.
void check_away(struct check *check, const struct settings *settings, const char *name,
                const char *what);

// Prints the report on stdout. The exit status: 0 or 1.
int check_end(struct check *check);
