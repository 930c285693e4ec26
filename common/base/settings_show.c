#include "common/base/log.h"
#include "common/base/clock.h"
#include "common/base/nearest.h"
#include "common/base/settings_layer.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_ROOM  4096
#define NAME_ROOM  512
#define SHOWN_MAX  512 // bytes of a value that is shown
#define COLUMN_LEN 34  // of names, where the values begin

void settings_put_place(const struct settings *settings, size_t row, struct buf *out)
{
    const char *name = row < settings->count ? settings->rows[row].name : "";
    const struct settings_origin *origin = &settings->origins[row];
    switch (origin->layer) {
    case SETTINGS_FILE:
        buf_printf(out, "%s:%u: %s", settings->config, origin->line, name);
        break;
    case SETTINGS_VARIABLE:
        settings_put_variable(settings, name, out);
        break;
    case SETTINGS_DEFAULT:
    case SETTINGS_FLAG:
        buf_printf(out, "-%s", name);
        break;
    }
}

// The option whose name is nearest to that of a variable; NULL: none is near.
static const char *nearest_option(const struct settings *settings, const char *variable, size_t len)
{
    char name[NAME_ROOM];
    size_t prefix_len = strlen(settings->prefix);
    struct nearest nearest = {.text = name};
    snprintf(name, sizeof name, "%.*s", (int)(len - prefix_len), variable + prefix_len);
    for (char *at = name; *at != '\0'; at++)
        *at = *at == '_' ? '.' : (char)tolower((unsigned char)*at);
    for (size_t row = 0; row < settings->count; row++)
        if (settings->rows[row].kind != OPTION_ABSENT)
            nearest_offer(&nearest, settings->rows[row].name);
    return nearest.name;
}

void settings_warn(const struct settings *settings)
{
    for (size_t i = 0; i < settings->strange_count; i++) {
        char given[NAME_ROOM];
        char room[NAME_ROOM] = "";
        struct buf best = buf_over(room, sizeof room - 1);
        size_t len = strcspn(settings->strange[i], "=");
        const char *name = nearest_option(settings, settings->strange[i], len);
        if (name != NULL)
            settings_put_variable(settings, name, &best);
        snprintf(given, sizeof given, "%.*s", (int)len, settings->strange[i]);
        if (name != NULL && strcmp(room, given) == 0)
            log_warn("this is for the command line, and means nothing as a variable", "variable",
                     given);
        else if (name != NULL)
            log_warn("no setting goes by this variable", "variable", given, "nearest", room);
        else
            log_warn("no setting goes by this variable", "variable", given);
    }
}

void settings_warn_unused(const struct settings *settings, const char *prefix, const char *wanted)
{
    for (size_t row = 0; row < settings->count; row++) {
        char room[NAME_ROOM];
        struct buf place = buf_over(room, sizeof room - 1);
        if (settings->origins[row].layer == SETTINGS_DEFAULT ||
            strncmp(settings->rows[row].name, prefix, strlen(prefix)) != 0)
            continue;
        settings_put_place(settings, row, &place);
        room[place.len] = '\0';
        log_warn("setting has no effect", "setting", room, "without", wanted);
    }
}

static void put_urls(struct buf *out, const char *urls)
{
    struct settings_url url;
    buf_byte(out, '"');
    for (const char *at = urls; *at != '\0'; at = url.end) {
        url = settings_split_url(at);
        if (url.user != NULL) {
            buf_escaped(out, at, (size_t)(url.user - at));
            buf_text(out, "***");
            at = url.user + url.user_len;
        }
        if (url.query != NULL) {
            buf_escaped(out, at, (size_t)(url.query - at));
            buf_text(out, "***");
            at = url.query + url.query_len;
        }
        buf_escaped(out, at, (size_t)(url.end - at));
    }
    buf_byte(out, '"');
}

static void put_duration(struct buf *out, int64_t ns)
{
    if (ns % CLOCK_NS_PER_S == 0)
        buf_printf(out, "%llds", (long long)(ns / CLOCK_NS_PER_S));
    else if (ns % CLOCK_NS_PER_MS == 0)
        buf_printf(out, "%lldms", (long long)(ns / CLOCK_NS_PER_MS));
    else
        buf_printf(out, "%lldns", (long long)ns);
}

static void put_text(struct buf *out, const char *text)
{
    buf_byte(out, '"');
    buf_escaped(out, text, strnlen(text, SHOWN_MAX));
    buf_byte(out, '"');
}

static void put_value(struct buf *out, const struct option *option)
{
    switch (option->kind) {
    case OPTION_STRING:
        put_text(out, *(const char **)option->target);
        break;
    case OPTION_SECRET:
        buf_text(out, "***");
        break;
    case OPTION_URLS:
        put_urls(out, *(const char **)option->target);
        break;
    case OPTION_BOOL:
    case OPTION_ACTION:
        buf_text(out, *(bool *)option->target ? "true" : "false");
        break;
    case OPTION_INT:
        buf_printf(out, "%lld", (long long)*(int64_t *)option->target);
        break;
    case OPTION_BYTES:
        buf_printf(out, "%llu", (unsigned long long)*(uint64_t *)option->target);
        break;
    case OPTION_DURATION_NS:
        put_duration(out, *(int64_t *)option->target);
        break;
    case OPTION_ABSENT:
        break;
    }
}

static size_t find_row(const struct settings *settings, const char *name)
{
    size_t row = 0;
    while (row < settings->count && strcmp(settings->rows[row].name, name) != 0)
        row++;
    assert(row < settings->count);
    return row;
}

int settings_complain(const struct settings *settings, const char *name, const char *what)
{
    char room[2 * LINE_ROOM];
    struct buf line = buf_over(room, sizeof room);
    settings_put_place(settings, find_row(settings, name), &line);
    buf_printf(&line, ": %s\n", what);
    dprintf(STDERR_FILENO, "%.*s", (int)line.len, room);
    return -1;
}

int settings_refuse(const struct settings *settings, const char *name, const char *wanted, ...)
{
    char room[LINE_ROOM];
    char text[FAULT_TEXT_MAX];
    struct buf what = buf_over(room, sizeof room - 1);
    va_list arguments;
    va_start(arguments, wanted);
    vsnprintf(text, sizeof text, wanted, arguments);
    va_end(arguments);
    buf_text(&what, "got ");
    put_value(&what, &settings->rows[find_row(settings, name)]);
    buf_printf(&what, ", wanted %s", text);
    room[what.len] = '\0';
    return settings_complain(settings, name, room);
}

static void put_origin(const struct settings *settings, size_t row, struct buf *out)
{
    const struct settings_origin *origin = &settings->origins[row];
    if (origin->layer == SETTINGS_FILE)
        buf_printf(out, "%s:%u", settings->config, origin->line);
    else if (origin->layer == SETTINGS_VARIABLE)
        settings_put_variable(settings, settings->rows[row].name, out);
    else
        buf_text(out, "flag");
}

void settings_put(const struct settings *settings, struct buf *out)
{
    for (size_t row = 0; row < settings->count; row++) {
        const struct option *option = &settings->rows[row];
        if (settings->origins[row].layer == SETTINGS_DEFAULT || option->kind == OPTION_ACTION)
            continue;
        buf_printf(out, "  %-*s ", COLUMN_LEN, option->name);
        put_value(out, option);
        buf_text(out, "  (");
        put_origin(settings, row, out);
        buf_text(out, ")\n");
    }
}
