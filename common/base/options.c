#include "common/base/options.h"

#include "common/base/buf.h"
#include "common/base/nearest.h"
#include "common/base/option_value.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN    64  // of a name or
#define VALUE_MAX_LEN   128 // a value, as far as a message shows them
#define LINE_MAX_BYTES  1024
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static void put_line(struct buf *line)
{
    buf_byte(line, '\n');
    ssize_t written = write(STDERR_FILENO, line->data, line->len);
    (void)written; // nowhere left to complain
}

const char *option_absence(const struct option *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].kind == OPTION_ABSENT &&
            strncmp(options[i].name, name, strlen(options[i].name)) == 0)
            return options[i].help;
    return NULL;
}

static enum options_result unknown(const struct option *options, size_t count, const char *argument,
                                   const char *name, size_t len)
{
    char room[LINE_MAX_BYTES];
    char given[NAME_MAX_LEN];
    struct buf line = buf_over(room, sizeof room);
    len = strnlen(name, len < sizeof given ? len : sizeof given);
    size_t name_len = strspn(name, NAME_CHARACTERS); // behind it may stand what nobody should see
    snprintf(given, sizeof given, "%.*s", (int)(len < name_len ? len : name_len), name);
    struct nearest nearest = {.text = given};
    for (size_t i = 0; i < count; i++)
        if (options[i].kind != OPTION_ABSENT)
            nearest_offer(&nearest, options[i].name);
    buf_escaped(&line, argument, (size_t)(name - argument));
    buf_escaped(&line, given, strlen(given));
    buf_text(&line, len > name_len ? "...: unknown flag" : ": unknown flag");
    const char *reason = option_absence(options, count, given);
    if (reason != NULL)
        buf_printf(&line, ": %s", reason);
    else if (nearest.name != NULL)
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
    if (value == NULL || option_is_secret(option)) {
        buf_text(&line, value == NULL ? "no value" : "***");
    } else {
        buf_byte(&line, '"');
        buf_escaped(&line, value, strnlen(value, VALUE_MAX_LEN));
        buf_byte(&line, '"');
    }
    buf_printf(&line, ", wanted %s", option_value_wanted(option->kind));
    put_line(&line);
    return OPTIONS_BAD;
}

static const struct option *find(const struct option *options, size_t count, const char *name,
                                 size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].kind != OPTION_ABSENT && strlen(options[i].name) == len &&
            memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

bool option_is_secret(const struct option *option)
{
    return option->kind == OPTION_SECRET || option->kind == OPTION_URLS;
}

bool option_find(const struct option *options, size_t count, const char *name, size_t len,
                 struct option_given *given)
{
    static const char ending[] = ".file";
    size_t ending_len = sizeof ending - 1;
    *given = (struct option_given){.option = find(options, count, name, len)};
    if (given->option != NULL)
        return true;
    if (len <= ending_len || memcmp(name + len - ending_len, ending, ending_len) != 0)
        return false;
    given->option = find(options, count, name, len - ending_len);
    given->in_file = true;
    return given->option != NULL && option_is_secret(given->option);
}

static bool is_help(const char *name, size_t len)
{
    return (len == 1 && *name == 'h') || (len == 4 && memcmp(name, "help", 4) == 0);
}

static bool is_bool(enum option_kind kind)
{
    return kind == OPTION_BOOL || kind == OPTION_ACTION;
}

// Reads the flag at argv[*at] and moves *at behind it.
static enum options_result take(const struct option *options, size_t count, int argc,
                                char *const argv[], int *at, struct option_given *given)
{
    const char *argument = argv[(*at)++];
    const char *name = argument + (argument[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    if (!option_find(options, count, name, len, given))
        return is_help(name, len) ? OPTIONS_HELP : unknown(options, count, argument, name, len);
    given->text = name[len] == '=' ? name + len + 1 : NULL;
    if (given->text == NULL && is_bool(given->option->kind))
        given->text = "true"; // a boolean never takes the next argument
    else if (given->text == NULL && *at < argc)
        given->text = argv[(*at)++];
    union option_value value;
    if (given->text == NULL || !option_value_read(given->option->kind, given->text, &value))
        return bad_value(given->option, given->text);
    return OPTIONS_OK;
}

// The result of two things: help before all, then what is worse.
static enum options_result worse(enum options_result a, enum options_result b)
{
    if (a == OPTIONS_OK || b == OPTIONS_HELP)
        return b;
    return b == OPTIONS_BAD ? b : a;
}

// The value of a flag that is none is not taken for an argument.
static void pass_value(int argc, char *const argv[], int *at)
{
    const char *flag = argv[*at - 1];
    if (strchr(flag, '=') == NULL && *at < argc && argv[*at][0] != '-')
        ++*at;
}

enum options_result options_walk(const struct option *options, size_t count, int argc,
                                 char *const argv[], int *rest, options_visit *visit, void *user)
{
    int at = 1;
    enum options_result result = OPTIONS_OK;
    while (result != OPTIONS_HELP && at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
        struct option_given given;
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        enum options_result one = take(options, count, argc, argv, &at, &given);
        if (one == OPTIONS_OK)
            one = visit(user, &given);
        else if (one == OPTIONS_BAD && given.option == NULL)
            pass_value(argc, argv, &at);
        result = worse(result, one);
    }
    *rest = at;
    return result;
}

static enum options_result pass(void *user, const struct option_given *given)
{
    (void)user;
    (void)given;
    return OPTIONS_OK;
}

static enum options_result store(void *user, const struct option_given *given)
{
    union option_value value;
    (void)user;
    if (option_value_read(given->option->kind, given->text, &value))
        option_value_store(given->option, &value);
    return OPTIONS_OK;
}

enum options_result options_parse(const struct option *options, size_t count, int argc,
                                  char *const argv[], int *rest)
{
    // Stored only when all is well, so that the help still shows the defaults.
    enum options_result result = options_walk(options, count, argc, argv, rest, pass, NULL);
    if (result == OPTIONS_OK)
        result = options_walk(options, count, argc, argv, rest, store, NULL);
    return result;
}
