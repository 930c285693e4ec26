// Sends the datagrams of the hostile corpus round and round, at a given rate, from 16 addresses
// that no honest exporter of the generator has.
//
// Prints what it sent as one line of JSON.
#include "common/base/options.h"
#include "tests/bench/endpoint.h"
#include "tests/bench/parcel.h"
#include "tests/hostile/case.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SOURCE      0x7f090001 // 127.9.0.1, and the addresses after it
#define SOURCES     16
#define SECOND_NS   UINT64_C(1000000000)
#define PAYLOAD_MAX 65507 // of UDP over IPv4

struct settings {
    const char *to;
    const char *cases;
    int64_t rate;
    int64_t time_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
    const struct timespec at = {.tv_sec = (time_t)(at_ns / SECOND_NS),
                                .tv_nsec = (long)(at_ns % SECOND_NS)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int send_step(struct sender *sender, const struct case_step *step, uint64_t number)
{
    struct iovec piece = {.iov_base = step->data,
                          .iov_len = step->len < PAYLOAD_MAX ? step->len : PAYLOAD_MAX};
    const struct parcel parcel = {
        .pieces = &piece, .count = 1, .source = SOURCE + (uint32_t)(number % SOURCES)};
    return sender_send(sender, &parcel, 1);
}

// How many were sent, or -1. A round has one address, so that templates and data meet.
static int64_t send_all(struct sender *sender, const struct case_list *list,
                        const struct settings *settings)
{
    uint64_t begun_ns = now_ns();
    int64_t sent = 0;
    for (uint64_t round = 0;; round++) {
        for (size_t i = 0; i < list->count; i++) {
            const struct hostile_case *one = &list->cases[i];
            for (unsigned j = 0; j < one->step_count; j++, sent++) {
                uint64_t due_ns = (uint64_t)sent * SECOND_NS / (uint64_t)settings->rate;
                if (due_ns >= (uint64_t)settings->time_ns)
                    return sent;
                sleep_until(begun_ns + due_ns);
                if (send_step(sender, &one->steps[j], round) != 0)
                    return -1;
            }
        }
    }
}

int main(int argc, char *argv[])
{
    struct settings settings = {
        .to = "127.0.0.1:2055", .cases = "tests/hostile/case", .rate = 1000, .time_ns = 1000000000};
    const struct option table[] = {
        {"to", OPTION_STRING, &settings.to, "receiver, `address:port`", NULL},
        {"cases", OPTION_STRING, &settings.cases, "`folder` of the corpus", NULL},
        {"rate", OPTION_INT, &settings.rate, "`datagrams` a second", NULL},
        {"time", OPTION_DURATION_NS, &settings.time_ns, "how long", NULL},
    };
    struct sockaddr_in to;
    struct case_list list = {.cases = NULL};
    int rest;
    if (options_parse(table, sizeof table / sizeof table[0], argc, argv, &rest) != OPTIONS_OK ||
        settings.rate <= 0 || endpoint_parse(&to, settings.to) != 0)
        return 2;
    case_read_directory(&list, settings.cases);
    struct sender *sender = sender_new(&to);
    int64_t sent = sender == NULL || list.count == 0 ? -1 : send_all(sender, &list, &settings);
    printf("{\"cases\": %zu, \"datagrams\": %" PRId64 "}\n", list.count, sent);
    sender_free(sender);
    case_free(&list);
    return sent < 0 ? 1 : 0;
}
