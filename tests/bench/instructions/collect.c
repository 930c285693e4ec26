// The collector's path behind the socket, for counting instructions: datagram to sink. Prints the
// flows delivered.
#include "collector/lane.h"
#include "tests/bench/instructions/replay.h"

#include <inttypes.h>
#include <stdio.h>

static void run(struct lane *lane, const struct replay *replay)
{
    for (int64_t i = 0; i <= replay->datagrams; i++) {
        const struct datagram datagram = replay_datagram(replay, (size_t)i);
        lane_datagram(lane, 0, DECODE_FLOW, &datagram);
        if (i % REPLAY_BATCH == 0)
            lane_flush(lane);
    }
    lane_flush(lane);
    lane_finish(lane);
}

int main(int argc, char *argv[])
{
    static struct replay replay;
    int result = replay_init(&replay, 0, argc, argv);
    if (result != 0)
        return result;
    const struct layout_options shape = {.kind = format_kind(replay.format),
                                         .filter = replay.filter};
    struct layout *layout = layout_new(&shape);
    const struct lane_options options = {
        .decode = &REPLAY_DECODE, .layout = layout, .sink = replay.sink, .alarm_fd = -1};
    struct lane_report report;
    struct lane *lane = layout == NULL ? NULL : lane_new(&options);
    if (lane == NULL)
        return 1;
    layout_unref(layout);
    run(lane, &replay);
    sink_close(replay.sink);
    lane_final(lane, &report);
    lane_free(lane);
    replay_fini(&replay);
    printf("%" PRIu64 "\n", report.ledger.flows_delivered);
    return 0;
}
