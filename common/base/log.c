#include "common/base/log.h"

#include "common/base/buf.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define NUMBER_MARK    '\x01' // in front of the digits of a log_text

static int minimum_level = LOG_LEVEL_INFO;
static bool as_json;
static bool to_journal;

// Whether stderr is the stream of the journal that the variable names, as device:inode.
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];
    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

void log_setup(int level, bool json)
{
    minimum_level = level;
    as_json = json;
    to_journal = is_journal();
}

int log_level_parse(const char *text, int *level)
{
    static const struct {
        const char *name;
        int level;
    } names[] = {{"debug", LOG_LEVEL_DEBUG},
                 {"info", LOG_LEVEL_INFO},
                 {"warn", LOG_LEVEL_WARN},
                 {"error", LOG_LEVEL_ERROR}};
    size_t name_len = strcspn(text, "+-");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) != name_len || strncasecmp(names[i].name, text, name_len) != 0)
            continue;
        char *end = NULL;
        long offset = text[name_len] == '\0' ? 0 : strtol(text + name_len, &end, 10);
        if (end != NULL && (*end != '\0' || end == text + name_len + 1))
            return -1;
        if (offset < -1000 || offset > 1000)
            return -1;
        *level = names[i].level + (int)offset;
        if (*level > LOG_LEVEL_ERROR) // a process that ends without a word cannot be helped
            *level = LOG_LEVEL_ERROR;
        return 0;
    }
    return -1;
}

int log_format_parse(const char *text, bool *json)
{
    *json = strcmp(text, "json") == 0;
    return *json || strcmp(text, "normal") == 0 ? 0 : -1;
}

bool log_is_json(void)
{
    return as_json;
}

bool log_enabled(int level)
{
    return level >= minimum_level;
}

static const char *level_name(int level, char room[static 24])
{
    const char *base = level < LOG_LEVEL_INFO    ? "DEBUG"
                       : level < LOG_LEVEL_WARN  ? "INFO"
                       : level < LOG_LEVEL_ERROR ? "WARN"
                                                 : "ERROR";
    int above = level < LOG_LEVEL_INFO    ? level - LOG_LEVEL_DEBUG
                : level < LOG_LEVEL_WARN  ? level - LOG_LEVEL_INFO
                : level < LOG_LEVEL_ERROR ? level - LOG_LEVEL_WARN
                                          : level - LOG_LEVEL_ERROR;
    if (above == 0)
        return base;
    snprintf(room, 24, "%s%+d", base, above);
    return room;
}

static void put_time(struct buf *line)
{
    struct timespec now;
    struct tm parts;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, sizeof text - len, ".%03ldZ", now.tv_nsec / 1000000);
    buf_text(line, text);
}

static bool needs_quotes(const char *text)
{
    if (*text == '\0')
        return true;
    for (size_t left = strlen(text), sequence; left != 0; left -= sequence, text += sequence) {
        sequence = utf8_sequence((const uint8_t *)text, left);
        if (sequence == 0 || utf8_is_control((const uint8_t *)text, sequence) || *text == ' ' ||
            *text == '"' || *text == '=' || *text == '\\')
            return true;
    }
    return false;
}

static void put_quoted(struct buf *line, const char *text)
{
    buf_byte(line, '"');
    buf_escaped(line, text, strlen(text));
    buf_byte(line, '"');
}

// Whether the text is a number that was made for a pair; what strangers send is none, whatever it
// begins with.
static bool is_number(const char *text)
{
    if (*text != NUMBER_MARK)
        return false;
    const char *digits = text + 1 + (text[1] == '-');
    size_t count = strspn(digits, "0123456789");
    return count != 0 && digits[count] == '\0' && (*digits != '0' || count == 1);
}

static void put_value(struct buf *line, const char *text)
{
    if (is_number(text))
        buf_text(line, text + 1);
    else if (as_json || needs_quotes(text))
        put_quoted(line, text);
    else
        buf_text(line, text);
}

static void put_pair(struct buf *line, const char *key, const char *value)
{
    if (as_json) {
        buf_text(line, ",");
        put_quoted(line, key);
        buf_text(line, ":");
    } else {
        buf_text(line, " ");
        buf_text(line, key);
        buf_text(line, "=");
    }
    put_value(line, value);
}

// The priorities of syslog(3): error, warning, informational, debug.
static const char *priority_of(int level)
{
    return level >= LOG_LEVEL_ERROR  ? "<3>"
           : level >= LOG_LEVEL_WARN ? "<4>"
           : level >= LOG_LEVEL_INFO ? "<6>"
                                     : "<7>";
}

static void put_head(struct buf *line, int level, const char *message)
{
    char name[24];
    if (to_journal)
        buf_text(line, priority_of(level));
    if (as_json || !to_journal) {
        buf_text(line, as_json ? "{\"time\":\"" : "time=");
        put_time(line);
        buf_text(line, as_json ? "\"," : " ");
    }
    buf_text(line, as_json ? "\"level\":\"" : "level=");
    buf_text(line, level_name(level, name));
    buf_text(line, as_json ? "\",\"msg\":" : " msg=");
    put_value(line, message);
}

void log_pairs(int level, const char *message, ...)
{
    if (!log_enabled(level))
        return;
    char room[LINE_MAX_BYTES];
    struct buf line = buf_over(room, sizeof room - 2);
    put_head(&line, level, message);
    va_list pairs;
    va_start(pairs, message);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        struct buf before = line;
        put_pair(&line, key, value == NULL ? "" : value);
        if (!buf_ok(&line)) // a pair that does not fit is left out whole
            line = before;
    }
    va_end(pairs);
    size_t len = line.len;
    if (as_json)
        room[len++] = '}';
    room[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, room, len);
    (void)written; // nowhere left to complain
}

struct log_text log_number(long long value)
{
    struct log_text out;
    snprintf(out.text, sizeof out.text, "%c%lld", NUMBER_MARK, value);
    return out;
}

struct log_text log_unsigned(unsigned long long value)
{
    struct log_text out;
    snprintf(out.text, sizeof out.text, "%c%llu", NUMBER_MARK, value);
    return out;
}
