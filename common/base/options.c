#include "common/base/options.h"

#include "common/base/buf.h"
#include "common/base/nearest.h"
#include "common/base/option_value.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN   64  // of a name or
#define VALUE_MAX_LEN  128 // a value, as far as a message shows them
#define LINE_MAX_BYTES 1024
#define HELP_MAX_BYTES 65536

static const char *wanted(enum option_kind kind)
{
    switch (kind) {
    case OPTION_STRING:
        return "a text";
    case OPTION_BOOL:
        return "true or false";
    case OPTION_INT:
        return "a whole number";
    case OPTION_BYTES:
        return "a number of bytes such as 65536, 512KiB or 64MiB";
    case OPTION_DURATION_NS:
        return "a duration such as 300ms, 10s or 1m30s";
    }
    return "";
}

static void store(const struct option *option, const union option_value *value)
{
    switch (option->kind) {
    case OPTION_STRING:
        *(const char **)option->target = value->text;
        break;
    case OPTION_BOOL:
        *(bool *)option->target = value->truth;
        break;
    case OPTION_INT:
    case OPTION_DURATION_NS:
        *(int64_t *)option->target = value->integer;
        break;
    case OPTION_BYTES:
        *(uint64_t *)option->target = value->bytes;
        break;
    }
}

static void put_line(struct buf *line)
{
    buf_byte(line, '\n');
    ssize_t written = write(STDERR_FILENO, line->data, line->len);
    (void)written; // nowhere left to complain
}

static enum options_result unknown(const struct option *options, size_t count, const char *argument,
                                   const char *name, size_t len)
{
    char room[LINE_MAX_BYTES];
    char given[NAME_MAX_LEN];
    struct buf line = buf_over(room, sizeof room);
    snprintf(given, sizeof given, "%.*s", (int)(len < INT_MAX ? len : INT_MAX), name);
    struct nearest nearest = {.text = given};
    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, options[i].name);
    buf_json_escaped(&line, argument, (size_t)(name - argument));
    buf_json_escaped(&line, given, strlen(given));
    buf_text(&line, ": unknown flag");
    if (nearest.name != NULL)
        buf_printf(&line, ", the nearest is -%s", nearest.name);
    else
        buf_text(&line, ", -h lists those there are");
    put_line(&line);
    return OPTIONS_BAD;
}

static enum options_result bad_value(const struct option *option, const char *value)
{
    char room[LINE_MAX_BYTES];
    struct buf line = buf_over(room, sizeof room);
    buf_printf(&line, "-%s: got ", option->name);
    if (value == NULL) {
        buf_text(&line, "no value");
    } else {
        buf_byte(&line, '"');
        buf_json_escaped(&line, value, strnlen(value, VALUE_MAX_LEN));
        buf_byte(&line, '"');
    }
    buf_printf(&line, ", wanted %s", wanted(option->kind));
    put_line(&line);
    return OPTIONS_BAD;
}

static const struct option *find(const struct option *options, size_t count, const char *name,
                                 size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static bool is_help(const char *name, size_t len)
{
    return (len == 1 && *name == 'h') || (len == 4 && memcmp(name, "help", 4) == 0);
}

// Reads the flag at argv[*at] and moves *at behind it.
static enum options_result take(const struct option *options, size_t count, int argc,
                                char *const argv[], int *at, bool storing)
{
    const char *argument = argv[(*at)++];
    const char *name = argument + (argument[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    const struct option *option = find(options, count, name, len);
    if (option == NULL)
        return is_help(name, len) ? OPTIONS_HELP : unknown(options, count, argument, name, len);
    const char *text = name[len] == '=' ? name + len + 1 : NULL;
    if (text == NULL && option->kind == OPTION_BOOL)
        text = "true"; // a boolean never takes the next argument
    else if (text == NULL && *at < argc)
        text = argv[(*at)++];
    union option_value value;
    if (text == NULL || !option_value_read(option->kind, text, &value))
        return bad_value(option, text);
    if (storing)
        store(option, &value);
    return OPTIONS_OK;
}

static enum options_result walk(const struct option *options, size_t count, int argc,
                                char *const argv[], int *rest, bool storing)
{
    int at = 1;
    enum options_result result = OPTIONS_OK;
    while (result == OPTIONS_OK && at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        result = take(options, count, argc, argv, &at, storing);
    }
    *rest = at;
    return result;
}

enum options_result options_parse(const struct option *options, size_t count, int argc,
                                  char *const argv[], int *rest)
{
    // Stored only when all is well, so that the help still shows the defaults.
    enum options_result result = walk(options, count, argc, argv, rest, false);
    if (result == OPTIONS_OK)
        result = walk(options, count, argc, argv, rest, true);
    return result;
}

static const char *value_name(enum option_kind kind)
{
    switch (kind) {
    case OPTION_STRING:
        return "text";
    case OPTION_BOOL:
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

static void put_bytes_default(struct buf *out, uint64_t bytes)
{
    if (bytes % (1 << 20) == 0)
        buf_printf(out, "(default %lluMiB)", (unsigned long long)(bytes >> 20));
    else
        buf_printf(out, "(default %llu)", (unsigned long long)bytes);
}

static void put_duration_default(struct buf *out, int64_t ns)
{
    if (ns % 1000000000 == 0)
        buf_printf(out, "(default %llds)", (long long)(ns / 1000000000));
    else if (ns % 1000000 == 0)
        buf_printf(out, "(default %lldms)", (long long)(ns / 1000000));
    else
        buf_printf(out, "(default %lldns)", (long long)ns);
}

// As in Go, a default that is the kind's zero is not worth saying.
static bool has_default(const struct option *option)
{
    switch (option->kind) {
    case OPTION_STRING:
        return **(const char **)option->target != '\0';
    case OPTION_BOOL:
        return *(bool *)option->target;
    case OPTION_INT:
    case OPTION_DURATION_NS:
        return *(int64_t *)option->target != 0;
    case OPTION_BYTES:
        return *(uint64_t *)option->target != 0;
    }
    return false;
}

static void put_default(struct buf *out, const struct option *option)
{
    const char *text;
    switch (option->kind) {
    case OPTION_STRING:
        text = *(const char **)option->target;
        buf_text(out, "(default \"");
        buf_json_escaped(out, text, strlen(text));
        buf_text(out, "\")");
        break;
    case OPTION_BOOL:
        buf_text(out, "(default true)");
        break;
    case OPTION_INT:
        buf_printf(out, "(default %lld)", (long long)*(int64_t *)option->target);
        break;
    case OPTION_BYTES:
        put_bytes_default(out, *(uint64_t *)option->target);
        break;
    case OPTION_DURATION_NS:
        put_duration_default(out, *(int64_t *)option->target);
        break;
    }
}

static void put_option(struct buf *out, const struct option *option)
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
        put_option(&out, &options[i]);
    }
    for (size_t done = 0; done < out.len;) {
        ssize_t written = write(fd, room + done, out.len - done);
        if (written < 0 && errno != EINTR)
            break;
        done += written < 0 ? 0 : (size_t)written;
    }
    free(room);
}
