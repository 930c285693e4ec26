// A copy of what one lane remembers, made by its owner between two batches: its books, the busiest
// exporters and senders, and its templates.
//
// Who asks makes the room, so that the owner only copies. A survey that the owner did not get to in
// time is the lane's to free; the asker makes a new one.
#pragma once

#include "collector/errand.h"

#define SURVEY_UNUSED_MAX 32

struct survey_exporter {
    struct exporter exporter; // a copy: what it points to is not to be followed
    bool flows_elsewhere;     // another domain of the address sends flows
    size_t templates;
    struct template_field unused[SURVEY_UNUSED_MAX]; // elements that it sends and no field takes
    unsigned unused_count;
};

struct survey_sender {
    struct addr source;
    unsigned listener;
    struct traffic_counts counts;
};

// One template, with its fields behind it.
struct survey_template {
    struct domain_key key;
    uint16_t id;
    bool options;
    uint16_t field_count;
    uint16_t scope_count;
    struct template_life life;
};

// How much is copied.
struct survey_limits {
    size_t exporters;
    size_t senders;
    size_t strangers; // STRANGERS_MAX or 0
    size_t template_bytes;
    bool unused; // of the exporters, elements not used
};

struct survey {
    struct errand errand;
    struct survey_limits limits;
    struct lane_report report;

    struct survey_exporter *exporters; // those with the most datagrams
    size_t exporter_count;
    size_t exporters_seen;                       // of all there are
    struct exporter_sums others[EXPORTER_TYPES]; // of those left out and of those given up

    struct survey_sender *senders;
    size_t sender_count;
    struct traffic_counts other_senders[LISTEN_URIS_MAX];

    struct stranger *strangers;
    size_t stranger_count;

    char *templates; // survey_template_at
    size_t templates_len;
    size_t templates_left_out;
    void *scratch;
};

// NULL without memory.
struct survey *survey_new(const struct survey_limits *limits);
void survey_free(struct survey *survey);

// The template at that offset, its fields in *fields; moves the offset on. False at the end.
bool survey_template_at(const struct survey *survey, size_t *offset, struct survey_template *out,
                        const struct template_field **fields);
