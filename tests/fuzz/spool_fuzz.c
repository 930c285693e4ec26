// The spool: what is pushed, read, released and cancelled, with the process ending in between, is
// there as a plain list says; a file that was damaged is refused with one line or read as far as it
// is sound. Input: a byte for each thing to do, with its operands.
#include "common/base/cursor.h"
#include "common/base/log.h"
#include "common/sink/nats/spool.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LIST_MAX 256
#define BODY_MAX 4096 // of a message, and every 16th is near the largest that the file takes
#define LARGE    (SPOOL_BYTES_MIN / 4 - 1024)

struct item {
    uint32_t number;
    uint64_t begin;
    bool cancelled;
};

struct rig {
    struct spool *spool;
    struct item items[LIST_MAX]; // not released yet, the first `read` of them are read
    unsigned count;
    unsigned read;
    uint32_t number; // of the message pushed last
    uint64_t end;    // of the message read last
    bool damaged;    // the list means nothing any more
};

static char directory[64];
static char file[sizeof directory + 8];

static void clean_up(void)
{
    unlink(file);
    rmdir(directory);
}

static void make_directory(void)
{
    const char *parent = getenv("TMPDIR"); // in memory it is many times faster
    snprintf(directory, sizeof directory, "%s/spool_fuzz.XXXXXX", parent == NULL ? "/tmp" : parent);
    FUZZ_REQUIRE(mkdtemp(directory) != NULL);
    snprintf(file, sizeof file, "%s/s.spool", directory);
    FUZZ_REQUIRE(atexit(clean_up) == 0);
}

static void push(struct rig *rig, size_t len)
{
    if (rig->count == LIST_MAX)
        return;
    struct nats_message *message = nats_message_new(len);
    FUZZ_REQUIRE(message != NULL);
    snprintf(message->id, sizeof message->id, "%u", rig->number + 1);
    snprintf(message->subject, sizeof message->subject, "s");
    message->flows = 1;
    message->len = len;
    memset(message->data, (int)(rig->number & 0xff), len);
    if (spool_push(rig->spool, message) == 0)
        rig->items[rig->count++] = (struct item){.number = ++rig->number};
    free(message);
}

static void skip_cancelled(struct rig *rig)
{
    while (rig->read < rig->count && rig->items[rig->read].cancelled)
        rig->read++;
}

static void compare(struct rig *rig, const struct nats_message *message)
{
    char id[NATS_ID_MAX];
    skip_cancelled(rig);
    FUZZ_REQUIRE(rig->read < rig->count);
    snprintf(id, sizeof id, "%u", rig->items[rig->read].number);
    FUZZ_REQUIRE(strcmp(id, message->id) == 0 && strcmp("s", message->subject) == 0);
    for (size_t i = 0; i < message->len; i++)
        FUZZ_REQUIRE(message->data[i] == ((rig->items[rig->read].number - 1) & 0xff));
}

// False when there was nothing to read.
static bool take(struct rig *rig)
{
    uint64_t begin;
    uint64_t end;
    uint64_t lost;
    struct nats_message *message = spool_read(rig->spool, &begin, &end, &lost);
    if (message == NULL) {
        skip_cancelled(rig);
        FUZZ_REQUIRE(rig->damaged || (lost == 0 && rig->read == rig->count));
        return false;
    }
    FUZZ_REQUIRE(memchr(message->id, 0, sizeof message->id) != NULL);
    FUZZ_REQUIRE(memchr(message->subject, 0, sizeof message->subject) != NULL);
    FUZZ_REQUIRE(message->len <= message->cap && begin < end);
    rig->end = end;
    if (!rig->damaged) {
        compare(rig, message);
        rig->items[rig->read++].begin = begin;
    }
    free(message);
    return true;
}

static void release(struct rig *rig)
{
    uint64_t flows = 0; // one in each
    if (rig->end == 0)
        return;
    for (unsigned i = 0; i < rig->read; i++)
        flows += !rig->items[i].cancelled;
    spool_release(rig->spool, rig->end, flows);
    rig->end = 0;
    rig->count -= rig->read;
    memmove(rig->items, rig->items + rig->read, rig->count * sizeof rig->items[0]);
    rig->read = 0;
}

static void cancel(struct rig *rig)
{
    if (rig->read == 0 || rig->damaged || rig->items[rig->read - 1].begin == 0)
        return;
    spool_cancel(rig->spool, rig->items[rig->read - 1].begin, 1);
    rig->items[rig->read - 1].cancelled = true;
}

// False when the file is refused, which only a damaged one is.
static bool reopen(struct rig *rig)
{
    struct fault fault = {.text = ""};
    spool_close(rig->spool);
    rig->spool = spool_open(directory, "s", SPOOL_BYTES_MIN, &fault);
    FUZZ_REQUIRE((rig->spool == NULL) == (fault.text[0] != '\0'));
    FUZZ_REQUIRE(rig->spool != NULL || rig->damaged);
    rig->read = 0;
    rig->end = 0;
    return rig->spool != NULL;
}

static bool damage(struct rig *rig, uint16_t offset, uint8_t value)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    FUZZ_REQUIRE(fd >= 0 && pwrite(fd, &value, 1, offset) == 1);
    close(fd);
    rig->damaged = true;
    return reopen(rig);
}

static bool step(struct rig *rig, struct cursor *input)
{
    uint8_t what = cursor_u8(input);
    uint16_t operand = what % 6 < 2 ? cursor_u16(input) : 0;
    switch (what % 6) {
    case 0:
        push(rig, what >> 4 == 0 ? LARGE + operand % 1024 : operand % BODY_MAX);
        return true;
    case 1:
        return damage(rig, operand, cursor_u8(input));
    case 2:
        (void)take(rig);
        return true;
    case 3:
        release(rig);
        return true;
    case 4:
        cancel(rig);
        return true;
    default:
        return reopen(rig);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct rig rig;
    struct cursor input = cursor_over(data, len);
    if (file[0] == '\0')
        make_directory();
    unlink(file);
    log_setup(FUZZ_LOG_NOTHING, false);
    memset(&rig, 0, sizeof rig);
    bool open = reopen(&rig);
    while (open && cursor_ok(&input) && cursor_left(&input) != 0)
        open = step(&rig, &input);
    while (open && take(&rig))
        release(&rig);
    FUZZ_REQUIRE(!open || rig.damaged || spool_all_read(rig.spool));
    spool_close(rig.spool);
    return 0;
}
