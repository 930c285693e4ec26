#include "common/base/option_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t size;
};

static const struct unit TIME_UNITS[] = {
    {"ns", 1},
    {"us", 1000},
    {"\u00b5s", 1000}, // micro sign
    {"\u03bcs", 1000}, // Greek mu
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", INT64_C(60000000000)},
    {"h", INT64_C(3600000000000)},
};

static const struct unit BYTE_UNITS[] = {
    {"", 1},          {"k", 1 << 10},   {"m", 1 << 20},   {"g", 1 << 30},
    {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// The spellings of Go's strconv.ParseBool.
static bool read_bool(const char *text, union option_value *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        out->truth = strcmp(text, yes[i]) == 0;
        if (out->truth || strcmp(text, no[i]) == 0)
            return true;
    }
    return false;
}

static bool read_int(const char *text, union option_value *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end = NULL;
    if (!is_digit(*digits)) // strtoll would skip blanks
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 0);
    out->integer = value;
    return errno == 0 && *end == '\0';
}

static bool read_bytes(const char *text, union option_value *out)
{
    char *end = NULL;
    if (!is_digit(*text))
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    for (size_t i = 0; i < sizeof BYTE_UNITS / sizeof BYTE_UNITS[0]; i++)
        if (strcasecmp(end, BYTE_UNITS[i].name) == 0)
            return !__builtin_mul_overflow(value, (uint64_t)BYTE_UNITS[i].size, &out->bytes);
    return false;
}

// One number and its unit ("1.5h"); moves *at behind them and adds the time to *sum.
static bool read_time_part(const char **at, int64_t *sum)
{
    const char *number = *at;
    int64_t whole = 0;
    double fraction = 0;
    double scale = 1;
    while (is_digit(**at))
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *(*at)++ - '0', &whole))
            return false;
    if (*at == number && !((*at)[0] == '.' && is_digit((*at)[1])))
        return false;
    if (**at == '.')
        for ((*at)++; is_digit(**at); (*at)++)
            fraction += (**at - '0') * (scale /= 10);
    const char *unit = *at;
    while (**at != '\0' && **at != '.' && !is_digit(**at))
        (*at)++;
    for (size_t i = 0; i < sizeof TIME_UNITS / sizeof TIME_UNITS[0]; i++) {
        size_t len = strlen(TIME_UNITS[i].name);
        if (len != (size_t)(*at - unit) || memcmp(unit, TIME_UNITS[i].name, len) != 0)
            continue;
        int64_t part = (int64_t)(fraction * (double)TIME_UNITS[i].size + 0.5);
        return !__builtin_mul_overflow(whole, TIME_UNITS[i].size, &whole) &&
               !__builtin_add_overflow(part, whole, &part) &&
               !__builtin_add_overflow(*sum, part, sum);
    }
    return false;
}

// Go's time.ParseDuration: a unit is needed but for 0.
static bool read_duration(const char *text, union option_value *out)
{
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    out->integer = 0;
    if (strcmp(text, "0") == 0)
        return true;
    do {
        if (!read_time_part(&text, &out->integer))
            return false;
    } while (*text != '\0');
    if (negative)
        out->integer = -out->integer;
    return true;
}

bool option_value_read(enum option_kind kind, const char *text, union option_value *out)
{
    switch (kind) {
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_URLS:
        out->text = text;
        return true;
    case OPTION_BOOL:
    case OPTION_ACTION:
        return read_bool(text, out);
    case OPTION_INT:
        return read_int(text, out);
    case OPTION_BYTES:
        return read_bytes(text, out);
    case OPTION_DURATION_NS:
        return read_duration(text, out);
    case OPTION_ABSENT:
        break;
    }
    return false;
}

const char *option_value_wanted(enum option_kind kind)
{
    switch (kind) {
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_URLS:
        return "a text";
    case OPTION_BOOL:
    case OPTION_ACTION:
        return "true or false";
    case OPTION_INT:
        return "a whole number";
    case OPTION_BYTES:
        return "a number of bytes such as 65536, 512KiB or 64MiB";
    case OPTION_DURATION_NS:
        return "a duration such as 300ms, 10s or 1m30s";
    case OPTION_ABSENT:
        break;
    }
    return "";
}

void option_value_store(const struct option *option, const union option_value *value)
{
    switch (option->kind) {
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_URLS:
        *(const char **)option->target = value->text;
        break;
    case OPTION_BOOL:
    case OPTION_ACTION:
        *(bool *)option->target = value->truth;
        break;
    case OPTION_INT:
    case OPTION_DURATION_NS:
        *(int64_t *)option->target = value->integer;
        break;
    case OPTION_BYTES:
        *(uint64_t *)option->target = value->bytes;
        break;
    case OPTION_ABSENT:
        break;
    }
}
