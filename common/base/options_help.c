#include "common/base/buf.h"
#include "common/base/options.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP_MAX_BYTES 65536

static const char *value_name(enum option_kind kind)
{
    switch (kind) {
    case OPTION_STRING:
    case OPTION_SECRET:
        return "text";
    case OPTION_URLS:
        return "URLs";
    case OPTION_BOOL:
    case OPTION_ACTION:
    case OPTION_ABSENT:
        return "";
    case OPTION_INT:
        return "n";
    case OPTION_BYTES:
        return "bytes";
    case OPTION_DURATION_NS:
        return "duration";
    }
    return "";
}

static void put_head(struct buf *out, const struct option *option)
{
    const char *name = value_name(option->kind);
    size_t len = strlen(name);
    const char *open = strchr(option->help, '`');
    const char *close = open == NULL ? NULL : strchr(open + 1, '`');
    if (close != NULL) {
        name = open + 1;
        len = (size_t)(close - name);
    }
    buf_printf(out, "  -%s", option->name);
    if (len != 0)
        buf_byte(out, ' ');
    buf_bytes(out, name, len);
    buf_byte(out, '\n');
}

// The largest unit that divides the value says it best.
struct unit {
    uint64_t size;
    const char *name;
};

static void put_in_units(struct buf *out, uint64_t value, const struct unit *unit)
{
    while (value % unit->size != 0)
        unit++;
    buf_printf(out, "(default %llu%s)", (unsigned long long)(value / unit->size), unit->name);
}

static const struct unit BYTES[] = {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, ""}};

static const struct unit NANOSECONDS[] = {
    {UINT64_C(3600000000000), "h"},
    {UINT64_C(60000000000), "m"},
    {1000000000, "s"},
    {1000000, "ms"},
    {1, "ns"},
};

// As in Go, a default that is the kind's zero is not worth saying.
static bool has_default(const struct option *option)
{
    switch (option->kind) {
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_URLS:
        return **(const char **)option->target != '\0';
    case OPTION_BOOL:
    case OPTION_ACTION:
        return *(bool *)option->target;
    case OPTION_INT:
    case OPTION_DURATION_NS:
        return *(int64_t *)option->target != 0;
    case OPTION_BYTES:
        return *(uint64_t *)option->target != 0;
    case OPTION_ABSENT:
        break;
    }
    return false;
}

static void put_default(struct buf *out, const struct option *option)
{
    const char *text;
    switch (option->kind) {
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_URLS:
        text = *(const char **)option->target;
        buf_text(out, "(default \"");
        buf_escaped(out, text, strlen(text));
        buf_text(out, "\")");
        break;
    case OPTION_BOOL:
    case OPTION_ACTION:
        buf_text(out, "(default true)");
        break;
    case OPTION_INT:
        buf_printf(out, "(default %lld)", (long long)*(int64_t *)option->target);
        break;
    case OPTION_BYTES:
        put_in_units(out, *(uint64_t *)option->target, BYTES);
        break;
    case OPTION_DURATION_NS:
        put_in_units(out, (uint64_t) * (int64_t *)option->target, NANOSECONDS);
        break;
    case OPTION_ABSENT:
        break;
    }
}

// NAME.file stands for itself when it is an option of its own.
static bool reads_file(const struct option *options, size_t count, const struct option *option)
{
    size_t len = strlen(option->name);
    if (!option_is_secret(option))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strncmp(options[i].name, option->name, len) == 0 &&
            strcmp(options[i].name + len, ".file") == 0)
            return false;
    return true;
}

static void put_option(struct buf *out, const struct option *option, bool with_file)
{
    put_head(out, option);
    buf_text(out, "        ");
    for (const char *at = option->help; *at != '\0'; at++) {
        if (*at == '\n')
            buf_text(out, "\n        ");
        else if (*at != '`')
            buf_byte(out, *at);
    }
    if (has_default(option)) {
        buf_text(out, strchr(option->help, '\n') == NULL ? " " : "\n        ");
        put_default(out, option);
    }
    if (with_file)
        buf_printf(out, "\n        -%s.file reads it from a file", option->name);
    buf_byte(out, '\n');
}

void options_help(const struct option *options, size_t count, const char *synopsis, int fd)
{
    char *room = malloc(HELP_MAX_BYTES);
    if (room == NULL)
        return;
    struct buf out = buf_over(room, HELP_MAX_BYTES);
    buf_text(&out, synopsis);
    buf_byte(&out, '\n');
    for (size_t i = 0; i < count; i++) {
        if (options[i].group != NULL)
            buf_printf(&out, "\n%s\n", options[i].group);
        if (options[i].kind != OPTION_ABSENT)
            put_option(&out, &options[i], reads_file(options, count, &options[i]));
    }
    for (size_t done = 0; done < out.len;) {
        ssize_t written = write(fd, room + done, out.len - done);
        if (written < 0 && errno != EINTR)
            break;
        done += written < 0 ? 0 : (size_t)written;
    }
    free(room);
}
