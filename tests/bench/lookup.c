// What looking an address up costs: loads a context.yaml and databases, then asks for addresses
// drawn evenly from the bench's space, so that caches help as little as they can.
//
// Prints one line of JSON: seconds to load, bytes of the look-up structures, nanoseconds of one
// look-up (processor time over all of them).
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/enrich/snapshot.h"
#include "tests/bench/random.h"
#include "tests/bench/space.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES ((size_t)1 << 20)
#define SECOND_NS 1e9

struct question {
    uint8_t bytes[16];
    size_t len;
};

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / SECOND_NS;
}

static void draw(struct question *question, uint64_t *random, bool ipv6)
{
    uint64_t span = ipv6 ? SPACE_IPV6_END - SPACE_IPV6_FIRST : SPACE_IPV4_END - SPACE_IPV4_FIRST;
    uint32_t first = ipv6 ? SPACE_IPV6_FIRST : SPACE_IPV4_FIRST;
    uint32_t word = first + (uint32_t)random_below(random, span);
    question->len = ipv6 ? 16 : 4;
    for (size_t i = 0; i < 4; i++)
        question->bytes[i] = (uint8_t)(word >> (24 - 8 * i));
    for (size_t i = 4; i < 16; i++)
        question->bytes[i] = (uint8_t)random_next(random);
}

// Returns how many addresses have an answer: a sum that the compiler cannot leave out.
static size_t ask(const struct snapshot *snapshot, const struct question *questions, size_t count)
{
    size_t answered = 0;
    for (size_t i = 0; i < count; i++) {
        struct answer answer;
        const struct question *question = &questions[i % ADDRESSES];
        snapshot_lookup(snapshot, question->bytes, question->len, &answer);
        answered += answer.group.len != 0 || answer.has_asn || answer.country.len != 0;
    }
    return answered;
}

static int measure(const struct snapshot *snapshot, double load_seconds, bool ipv6, size_t count)
{
    uint64_t random = 1;
    struct snapshot_facts facts;
    struct question *questions = calloc(ADDRESSES, sizeof *questions);
    if (questions == NULL)
        return -1;
    for (size_t i = 0; i < ADDRESSES; i++)
        draw(&questions[i], &random, ipv6);
    ask(snapshot, questions, ADDRESSES);
    double begun = processor_seconds();
    size_t answered = ask(snapshot, questions, count);
    double seconds = processor_seconds() - begun;
    snapshot_facts(snapshot, &facts);
    printf("{\"networks\": %zu, \"prefixes\": %zu, \"load_seconds\": %.4f, \"bytes\": %zu, "
           "\"lookup_ns\": %.2f, \"answered\": %.4f}\n",
           facts.networks, facts.asn_prefixes + facts.country_prefixes, load_seconds, facts.bytes,
           seconds * SECOND_NS / (double)count, (double)answered / (double)count);
    free(questions);
    return 0;
}

int main(int argc, char *argv[])
{
    struct snapshot_options options = {.context_path = "", .asn_path = "", .country_path = ""};
    int64_t count = 4000000;
    bool ipv6 = false;
    const struct option table[] = {
        {"context", OPTION_STRING, &options.context_path, "context.yaml", "Files"},
        {"asn", OPTION_STRING, &options.asn_path, "ASN database", NULL},
        {"country", OPTION_STRING, &options.country_path, "country database", NULL},
        {"count", OPTION_INT, &count, "look-ups", "Questions"},
        {"ipv6", OPTION_BOOL, &ipv6, "ask for IPv6 addresses", NULL},
    };
    int rest = 0;
    if (options_parse(table, sizeof table / sizeof table[0], argc, argv, &rest) != OPTIONS_OK ||
        count < 1)
        return 2;
    log_setup(LOG_LEVEL_ERROR, false);
    double begun = processor_seconds();
    struct snapshot *snapshot = snapshot_new(&options);
    if (snapshot == NULL)
        return 1;
    int result = measure(snapshot, processor_seconds() - begun, ipv6, (size_t)count);
    snapshot_unref(snapshot);
    return result == 0 ? 0 : 1;
}
