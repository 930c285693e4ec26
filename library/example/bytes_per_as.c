// bytes_per_as PORT DATAGRAMS: receives so many datagrams of NetFlow, IPFIX or sFlow and prints the
// bytes that went to each AS, sampling made up for.
//
//   cc -o bytes_per_as bytes_per_as.c $(pkg-config --cflags --libs goflow2plus)
#include <goflow2plus/goflow2plus.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AS_MAX 1000

struct traffic {
    struct ledger ledger; // of the decoder: what came and what became of it
    size_t count;
    struct {
        uint64_t as;
        uint64_t bytes;
    } of[AS_MAX];
};

// Stands where the collector formats a flow and writes it.
static void take_flow(void *user, struct flow *flow)
{
    struct traffic *traffic = user;
    uint64_t as = flow_num(flow, FLOW_DST_AS);
    uint64_t rate = flow_num(flow, FLOW_SAMPLING_RATE);
    size_t i = 0;
    while (i < traffic->count && traffic->of[i].as != as)
        i++;
    if (i == AS_MAX) {
        traffic->ledger.flows_filtered++;
        return;
    }
    if (i == traffic->count)
        traffic->of[traffic->count++].as = as;
    traffic->of[i].bytes += flow_num(flow, FLOW_BYTES) * (rate == 0 ? 1 : rate);
    traffic->ledger.flows_delivered++;
}

static int receive(int fd, struct decoder *decoder)
{
    uint8_t bytes[65536];
    struct sockaddr_in from;
    struct timespec now;
    socklen_t from_len = sizeof from;
    ssize_t len = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_len);
    if (len < 0)
        return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct datagram datagram = {
        .data = bytes,
        .len = (size_t)len,
        .source = addr_of((const uint8_t *)&from.sin_addr, sizeof from.sin_addr),
        .port = ntohs(from.sin_port),
        .received_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec};
    decoder_run(decoder, DECODE_FLOW, &datagram);
    return 0;
}

static int listen_on(uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    perror("cannot listen");
    exit(1);
}

static void print(const struct traffic *traffic)
{
    for (size_t i = 0; i < traffic->count; i++)
        printf("AS%" PRIu64 " %" PRIu64 "\n", traffic->of[i].as, traffic->of[i].bytes);
    for (int i = 0; i < REASON_COUNT; i++)
        if (traffic->ledger.reasons[i] != 0)
            fprintf(stderr, "%" PRIu64 " %s\n", traffic->ledger.reasons[i],
                    reason_text((enum reason)i));
}

int main(int argc, char *argv[])
{
    static struct traffic traffic;
    // Ports of one exporter have templates of their own; data that comes before its template waits
    // five minutes for it.
    const struct decode_options options = {
        .hash_seed = (uint64_t)time(NULL), // not to be guessed by senders: take a random number
        .hold = {.exporter_bytes = 65536, .total_bytes = 1 << 24, .time_ns = 300000000000}};
    if (argc != 3) {
        fprintf(stderr, "usage: bytes_per_as PORT DATAGRAMS\n");
        return 2;
    }
    struct decoder *decoder = decoder_new(&options, &traffic.ledger, take_flow, &traffic);
    int fd = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    if (decoder == NULL)
        return 1;
    puts("listening");
    fflush(stdout);
    for (unsigned long left = strtoul(argv[2], NULL, 10); left != 0; left--)
        if (receive(fd, decoder) != 0)
            return 1;
    print(&traffic);
    decoder_free(decoder);
    close(fd);
    return ledger_balanced(&traffic.ledger) ? 0 : 1;
}
