#include "collector/lane.h"

#include "collector/lane_state.h"
#include "collector/share/share.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct enrich_options AS_IT_IS = {.sampling_rate = 0};

static uint8_t *lend_room(void *user, size_t len)
{
    struct lane *lane = user;
    return sink_room(lane->writer, len);
}

static void take_frame(void *user, uint8_t *frame, size_t len)
{
    static const struct flow_view unseen = {.flow = NULL};
    struct lane *lane = user;
    (void)sink_write(lane->writer, &unseen, frame, len);
}

// Flows that nobody looks at between the decoder and the wire need not be made.
static void choose_frames(struct lane *lane)
{
    static const struct decode_frames frames = {.room = lend_room, .take = take_frame};
    const struct layout *layout = lane->layout;
    bool unseen = layout->raw == RAW_OFF && format_kind(layout->format) == FORMAT_BIN &&
                  layout->key_count == 0 && layout->filter == NULL && lane->snapshot == NULL &&
                  !lane->sink->wants_fields;
    decoder_set_frames(lane->decoder, unseen ? &frames : NULL);
}

// After the layout or the snapshot was replaced.
static void choose_way(struct lane *lane)
{
    const struct filter *filter = lane->layout->filter;
    choose_frames(lane);
    if (filter == NULL)
        lane->sifting = SIFTING_NONE;
    else if ((filter_fields(filter) & enrich_fields(lane->snapshot, &AS_IT_IS)) == 0)
        lane->sifting = SIFTING_EARLY;
    else
        lane->sifting = SIFTING_LATE;
}

static bool keeps(struct lane *lane, const struct flow *flow)
{
    bool kept = filter_match(lane->layout->filter, flow);
    lane->books.ledger.flows_filtered += !kept;
    return kept;
}

// Of the flow's way, the part behind the decoder.
static void take_flow(void *user, struct flow *flow)
{
    struct lane *lane = user;
    if (lane->sifting == SIFTING_EARLY && !keeps(lane, flow))
        return;
    if (lane->snapshot != NULL)
        enrich_flow(lane->snapshot, &AS_IT_IS, flow);
    if (lane->sifting == SIFTING_LATE && !keeps(lane, flow))
        return;
    const struct format *format = lane->layout->format;
    uint8_t *room = sink_room(lane->writer, format_bound(format, flow));
    if (room == NULL) {
        ledger_count(&lane->books.ledger, REASON_OUTPUT_TOO_LARGE, 1);
        return;
    }
    size_t len = (size_t)(format_flow(format, flow, room) - room);
    const struct flow_view view = {.flow = flow, .key = format_key(format, flow)};
    // A dead sink counts the flow, and the flush at the end of the batch tells.
    (void)sink_write(lane->writer, &view, room, len);
}

static void ignore_flow(void *user, struct flow *flow)
{
    (void)user;
    (void)flow;
}

static void take_raw(void *user, const struct flow *flow, const char *bytes, size_t len)
{
    struct lane *lane = user;
    uint8_t *room = sink_room(lane->writer, len);
    if (room == NULL) {
        ledger_count(&lane->books.ledger, REASON_OUTPUT_TOO_LARGE, 1);
        return;
    }
    memcpy(room, bytes, len);
    const struct flow_view view = {.flow = flow};
    (void)sink_write(lane->writer, &view, room, len);
}

static int init_decoder(struct lane *lane, const struct decode_options *options)
{
    enum raw_kind kind = lane->layout->raw;
    struct ledger *ledger = &lane->books.ledger;
    lane->decoder = decoder_new(options, ledger, kind == RAW_OFF ? take_flow : ignore_flow, lane);
    if (kind == RAW_OFF || lane->decoder == NULL)
        return lane->decoder == NULL ? -1 : 0;
    const struct raw_options raw = {
        .kind = kind, .decoder = lane->decoder, .ledger = ledger, .emit = take_raw, .user = lane};
    lane->raw = raw_new(&raw);
    return lane->raw == NULL ? -1 : 0;
}

// Without memory nothing is sent: the exporter will announce it again.
static void post_copy(struct lane *to, enum mail_kind kind, const struct datagram *announcement)
{
    struct datagram *copy = malloc(sizeof *copy + announcement->len);
    if (copy == NULL)
        return;
    *copy = *announcement;
    copy->data = memcpy(copy + 1, announcement->data, announcement->len);
    if (mailbox_post(&to->mailbox, kind, copy) != 0)
        free(copy);
}

// The other lanes that get datagrams of the exporter, and the other collectors.
static void tell_others(void *user, const struct datagram *announcement, bool proven)
{
    struct lane *lane = user;
    for (unsigned i = 0; lane->spread && i < lane->peer_count; i++)
        if (lane->peers[i] != lane)
            post_copy(lane->peers[i], MAIL_ANNOUNCEMENT, announcement);
    if (lane->share != NULL)
        share_put(lane->share, announcement, proven);
}

void lane_borrow(struct lane *lane, const struct datagram *announcement)
{
    post_copy(lane, MAIL_BORROWED, announcement);
}

static void borrow(struct lane *lane, const struct datagram *announcement)
{
    if (lane->allow == NULL || allow_admits(lane->allow, &announcement->source))
        decoder_borrow(lane->decoder, announcement);
}

static bool init_shared(struct lane *lane)
{
    pthread_condattr_t monotonic;
    if (mailbox_init(&lane->mailbox) != 0)
        return false;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return true;
}

struct lane *lane_new(const struct lane_options *options)
{
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL || !init_shared(lane)) {
        log_error("cannot make a worker", "error", strerror(errno));
        free(lane);
        return NULL;
    }
    lane->layout = layout_ref(options->layout);
    lane->sink = options->sink;
    lane->alarm_fd = options->alarm_fd;
    lane->snapshot = options->snapshot == NULL ? NULL : snapshot_ref(options->snapshot);
    lane->allow = options->allow == NULL ? NULL : allow_ref(options->allow);
    lane->writer = sink_writer_new(options->sink, &lane->books.ledger);
    struct decode_options decode = *options->decode;
    decode.mapping = options->layout->mapping;
    lane->spread = decode.spread;
    lane->share = options->share;
    if (decode.spread || options->share != NULL)
        decode.announce = tell_others;
    lane->strangers.seed = decode.hash_seed;
    int result = traffic_init(&lane->traffic, decode.hash_seed);
    if (lane->writer != NULL && init_decoder(lane, &decode) == 0 && result == 0) {
        choose_way(lane);
        return lane;
    }
    log_error("cannot make a worker", "error", "out of memory");
    lane_finish(lane);
    lane_free(lane);
    return NULL;
}

void lane_introduce(struct lane *lane, struct lane *const *lanes, unsigned count)
{
    lane->peers = lanes;
    lane->peer_count = count;
}

static void discard(struct mail *mail)
{
    struct errand *errand = mail->payload;
    switch (mail->kind) {
    case MAIL_STOP:
    case MAIL_LEDGER:
        break;
    case MAIL_SNAPSHOT:
        snapshot_unref(mail->payload);
        break;
    case MAIL_LAYOUT:
        layout_unref(mail->payload);
        break;
    case MAIL_ALLOW:
        allow_unref(mail->payload);
        break;
    case MAIL_ANNOUNCEMENT:
    case MAIL_BORROWED:
        free(mail->payload);
        break;
    case MAIL_ERRAND:
        assert(errand->abandoned);
        errand->free(errand);
        break;
    }
    free(mail);
}

// What was posted after the thread last looked.
static void discard_mail(struct lane *lane)
{
    struct mail *next;
    for (struct mail *mail = mailbox_take(&lane->mailbox); mail != NULL; mail = next) {
        next = mail->next;
        discard(mail);
    }
}

void lane_free(struct lane *lane)
{
    if (lane == NULL)
        return;
    assert(lane->writer == NULL);
    discard_mail(lane);
    mailbox_fini(&lane->mailbox);
    raw_free(lane->raw);
    decoder_free(lane->decoder);
    traffic_fini(&lane->traffic);
    snapshot_unref(lane->snapshot);
    layout_unref(lane->layout);
    allow_unref(lane->allow);
    pthread_mutex_destroy(&lane->lock);
    pthread_cond_destroy(&lane->answered);
    free(lane);
}

void lane_final(const struct lane *lane, struct lane_report *report)
{
    *report = lane->books;
}

static void answer(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->books.alarms = *decoder_alarms(lane->decoder);
    lane->copy = lane->books;
    lane->answer = lane->asked;
    pthread_cond_broadcast(&lane->answered);
    pthread_mutex_unlock(&lane->lock);
}

struct decoder *lane_decoder(struct lane *lane)
{
    return lane->decoder;
}

static void run_errand(struct lane *lane, struct errand *errand)
{
    const struct lane_view view = {.report = &lane->books,
                                   .decoder = lane->decoder,
                                   .traffic = &lane->traffic,
                                   .strangers = &lane->strangers};
    pthread_mutex_lock(&lane->lock);
    bool wanted = !errand->abandoned;
    pthread_mutex_unlock(&lane->lock);
    if (wanted)
        errand->run(errand, &view);
    pthread_mutex_lock(&lane->lock);
    errand->done = true;
    bool abandoned = errand->abandoned;
    pthread_cond_broadcast(&lane->answered);
    pthread_mutex_unlock(&lane->lock);
    if (abandoned)
        errand->free(errand);
}

int lane_mail_fd(const struct lane *lane)
{
    return mailbox_fd(&lane->mailbox);
}

static void take_layout(struct lane *lane, struct layout *layout)
{
    decoder_set_mapping(lane->decoder, layout->mapping);
    layout_unref(lane->layout);
    lane->layout = layout;
    choose_way(lane);
}

static void serve_one(struct lane *lane, const struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_STOP:
        lane->stopping = true;
        break;
    case MAIL_SNAPSHOT: // no flow is in flight between batches
        snapshot_unref(lane->snapshot);
        lane->snapshot = mail->payload;
        choose_way(lane);
        break;
    case MAIL_LAYOUT:
        take_layout(lane, mail->payload);
        break;
    case MAIL_ALLOW:
        allow_unref(lane->allow);
        lane->allow = mail->payload;
        break;
    case MAIL_LEDGER:
        answer(lane);
        break;
    case MAIL_ERRAND:
        run_errand(lane, mail->payload);
        break;
    case MAIL_ANNOUNCEMENT:
        decoder_learn(lane->decoder, mail->payload);
        free(mail->payload);
        break;
    case MAIL_BORROWED:
        borrow(lane, mail->payload);
        free(mail->payload);
        break;
    }
}

bool lane_serve(struct lane *lane)
{
    struct mail *next;
    for (struct mail *mail = mailbox_take(&lane->mailbox); mail != NULL; mail = next) {
        next = mail->next;
        serve_one(lane, mail);
        free(mail);
    }
    return !lane->stopping;
}

static void count_refused(struct lane *lane, enum reason reason, size_t len)
{
    lane->books.ledger.datagrams_received++;
    lane->books.ledger.bytes_received += len;
    ledger_count(&lane->books.ledger, reason, 1);
}

static void note_stranger(struct lane *lane, unsigned listener, enum decode_scheme scheme,
                          const struct datagram *datagram, bool allowed)
{
    const struct stranger *one = stranger_take(&lane->strangers, datagram, listener, scheme,
                                               allowed);
    lane->books.strangers[one->why] = *one;
}

// Of a sender that is not admitted no more is remembered than of any stranger: it fills no table.
static bool admits(struct lane *lane, unsigned listener, const struct datagram *datagram)
{
    if (lane->allow == NULL || allow_admits(lane->allow, &datagram->source))
        return true;
    count_refused(lane, REASON_SOURCE_REFUSED, datagram->len);
    note_stranger(lane, listener, DECODE_FLOW, datagram, false);
    return false;
}

static uint64_t units_lost(const struct ledger *ledger)
{
    return ledger->units_received - ledger->units_decoded - ledger->units_held;
}

void lane_look_ahead(struct lane *lane, unsigned listener, const struct addr *const sources[],
                     unsigned count)
{
    if (traffic_is_wide(&lane->traffic))
        traffic_look_ahead(&lane->traffic, sources, count, listener);
}

void lane_datagram(struct lane *lane, unsigned listener, enum decode_scheme scheme,
                   const struct datagram *datagram)
{
    const struct ledger *ledger = &lane->books.ledger;
    if (!admits(lane, listener, datagram))
        return;
    struct traffic_entry *sender = traffic_take(&lane->traffic, &datagram->source, listener,
                                                datagram->len);
    uint64_t parsed = ledger->datagrams_parsed;
    uint64_t lost = units_lost(ledger);
    if (lane->raw == NULL)
        decoder_run(lane->decoder, scheme, datagram);
    else
        raw_run(lane->raw, scheme, datagram);
    if (ledger->datagrams_parsed == parsed)
        note_stranger(lane, listener, scheme, datagram, true);
    if (sender == NULL)
        return;
    if (ledger->datagrams_parsed == parsed || units_lost(ledger) != lost)
        sender->counts.errors++;
    if (ledger->datagrams_parsed != parsed && traffic_is_wide(&lane->traffic))
        sender->trail = *decoder_trail(lane->decoder);
}

void lane_refuse(struct lane *lane, unsigned listener, enum reason reason,
                 const struct datagram *datagram)
{
    if (!admits(lane, listener, datagram))
        return;
    struct traffic_entry *sender = traffic_take(&lane->traffic, &datagram->source, listener,
                                                datagram->len);
    if (sender != NULL)
        sender->counts.errors++;
    count_refused(lane, reason, datagram->len);
}

void lane_note(struct lane *lane, enum reason reason, uint64_t count)
{
    ledger_count(&lane->books.ledger, reason, count);
}

void lane_kernel_drops(struct lane *lane, unsigned listener, uint64_t count)
{
    lane->books.kernel_drops += count;
    lane->books.listener_drops[listener] += count;
}

void lane_listener_error(struct lane *lane, unsigned listener, int error)
{
    if (error != 0 && lane->books.listener_errors[listener] != error)
        log_error("cannot receive", "listener", log_unsigned(listener).text, "error",
                  strerror(error));
    lane->books.listener_errors[listener] = error;
}

void lane_batch(struct lane *lane, unsigned listener, enum decode_scheme scheme, uint64_t ns,
                uint64_t datagrams)
{
    struct lane_report *books = &lane->books;
    uint64_t refused = books->ledger.datagrams_received - books->ledger.datagrams_parsed;
    if (datagrams == 0)
        return;
    metrics_observe(&books->decoding[scheme], ns / datagrams, datagrams);
    books->listener_datagrams[listener] += datagrams;
    books->listener_refused[listener] += refused - lane->refused;
    lane->refused = refused;
}

int lane_flush(struct lane *lane)
{
    int result = sink_flush(lane->writer);
    if (result != 0 && !lane->alarmed) {
        const uint64_t one = 1;
        lane->alarmed = write(lane->alarm_fd, &one, sizeof one) > 0;
    }
    return result;
}

int lane_sync(struct lane *lane, int timeout_ms)
{
    return sink_sync(lane->writer, timeout_ms);
}

void lane_finish(struct lane *lane)
{
    if (lane->writer != NULL)
        sink_writer_free(lane->writer);
    lane->writer = NULL;
}
