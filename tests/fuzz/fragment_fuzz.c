// Fragments of captured datagrams, put together. Input: for each fragment two bytes of flags (which
// datagram, whether it is the last, how much later it comes, what it holds), two of offset and one
// of length. What comes out must be made of bytes that were put in, where they were put.
#include "collector/fragment.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define STEP_LEN  5
#define STEPS_MAX 4096

static uint8_t pool[512 + 256];

struct step {
    struct fragment fragment;
    uint64_t now_ns;
};

static struct step read_step(const uint8_t *at, uint64_t now_ns)
{
    static const uint8_t address[16] = {0x20, 0x01};
    bool six = (at[0] & 2) != 0;
    struct step step = {
        .fragment =
            {
                .source = addr_of(address, six ? 16 : 4),
                .destination = addr_of(address, six ? 16 : 4),
                .id = at[0] >> 4,
                .version = six ? 6 : 4,
                .protocol = 17,
                .more = (at[0] & 1) != 0,
                .offset = (size_t)(at[2] << 8 | at[3]) & 0xfff8,
                .bytes = pool + ((at[0] & 4) != 0 ? at[1] : (at[3] & 0xf8)),
                .len = (at[0] & 8) != 0 ? (size_t)at[4] : (size_t)(at[4] & 0xf8),
            },
        .now_ns = now_ns + (at[1] == 0xff ? FRAGMENT_WAIT_NS + 1 : 0),
    };
    return step;
}

// Whether one of the fragments had that byte there.
static bool was_put(const struct step *steps, size_t count, size_t at, uint8_t byte)
{
    const struct fragment *last = &steps[count - 1].fragment;
    for (size_t i = count; i-- > 0;) {
        const struct fragment *fragment = &steps[i].fragment;
        if (fragment->id == last->id && fragment->version == last->version &&
            at >= fragment->offset && at - fragment->offset < fragment->len &&
            fragment->bytes[at - fragment->offset] == byte)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct step steps[STEPS_MAX];
    for (size_t i = 0; i < sizeof pool; i++)
        pool[i] = (uint8_t)(i * 5 + (i >> 8));
    struct fragment_table *table = fragment_table_new();
    FUZZ_REQUIRE(table != NULL);
    uint64_t now_ns = 1;
    uint64_t put = 0;
    uint64_t lost = 0;
    for (size_t count = 0; count < STEPS_MAX && len - count * STEP_LEN >= STEP_LEN; count++) {
        struct fragment_whole whole;
        steps[count] = read_step(data + count * STEP_LEN, now_ns);
        now_ns = steps[count].now_ns;
        put++;
        if (!fragment_put(table, &steps[count].fragment, true, now_ns, &whole))
            continue;
        FUZZ_REQUIRE(whole.len != 0 && whole.len <= FRAGMENT_BYTES_MAX && whole.protocol == 17);
        for (size_t at = 0; at < whole.len; at++)
            FUZZ_REQUIRE(was_put(steps, count + 1, at, whole.bytes[at]));
    }
    fragment_give_up(table);
    struct fragment_loss loss = fragment_take_loss(table);
    lost = loss.incomplete + loss.contradictory;
    FUZZ_REQUIRE(lost <= put);
    fragment_table_free(table);
    return 0;
}
