#include "tests/fuzz/fuzz.h"

#include "common/base/cursor.h"
#include "common/base/utf8.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEPTH_MAX 16

uint8_t *fuzz_copy(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    FUZZ_REQUIRE(copy != NULL);
    if (len != 0)
        memcpy(copy, data, len);
    return copy;
}

static bool is_utf8_line(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t sequence = utf8_sequence(text + i, len - i);
        if (sequence == 0 || text[i] == '\n' || text[i] == '\r')
            return false;
        i += sequence;
    }
    return true;
}

static bool take_literal(struct cursor *c, const char *literal)
{
    size_t len = strlen(literal);
    if (cursor_left(c) < len || memcmp(c->at, literal, len) != 0)
        return false;
    c->at += len;
    return true;
}

static bool take_escape(struct cursor *c)
{
    uint8_t kind = cursor_u8(c);
    if (kind != 'u')
        return kind != 0 && strchr("\"\\/bfnrt", kind) != NULL;
    for (int i = 0; i < 4; i++) {
        uint8_t digit = cursor_u8(c);
        if (digit == 0 || strchr("0123456789abcdefABCDEF", digit) == NULL)
            return false;
    }
    return true;
}

static bool take_string(struct cursor *c)
{
    if (cursor_u8(c) != '"')
        return false;
    while (cursor_left(c) != 0) {
        uint8_t byte = cursor_u8(c);
        if (byte == '"')
            return true;
        if (byte < 0x20 || (byte == '\\' && !take_escape(c)))
            return false;
    }
    return false;
}

static bool take_number(struct cursor *c)
{
    const uint8_t *start = c->at;
    while (cursor_left(c) != 0 && *c->at >= '0' && *c->at <= '9')
        c->at++;
    size_t digits = (size_t)(c->at - start);
    return digits != 0 && (digits == 1 || *start != '0');
}

static bool take_scalar(struct cursor *c)
{
    if (cursor_left(c) != 0 && *c->at == '"')
        return take_string(c);
    return take_literal(c, "true") || take_literal(c, "false") || take_literal(c, "null") ||
           take_number(c);
}

// Takes what may follow a value, and the key of the next one. *more: a value follows.
static bool take_separators(struct cursor *c, const uint8_t *open, unsigned *depth, bool *more)
{
    *more = false;
    while (*depth != 0) {
        uint8_t byte = cursor_u8(c);
        bool object = open[*depth - 1] == '{';
        if (byte == ',') {
            *more = true;
            return !object || (take_string(c) && cursor_u8(c) == ':');
        }
        if (byte != (object ? '}' : ']'))
            return false;
        --*depth;
    }
    return true;
}

// Opens objects and lists until a value begins. False when it is none; *closed: an empty one was
// opened and closed.
static bool take_openings(struct cursor *c, uint8_t *open, unsigned *depth, bool *closed)
{
    *closed = false;
    while (cursor_left(c) != 0 && (*c->at == '{' || *c->at == '[')) {
        uint8_t byte = cursor_u8(c);
        if (*depth == DEPTH_MAX)
            return false;
        if (take_literal(c, byte == '{' ? "}" : "]")) {
            *closed = true;
            return true;
        }
        open[(*depth)++] = byte;
        if (byte == '{' && !(take_string(c) && cursor_u8(c) == ':'))
            return false;
    }
    return true;
}

bool fuzz_is_json(const uint8_t *text, size_t len)
{
    struct cursor c = cursor_over(text, len);
    uint8_t open[DEPTH_MAX];
    unsigned depth = 0;
    bool closed;
    bool more = true;
    while (more) {
        if (!take_openings(&c, open, &depth, &closed))
            return false;
        if (!closed && !take_scalar(&c))
            return false;
        if (!take_separators(&c, open, &depth, &more))
            return false;
    }
    return cursor_ok(&c) && cursor_left(&c) == 0 && is_utf8_line(text, len);
}

void fuzz_format_flow_as(const struct format *format, const struct flow *flow)
{
    size_t bound = format_bound(format, flow);
    uint8_t *out = malloc(bound);
    FUZZ_REQUIRE(out != NULL);
    size_t len = (size_t)(format_flow(format, flow, out) - out);
    FUZZ_REQUIRE(len <= bound);
    if (format_kind(format) == FORMAT_JSON)
        FUZZ_REQUIRE(fuzz_is_json(out, len) && out[0] == '{');
    if (format_kind(format) == FORMAT_TEXT)
        FUZZ_REQUIRE(memchr(out, '\n', len) == NULL);
    free(out);
}

void fuzz_format_flow(const struct flow *flow)
{
    static struct format *formats[3];
    for (int kind = 0; kind < 3; kind++) {
        if (formats[kind] == NULL)
            formats[kind] = format_new((enum format_kind)kind,
                                       FORMAT_COUNTRY | FORMAT_AS_NAME | FORMAT_CONTEXT);
        FUZZ_REQUIRE(formats[kind] != NULL);
        fuzz_format_flow_as(formats[kind], flow);
    }
}

int fuzz_file(const uint8_t *data, size_t len, char path[static FUZZ_PATH_MAX])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_REQUIRE(fd >= 0);
    FUZZ_REQUIRE(len == 0 || write(fd, data, len) == (ssize_t)len);
    FUZZ_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    snprintf(path, FUZZ_PATH_MAX, "/proc/self/fd/%d", fd);
    return fd;
}
