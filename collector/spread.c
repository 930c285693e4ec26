#include "collector/spread.h"

#include "common/base/log.h"

#define ASK_MS        1000
#define DATAGRAMS_MIN 1000 // below that, how they spread says nothing

int spread_heaviest(const uint64_t *datagrams, unsigned count)
{
    uint64_t sum = 0;
    unsigned most = 0;
    for (unsigned i = 0; i < count; i++) {
        sum += datagrams[i];
        most = datagrams[i] > datagrams[most] ? i : most;
    }
    if (count < 2 || sum < DATAGRAMS_MIN || datagrams[most] <= sum / 5 * 4)
        return -1;
    return (int)most;
}

void spread_watch(struct spread *spread, struct lane *const *lanes, unsigned count)
{
    uint64_t taken[LISTEN_SOCKETS_MAX];
    struct lane_report report;
    if (count < 2)
        return;
    for (unsigned i = 0; i < count; i++) {
        if (lane_ask(lanes[i], &report, ASK_MS) != 0)
            return;
        taken[i] = report.ledger.datagrams_received - spread->seen[i];
        spread->seen[i] += taken[i];
    }
    int heaviest = spread_heaviest(taken, count);
    if (heaviest >= 0 && !spread->uneven)
        log_warn("one worker takes more than 80% of the datagrams: see balance in -listen",
                 "worker", log_number(heaviest).text, "datagrams",
                 log_unsigned(taken[heaviest]).text);
    spread->uneven = heaviest >= 0;
}
