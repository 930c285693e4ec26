#include "common/sink/nats/spool.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/siphash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 4096 // of the file, before the ring
#define MAGIC        "gf2spl01"
#define POSITION     (UINT64_C(1) << 40) // of the first byte: there is room before it
#define POSITION_MAX (UINT64_C(1) << 62)
#define KEEP_BYTES   (UINT64_C(16) << 20) // an empty file larger than that gives its space back
#define HASH_KEY     UINT64_C(0x676f666c6f773270) // finds damage, not malice

// Positions only grow, but for what goes back to the front; the place in the ring is the position
// modulo the capacity.
struct header {
    char magic[8];
    uint64_t capacity;
    uint64_t done; // before it nothing is needed any more
    uint64_t next; // not read yet, from here on
    uint64_t end;
};

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
    int fd;
    struct header *header;
    uint64_t run;
    uint64_t capacity;   // when the file is empty next
    uint64_t maybe_sent; // what lies before this may have been sent by the process before
    uint64_t peak;
    struct spool_facts facts;
    uint64_t *scratch; // RECORD_MAX bytes, touched as far as needed
};

static ssize_t transfer(const struct spool *spool, bool out, uint8_t *bytes, size_t len,
                        uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        off_t at = (off_t)(HEADER_BYTES + offset + done);
        ssize_t n = out ? pwrite(spool->fd, bytes + done, len - done, at)
                        : pread(spool->fd, bytes + done, len - done, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

// Reads or writes at a position, round the ring's end.
static int ring_io(const struct spool *spool, bool out, void *bytes, size_t len, uint64_t position)
{
    uint64_t offset = position % spool->header->capacity;
    uint64_t room = spool->header->capacity - offset;
    size_t first = room < len ? (size_t)room : len;
    ssize_t result = transfer(spool, out, bytes, first, offset);
    if (result == 0 && first < len)
        result = transfer(spool, out, (uint8_t *)bytes + first, len - first, 0);
    return (int)result;
}

static uint64_t hash_of(const uint64_t *record, size_t len)
{
    return siphash_words(HASH_KEY, record + HASHED_FROM / sizeof(uint64_t),
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
    record.hash = hash_of(spool->scratch, len);
    memcpy(spool->scratch, &record, sizeof record);
    return len;
}

static bool is_sound(const struct record *r, uint64_t left)
{
    return r->len >= sizeof *r && r->len % 8 == 0 && r->len <= left && r->len <= RECORD_MAX &&
           r->subject_len < SUBJECT_TEXT_MAX && r->id_len < NATS_ID_MAX &&
           r->data_len <= NATS_PAYLOAD_MAX &&
           sizeof *r + r->subject_len + r->id_len + r->data_len <= r->len;
}

// Brings the record at a position into the scratch. 0, or a negative errno.
static int load(struct spool *spool, uint64_t position, struct record *record)
{
    int result = ring_io(spool, false, record, sizeof *record, position);
    if (result != 0)
        return result;
    if (!is_sound(record, spool->header->end - position))
        return -EBADMSG;
    result = ring_io(spool, false, spool->scratch, record->len, position);
    if (result == 0 && hash_of(spool->scratch, record->len) != record->hash)
        result = -EBADMSG;
    return result;
}

static uint64_t size_of(const struct spool *spool)
{
    return spool->header->end - spool->header->done;
}

static void start_over(struct spool *spool)
{
    struct header *header = spool->header;
    header->done = header->next = header->end = POSITION;
    header->capacity = spool->capacity;
    spool->maybe_sent = 0;
    spool->facts = (struct spool_facts){.messages = 0};
    if (spool->peak > KEEP_BYTES && ftruncate(spool->fd, HEADER_BYTES) == 0)
        spool->peak = 0;
}

// Looks at every record that the process before left; the first bad one is the end.
static void take_stock(struct spool *spool)
{
    struct header *header = spool->header;
    struct record record;
    uint64_t at = header->done;
    while (at < header->end) {
        int result = load(spool, at, &record);
        if (result != 0) {
            log_error("the spool is damaged, what follows in it is lost", "error",
                      strerror(-result), "bytes", log_unsigned(header->end - at).text);
            header->end = at;
            break;
        }
        if (record.cancelled == 0) {
            spool->facts.messages++;
            spool->facts.flows += record.flows;
        }
        at += record.len;
    }
    spool->maybe_sent = header->next;
    header->next = header->done;
    if (header->end == header->done || spool->facts.messages == 0)
        start_over(spool);
}

// Positions outside the bounds could wrap when the spool goes on from there.
static bool is_valid(const struct header *h, uint64_t file_len)
{
    return memcmp(h->magic, MAGIC, sizeof h->magic) == 0 && h->capacity >= SPOOL_BYTES_MIN &&
           h->capacity < POSITION && h->done <= h->next && h->next <= h->end &&
           h->end - h->done <= h->capacity && h->done >= POSITION - h->capacity &&
           h->end < POSITION_MAX && (h->end == h->done || file_len > HEADER_BYTES);
}

static int map_header(struct spool *spool, uint64_t file_len)
{
    static const uint8_t zeros[HEADER_BYTES];
    // The page must have its place on the disk before it is written to as memory.
    if (file_len < HEADER_BYTES && pwrite(spool->fd, zeros, HEADER_BYTES, 0) != HEADER_BYTES)
        return -errno;
    void *page = mmap(NULL, HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, spool->fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    spool->header = page;
    return 0;
}

static int open_file(struct spool *spool, const char *path, struct fault *fault)
{
    struct stat status;
    spool->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->fd < 0)
        return fault_set(fault, "%s: %s, wanted a file to write to", path, strerror(errno));
    if (flock(spool->fd, LOCK_EX | LOCK_NB) != 0)
        return fault_set(fault, "%s: used by another process, wanted a directory for each", path);
    if (fstat(spool->fd, &status) != 0 || map_header(spool, (uint64_t)status.st_size) != 0)
        return fault_set(fault, "%s: %s", path, strerror(errno));
    spool->peak = (uint64_t)status.st_size;
    if (is_valid(spool->header, spool->peak)) {
        take_stock(spool);
        return 0;
    }
    if (status.st_size >= HEADER_BYTES)
        return fault_set(fault, "%s: no spool of this program, wanted one or no file", path);
    memcpy(spool->header->magic, MAGIC, sizeof spool->header->magic);
    start_over(spool);
    return 0;
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
    spool->fd = -1;
    spool->capacity = (bytes < SPOOL_BYTES_MIN ? SPOOL_BYTES_MIN : bytes) & ~UINT64_C(7);
    spool->scratch = malloc(RECORD_MAX + sizeof(uint64_t));
    if (spool->scratch == NULL || getrandom(&spool->run, sizeof spool->run, 0) < 0)
        fault_set(fault, "%s: out of memory", path);
    else if (open_file(spool, path, fault) == 0)
        return spool;
    spool_close(spool);
    return NULL;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->header != NULL)
        munmap(spool->header, HEADER_BYTES);
    if (spool->fd >= 0)
        close(spool->fd);
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
    return spool->header->capacity;
}

// Writes a record of the scratch at the position, unless it does not fit.
static int put(struct spool *spool, size_t len, uint64_t position, uint32_t flows)
{
    struct header *header = spool->header;
    if (len > header->capacity / 4)
        return -EFBIG;
    if (size_of(spool) + len > header->capacity)
        return -ENOSPC;
    int result = ring_io(spool, true, spool->scratch, len, position);
    if (result != 0)
        return result == -ENOSPC ? -EIO : result; // -ENOSPC is the bound's
    uint64_t reached = HEADER_BYTES + position % header->capacity + len;
    spool->peak = reached > spool->peak ? reached : spool->peak;
    spool->facts.messages++;
    spool->facts.flows += flows;
    return 0;
}

int spool_push(struct spool *spool, const struct nats_message *message)
{
    size_t len = build(spool, message);
    int result = put(spool, len, spool->header->end, message->flows);
    if (result == 0) // from here on it is there, whatever happens to the process
        __atomic_store_n(&spool->header->end, spool->header->end + len, __ATOMIC_RELEASE);
    return result;
}

int spool_push_front(struct spool *spool, const struct nats_message *message)
{
    struct header *header = spool->header;
    size_t len = build(spool, message);
    int result = put(spool, len, header->done - len, message->flows);
    if (result != 0)
        return result;
    if (header->next == header->done)
        header->next -= len;
    __atomic_store_n(&header->done, header->done - len, __ATOMIC_RELEASE);
    return 0;
}

bool spool_all_read(const struct spool *spool)
{
    return spool->header->next == spool->header->end;
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

static void give_up(struct spool *spool, int error, uint64_t *lost)
{
    *lost = spool->facts.flows;
    log_error("the spool cannot be read, what waits in it is lost", "error", strerror(-error),
              "flows", log_unsigned(*lost).text);
    spool->facts = (struct spool_facts){.messages = 0};
    spool->header->next = spool->header->end;
}

struct nats_message *spool_read(struct spool *spool, uint64_t *begin, uint64_t *end, uint64_t *lost)
{
    struct header *header = spool->header;
    struct record record;
    *lost = 0;
    while (header->next < header->end) {
        *begin = header->next;
        int result = load(spool, header->next, &record);
        if (result != 0) {
            give_up(spool, result, lost);
            return NULL;
        }
        *end = header->next + record.len;
        struct nats_message *message = NULL;
        if (record.cancelled == 0) {
            message = message_of(spool, &record, header->next);
            if (message == NULL)
                return NULL; // no memory now: it stays
            spool->facts.messages--;
            spool->facts.flows -= record.flows;
        }
        header->next = *end;
        if (message != NULL)
            return message;
    }
    return NULL;
}

void spool_release(struct spool *spool, uint64_t end)
{
    assert(end >= spool->header->done && end <= spool->header->next);
    spool->header->done = end;
    if (end == spool->header->end)
        start_over(spool);
}

uint64_t spool_read_end(const struct spool *spool)
{
    return spool->header->next;
}

void spool_cancel(struct spool *spool, uint64_t begin)
{
    uint64_t cancelled = 1;
    // What fails here only makes a message come twice under the same id.
    (void)ring_io(spool, true, &cancelled, sizeof cancelled,
                  begin + offsetof(struct record, cancelled));
}
