// The senders whose datagrams are refused, of all lanes as one list, and what to do about each.
#pragma once

#include "collector/listener.h"
#include "collector/monitor/survey.h"
#include "common/base/buf.h"

#include <stdio.h>

#define STRANGER_TEXT_MAX 256

struct stranger_list {
    struct stranger *items; // each once, the latest first
    size_t count;
    size_t left_out;
};

// Merges the surveys. 0, or -1 without memory; free it with stranger_list_fini.
int stranger_list_init(struct stranger_list *list, struct survey *const *surveys, unsigned count,
                       size_t room);
void stranger_list_fini(struct stranger_list *list);

// "192.0.2.1: 30 datagrams of NetFlow v9 at sflow://:6343: send them to port 2055".
const char *stranger_text(char room[static STRANGER_TEXT_MAX], const struct stranger *one,
                          const struct listener *listeners, int listener_count);

// "NetFlow v9"; "send them to port 2055".
const char *stranger_payload_text(char room[static 32], const struct stranger *one);
const char *stranger_advice(char room[static 128], const struct stranger *one,
                            const struct listener *listeners, int listener_count);

// A table of lines with a title, nothing without items; a value of JSON.
void stranger_put_text(FILE *out, const struct stranger_list *list,
                       const struct listener *listeners, int listener_count);
void stranger_put_json(FILE *out, const struct stranger_list *list,
                       const struct listener *listeners, int listener_count);
