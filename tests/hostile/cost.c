// Decodes the hostile corpus once and says what each datagram was: its case and its bytes, one line
// for each call of decoder_run. cost.py runs it under callgrind and puts the instructions beside.
#include "tests/hostile/case.h"
#include "tests/hostile/honest.h"

#include <stdio.h>
#include <stdlib.h>

static void count(void *user, struct flow *flow)
{
    struct ledger *ledger = user;
    ledger->flows_delivered += flow->set != 0;
}

static void run(struct decoder *decoder, const struct ledger *ledger, const struct hostile_case *c,
                const struct case_step *step)
{
    struct datagram datagram = {.data = step->data,
                                .len = step->len,
                                .source = step->source,
                                .received_ns = UINT64_C(1700000000000000000) +
                                               step->at_s * UINT64_C(1000000000)};
    for (unsigned i = 0; i < step->ports; i++) {
        uint64_t before = ledger->flows_made;
        datagram.port = (uint16_t)(step->port + i);
        decoder_run(decoder, c->scheme, &datagram);
        printf("%s %zu %llu\n", c->name, step->len,
               (unsigned long long)(ledger->flows_made - before));
    }
}

static void run_case(const struct hostile_case *c)
{
    struct ledger ledger = {.datagrams_received = 0};
    struct decode_options options = {.hash_seed = 1};
    if (c->holds)
        options.hold = (struct hold_limits){65536, 16u << 20, UINT64_C(300000000000)};
    struct decoder *decoder = decoder_new(&options, &ledger, count, &ledger);
    if (decoder == NULL) {
        perror(c->name);
        exit(1);
    }
    for (unsigned i = 0; i < c->step_count; i++)
        run(decoder, &ledger, c, &c->steps[i]);
    decoder_free(decoder);
}

int main(int argc, char **argv)
{
    struct case_list list = {.cases = NULL};
    if (argc != 2) {
        fprintf(stderr, "usage: hostile_cost DIRECTORY\n");
        return 2;
    }
    case_read_directory(&list, argv[1]);
    for (size_t i = 0; i < list.count; i++)
        run_case(&list.cases[i]);
    case_free(&list);
    return 0;
}
