// The enricher's path behind its input, for counting instructions: frame to sink. Prints the flows
// made.
#include "common/flow/wire.h"
#include "enricher/worker.h"
#include "tests/bench/instructions/replay.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FRAME_ROOM ((size_t)4 << 20)

// The enricher's input: blocks of the frames that a collector makes of the datagrams.
struct frames {
    struct source source;
    uint8_t *data;
    size_t len;
    size_t end_of[REPLAY_DATAGRAMS + 1]; // what came of each datagram
    size_t at;
    size_t next;
    size_t last;
};

static void take_flow(void *user, struct flow *flow)
{
    struct frames *frames = user;
    assert(frames->len + wire_bound(flow) <= FRAME_ROOM);
    frames->len = (size_t)(wire_write(frames->data + frames->len, flow) - frames->data);
}

static int make_frames(struct frames *frames, const struct replay *replay)
{
    struct ledger ledger = {0};
    frames->data = malloc(FRAME_ROOM);
    struct decoder *decoder = decoder_new(&REPLAY_DECODE, &ledger, take_flow, frames);
    for (size_t i = 0; frames->data != NULL && decoder != NULL && i <= REPLAY_DATAGRAMS; i++) {
        const struct datagram datagram = replay_datagram(replay, i);
        decoder_run(decoder, DECODE_FLOW, &datagram);
        frames->end_of[i] = frames->len;
    }
    if (decoder != NULL)
        decoder_free(decoder);
    return frames->len == 0 ? -1 : 0;
}

static enum source_result next_block(struct source *source, struct source_block *block)
{
    struct frames *frames = (struct frames *)source;
    if (frames->next > frames->last)
        return SOURCE_END;
    size_t through = frames->next + REPLAY_BATCH;
    if (through > frames->last)
        through = frames->last;
    *block = (struct source_block){.data = frames->data + frames->at,
                                   .len = frames->end_of[through] - frames->at};
    frames->at = frames->end_of[through];
    frames->next = through + 1;
    return SOURCE_BLOCK;
}

static void answer_block(struct source *source, const struct source_block *block,
                         enum source_answer answer)
{
    (void)source;
    (void)block;
    (void)answer;
}

static int no_fd(const struct source *source)
{
    (void)source;
    return -1;
}

static const struct source_ops FRAMES = {
    .name = "frames", .next = next_block, .answer = answer_block, .fd = no_fd};

static int run(struct frames *frames, const struct replay *replay, uint64_t *flows)
{
    struct filter *filter = *replay->filter == '\0' ? NULL : filter_open(replay->filter, NULL);
    const struct worker_options options = {.source = &frames->source,
                                           .sink = replay->sink,
                                           .format = replay->format,
                                           .filter = filter};
    struct snapshot *snapshot = snapshot_new(&replay->snapshot);
    struct worker *worker = snapshot == NULL ? NULL : worker_start(&options, snapshot);
    if (worker == NULL)
        return 1;
    int result = worker_join(worker) == 0 ? 0 : 1;
    sink_close(replay->sink);
    *flows = worker_ledger(worker)->flows_delivered;
    worker_free(worker);
    filter_free(filter);
    return result;
}

int main(int argc, char *argv[])
{
    static struct replay replay;
    uint64_t flows = 0;
    int result = replay_init(&replay, FORMAT_COUNTRY | FORMAT_AS_NAME | FORMAT_CONTEXT, argc, argv);
    if (result != 0)
        return result;
    struct frames frames = {.source = {&FRAMES}, .last = (size_t)replay.datagrams};
    if (make_frames(&frames, &replay) == 0)
        result = run(&frames, &replay, &flows);
    free(frames.data);
    replay_fini(&replay);
    printf("%" PRIu64 "\n", flows);
    return result;
}
