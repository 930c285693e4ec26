#include "common/base/standard.h"

#include "common/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void standard_keep(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) // open() gives the lowest number that is free
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void standard_hold_reload(void)
{
    sigset_t reload;
    sigemptyset(&reload);
    sigaddset(&reload, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &reload, NULL);
}

static void tell_manager(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);
    if (len == 0 || len >= sizeof to.sun_path || (*path != '/' && *path != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (*path == '@') // a name without a file
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

void standard_tell_ready(void)
{
    tell_manager("READY=1");
}

// The number of a variable; 0 without one.
static int64_t read_number(const char *variable)
{
    const char *text = getenv(variable);
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

struct standard_pulse standard_pulse_asked(void)
{
    int64_t for_whom = read_number("WATCHDOG_PID");
    int64_t us = read_number("WATCHDOG_USEC");
    if (us <= 0 || (for_whom != 0 && for_whom != getpid()))
        return (struct standard_pulse){.every_ms = 0};
    int64_t every_ms = us / 1000 / 2;
    return (struct standard_pulse){.every_ms = every_ms > 0 ? every_ms : 1};
}

int standard_pulse(struct standard_pulse *pulse, int most_ms)
{
    if (pulse->every_ms == 0)
        return most_ms;
    int64_t now_ms = clock_steady_ms();
    if (now_ms >= pulse->next_ms) {
        tell_manager("WATCHDOG=1");
        pulse->next_ms = now_ms + pulse->every_ms;
    }
    int64_t left_ms = pulse->next_ms - now_ms;
    return left_ms < most_ms ? (int)left_ms : most_ms;
}
