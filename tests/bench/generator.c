// Sends what exporters send, at a given rate or as fast as it goes, or writes it into a capture.
//
// Prints what it sent as one line of JSON. Seconds are those from the first to the last batch, of a
// capture those of its timestamps.
#include "common/base/options.h"
#include "tests/bench/endpoint.h"
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS     UINT64_C(1000000000)
#define LATE_MAX_NS   (SECOND_NS / 100) // what is missed beyond is not made good
#define EXPORTERS_MAX 1000000
#define POOL_MAX      1000000
#define CAPTURE_RATE  100000 // datagrams a second in a capture, unless another is asked for

struct settings {
    const char *to;
    const char *protocol;
    const char *capture_path;
    const char *first;
    int64_t rate;
    int64_t time_ns;
    int64_t count;
    int64_t burst;
    int64_t exporters;
    int64_t templates;
    int64_t template_every;
    int64_t segments;
    int64_t pool;
    int64_t seed;
    bool announced;
    bool unique;
};

struct generator {
    struct settings settings;
    struct load *load;
    struct sender *sender;       // or
    struct capture_out *capture; // this one
    uint64_t started_ns;         // Unix time
    uint64_t elapsed_ns;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
    const struct timespec at = {.tv_sec = (time_t)(at_ns / SECOND_NS),
                                .tv_nsec = (long)(at_ns % SECOND_NS)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

// When a datagram of that number is due after the start.
static uint64_t due_ns(const struct generator *generator, uint64_t number)
{
    uint64_t rate = (uint64_t)generator->settings.rate;
    return number / rate * SECOND_NS + number % rate * SECOND_NS / rate;
}

static bool is_over(const struct generator *generator)
{
    const struct settings *settings = &generator->settings;
    uint64_t sent = load_counts(generator->load)->datagrams;
    return (settings->count > 0 && sent >= (uint64_t)settings->count) ||
           (settings->time_ns > 0 && generator->elapsed_ns >= (uint64_t)settings->time_ns);
}

static size_t burst_of(const struct generator *generator)
{
    const struct settings *settings = &generator->settings;
    uint64_t left = (uint64_t)settings->count - load_counts(generator->load)->datagrams;
    if (settings->count > 0 && left < (uint64_t)settings->burst)
        return (size_t)left;
    return (size_t)settings->burst;
}

static int send_all(struct generator *generator)
{
    const struct parcel *parcels;
    uint64_t origin_ns = clock_ns(CLOCK_MONOTONIC);
    const uint64_t begun_ns = origin_ns;
    while (!is_over(generator)) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        if (generator->settings.rate > 0) {
            uint64_t at_ns = origin_ns + due_ns(generator, load_counts(generator->load)->datagrams);
            if (at_ns > now_ns)
                sleep_until(at_ns);
            else if (now_ns - at_ns > LATE_MAX_NS)
                origin_ns += now_ns - at_ns - LATE_MAX_NS;
        }
        size_t count = load_next(generator->load, burst_of(generator), clock_ns(CLOCK_REALTIME),
                                 &parcels);
        int result = sender_send(generator->sender, parcels, count);
        generator->elapsed_ns = clock_ns(CLOCK_MONOTONIC) - begun_ns;
        if (result != 0) {
            dprintf(STDERR_FILENO, "%s: cannot send: %s\n", generator->settings.to,
                    strerror(-result));
            return -1;
        }
    }
    return 0;
}

static int write_all(struct generator *generator)
{
    const struct parcel *parcels;
    while (!is_over(generator)) {
        uint64_t number = load_counts(generator->load)->datagrams;
        generator->elapsed_ns = due_ns(generator, number);
        uint64_t now_ns = generator->started_ns + generator->elapsed_ns;
        size_t count = load_next(generator->load, 1, now_ns, &parcels);
        for (size_t i = 0; i < count; i++)
            capture_out_put(generator->capture, &parcels[i], now_ns);
    }
    if (capture_out_free(generator->capture) == 0)
        return 0;
    dprintf(STDERR_FILENO, "%s: not written whole\n", generator->settings.capture_path);
    return -1;
}

static bool in_range(const char *flag, int64_t value, int64_t low, int64_t high)
{
    if (value >= low && value <= high)
        return true;
    dprintf(STDERR_FILENO, "-%s: got %" PRId64 ", wanted %" PRId64 " to %" PRId64 "\n", flag, value,
            low, high);
    return false;
}

static bool check(struct settings *s)
{
    if (*s->capture_path != '\0' && s->rate == 0)
        s->rate = CAPTURE_RATE;
    if (feed_shape(s->protocol) == NULL) {
        dprintf(STDERR_FILENO, "-protocol: got \"%s\", wanted v5, v9, ipfix or sflow\n",
                s->protocol);
        return false;
    }
    if (s->count == 0 && s->time_ns == 0) {
        dprintf(STDERR_FILENO, "wanted -time or -count\n");
        return false;
    }
    return in_range("rate", s->rate, 0, INT64_C(100000000)) &&
           in_range("time", s->time_ns, 0, INT64_MAX) &&
           in_range("count", s->count, 0, INT64_MAX) &&
           in_range("burst", s->burst, 1, PARCEL_BATCH_MAX) &&
           in_range("exporters", s->exporters, 1, EXPORTERS_MAX) &&
           in_range("templates", s->templates, 1, FEED_TEMPLATE_MAX) &&
           in_range("templates.every", s->template_every, 0, UINT32_MAX) &&
           in_range("segments", s->segments, 1, PARCEL_SEGMENTS_MAX) &&
           in_range("pool", s->pool, PARCEL_BATCH_MAX, POOL_MAX);
}

static int parse(struct settings *s, int argc, char *argv[])
{
    const struct option table[] = {
        {"to", OPTION_STRING, &s->to, "address and port to send to", "Output"},
        {"pcap", OPTION_STRING, &s->capture_path, "capture `file` to write instead", NULL},
        {"protocol", OPTION_STRING, &s->protocol, "v5, v9, ipfix or sflow", "Traffic"},
        {"exporters", OPTION_INT, &s->exporters, "`count` of senders", NULL},
        {"first", OPTION_STRING, &s->first, "`address` of the first of them", NULL},
        {"templates", OPTION_INT, &s->templates, "`count` of templates of each, in turn", NULL},
        {"templates.every", OPTION_INT, &s->template_every,
         "`datagrams` of flows until templates are sent again, 0 never", NULL},
        {"announced", OPTION_BOOL, &s->announced, "templates are known: none at the start", NULL},
        {"unique", OPTION_BOOL, &s->unique, "the bytes of each flow are its number, from 1", NULL},
        {"pool", OPTION_INT, &s->pool, "`count` of different datagrams", NULL},
        {"seed", OPTION_INT, &s->seed, "of what is drawn", NULL},
        {"rate", OPTION_INT, &s->rate, "`datagrams` a second, 0 as fast as it goes", "Pace"},
        {"time", OPTION_DURATION_NS, &s->time_ns, "how long", NULL},
        {"count", OPTION_INT, &s->count, "how many `datagrams`", NULL},
        {"burst", OPTION_INT, &s->burst, "`datagrams` sent back to back", NULL},
        {"segments", OPTION_INT, &s->segments,
         "`datagrams` of one exporter given to the kernel at once, for receivers with GRO", NULL},
    };
    const size_t count = sizeof table / sizeof table[0];
    int rest = 0;
    if (options_parse(table, count, argc, argv, &rest) == OPTIONS_OK && rest == argc)
        return check(s) ? 0 : -1;
    options_help(table, count, "generator [options]", STDERR_FILENO);
    return -1;
}

static int open_load(struct generator *generator)
{
    const struct settings *s = &generator->settings;
    struct in_addr first;
    if (inet_pton(AF_INET, s->first, &first) != 1) {
        dprintf(STDERR_FILENO, "-first: got \"%s\", wanted an IPv4 address\n", s->first);
        return -1;
    }
    const struct load_options options = {
        .first = ntohl(first.s_addr),
        .shape = feed_shape(s->protocol),
        .exporters = (uint32_t)s->exporters,
        .templates = (uint32_t)s->templates,
        .template_every = (uint32_t)s->template_every,
        .announced = s->announced,
        .segments = *s->capture_path != '\0' ? 1 : (uint32_t)s->segments,
        .pool = (uint32_t)s->pool,
        .seed = (uint64_t)s->seed,
        .unique = s->unique,
    };
    generator->started_ns = clock_ns(CLOCK_REALTIME);
    generator->load = load_new(&options, generator->started_ns);
    if (generator->load != NULL)
        return 0;
    dprintf(STDERR_FILENO, "no memory for the pool\n");
    return -1;
}

static int run(struct generator *generator)
{
    struct sockaddr_in to;
    if (endpoint_parse(&to, generator->settings.to) != 0 || open_load(generator) != 0)
        return -1;
    if (*generator->settings.capture_path != '\0') {
        generator->capture = capture_out_new(generator->settings.capture_path, &to);
        return generator->capture == NULL ? -1 : write_all(generator);
    }
    // Otherwise sleeps end up to 50 us late, and bursts grow.
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    generator->sender = sender_new(&to);
    return generator->sender == NULL ? -1 : send_all(generator);
}

int main(int argc, char *argv[])
{
    struct generator generator = {.settings = {.to = "127.0.0.1:2055",
                                               .protocol = "v9",
                                               .capture_path = "",
                                               .first = "127.1.0.1",
                                               .burst = 16,
                                               .exporters = 1,
                                               .templates = 1,
                                               .template_every = 10000,
                                               .segments = 1,
                                               .pool = 4096,
                                               .seed = 1}};
    if (parse(&generator.settings, argc, argv) != 0)
        return 2;
    int result = run(&generator);
    if (result == 0) {
        const struct load_counts *counts = load_counts(generator.load);
        printf("{\"datagrams\": %" PRIu64 ", \"templates\": %" PRIu64 ", \"flows\": %" PRIu64
               ", \"seconds\": %.6f}\n",
               counts->datagrams, counts->templates, counts->flows,
               (double)generator.elapsed_ns / (double)SECOND_NS);
    }
    sender_free(generator.sender);
    load_free(generator.load);
    return result == 0 ? 0 : 1;
}
