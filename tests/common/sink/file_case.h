// A file sink, frames that can be checked, and files that may not grow, for tests.
#pragma once

#include "common/sink/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cmocka.h>

// Frames of 1,000 bytes that fill a ring of the least size, a pipe and a writer's buffer.
#define TOO_MANY (3 * FILE_FRAME_MAX / 1000)
#define THREADS  4

struct file_case {
    char directory[64];
    char path[96];
    char moved[96];
};

int file_case_set_up(void **state);
int file_case_tear_down(void **state);

// With newlines, and the smallest ring.
struct sink *file_case_open(const char *path, bool blocking);

void assert_balance(const struct ledger *ledger);

// A frame whose text says its number and its own length, so that a reader can check it.
int file_case_write(struct sink_writer *writer, unsigned owner, unsigned number, size_t len);

struct file_reading {
    FILE *in;
    bool slow;
    unsigned lines;
    unsigned wrong; // lines that no writer wrote so, or in that order
    unsigned last[THREADS];
};

// A thread's function of a struct file_reading; without assertions, which belong into the thread of
// the test.
void *file_case_read(void *user);

// How many lines a file has, all of which are right.
unsigned file_case_lines(const char *path);

off_t file_case_size(const char *path);

// Files of this process may grow to so many bytes: returns the limit that was.
struct rlimit file_case_limit(rlim_t bytes);
