// What the programs that count instructions have in common: their command line, and datagrams made
// ahead of the run.
//
// Whatever the count asked for, the same datagrams are made, so that the difference between two
// runs is what the path itself costs; start, end and learning templates fall out.
#pragma once

#include "collector/decode/decode.h"
#include "common/enrich/snapshot.h"
#include "common/flow/format.h"
#include "common/sink/sink.h"
#include "tests/bench/feed.h"

#define REPLAY_DATAGRAMS 400
#define REPLAY_BATCH     64 // datagrams between two flushes

struct replay {
    const char *protocol;
    const char *format_name;
    const char *filter;
    int64_t datagrams; // how many of them to run
    struct snapshot_options snapshot;

    struct format *format;
    struct sink *sink; // to /dev/null; closed by the program
    struct feed feed;
    struct feed_datagram pool[REPLAY_DATAGRAMS + 1]; // the templates, then flows
};

extern const struct decode_options REPLAY_DECODE;

// Reads the command line, opens format (with those columns) and sink, makes the datagrams. 0, or
// the exit code.
int replay_init(struct replay *replay, unsigned columns, int argc, char *argv[]);
void replay_fini(struct replay *replay);

// One of the pool as it would be received.
struct datagram replay_datagram(const struct replay *replay, size_t index);
