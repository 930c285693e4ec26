// What the keeper saves at one moment: copies of all lanes, and their two files.
//
// The keeper's thread.
#pragma once

#include "collector/lane.h"
#include "collector/monitor/survey.h"
#include "collector/keep/terms_copy.h"

struct keeper_page {
    unsigned count; // of lanes
    struct terms_copy *terms[LISTEN_SOCKETS_MAX];
    struct survey *templates[LISTEN_SOCKETS_MAX];
};

// Copies of the running lanes, from all at once: terms first, since they tell whether anything has
// changed. False when not all of them answered until that time of CLOCK_MONOTONIC.
bool keeper_page_ask_terms(struct keeper_page *page, struct lane *const *lanes, unsigned count,
                           const struct timespec *until);
bool keeper_page_ask_templates(struct keeper_page *page, struct lane *const *lanes,
                               const struct timespec *until);

// Copies of lanes whose threads have ended. False without memory.
bool keeper_page_take(struct keeper_page *page, struct lane *const *lanes, unsigned count);

// Replaces both files. 0, or -1 and a fault.
int keeper_page_write(struct keeper_page *page, const char *path, const char *terms_path,
                      struct fault *fault);

void keeper_page_fini(struct keeper_page *page);
