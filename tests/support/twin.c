#include "tests/support/twin.h"

#include "common/flow/wire.h"
#include "tests/support/require.h"

#include <stdlib.h>
#include <string.h>

static void take_flow(void *user, struct flow *flow)
{
    struct twin_side *side = user;
    REQUIRE(side->len + wire_bound(flow) <= TWIN_BYTES_MAX);
    side->len = (size_t)(wire_write(side->bytes + side->len, flow) - side->bytes);
    side->ledger.flows_delivered++;
    if (side->look != NULL)
        side->look(flow);
}

// Exactly as many bytes as were asked for, for the sanitizer.
static uint8_t *lend_room(void *user, size_t len)
{
    struct twin_side *side = user;
    REQUIRE(side->len + len <= TWIN_BYTES_MAX);
    return side->bytes + TWIN_BYTES_MAX - len;
}

static void take_frame(void *user, uint8_t *frame, size_t len)
{
    struct twin_side *side = user;
    memmove(side->bytes + side->len, frame, len);
    side->len += len;
    side->ledger.flows_delivered++;
    side->frames++;
}

static void side_init(struct twin_side *side, const struct decode_options *options)
{
    *side = (struct twin_side){.bytes = malloc(TWIN_BYTES_MAX)};
    side->decoder = decoder_new(options, &side->ledger, take_flow, side);
    REQUIRE(side->bytes != NULL && side->decoder != NULL);
}

static void side_fini(struct twin_side *side)
{
    decoder_free(side->decoder);
    free(side->bytes);
}

void twin_init(struct twin *twin, const struct decode_options *options)
{
    static const struct decode_frames frames = {.room = lend_room, .take = take_frame};
    side_init(&twin->whole, options);
    side_init(&twin->straight, options);
    decoder_set_frames(twin->straight.decoder, &frames);
}

void twin_fini(struct twin *twin)
{
    side_fini(&twin->whole);
    side_fini(&twin->straight);
}

struct sums {
    uint64_t exporters;
    struct exporter_counts counts; // of the latest one
    uint64_t sampling_rate;
    uint64_t sampling;
    uint64_t last_flow_ns;
};

static void note_exporter(void *user, const struct exporter *exporter)
{
    struct sums *sums = user;
    if (sums->exporters++ != 0)
        return;
    sums->counts = exporter->counts;
    sums->sampling_rate = exporter->sampling_rate;
    sums->sampling = exporter->sampling;
    sums->last_flow_ns = exporter->last_flow_ns;
}

static void compare_exporters(const struct twin *twin)
{
    struct sums whole = {.exporters = 0};
    struct sums straight = {.exporters = 0};
    decoder_exporters(twin->whole.decoder, note_exporter, &whole);
    decoder_exporters(twin->straight.decoder, note_exporter, &straight);
    REQUIRE(memcmp(&whole, &straight, sizeof whole) == 0);
}

size_t twin_run(struct twin *twin, enum decode_scheme scheme, const struct datagram *datagram)
{
    twin->whole.len = 0;
    twin->straight.len = 0;
    decoder_run(twin->whole.decoder, scheme, datagram);
    decoder_run(twin->straight.decoder, scheme, datagram);
    REQUIRE(twin->whole.len == twin->straight.len);
    REQUIRE(memcmp(twin->whole.bytes, twin->straight.bytes, twin->whole.len) == 0);
    REQUIRE(memcmp(&twin->whole.ledger, &twin->straight.ledger, sizeof twin->whole.ledger) == 0);
    compare_exporters(twin);
    return twin->whole.len;
}
