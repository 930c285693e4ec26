#include "enricher/source/nats_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_V1    9  // $JS.ACK.stream.consumer.delivered.sequence.consumer sequence.time.pending
#define TOKENS_V2    11 // the same with domain and account before the stream, ADR-15
#define DELIVERED_V1 4

int nats_queue_init(struct nats_queue *queue, size_t cap)
{
    *queue = (struct nats_queue){.cap = cap};
    queue->entries = calloc(cap, sizeof queue->entries[0]);
    int result = nats_known_init(&queue->known);
    return queue->entries == NULL ? -ENOMEM : result;
}

static struct nats_queue_entry *entry_of(struct nats_queue *queue, uint64_t n)
{
    return &queue->entries[n % queue->cap];
}

void nats_queue_fini(struct nats_queue *queue)
{
    for (uint64_t n = queue->head; n < queue->tail; n++)
        if (entry_of(queue, n)->state != NATS_QUEUE_GONE)
            natsMsg_Destroy(entry_of(queue, n)->message);
    free(queue->entries);
    nats_known_fini(&queue->known);
    *queue = (struct nats_queue){.cap = 0};
}

// What the subject that acknowledgements go to says of a message: its place in the stream, 0 when
// there is none, when it was stored there, and how often it was delivered, this time included.
struct reply {
    uint64_t sequence;
    uint64_t deliveries;
    int64_t time_ns;
};

// The number behind the dot at *at, which goes to its end; 0 when there is no dot.
static uint64_t read_number(const char **at)
{
    char *end;
    if (**at != '.')
        return 0;
    uint64_t number = strtoull(*at + 1, &end, 10);
    *at = end;
    return number;
}

static struct reply reply_of(const char *text)
{
    struct reply reply = {.sequence = 0};
    unsigned tokens = 1;
    if (text == NULL || strncmp(text, "$JS.ACK.", 8) != 0)
        return reply;
    for (const char *at = text; *at != '\0'; at++)
        tokens += *at == '.';
    if (tokens < TOKENS_V1)
        return reply;
    unsigned skip = DELIVERED_V1 + (tokens >= TOKENS_V2 ? TOKENS_V2 - TOKENS_V1 : 0);
    for (; skip != 0; skip--)
        text = strchr(text + 1, '.');
    reply.deliveries = read_number(&text);
    reply.sequence = read_number(&text);
    (void)read_number(&text);
    reply.time_ns = (int64_t)read_number(&text);
    return reply;
}

static bool is_held(struct nats_queue *queue, const struct reply *reply)
{
    for (uint64_t n = queue->head; n < queue->tail; n++) {
        const struct nats_queue_entry *entry = entry_of(queue, n);
        if (entry->sequence == reply->sequence && entry->time_ns == reply->time_ns &&
            entry->state != NATS_QUEUE_GONE)
            return true;
    }
    return false;
}

// Messages come in their order but for those that come again, from a new consumer as for the first
// time. A place that was passed and a time that was not are those of a stream made anew.
static void note_place(struct nats_queue *queue, const struct reply *reply)
{
    if (reply->sequence <= queue->highest && reply->time_ns > queue->newest_ns) {
        queue->making++;
        queue->highest = 0;
    }
    queue->highest = reply->sequence > queue->highest ? reply->sequence : queue->highest;
    queue->newest_ns = reply->time_ns > queue->newest_ns ? reply->time_ns : queue->newest_ns;
}

static void settle(struct nats_queue *queue, struct nats_queue_entry *entry,
                   enum source_answer answer)
{
    entry->state = NATS_QUEUE_ANSWERED;
    entry->answer = answer;
    queue->answered++;
}

bool nats_queue_put(struct nats_queue *queue, natsMsg *message, int64_t now_ns)
{
    struct reply reply = reply_of(natsMsg_GetReply(message));
    bool placed = reply.sequence != 0;
    bool again = placed && (reply.deliveries > 1 || reply.time_ns <= queue->newest_ns);
    if (queue->tail - queue->head == queue->cap || (again && is_held(queue, &reply)))
        return false;
    if (placed)
        note_place(queue, &reply);
    struct nats_queue_entry *entry = entry_of(queue, queue->tail++);
    *entry = (struct nats_queue_entry){.message = message,
                                       .sequence = reply.sequence,
                                       .time_ns = reply.time_ns,
                                       .again = again,
                                       .making = queue->making,
                                       .touched_ns = now_ns};
    if (again && nats_known_has(&queue->known, reply.sequence, reply.time_ns))
        settle(queue, entry, SOURCE_KNOWN);
    return true;
}

bool nats_queue_next(struct nats_queue *queue, struct source_block *block)
{
    while (queue->next < queue->tail && entry_of(queue, queue->next)->state != NATS_QUEUE_WAITING)
        queue->next++;
    if (queue->next == queue->tail)
        return false;
    struct nats_queue_entry *entry = entry_of(queue, queue->next);
    entry->state = NATS_QUEUE_GIVEN;
    *block = (struct source_block){
        .data = (const uint8_t *)natsMsg_GetData(entry->message),
        .len = (size_t)natsMsg_GetDataLength(entry->message),
        .stream = entry->sequence == 0 ? 0 : queue->stream,
        .sequence = entry->sequence,
        .time_ns = entry->time_ns,
        .again = entry->again,
        .token = queue->next++,
    };
    return true;
}

void nats_queue_answer(struct nats_queue *queue, uint64_t token, enum source_answer answer)
{
    assert(token >= queue->head && token < queue->next);
    struct nats_queue_entry *entry = entry_of(queue, token);
    assert(entry->state == NATS_QUEUE_GIVEN);
    settle(queue, entry, answer);
    if (entry->sequence != 0 && (answer == SOURCE_DONE || answer == SOURCE_BAD))
        nats_known_add(&queue->known, entry->sequence, entry->time_ns);
}

bool nats_queue_has_answered(const struct nats_queue *queue)
{
    return queue->answered != 0;
}

static void drop_gone(struct nats_queue *queue)
{
    while (queue->head < queue->tail && entry_of(queue, queue->head)->state == NATS_QUEUE_GONE)
        queue->head++;
    queue->next = queue->next < queue->head ? queue->head : queue->next;
}

bool nats_queue_take_answered(struct nats_queue *queue, struct nats_queue_entry *out, bool *spoken)
{
    if (queue->answered == 0)
        return false;
    for (uint64_t n = queue->head; n < queue->tail; n++) {
        struct nats_queue_entry *entry = entry_of(queue, n);
        if (entry->state != NATS_QUEUE_ANSWERED)
            continue;
        *out = *entry;
        *spoken = entry->making == queue->making;
        entry->state = NATS_QUEUE_GONE;
        entry->message = NULL;
        queue->answered--;
        drop_gone(queue);
        return true;
    }
    return false;
}

bool nats_queue_touch(struct nats_queue *queue, uint64_t n, int64_t now_ns, int64_t patience_ns,
                      char reply[static NATS_REPLY_MAX])
{
    if (n < queue->head || n >= queue->tail)
        return false;
    struct nats_queue_entry *entry = entry_of(queue, n);
    bool held = entry->state == NATS_QUEUE_WAITING || entry->state == NATS_QUEUE_GIVEN;
    if (!held || entry->making != queue->making || now_ns - entry->touched_ns < patience_ns)
        return false;
    entry->touched_ns = now_ns;
    size_t len = strlen(natsMsg_GetReply(entry->message));
    if (len >= NATS_REPLY_MAX)
        return false;
    memcpy(reply, natsMsg_GetReply(entry->message), len + 1);
    return true;
}

void nats_queue_give_up(struct nats_queue *queue)
{
    for (uint64_t n = queue->head; n < queue->tail; n++) {
        struct nats_queue_entry *entry = entry_of(queue, n);
        if (entry->state != NATS_QUEUE_WAITING && entry->state != NATS_QUEUE_GIVEN)
            continue;
        settle(queue, entry, SOURCE_AGAIN);
    }
    queue->next = queue->tail;
}
