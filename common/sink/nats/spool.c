#include "common/sink/nats/spool.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/siphash.h"
#include "common/sink/nats/spool_file.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define MAGIC        "gf2spl01"
#define POSITION     (UINT64_C(1) << 40) // of the first byte: there is room before it
#define POSITION_MAX (UINT64_C(1) << 62)
#define KEEP_BYTES   (UINT64_C(16) << 20) // an empty file larger than that gives its space back
#define OLD_KEY      UINT64_C(0x676f666c6f773270) // of files without one of their own
#define SCAN_BYTES   (64u << 10)
#define PIECE_BYTES  4096

// Stands before subject, id and data of each message; the whole is a multiple of 8 bytes.
struct record {
    uint64_t hash; // of all behind `cancelled`
    uint64_t cancelled;
    uint64_t run; // of the process that wrote it: its writers' numbers mean nothing to others
    int64_t sent_ms;
    int64_t written_ms;
    uint32_t len; // of the record
    uint32_t data_len;
    uint32_t flows;
    uint32_t owner;
    uint32_t subject_len;
    uint32_t id_len;
};

#define HASHED_FROM offsetof(struct record, run)
#define RECORD_MAX  (sizeof(struct record) + SUBJECT_TEXT_MAX + NATS_ID_MAX + NATS_PAYLOAD_MAX)

struct spool {
    struct spool_file file;
    uint64_t run;
    uint64_t capacity;   // when the file is empty next
    uint64_t maybe_sent; // what lies before this may have been sent by the process before
    uint64_t stock_end;  // damage before this was counted when it was opened
    struct spool_facts facts;
    uint64_t *scratch; // RECORD_MAX bytes, touched as far as needed
};

// Finds damage. The key and the place make sure that what was written in another place or at
// another time is not taken for sound, and that nobody can write flows that are.
static uint64_t hash_of(const struct spool *spool, size_t len, uint64_t position)
{
    uint64_t key = spool->file.header.key == 0 ? OLD_KEY : spool->file.header.key ^ position;
    return siphash_words(key, spool->scratch + HASHED_FROM / sizeof(uint64_t),
                         (len - HASHED_FROM) / sizeof(uint64_t));
}

// Builds the record in the scratch; its length.
static size_t build(struct spool *spool, const struct nats_message *message)
{
    struct record record = {
        .run = spool->run,
        .sent_ms = message->sent_ms,
        .written_ms = clock_unix_ms(),
        .data_len = (uint32_t)message->len,
        .flows = message->flows,
        .owner = message->owner,
        .subject_len = (uint32_t)strlen(message->subject),
        .id_len = (uint32_t)strlen(message->id),
    };
    uint8_t *begin = (uint8_t *)spool->scratch;
    uint8_t *at = begin + sizeof record;
    memcpy(at, message->subject, record.subject_len);
    at += record.subject_len;
    memcpy(at, message->id, record.id_len);
    at += record.id_len;
    memcpy(at, message->data, message->len);
    at += message->len;
    while ((at - begin) % 8 != 0)
        *at++ = 0;
    size_t len = (size_t)(at - begin);
    record.len = (uint32_t)len;
    memcpy(spool->scratch, &record, sizeof record);
    return len;
}

// The record of the scratch is to stand at that position.
static void seal(struct spool *spool, size_t len, uint64_t position)
{
    uint64_t hash = hash_of(spool, len, position);
    memcpy(spool->scratch, &hash, sizeof hash);
}

static bool is_sound(const struct record *r, uint64_t left)
{
    return r->len >= sizeof *r && r->len % 8 == 0 && r->len <= left && r->len <= RECORD_MAX &&
           r->subject_len < SUBJECT_TEXT_MAX && r->id_len < NATS_ID_MAX &&
           r->data_len <= NATS_PAYLOAD_MAX &&
           sizeof *r + r->subject_len + r->id_len + r->data_len <= r->len;
}

// Brings the record at a position into the scratch. 0, or a negative errno: -EBADMSG when only its
// hash is wrong.
static int load(struct spool *spool, uint64_t position, struct record *record)
{
    uint64_t end = spool->file.header.end;
    if (end - position < sizeof *record)
        return -ENODATA;
    int result = spool_file_read(&spool->file, record, sizeof *record, position);
    if (result != 0)
        return result;
    if (!is_sound(record, end - position))
        return -EINVAL;
    result = spool_file_read(&spool->file, spool->scratch, record->len, position);
    if (result == 0 && hash_of(spool, record->len, position) != record->hash)
        result = -EBADMSG;
    return result;
}

// The first sound record in some bytes of the ring, or 0.
static uint64_t scan(struct spool *spool, const uint8_t *bytes, size_t len, uint64_t position)
{
    struct record record;
    for (size_t i = 0; i + sizeof record <= len; i += 8) {
        memcpy(&record, bytes + i, sizeof record);
        if (is_sound(&record, spool->file.header.end - position - i) &&
            load(spool, position + i, &record) == 0)
            return position + i;
    }
    return 0;
}

// Reads what can be read of that piece of the ring, and zeros for the rest.
static void read_pieces(const struct spool *spool, uint8_t *bytes, size_t len, uint64_t position)
{
    for (size_t at = 0; at < len; at += PIECE_BYTES) {
        size_t some = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
        if (spool_file_read(&spool->file, bytes + at, some, position + at) != 0)
            memset(bytes + at, 0, some);
    }
}

// Where reading can go on behind a record that is damaged: at a sound one, or at the end.
static uint64_t resync(struct spool *spool, uint64_t position)
{
    static const size_t step = SCAN_BYTES - sizeof(struct record);
    uint64_t end = spool->file.header.end;
    uint8_t *bytes = malloc(SCAN_BYTES);
    uint64_t found = 0;
    uint64_t at = spool_file_skip(&spool->file, position + 8);
    while (bytes != NULL && at < end && found == 0) {
        size_t len = end - at < SCAN_BYTES ? (size_t)(end - at) : SCAN_BYTES;
        read_pieces(spool, bytes, len, at);
        found = scan(spool, bytes, len, at);
        at = spool_file_skip(&spool->file, at + step);
    }
    free(bytes);
    return found == 0 ? end : found;
}

static void tell_damage(const struct spool *spool, uint64_t bytes)
{
    log_error("the spool is damaged: some messages in it are lost, the others are read", "file",
              spool->file.path, "bytes", log_unsigned(bytes).text);
}

static uint64_t size_of(const struct spool *spool)
{
    return spool->file.header.end - spool->file.header.done;
}

static void start_over(struct spool *spool)
{
    struct spool_header *header = &spool->file.header;
    uint64_t key = header->key;
    (void)!getrandom(&key, sizeof key, GRND_NONBLOCK);
    *header = (struct spool_header){.magic = MAGIC,
                                    .capacity = spool->capacity,
                                    .done = POSITION,
                                    .next = POSITION,
                                    .end = POSITION,
                                    .key = key | 1};
    spool->maybe_sent = spool->stock_end = 0;
    spool->facts = (struct spool_facts){.lost = spool->facts.lost};
    (void)spool_file_store(&spool->file); // else what was delivered comes again under its ids
    if (spool->file.peak > KEEP_BYTES)
        spool_file_shrink(&spool->file);
}

// Looks at every record that the process before left.
static void take_stock(struct spool *spool)
{
    struct spool_header *header = &spool->file.header;
    struct record record;
    uint64_t damaged = 0; // bytes
    for (uint64_t at = header->done; at < header->end;) {
        if (load(spool, at, &record) != 0) {
            uint64_t from = at;
            at = resync(spool, at);
            damaged += at - from;
            continue;
        }
        if (record.cancelled == 0) {
            spool->facts.messages++;
            spool->facts.flows += record.flows;
        }
        at += record.len;
    }
    if (damaged != 0)
        tell_damage(spool, damaged);
    // The header may be damaged too: a flow has at least two bytes.
    uint64_t lost = header->flows > spool->facts.flows ? header->flows - spool->facts.flows : 0;
    spool->facts.lost = lost < damaged / 2 ? lost : damaged / 2;
    header->flows = spool->facts.flows;
    spool->maybe_sent = header->next;
    spool->stock_end = header->end;
    header->next = header->done;
    if (header->end == header->done || spool->facts.messages == 0)
        start_over(spool);
}

// Positions outside the bounds could wrap when the spool goes on from there.
static bool is_valid(const struct spool_header *h, uint64_t file_len)
{
    return memcmp(h->magic, MAGIC, sizeof h->magic) == 0 && h->capacity >= SPOOL_BYTES_MIN &&
           h->capacity < POSITION && h->done <= h->next && h->next <= h->end &&
           h->end - h->done <= h->capacity && h->done >= POSITION - h->capacity &&
           h->end < POSITION_MAX && (h->end == h->done || file_len > SPOOL_HEADER_BYTES);
}

static int begin(struct spool *spool, const char *path, struct fault *fault)
{
    uint64_t len;
    if (spool_file_open(&spool->file, path, &len, fault) != 0)
        return -1;
    if (is_valid(&spool->file.header, len)) {
        take_stock(spool);
        return 0;
    }
    if (len >= SPOOL_HEADER_BYTES)
        return fault_set(fault, "%s: no spool of this program, wanted one or no file", path);
    if (len != 0)
        log_error("the spool was cut off in its header: what it held is lost", "file", path,
                  "bytes", log_unsigned(len).text);
    start_over(spool);
    int result = spool_file_store(&spool->file);
    return result == 0 ? 0 : fault_set(fault, "%s: %s", path, strerror(-result));
}

struct spool *spool_open(const char *directory, const char *name, uint64_t bytes,
                         struct fault *fault)
{
    char path[PATH_MAX];
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        fault_set(fault, "%s: %s, wanted a directory", directory, strerror(errno));
        return NULL;
    }
    if (snprintf(path, sizeof path, "%s/%s.spool", directory, name) >= (int)sizeof path) {
        fault_set(fault, "%s: name too long", directory);
        return NULL;
    }
    struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL) {
        fault_set(fault, "%s: out of memory", path);
        return NULL;
    }
    spool->file.fd = -1;
    spool->capacity = (bytes < SPOOL_BYTES_MIN ? SPOOL_BYTES_MIN : bytes) & ~UINT64_C(7);
    spool->scratch = malloc(RECORD_MAX + sizeof(uint64_t));
    if (spool->scratch == NULL || getrandom(&spool->run, sizeof spool->run, 0) < 0)
        fault_set(fault, "%s: out of memory", path);
    else if (begin(spool, path, fault) == 0)
        return spool;
    spool_close(spool);
    return NULL;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    spool_file_close(&spool->file);
    free(spool->scratch);
    free(spool);
}

void spool_facts(const struct spool *spool, struct spool_facts *facts)
{
    *facts = spool->facts;
    facts->bytes = size_of(spool);
}

uint64_t spool_capacity(const struct spool *spool)
{
    return spool->file.header.capacity;
}

// Writes the record of the scratch at the position, unless it does not fit.
static int put(struct spool *spool, size_t len, uint64_t position)
{
    const struct spool_header *header = &spool->file.header;
    if (len > header->capacity / 4)
        return -EFBIG;
    if (size_of(spool) + len > header->capacity)
        return -ENOBUFS;
    seal(spool, len, position);
    return spool_file_write(&spool->file, spool->scratch, len, position);
}

// From here on it is there, whatever happens to the process: or it is not, when that cannot be
// said.
static int commit(struct spool *spool, const struct spool_header *before, uint32_t flows)
{
    spool->file.header.flows += flows;
    int result = spool_file_store(&spool->file);
    if (result != 0) {
        spool->file.header = *before;
        return result;
    }
    spool->facts.messages++;
    spool->facts.flows += flows;
    return 0;
}

int spool_push(struct spool *spool, const struct nats_message *message)
{
    const struct spool_header before = spool->file.header;
    size_t len = build(spool, message);
    int result = put(spool, len, before.end);
    if (result != 0)
        return result;
    spool->file.header.end += len;
    return commit(spool, &before, message->flows);
}

int spool_push_front(struct spool *spool, const struct nats_message *message)
{
    const struct spool_header before = spool->file.header;
    size_t len = build(spool, message);
    int result = put(spool, len, before.done - len);
    if (result != 0)
        return result;
    if (before.next == before.done)
        spool->file.header.next -= len;
    spool->file.header.done -= len;
    return commit(spool, &before, message->flows);
}

bool spool_all_read(const struct spool *spool)
{
    return spool->file.header.next == spool->file.header.end;
}

static struct nats_message *message_of(struct spool *spool, const struct record *record,
                                       uint64_t position)
{
    struct nats_message *message = nats_message_new(record->data_len);
    if (message == NULL)
        return NULL;
    const uint8_t *at = (const uint8_t *)spool->scratch + sizeof *record;
    memcpy(message->subject, at, record->subject_len);
    at += record->subject_len;
    memcpy(message->id, at, record->id_len);
    at += record->id_len;
    memcpy(message->data, at, record->data_len);
    message->len = record->data_len;
    message->flows = record->flows;
    message->owner = record->run == spool->run ? record->owner : 0;
    message->sent_ms = record->sent_ms;
    if (message->sent_ms == 0 && position < spool->maybe_sent)
        message->sent_ms = record->written_ms;
    return message;
}

// Of a record whose hash alone is wrong it is believed how many flows it had, as far as there are
// so many; of the others it is known when all is read. Returns how many flows are lost.
static uint64_t pass_over(struct spool *spool, int error, const struct record *record)
{
    uint64_t from = spool->file.header.next;
    bool told = error == -EBADMSG && from >= spool->stock_end && record->cancelled == 0 &&
                spool->facts.messages != 0 && record->flows <= spool->facts.flows &&
                record->flows <= record->data_len;
    spool->file.header.next = resync(spool, from);
    tell_damage(spool, spool->file.header.next - from);
    spool->facts.flows -= told ? record->flows : 0;
    spool->facts.messages -= told;
    return told ? record->flows : 0;
}

// What was not found up to the end is lost.
static uint64_t take_missing(struct spool *spool)
{
    uint64_t missing = spool_all_read(spool) ? spool->facts.flows : 0;
    if (spool_all_read(spool))
        spool->facts.messages = spool->facts.flows = 0;
    return missing;
}

struct nats_message *spool_read(struct spool *spool, uint64_t *begin, uint64_t *end, uint64_t *lost)
{
    struct spool_header *header = &spool->file.header;
    struct nats_message *message = NULL;
    struct record record;
    *lost = 0;
    while (message == NULL && header->next < header->end) {
        *begin = header->next;
        int result = load(spool, header->next, &record);
        if (result != 0) {
            *lost += pass_over(spool, result, &record);
            continue;
        }
        *end = header->next + record.len;
        if (record.cancelled == 0) {
            message = message_of(spool, &record, header->next);
            if (message == NULL)
                break; // no memory now: it stays
            spool->facts.messages--;
            spool->facts.flows -= record.flows;
        }
        header->next = *end;
    }
    *lost += take_missing(spool);
    header->flows -= *lost < header->flows ? *lost : header->flows;
    (void)spool_file_store(&spool->file); // else messages that were sent are not known as that
    return message;
}

void spool_release(struct spool *spool, uint64_t end, uint64_t flows)
{
    struct spool_header *header = &spool->file.header;
    assert(end >= header->done && end <= header->next);
    header->done = end;
    header->flows -= flows < header->flows ? flows : header->flows;
    if (end == header->end)
        start_over(spool);
    else
        (void)spool_file_store(&spool->file);
}

uint64_t spool_read_end(const struct spool *spool)
{
    return spool->file.header.next;
}

void spool_cancel(struct spool *spool, uint64_t begin, uint64_t flows)
{
    struct spool_header *header = &spool->file.header;
    uint64_t cancelled = 1;
    // What fails here only makes a message come twice under the same id.
    (void)spool_file_write(&spool->file, &cancelled, sizeof cancelled,
                           begin + offsetof(struct record, cancelled));
    header->flows -= flows < header->flows ? flows : header->flows;
    (void)spool_file_store(&spool->file);
}

void spool_look(struct spool *spool)
{
    spool_file_look(&spool->file);
}
