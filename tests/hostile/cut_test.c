// Every datagram of the golden cases and of the captures, cut at every byte: the books balance, a
// cut one gives no more flows than the whole, and afterwards the whole one gives what it always
// gives. What is too much for a test run is sampled, and the sampling is printed.
//
// usage: cut_test VECTORS.jsonl
//
// The shared folder (GOFLOW_SHARED, default ../shared beside the source tree) is read in place:
// golden/goflow2.jsonl and every *.pcap below corpora/.
#include "collector/decode/decode.h"
#include "collector/frame.h"

#include <assert.h>
#include <dirent.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NS_PER_S         UINT64_C(1000000000)
#define CAPTURE_CUT_MAX  256  // datagrams of one capture that are cut
#define EVERY_BYTE_UP_TO 2048 // of longer datagrams, the cuts beyond are every 13th
#define STEP_BEYOND      13

struct totals {
    size_t sources;
    size_t datagrams;
    size_t cut;
    size_t cuts;
    size_t flows;
    size_t failures;
};

// Two decoders see the same datagrams; one of them sees the cut ones too.
struct pair {
    const char *name;
    struct ledger whole_ledger;
    struct ledger cut_ledger;
    struct decoder *whole;
    struct decoder *cut;
    struct totals *totals;
};

static void take(void *user, struct flow *flow)
{
    struct ledger *ledger = user;
    ledger->flows_delivered += flow->set != 0;
}

static void pair_init(struct pair *pair, const char *name, struct totals *totals)
{
    const struct decode_options options = {.hash_seed = 1};
    *pair = (struct pair){.name = name, .totals = totals};
    pair->whole = decoder_new(&options, &pair->whole_ledger, take, &pair->whole_ledger);
    pair->cut = decoder_new(&options, &pair->cut_ledger, take, &pair->cut_ledger);
    if (pair->whole == NULL || pair->cut == NULL) {
        perror(name);
        exit(1);
    }
    totals->sources++;
}

static void pair_fini(struct pair *pair)
{
    decoder_free(pair->whole);
    decoder_free(pair->cut);
}

// In memory of exactly that length, so that a sanitizer sees every read past the end.
static uint64_t run(struct decoder *decoder, const struct ledger *ledger,
                    const struct datagram *datagram, size_t len)
{
    uint64_t before = ledger->flows_made;
    uint8_t *bytes = malloc(len == 0 ? 1 : len);
    assert(bytes != NULL);
    if (len != 0)
        memcpy(bytes, datagram->data, len);
    struct datagram cut = *datagram;
    cut.data = bytes;
    cut.len = len;
    decoder_run(decoder, DECODE_FLOW, &cut);
    free(bytes);
    return ledger->flows_made - before;
}

static void require(struct pair *pair, bool good, size_t len, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: datagram %zu cut to %zu bytes: %s\n", pair->name,
            (size_t)pair->whole_ledger.datagrams_received, len, what);
    pair->totals->failures++;
}

static void take_datagram(struct pair *pair, const struct datagram *datagram, bool cutting)
{
    uint64_t flows = run(pair->whole, &pair->whole_ledger, datagram, datagram->len);
    size_t step = 1;
    for (size_t len = 0; cutting && len < datagram->len; len += step) {
        uint64_t some = run(pair->cut, &pair->cut_ledger, datagram, len);
        require(pair, ledger_balanced(&pair->cut_ledger), len, "the books do not balance");
        require(pair, some <= flows, len, "more flows than the whole");
        step = len < EVERY_BYTE_UP_TO ? 1 : STEP_BEYOND;
        pair->totals->cuts++;
    }
    uint64_t after = run(pair->cut, &pair->cut_ledger, datagram, datagram->len);
    require(pair, after == flows, datagram->len, "other flows after it was cut");
    pair->totals->datagrams++;
    pair->totals->cut += cutting;
    pair->totals->flows += flows;
}

// Reads hexadecimal text up to the quote that ends it. Returns the text behind it.
static const char *read_hex(const char *text, uint8_t *out, size_t *len)
{
    unsigned byte;
    for (*len = 0; *text != '"' && sscanf(text, "%2x", &byte) == 1; text += 2)
        out[(*len)++] = (uint8_t)byte;
    return text + 1;
}

static void cut_case(const char *line, struct totals *totals)
{
    static uint8_t bytes[65536];
    const char *at = strstr(line, "\"packets\": [");
    struct pair pair;
    if (at == NULL)
        return;
    pair_init(&pair, "golden", totals);
    const char *end = strchr(at, ']');
    for (at = strchr(at, '['); (at = strchr(at, '"')) != NULL && at < end;) {
        struct datagram datagram = {.data = bytes,
                                    .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                    .port = 50000,
                                    .received_ns = UINT64_C(1700000000) * NS_PER_S};
        at = read_hex(at + 1, bytes, &datagram.len);
        take_datagram(&pair, &datagram, true);
    }
    pair_fini(&pair);
}

static void cut_golden(const char *path, struct totals *totals)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    while (getline(&line, &size, file) > 0)
        cut_case(line, totals);
    free(line);
    fclose(file);
}

static size_t packet_count(const char *path)
{
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *bytes;
    size_t count = 0;
    pcap_t *pcap = pcap_open_offline(path, error);
    if (pcap == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    while (pcap_next_ex(pcap, &header, &bytes) == 1)
        count++;
    pcap_close(pcap);
    return count;
}

// All datagrams are decoded, so that templates are known; of many, some are cut, evenly spread.
static void cut_capture(const char *path, struct totals *totals)
{
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *bytes;
    struct pair pair;
    size_t every = 1 + packet_count(path) / CAPTURE_CUT_MAX;
    pcap_t *pcap = pcap_open_offline(path, error);
    if (pcap == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    pair_init(&pair, path, totals);
    for (size_t i = 0; pcap_next_ex(pcap, &header, &bytes) == 1; i++) {
        struct frame_udp udp;
        struct fragment fragment;
        enum reason why;
        if (frame_read(pcap_datalink(pcap), bytes, header->caplen, &udp, &fragment, &why) !=
            FRAME_UDP)
            continue;
        const struct datagram datagram = {.data = udp.payload,
                                          .len = udp.len,
                                          .source = udp.source,
                                          .port = udp.port,
                                          .received_ns = (uint64_t)header->ts.tv_sec * NS_PER_S};
        take_datagram(&pair, &datagram, i % every == 0);
    }
    pair_fini(&pair);
    pcap_close(pcap);
}

static void cut_path(const char *path, struct totals *totals, unsigned depth);

static void cut_directory(const char *path, struct totals *totals, unsigned depth)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char below[1024];
        snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            cut_path(below, totals, depth + 1);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void cut_path(const char *path, struct totals *totals, unsigned depth)
{
    enum { DEPTH_MAX = 6 };
    struct stat facts;
    size_t len = strlen(path);
    if (stat(path, &facts) != 0 || depth > DEPTH_MAX)
        return;
    if (S_ISDIR(facts.st_mode))
        cut_directory(path, totals, depth);
    else if (len > 5 && strcmp(path + len - 5, ".pcap") == 0)
        cut_capture(path, totals);
}

static void cut_shared(struct totals *totals)
{
    const char *folder = getenv("GOFLOW_SHARED");
    char path[1024];
    struct stat facts;
    if (folder == NULL || *folder == '\0')
        folder = DEFAULT_SHARED;
    if (stat(folder, &facts) != 0) {
        printf("LEFT OUT, all captures: no folder %s (set GOFLOW_SHARED)\n", folder);
        return;
    }
    snprintf(path, sizeof path, "%s/golden/goflow2.jsonl", folder);
    cut_golden(path, totals);
    snprintf(path, sizeof path, "%s/corpora", folder);
    cut_path(path, totals, 0);
}

int main(int argc, char **argv)
{
    struct totals totals = {.sources = 0};
    if (argc != 2) {
        fprintf(stderr, "usage: cut_test VECTORS.jsonl\n");
        return 2;
    }
    cut_golden(argv[1], &totals);
    cut_shared(&totals);
    printf("%zu cases and captures, %zu datagrams, %zu flows; %zu datagrams cut, %zu cuts\n",
           totals.sources, totals.datagrams, totals.flows, totals.cut, totals.cuts);
    printf("sampled: at most %d datagrams cut of a capture; behind byte %d each %dth cut\n",
           CAPTURE_CUT_MAX, EVERY_BYTE_UP_TO, STEP_BEYOND);
    return totals.failures != 0 || totals.datagrams == 0;
}
