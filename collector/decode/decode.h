// Datagrams in, flows out: the only place that looks at a protocol's version.
//
// No I/O, no clock, no log: whatever is wrong with a datagram is counted in the ledger, costs only
// the part that is wrong, and is never an error of the caller. A decoder belongs to one thread.
#pragma once

#include "collector/decode/alarm.h"
#include "collector/decode/biflow.h"
#include "collector/decode/datagram.h"
#include "collector/decode/domain.h"
#include "collector/decode/domain_keep.h"
#include "collector/decode/exporter.h"
#include "collector/decode/hold.h"
#include "collector/decode/mapping/mapping.h"
#include "common/base/ledger.h"
#include "common/flow/flow.h"

#include <stddef.h>
#include <stdint.h>

// Takes one flow. It is the decoder's scratch, valid for the call (as are its spans); the callee
// may set further fields.
typedef void decode_emit(void *user, struct flow *flow);

// Takes frames of the wire format that records were written as without becoming flows first. `room`
// lends bytes to write the next one in, NULL when there is no room for so many: the flow is emitted
// then.
struct decode_frames {
    uint8_t *(*room)(void *user, size_t len);
    void (*take)(void *user, uint8_t *frame, size_t len);
};

// Takes what a datagram announced (templates, options data) when it was news: a message of its own
// with the source of the datagram, valid for the call. `proven`: the exporter has sent data, too.
typedef void decode_announce(void *user, const struct datagram *announcement, bool proven);

struct decode_options {
    bool templates_shared;       // -templates.scope=address: ports of one address share templates
    uint64_t hash_seed;          // random, so that senders cannot choose collisions
    struct hold_limits hold;     // of data sets that came before their template
    struct mapping *mapping;     // of mapping.yaml; NULL: none. A reference is taken
    bool spread;                 // other decoders get datagrams of the same exporters
    decode_announce *announce;   // with the emit's user; NULL: nobody is to be told
    struct domain_expiry expiry; // of templates
    uint64_t limit_flows;        // a second and exporter (limit.h), 0: no limit
    const struct sampling_network *sampling_defaults; // borrowed for the decoder's life
    size_t sampling_default_count;
    const struct sampling_network *sampling_overrides; // likewise
    size_t sampling_override_count;
    struct biflow_terms biflow; // its networks are borrowed for the decoder's life
};

struct decoder;

// NULL only without memory. The ledger and `user` stay the caller's.
struct decoder *decoder_new(const struct decode_options *options, struct ledger *ledger,
                            decode_emit *emit, void *user);
void decoder_free(struct decoder *decoder);

// Takes another mapping (NULL: none) from the next datagram on; templates stay.
void decoder_set_mapping(struct decoder *decoder, struct mapping *mapping);

// From the next datagram on, flows go to `frames` (borrowed; with the emit's user) as the bytes
// that wire_write would make of them, where that is quicker; NULL: all are emitted. With a limit of
// flows all are emitted, too.
void decoder_set_frames(struct decoder *decoder, const struct decode_frames *frames);

// Learns from what another decoder announced; nothing is counted but what was held for it.
void decoder_learn(struct decoder *decoder, const struct datagram *announcement);
// The same from another collector: what the exporter itself announced here stays as it is.
void decoder_borrow(struct decoder *decoder, const struct datagram *announcement);
// The same from before a restart: its exporter counts as one that has sent data.
void decoder_recall(struct decoder *decoder, const struct datagram *announcement);

// Decodes one datagram: counts it as received and as parsed or refused, and emits its flows.
void decoder_run(struct decoder *decoder, enum decode_scheme scheme,
                 const struct datagram *datagram);

// What is remembered, for the owner to look through: exporters with a history first, of these the
// ones seen last; templates of domains with a history first, until `visit` says false.
struct domain_store *decoder_domains(struct decoder *decoder);
typedef void decoder_exporter_visit(void *user, const struct exporter *exporter);
void decoder_exporters(const struct decoder *decoder, decoder_exporter_visit *visit, void *user);

typedef bool decoder_template_visit(void *user, const struct domain_key *key,
                                    const struct template *template);
void decoder_templates(const struct decoder *decoder, decoder_template_visit *visit, void *user);

// Grows with every change of what is worth keeping over a restart: templates, and what options
// said, which decoder_terms goes through and domain_restore gives back.
uint64_t decoder_changes(const struct decoder *decoder);
void decoder_terms(const struct decoder *decoder, domain_terms_visit *visit, void *user);

// Templates that the exporter announced, through all its ports; and the elements of its data
// templates that no field takes, each once: so many of at most `room`.
size_t decoder_template_count(const struct decoder *decoder, const struct exporter *exporter);
unsigned decoder_unused(const struct decoder *decoder, const struct exporter *exporter,
                        struct template_field *out, unsigned room);

// What exporters counted that were given up for others, by flow_type.
const struct exporter_sums *decoder_gone(const struct decoder *decoder);
const struct alarm_list *decoder_alarms(const struct decoder *decoder);
