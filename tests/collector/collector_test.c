// The collector as a process: what goes in by UDP or from a file comes out, whatever signal or
// reader there is.
#include "collector/collector.h"

#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16

struct process {
    pid_t pid;
    FILE *out; // its stdout
    FILE *err; // its log
    int port;
    char log[65536]; // what was read of the log so far
};

struct fixture {
    char directory[64];
    char file[96];
    char moved[96];
    struct process process;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    snprintf(f->directory, sizeof f->directory, "/tmp/collector_test.XXXXXX");
    if (mkdtemp(f->directory) == NULL)
        return -1;
    snprintf(f->file, sizeof f->file, "%s/file", f->directory);
    snprintf(f->moved, sizeof f->moved, "%s/moved", f->directory);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->file);
    unlink(f->moved);
    rmdir(f->directory);
    free(f);
    return 0;
}

static _Noreturn void be_collector(int argc, char *argv[], const int out[2], const int err[2])
{
    struct collector_options options;
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    for (int i = 0; i < 2; i++) {
        close(out[i]);
        close(err[i]);
    }
    if (collector_options_read(&options, argc, argv) != OPTIONS_OK)
        _exit(2);
    log_setup(options.log_level, false);
    exit(collector_run(&options));
}

// Reads the log on until a line has that text; the line.
static const char *await_log(struct process *p, const char *text)
{
    static char line[4096];
    while (fgets(line, sizeof line, p->err) != NULL) {
        size_t len = strlen(p->log);
        snprintf(p->log + len, sizeof p->log - len, "%s", line);
        if (strstr(line, text) != NULL)
            return line;
    }
    fail_msg("no \"%s\" in the log:\n%s", text, p->log);
    return NULL;
}

// Starts a collector with these flags, ended by NULL; it serves no HTTP.
static void start(struct process *p, ...)
{
    char *argv[ARGUMENTS_MAX] = {(char *)"goflow2plus", (char *)"-addr="};
    int argc = 2;
    int out[2];
    int err[2];
    va_list flags;
    va_start(flags, p);
    while ((argv[argc] = va_arg(flags, char *)) != NULL)
        argc++;
    va_end(flags);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    *p = (struct process){.pid = fork()};
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        be_collector(argc, argv, out, err);
    close(out[1]);
    close(err[1]);
    p->out = fdopen(out[0], "r");
    p->err = fdopen(err[0], "r");
}

static void await_port(struct process *p)
{
    const char *port = strstr(await_log(p, "starting collection"), " port=");
    assert_non_null(port);
    p->port = (int)strtol(port + 6, NULL, 10);
}

// The exit status, once the process has ended; the rest of its log is kept.
static int end(struct process *p)
{
    int status = 0;
    char line[4096];
    while (fgets(line, sizeof line, p->err) != NULL) {
        size_t len = strlen(p->log);
        snprintf(p->log + len, sizeof p->log - len, "%s", line);
    }
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    fclose(p->err);
    if (p->out != NULL)
        fclose(p->out);
    assert_null(strstr(p->log, "does not balance"));
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static unsigned long long logged(const struct process *p, const char *line, const char *key)
{
    const char *at = strstr(p->log, line);
    at = at == NULL ? NULL : strstr(at, key);
    if (at == NULL)
        fail_msg("no %s %s in the log:\n%s", line, key, p->log);
    return strtoull(at + strlen(key), NULL, 10);
}

// A NetFlow v5 datagram of one record, from 10.0.0.1 to 10.0.0.2.
static const uint8_t DATAGRAM[72] = {
    0, 5, 0, 1,  0, 0, 0x27, 0x10, 0x65, 0x53, 0xf1, 0, 0,  0, 1, 0xf4,
    0, 0, 0, 11, 1, 2, 0,    100,  10,   0,    0,    1, 10, 0, 0, 2,
};

static void send_datagrams(int port, unsigned count)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(
            sendto(fd, DATAGRAM, sizeof DATAGRAM, 0, (struct sockaddr *)&name, sizeof name),
            sizeof DATAGRAM);
    close(fd);
}

static unsigned count_lines(FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    unsigned lines = 0;
    while (getline(&line, &room, in) > 0) {
        assert_memory_equal(line, "{\"type\":\"NETFLOW_V5\"", 20);
        lines++;
    }
    free(line);
    return lines;
}

static void put_le(FILE *out, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 255), out);
}

// A capture of `count` such datagrams in raw IP with nanosecond times; its last frame lacks
// `missing` bytes.
static void write_capture(const char *path, unsigned count, unsigned missing)
{
    static const uint8_t headers[28] = {0x45, 0, 0,   100, 0, 0, 0,  0,  64, 17, 0, 0,  192, 0,
                                        2,    1, 192, 0,   2, 2, 18, 52, 8,  7,  0, 80, 0,   0};
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    put_le(out, 0xa1b23c4d, 4);
    put_le(out, 2, 2);
    put_le(out, 4, 2);
    put_le(out, 0, 4);
    put_le(out, 0, 4);
    put_le(out, 65535, 4);
    put_le(out, 101, 4); // LINKTYPE_RAW
    for (unsigned i = 0; i < count; i++) {
        put_le(out, 1700000000, 4);
        put_le(out, 123456789, 4);
        put_le(out, 100, 4);
        put_le(out, 100, 4);
        fwrite(headers, 1, sizeof headers, out);
        fwrite(DATAGRAM, 1, sizeof DATAGRAM - (i + 1 == count ? missing : 0), out);
    }
    fclose(out);
}

static void a_capture_comes_out_whole(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    char line[4096];
    write_capture(f->file, 3000, 0);
    start(p, "-read", f->file, NULL);
    assert_non_null(fgets(line, sizeof line, p->out));
    assert_non_null(strstr(line, "\"time_received_ns\":1700000000123456789,"));
    assert_non_null(strstr(line, "\"sampler_address\":\"192.0.2.1\""));
    assert_int_equal(count_lines(p->out), 2999);
    assert_int_equal(end(p), 0);
    assert_int_equal(logged(p, "ledger flows", "delivered="), 3000);
}

static void a_filter_chooses_frames(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    write_capture(f->file, 3, 0);
    start(p, "-read", f->file, "-read.filter", "src host 192.0.2.9", NULL);
    assert_int_equal(count_lines(p->out), 0);
    assert_int_equal(end(p), 0);
    start(p, "-read", f->file, "-read.filter", "no expression", NULL);
    assert_int_equal(count_lines(p->out), 0);
    assert_int_equal(end(p), 1);
    assert_non_null(strstr(p->log, "no expression"));
}

static void a_broken_capture_is_named_after_its_flows(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    write_capture(f->file, 10, 5);
    start(p, "-read", f->file, "-loglevel", "error", NULL);
    assert_int_equal(count_lines(p->out), 9);
    assert_int_equal(end(p), 1);
    assert_non_null(strstr(p->log, f->file));
    start(p, "-read", "/nowhere.pcap", NULL);
    assert_int_equal(count_lines(p->out), 0);
    assert_int_equal(end(p), 1);
    assert_non_null(strstr(p->log, "/nowhere.pcap"));
}

static void a_capture_loses_nothing_to_a_small_ring(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    write_capture(f->file, 10000, 0); // beyond the pipe and the least ring
    start(p, "-read", f->file, "-transport.file.buffer=5MiB", NULL);
    assert_int_equal(count_lines(p->out), 10000);
    assert_int_equal(end(p), 0);
}

static void a_reader_that_leaves_ends_it_with_1(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    start(p, "-listen", "netflow://127.0.0.1:0", NULL);
    await_port(p);
    fclose(p->out);
    p->out = NULL;
    send_datagrams(p->port, 1);
    assert_int_equal(end(p), 1);
    assert_int_equal(logged(p, "reason=output_failed", "count="), 1);
    (void)f;
}

// Stopped, it cannot read: all is in the socket when the signal comes.
static void what_the_kernel_holds_comes_out_before_the_end(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    start(p, "-listen", "netflow://127.0.0.1:0", NULL);
    await_port(p);
    kill(p->pid, SIGSTOP);
    send_datagrams(p->port, 200);
    kill(p->pid, SIGTERM);
    kill(p->pid, SIGCONT);
    assert_int_equal(count_lines(p->out), 200);
    assert_int_equal(end(p), 0);
    assert_int_equal(logged(p, "ledger datagrams", "received="), 200);
    assert_int_equal(logged(p, "ledger kernel", "dropped="), 0);
}

static void several_workers_and_listeners_share_the_output(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    start(p, "-listen", "netflow://127.0.0.1:0?count=3,sflow://127.0.0.1:0?count=2", NULL);
    await_port(p);
    for (int i = 0; i < 20; i++)
        send_datagrams(p->port, 10);
    kill(p->pid, SIGINT);
    assert_int_equal(count_lines(p->out), 200);
    assert_int_equal(end(p), 0);
}

static void a_stopped_reader_cannot_hold_the_end_up(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    start(p, "-listen", "netflow://127.0.0.1:0?blocking=true", "-drain=300ms",
          "-transport.file.buffer=5MiB", NULL);
    await_port(p);
    send_datagrams(p->port, 10000);
    kill(p->pid, SIGTERM);
    assert_non_null(await_log(p, "ledger flows"));
    assert_int_equal(logged(p, "ledger flows", "waiting="), 0);
    unsigned long long made = logged(p, "ledger flows", "made=");
    assert_true(logged(p, "ledger flows", "delivered=") < made);
    assert_int_equal(end(p), 0);
}

static void sighup_opens_the_file_again(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    struct stat status;
    start(p, "-listen", "netflow://127.0.0.1:0", "-transport.file", f->file, NULL);
    await_port(p);
    send_datagrams(p->port, 5);
    do // until they are in the file
        assert_int_equal(stat(f->file, &status), 0);
    while (status.st_size == 0);
    assert_int_equal(rename(f->file, f->moved), 0);
    kill(p->pid, SIGHUP);
    (void)await_log(p, "opened the output again");
    send_datagrams(p->port, 7);
    kill(p->pid, SIGTERM);
    assert_int_equal(end(p), 0);
    FILE *before = fopen(f->moved, "r");
    FILE *after = fopen(f->file, "r");
    assert_true(before != NULL && after != NULL);
    assert_int_equal(count_lines(before) + count_lines(after), 12);
    fclose(before);
    fclose(after);
}

static void write_context(const char *path, const char *name)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "networks:\n  - name: %s\n    cidr: 10.0.0.1/32\n", name);
    fclose(out);
}

static void sighup_reloads_the_context_and_keeps_it_when_broken(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    char line[4096];
    write_context(f->file, "before");
    start(p, "-listen", "netflow://127.0.0.1:0", "-context.config", f->file, NULL);
    await_port(p);
    send_datagrams(p->port, 1);
    assert_non_null(fgets(line, sizeof line, p->out));
    assert_non_null(strstr(line, "\"source_group\":\"before\""));
    write_context(f->file, "[broken");
    kill(p->pid, SIGHUP);
    (void)await_log(p, "reload failed");
    write_context(f->file, "after");
    kill(p->pid, SIGHUP);
    (void)await_log(p, "reloaded context");
    // The new one is in use from the next batch on.
    do {
        send_datagrams(p->port, 1);
        assert_non_null(fgets(line, sizeof line, p->out));
    } while (strstr(line, "\"source_group\":\"before\"") != NULL);
    assert_non_null(strstr(line, "\"source_group\":\"after\""));
    kill(p->pid, SIGTERM);
    assert_int_equal(end(p), 0);
}

static void what_cannot_start_says_why(void **state)
{
    struct fixture *f = *state;
    struct process *p = &f->process;
    start(p, "-listen", "netflow://127.0.0.1:0", "-transport.file", f->directory, NULL);
    assert_int_equal(end(p), 1);
    assert_non_null(strstr(p->log, f->directory));
    start(p, "-listen", "netflow://127.0.0.1:0", NULL);
    await_port(p);
    struct process other;
    char taken[64];
    snprintf(taken, sizeof taken, "netflow://127.0.0.1:%d", p->port);
    start(&other, "-listen", taken, NULL);
    assert_int_equal(end(&other), 1);
    assert_non_null(strstr(other.log, "cannot listen"));
    kill(p->pid, SIGTERM);
    assert_int_equal(end(p), 0);
    start(p, "-context.config", "/nowhere.yaml", NULL);
    assert_int_equal(end(p), 1);
    assert_non_null(strstr(p->log, "/nowhere.yaml"));
    start(p, "-format", "xml", NULL);
    assert_int_equal(end(p), 2);
    assert_non_null(strstr(p->log, "-format: got \"xml\", wanted bin, json or text"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_capture_comes_out_whole),
        TEST(a_filter_chooses_frames),
        TEST(a_broken_capture_is_named_after_its_flows),
        TEST(a_capture_loses_nothing_to_a_small_ring),
        TEST(a_reader_that_leaves_ends_it_with_1),
        TEST(what_the_kernel_holds_comes_out_before_the_end),
        TEST(several_workers_and_listeners_share_the_output),
        TEST(a_stopped_reader_cannot_hold_the_end_up),
        TEST(sighup_opens_the_file_again),
        TEST(sighup_reloads_the_context_and_keeps_it_when_broken),
        TEST(what_cannot_start_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
