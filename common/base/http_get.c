#include "common/base/http.h"

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S  10 // of all of it
#define CHUNK_LEN  65536
#define STATUS_LEN 12 // "HTTP/1.1 200"

static int fail(const char *address, const char *what)
{
    dprintf(STDERR_FILENO, "%s: %s\n", address, what);
    return -1;
}

static int send_all(int fd, const char *text, size_t len)
{
    while (len != 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        text += sent;
        len -= (size_t)sent;
    }
    return 0;
}

// Leaves the socket the time that is left for its next read. False with errno set: none is.
static bool limit_read(int fd, int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_steady_ms();
    const struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
    errno = ETIMEDOUT;
    return left_ms > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left) == 0;
}

// All that comes until the other end closes, terminated by NUL; NULL with errno set.
static char *read_all(int fd, size_t max_len, int64_t until_ms)
{
    char *text = NULL;
    size_t len = 0;
    size_t room = 0;
    for (;;) {
        if (room - len < CHUNK_LEN + 1) {
            room += room + 2 * CHUNK_LEN;
            char *grown = realloc(text, room);
            if (grown == NULL)
                break;
            text = grown;
        }
        ssize_t got = limit_read(fd, until_ms) ? recv(fd, text + len, CHUNK_LEN, 0) : -1;
        if (got == 0) {
            text[len] = '\0';
            return text;
        }
        len += got < 0 ? 0 : (size_t)got;
        if (got < 0 || len > max_len) {
            errno = got < 0 ? errno : EMSGSIZE;
            break;
        }
    }
    free(text);
    return NULL;
}

// What anybody may have sent, as lines that a terminal may be given.
static void mask_lines(char *text)
{
    char *out = text;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        out += utf8_mask((uint8_t *)out, (const uint8_t *)text, len);
        text += len;
        if (*text == '\n')
            *out++ = *text++;
    }
    *out = '\0';
}

// Splits what came into status and body; the body moves to the front.
static int take_answer(const char *address, char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < STATUS_LEN || end == NULL)
        return fail(address, "no HTTP server answers there");
    int status = (int)strtol(text + 9, NULL, 10);
    memmove(text, end + 4, strlen(end + 4) + 1);
    mask_lines(text);
    return status;
}

int http_get(const char *address, const char *path, size_t max_len, char **body)
{
    struct endpoint endpoint;
    struct fault fault = {.text = ""};
    char request[1024];
    int64_t until_ms = clock_steady_ms() + (int64_t)TIMEOUT_S * 1000;
    if (endpoint_parse(&endpoint, address, &fault) != 0)
        return fail("-addr", fault.text);
    int fd = endpoint_connect(&endpoint, TIMEOUT_S, &fault);
    if (fd < 0)
        return fail(address, fault.text);
    // HTTP/1.0: the body ends where the connection does, in no chunks.
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path,
                       *endpoint.host == '\0' ? "localhost" : endpoint.host);
    *body = len < (int)sizeof request && send_all(fd, request, (size_t)len) == 0
                ? read_all(fd, max_len, until_ms)
                : NULL;
    int error = errno;
    close(fd);
    int status = *body == NULL
                     ? fail(address, error == EAGAIN ? strerror(ETIMEDOUT) : strerror(error))
                     : take_answer(address, *body);
    if (status >= 0)
        return status;
    free(*body);
    *body = NULL;
    return -1;
}

int http_ask_health(const char *address)
{
    char *body = NULL;
    int status = http_get(address, "/__health", CHUNK_LEN, &body);
    if (status >= 0 && (status != 200 || strcmp(body, "OK\n") != 0))
        dprintf(STDERR_FILENO, "%s: /__health answers with %d: %s", address, status, body);
    free(body);
    return status == 200 ? 0 : 1;
}
