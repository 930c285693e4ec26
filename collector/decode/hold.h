// Data sets that came before their template, kept until it comes.
//
// A restarted collector knows no templates; exporters repeat theirs every few minutes. What they
// send meanwhile is held, bounded per exporter, in all, and in time, and decoded when the template
// is there. When all is full, an exporter with a history takes the place of the oldest set; what
// others send is dropped as before. One thread.
#pragma once

#include "common/base/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exporter;

struct hold_limits {
    size_t exporter_bytes; // 0: nothing is held
    size_t total_bytes;
    uint64_t time_ns;
};

// What decoding needs to know of the message that the set stood in.
struct held_message {
    uint64_t received_ns;
    uint64_t export_ns;
    uint32_t uptime_ms;
    uint32_t sequence;
    uint16_t port;
};

struct held {
    struct held *newer; // of all
    struct held *older;
    struct held *next; // of its exporter, in order of arrival
    struct held *previous;
    struct exporter *exporter;
    struct held_message message;
    enum reason reason; // counted when it is dropped
    uint16_t set_id;
    uint16_t len;
    uint8_t data[]; // the set without its header
};

// Embedded in struct exporter.
struct held_list {
    struct held *first;
    struct held *last;
    size_t count;
    size_t bytes;
};

struct hold {
    struct hold_limits limits;
    struct ledger *ledger; // units_held; reasons of what is dropped
    struct held *oldest;
    struct held *newest;
    size_t bytes;
};

// Copies a set. False when it does not fit: drop it then.
bool hold_put(struct hold *hold, struct exporter *exporter, const struct held_message *message,
              enum reason reason, uint16_t set_id, const uint8_t *data, size_t len);

// Ends the holding of a set that was decoded.
void hold_release(struct hold *hold, struct held *held);

// Drops what has been held for too long; all of an exporter's; everything, uncounted.
void hold_expire(struct hold *hold, uint64_t now_ns);
void hold_drop_exporter(struct hold *hold, struct exporter *exporter);
void hold_fini(struct hold *hold);
