#include "common/flow/filter/filter.h"

#include "common/base/log.h"
#include "common/base/settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WIDTH_MAX 72 // bytes of the expression that are shown
#define BEFORE    48 // of these, in front of the caret
#define INDENT    4

static bool is_inside(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80; // of a character of several bytes
}

const char *filter_point(char out[static FILTER_POINT_MAX], const char *text, size_t at)
{
    size_t begin = at > BEFORE ? at - BEFORE : 0;
    size_t len = 0;
    while (is_inside(text[begin]))
        begin++;
    size_t end = begin + strnlen(text + begin, WIDTH_MAX);
    while (end > begin && is_inside(text[end]))
        end--;
    memset(out, ' ', INDENT);
    len = INDENT;
    for (size_t i = begin; i < end; i++)
        out[len++] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    out[len++] = '\n';
    memset(out + len, ' ', INDENT);
    len += INDENT;
    for (size_t i = begin; i < at; i++)
        if (!is_inside(text[i]))
            out[len++] = ' ';
    out[len++] = '^';
    out[len++] = '\n';
    out[len] = '\0';
    return out;
}

int filter_check(const char *text, const struct settings *settings, bool with_customs)
{
    char point[FILTER_POINT_MAX];
    struct filter_fault fault;
    if (*text == '\0' || with_customs)
        return 0;
    struct filter *filter = filter_new(text, NULL, &fault);
    if (filter == NULL) {
        (void)settings_complain(settings, "filter", fault.fault.text);
        dprintf(STDERR_FILENO, "%s", filter_point(point, text, fault.at));
    }
    filter_free(filter);
    return filter == NULL ? -1 : 0;
}

struct filter *filter_open(const char *text, const struct formatter *formatter)
{
    char line[FAULT_TEXT_MAX + 16];
    char point[FILTER_POINT_MAX];
    struct filter_fault fault;
    struct filter *filter = filter_new(text, formatter, &fault);
    if (filter != NULL)
        return filter;
    snprintf(line, sizeof line, "-filter: %s", fault.fault.text);
    log_error(line);
    if (!log_is_json())
        dprintf(STDERR_FILENO, "%s", filter_point(point, text, fault.at));
    return NULL;
}
