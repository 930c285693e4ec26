#include "collector/capture.h"

#include "collector/fragment.h"
#include "collector/frame.h"
#include "collector/unpack.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACKET_BYTES 65535     // of a frame, as far as an expression minds
#define FLUSH_FRAMES 256       // datagrams between two flushes
#define READ_BYTES   (1 << 18) // asked from a file at once
#define SYNC_MS      200 // how often the mailbox is looked into while the output is waited for
#define HEAD_BYTES   8   // of a file, for saying what it is not
#define WANTED       "wanted a capture: pcap or pcapng, plain or compressed with gzip or Zstandard"

struct capture {
    pthread_t thread;
    struct capture_options options;
    struct lane *lane;
    atomic_bool ended;
    int result;

    int fd; // of the file that is being read
    struct unpack *unpack;
    uint8_t head[HEAD_BYTES]; // its first bytes, unpacked
    size_t head_len;
    bool begun;
    char *room;
    unsigned unflushed;
    uint64_t frames;
    struct fragment_table *fragments; // over all files: a split capture may split datagrams
};

// Waits for input and for mail, having handed on what was read so far: stdin may be a live tcpdump.
// False when the lane is to stop.
static bool await_input(struct capture *capture)
{
    struct pollfd ready[] = {{.fd = capture->fd, .events = POLLIN},
                             {.fd = lane_mail_fd(capture->lane), .events = POLLIN}};
    if (poll(ready, 1, 0) > 0)
        return lane_serve(capture->lane);
    (void)lane_flush(capture->lane); // a dead output stops the lane through its owner
    capture->unflushed = 0;
    while (lane_serve(capture->lane)) {
        if (poll(ready, 2, -1) > 0 && ready[0].revents != 0)
            return true;
    }
    return false;
}

// A stop looks like the end of the file.
static ssize_t read_packed(void *user, void *out, size_t size)
{
    struct capture *capture = user;
    return await_input(capture) ? read(capture->fd, out, size) : 0;
}

// The read function of the stream that libpcap reads from.
static ssize_t read_input(void *user, char *out, size_t size)
{
    struct capture *capture = user;
    ssize_t got = unpack_take(capture->unpack, out, size);
    if (!capture->begun && got > 0) {
        capture->begun = true;
        capture->head_len = (size_t)got < HEAD_BYTES ? (size_t)got : HEAD_BYTES;
        memcpy(capture->head, out, capture->head_len);
    }
    return got;
}

static int close_input(void *user)
{
    struct capture *capture = user;
    if (capture->fd != STDIN_FILENO)
        close(capture->fd);
    unpack_free(capture->unpack);
    capture->unpack = NULL;
    return 0;
}

static int fail(const char *path, const char *what)
{
    log_error("cannot read the capture", "file", path, "error", what);
    return -1;
}

// What the file is, as far as its first bytes say.
static const char *name_format(const struct capture *capture)
{
    static const struct {
        const char *name;
        const char *magic;
    } formats[] = {
        {"xz data", "\xfd\x37\x7aXZ"},
        {"bzip2 data", "BZh"},
        {"LZ4 data", "\x04\x22\x4d\x18"},
        {"a zip archive", "PK\x03\x04"},
        {"a 7z archive", "7z\xbc\xaf"},
        {"a snoop capture", "snoop"},
        {"a Network Monitor capture", "GMBU"},
        {"gzip data in compressed data", "\x1f\x8b"},
        {"Zstandard data in compressed data", "\x28\xb5\x2f\xfd"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        size_t len = strlen(formats[i].magic);
        if (capture->head_len >= len && memcmp(capture->head, formats[i].magic, len) == 0)
            return formats[i].name;
    }
    return NULL;
}

static int fail_format(const struct capture *capture, const char *path)
{
    char what[192];
    const char *name = name_format(capture);
    if (capture->head_len == 0)
        return fail(path, "got an empty file, " WANTED);
    if (name != NULL) {
        snprintf(what, sizeof what, "got %s, " WANTED, name);
        return fail(path, what);
    }
    int at = snprintf(what, sizeof what, "got a file that begins with");
    for (size_t i = 0; i < capture->head_len; i++)
        at += snprintf(what + at, sizeof what - (size_t)at, " %02x", capture->head[i]);
    snprintf(what + at, sizeof what - (size_t)at, ", " WANTED);
    return fail(path, what);
}

static FILE *open_input(struct capture *capture, const char *path)
{
    static const cookie_io_functions_t functions = {.read = read_input, .close = close_input};
    bool standard = strcmp(path, "-") == 0;
    capture->begun = false;
    capture->head_len = 0;
    capture->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (capture->fd < 0) {
        fail(path, strerror(errno));
        return NULL;
    }
    capture->unpack = unpack_new(read_packed, capture);
    FILE *in = capture->unpack == NULL ? NULL : fopencookie(capture, "r", functions);
    if (in == NULL) {
        fail(path, strerror(errno));
        close_input(capture);
        return NULL;
    }
    setvbuf(in, capture->room, _IOFBF, READ_BYTES);
    return in;
}

static pcap_t *open_capture(struct capture *capture, const char *path)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    char damage[PCAP_ERRBUF_SIZE] = "";
    FILE *in = open_input(capture, path);
    if (in == NULL)
        return NULL;
    pcap_t *pcap = pcap_fopen_offline_with_tstamp_precision(in, PCAP_TSTAMP_PRECISION_NANO, why);
    if (pcap != NULL)
        return pcap;
    if (unpack_error(capture->unpack) != NULL)
        snprintf(damage, sizeof damage, "%s", unpack_error(capture->unpack));
    fclose(in);
    if (!lane_serve(capture->lane)) // it is the stop that ended the file
        return NULL;
    if (damage[0] != '\0')
        fail(path, damage);
    else if (capture->head_len < 4 || strstr(why, "unknown file format") != NULL)
        fail_format(capture, path);
    else
        fail(path, why);
    return NULL;
}

static void take_udp(struct capture *capture, const struct frame_udp *udp, uint64_t captured_ns)
{
    if (udp->cut)
        lane_note(capture->lane, REASON_CAPTURE_SHORT, 1);
    const struct datagram datagram = {
        .data = udp->payload,
        .len = udp->len,
        .source = udp->source,
        .port = udp->port,
        .received_ns = captured_ns,
    };
    lane_datagram(capture->lane, 0, DECODE_FLOW, &datagram);
    capture->unflushed++;
}

static void note_loss(struct capture *capture)
{
    struct fragment_loss loss = fragment_take_loss(capture->fragments);
    lane_note(capture->lane, REASON_CAPTURE_FRAGMENT, loss.incomplete);
    lane_note(capture->lane, REASON_CAPTURE_OVERLAP, loss.contradictory);
}

// A datagram is as old as its last fragment, as a socket would have it.
static void take_fragment(struct capture *capture, const struct fragment *fragment, bool matches,
                          uint64_t captured_ns)
{
    struct fragment_whole whole;
    struct frame_udp udp;
    enum reason why;
    if (fragment_put(capture->fragments, fragment, matches, captured_ns, &whole)) {
        if (frame_read_whole(fragment, &whole, &udp, &why) == FRAME_UDP)
            take_udp(capture, &udp, captured_ns);
        else
            lane_note(capture->lane, why, 1);
    }
    note_loss(capture);
}

// `matches` is what the filter says of the frame. Of a datagram in fragments it is asked about the
// first one, since the others have no ports.
static void take_frame(struct capture *capture, int link_type, const struct pcap_pkthdr *header,
                       const uint8_t *bytes, bool matches)
{
    struct frame_udp udp;
    struct fragment fragment;
    enum reason why;
    // tv_usec holds nanoseconds: that precision was asked for.
    uint64_t captured_ns = (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;
    switch (frame_read(link_type, bytes, header->caplen, &udp, &fragment, &why)) {
    case FRAME_UDP:
        if (matches)
            take_udp(capture, &udp, captured_ns);
        break;
    case FRAME_FRAGMENT:
        take_fragment(capture, &fragment, matches, captured_ns);
        break;
    case FRAME_OTHER:
        lane_note(capture->lane, why, matches);
        break;
    }
}

// Reads the file to its end, or until the lane is told to stop.
static int read_frames(struct capture *capture, const char *path, pcap_t *pcap,
                       const struct bpf_program *filter)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int link_type = pcap_datalink(pcap);
    int got = 0;
    while (lane_serve(capture->lane) && (got = pcap_next_ex(pcap, &header, &bytes)) == 1) {
        capture->frames++;
        bool matches = filter == NULL || pcap_offline_filter(filter, header, bytes) != 0;
        take_frame(capture, link_type, header, bytes, matches);
        if (capture->unflushed < FLUSH_FRAMES)
            continue;
        (void)lane_flush(capture->lane); // a dead output stops the lane through its owner
        capture->unflushed = 0;
    }
    if (!lane_serve(capture->lane)) // it is the stop that ended the file
        return 0;
    if (unpack_error(capture->unpack) != NULL)
        return fail(path, unpack_error(capture->unpack));
    return got == PCAP_ERROR ? fail(path, pcap_geterr(pcap)) : 0;
}

static int read_filtered(struct capture *capture, const char *path, pcap_t *pcap)
{
    struct bpf_program filter;
    const char *expression = capture->options.filter;
    int link_type = pcap_datalink(pcap);
    if (!frame_link_known(link_type)) {
        char what[128];
        const char *name = pcap_datalink_val_to_name(link_type);
        snprintf(what, sizeof what,
                 "link type %d (%s): wanted Ethernet, Linux cooked, raw IP or "
                 "loopback",
                 link_type, name == NULL ? "unknown" : name);
        return fail(path, what);
    }
    if (expression == NULL || *expression == '\0')
        return read_frames(capture, path, pcap, NULL);
    if (pcap_compile(pcap, &filter, expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        log_error("-read.filter: bad expression", "got", expression, "error", pcap_geterr(pcap));
        return -1;
    }
    int result = read_frames(capture, path, pcap, &filter);
    pcap_freecode(&filter);
    return result;
}

static int read_file(struct capture *capture, const char *path)
{
    capture->frames = 0;
    pcap_t *pcap = open_capture(capture, path);
    if (pcap == NULL)
        return lane_serve(capture->lane) ? -1 : 0;
    int result = read_filtered(capture, path, pcap);
    pcap_close(pcap);
    log_info("read capture", "file", path, "frames", log_unsigned(capture->frames).text);
    return result;
}

static int read_files(struct capture *capture)
{
    int result = 0;
    char *list = strdup(capture->options.files);
    if (list == NULL)
        return fail(capture->options.files, "out of memory");
    char *rest = list;
    char *path;
    while (result == 0 && (path = strsep(&rest, ",")) != NULL)
        result = read_file(capture, path);
    free(list);
    return result;
}

static void *run(void *user)
{
    struct capture *capture = user;
    struct lane *lane = capture->lane;
    capture->result = read_files(capture);
    fragment_give_up(capture->fragments);
    note_loss(capture);
    while (lane_sync(lane, SYNC_MS) == -ETIMEDOUT && lane_serve(lane))
        continue;
    lane_finish(lane);
    atomic_store(&capture->ended, true);
    const uint64_t one = 1;
    ssize_t written = write(capture->options.done_fd, &one, sizeof one);
    (void)written; // fails only when it is readable already
    return NULL;
}

static void free_capture(struct capture *capture)
{
    if (capture == NULL)
        return;
    fragment_table_free(capture->fragments);
    free(capture->room);
    free(capture);
}

static struct capture *new_capture(const struct capture_options *options, struct lane *lane)
{
    struct capture *capture = calloc(1, sizeof *capture);
    if (capture == NULL)
        return NULL;
    capture->options = *options;
    capture->lane = lane;
    capture->room = malloc(READ_BYTES);
    capture->fragments = fragment_table_new();
    if (capture->room != NULL && capture->fragments != NULL)
        return capture;
    free_capture(capture);
    return NULL;
}

struct capture *capture_start(const struct capture_options *options, struct lane *lane)
{
    struct capture *capture = new_capture(options, lane);
    int error = ENOMEM;
    if (capture != NULL)
        error = pthread_create(&capture->thread, NULL, run, capture);
    if (error == 0)
        return capture;
    log_error("cannot start reading", "error", strerror(error));
    free_capture(capture);
    return NULL;
}

bool capture_ended(const struct capture *capture)
{
    return capture->ended;
}

int capture_join(struct capture *capture, int64_t until_ns)
{
    const struct timespec until = clock_on_wall(until_ns);
    return -pthread_timedjoin_np(capture->thread, NULL, &until);
}

int capture_free(struct capture *capture)
{
    int result = capture->result;
    free_capture(capture);
    return result;
}

int capture_check_filter(const char *filter, struct fault *fault)
{
    struct bpf_program program;
    if (filter == NULL || *filter == '\0')
        return 0;
    pcap_t *nothing = pcap_open_dead(DLT_EN10MB, PACKET_BYTES);
    if (nothing == NULL)
        return fault_set(fault, "out of memory");
    int result = pcap_compile(nothing, &program, filter, 1, PCAP_NETMASK_UNKNOWN);
    if (result == 0)
        pcap_freecode(&program);
    else
        fault_set(fault, "got \"%s\", libpcap says: %s", filter, pcap_geterr(nothing));
    pcap_close(nothing);
    return result == 0 ? 0 : -1;
}
