// The exporters of all lanes as one list: each once, though several lanes may have met it.
#pragma once

#include "collector/monitor/survey.h"
#include "common/base/buf.h"

struct exporter_list {
    struct survey_exporter *items; // by address, protocol and domain
    size_t count;
    size_t left_out;
    struct exporter_sums others[EXPORTER_TYPES]; // of these, and of those given up
};

// Merges the surveys into the `room` busiest. 0, or -1 without memory; free it with
// exporter_list_fini.
int exporter_list_init(struct exporter_list *list, struct survey *const *surveys, unsigned count,
                       size_t room);
void exporter_list_fini(struct exporter_list *list);

// "NetFlow v9"; the source of its sampling rate.
const char *exporter_protocol(enum flow_type type);
const char *exporter_sampling_text(enum exporter_sampling sampling);

// What its sequence numbers count: "records"; with all that is peculiar: "flows incl. by port".
const char *exporter_counted(const struct sequence *sequence);
void exporter_write_counted(struct buf *out, const struct sequence *sequence);
