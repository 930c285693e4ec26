// Writing without waiting, whatever the descriptor is and whoever else has it.
#include "common/sink/outlet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static uint8_t block[1 << 16];

// Puts until nothing more is taken: how many bytes that were. A write that waits would hang here.
static size_t fill(const struct outlet *outlet)
{
    const struct iovec pieces[] = {{block, sizeof block}, {block, sizeof block}};
    size_t sum = 0;
    ssize_t put;
    while ((put = outlet_put(outlet, pieces, 2)) > 0)
        sum += (size_t)put;
    assert_int_equal(put, -EAGAIN);
    return sum;
}

static size_t drain(int fd)
{
    size_t sum = 0;
    ssize_t got;
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while ((got = read(fd, block, sizeof block)) > 0)
        sum += (size_t)got;
    return sum;
}

// What cannot be opened anew (another user's pipe) is written in small pieces that never wait.
static void a_shared_pipe_is_filled_carefully(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const struct outlet outlet = {.fd = ends[1], .kind = OUTLET_CAREFUL};
    size_t put = fill(&outlet);
    assert_true(put != 0);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(drain(ends[0]), put);
    assert_int_equal(drain(ends[0]), 0);
    assert_true(fill(&outlet) != 0);
    close(ends[0]);
    const struct iovec piece = {block, 1};
    assert_int_equal(outlet_put(&outlet, &piece, 1), -EPIPE);
    close(ends[1]);
}

// Fills stdout where stdout is `fd`: the flags of that description must stay as they are.
static void as_stdout(int fd, enum outlet_kind kind)
{
    struct outlet outlet;
    int saved = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    int opened = outlet_open(&outlet, NULL, false);
    size_t put = opened == 0 ? fill(&outlet) : 0;
    outlet_close(&outlet);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_int_equal(opened, 0);
    assert_int_equal(outlet.fd, -1);
    assert_int_equal(outlet.kind, kind);
    assert_true(put != 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

static void a_pipe_is_opened_anew_and_enlarged(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = fcntl(ends[1], F_GETPIPE_SZ);
    as_stdout(ends[1], OUTLET_STREAM);
    assert_true(fcntl(ends[1], F_GETPIPE_SZ) >= before);
    close(ends[0]);
    close(ends[1]);
}

static void a_socket_is_asked_per_call(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    as_stdout(ends[1], OUTLET_SOCKET);
    close(ends[0]);
    const struct outlet outlet = {.fd = ends[1], .kind = OUTLET_SOCKET};
    const struct iovec piece = {block, 1};
    assert_int_equal(outlet_put(&outlet, &piece, 1), -EPIPE); // and no signal
    close(ends[1]);
}

static void what_is_missing_or_waits_is_an_error(void **state)
{
    (void)state;
    struct outlet outlet;
    assert_int_equal(outlet_open(&outlet, "/nowhere/file", true), -ENOENT);
    assert_int_equal(outlet_open(&outlet, "/tmp", true), -EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_pipe_is_filled_carefully),
        cmocka_unit_test(a_pipe_is_opened_anew_and_enlarged),
        cmocka_unit_test(a_socket_is_asked_per_call),
        cmocka_unit_test(what_is_missing_or_waits_is_an_error),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
