#include "tests/bench/parcel.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IP_LEN      20
#define UDP_LEN     8
#define SNAP_LEN    65535
#define SOURCE_PORT 40000

struct capture_out {
    pcap_t *pcap;
    pcap_dumper_t *dumper;
    struct sockaddr_in to;
    uint8_t packet[SNAP_LEN];
};

struct capture_out *capture_out_new(const char *path, const struct sockaddr_in *to)
{
    struct capture_out *capture = calloc(1, sizeof *capture);
    if (capture == NULL)
        goto out;
    capture->to = *to;
    capture->pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, SNAP_LEN,
                                                         PCAP_TSTAMP_PRECISION_NANO);
    if (capture->pcap == NULL)
        goto out;
    capture->dumper = pcap_dump_open(capture->pcap, path);
    if (capture->dumper != NULL)
        return capture;
    dprintf(STDERR_FILENO, "%s\n", pcap_geterr(capture->pcap)); // it names the path
    pcap_close(capture->pcap);
    free(capture);
    return NULL;
out:
    dprintf(STDERR_FILENO, "%s: no memory\n", path);
    free(capture);
    return NULL;
}

int capture_out_free(struct capture_out *capture)
{
    bool failed = pcap_dump_flush(capture->dumper) != 0 ||
                  ferror(pcap_dump_file(capture->dumper)) != 0;
    pcap_dump_close(capture->dumper);
    pcap_close(capture->pcap);
    free(capture);
    return failed ? -1 : 0;
}

static uint8_t *put(uint8_t *out, size_t len, uint32_t value)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(value >> 8 * (len - i - 1));
    return out + len;
}

// RFC 1071, section 1: the one's complement sum.
static uint16_t checksum(const uint8_t *header)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < IP_LEN; i += 2)
        sum += (uint32_t)header[i] << 8 | header[i + 1];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_headers(uint8_t *packet, uint32_t source, const struct sockaddr_in *to,
                        uint32_t payload_len)
{
    uint8_t *at = put(packet, 4, UINT32_C(0x45000000) | (IP_LEN + UDP_LEN + payload_len));
    at = put(put(at, 4, 0x4000), 4, UINT32_C(0x40110000)); // do not fragment; TTL 64, UDP
    at = put(put(at, 4, source), 4, ntohl(to->sin_addr.s_addr));
    put(packet + 10, 2, checksum(packet));
    at = put(put(at, 2, SOURCE_PORT), 2, ntohs(to->sin_port));
    put(put(at, 2, UDP_LEN + payload_len), 2, 0);
}

void capture_out_put(struct capture_out *capture, const struct parcel *parcel, uint64_t now_ns)
{
    for (size_t i = 0; i < parcel->count; i++) {
        const struct iovec *piece = &parcel->pieces[i];
        const uint32_t len = (uint32_t)(IP_LEN + UDP_LEN + piece->iov_len);
        const struct pcap_pkthdr header = {
            .ts = {.tv_sec = (time_t)(now_ns / 1000000000), .tv_usec = (long)(now_ns % 1000000000)},
            .caplen = len,
            .len = len,
        };
        put_headers(capture->packet, parcel->source, &capture->to, (uint32_t)piece->iov_len);
        memcpy(capture->packet + IP_LEN + UDP_LEN, piece->iov_base, piece->iov_len);
        pcap_dump((u_char *)capture->dumper, &header, capture->packet);
    }
}
