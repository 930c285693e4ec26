#include "common/base/settings.h"

#include "common/base/settings_layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_ROOM          1024
#define ARGUMENT_SHOWN_MAX 128

static const char CONFIG_HELP[] =
    "Yaml `file` of settings; its names are those of the flags, a flag goes before it";

struct settings_text {
    struct settings_text *before;
    char text[];
};

struct pass {
    struct settings *settings;
    bool storing;
};

void settings_begin(struct settings *settings, const char *prefix)
{
    memset(settings, 0, sizeof *settings);
    settings->prefix = prefix;
    settings->config = "";
    settings->rows[settings->count++] = (struct option){"config", OPTION_STRING, &settings->config,
                                                        CONFIG_HELP, "Settings"};
}

void settings_end(struct settings *settings)
{
    while (settings->texts != NULL) {
        struct settings_text *gone = settings->texts;
        settings->texts = gone->before;
        free(gone);
    }
}

char *settings_allocate(struct settings *settings, size_t len)
{
    struct settings_text *text = malloc(sizeof *text + len + 1);
    if (text == NULL)
        return NULL;
    text->before = settings->texts;
    settings->texts = text;
    return text->text;
}

static void hide_text(char *text, size_t len)
{
    memset(text, 'x', len);
}

// Where the next URL begins, or the end. What stands behind a comma without a scheme may be the
// rest of a password.
static const char *end_of_url(const char *urls)
{
    while (*urls != '\0') {
        urls += strcspn(urls, ",") + 1;
        if (urls[-1] == '\0')
            return urls - 1;
        const char *at = urls + strspn(urls, " ");
        if (strncmp(at + strspn(at, "abcdefghijklmnopqrstuvwxyz"), "://", 3) == 0)
            return urls;
    }
    return urls;
}

// What passwords are made of is not always escaped as URLs want it: all up to the last @ counts. A
// question mark in front of that may begin a query as well: then nothing behind it is safe to show.
struct settings_url settings_split_url(const char *urls)
{
    struct settings_url out = {.end = end_of_url(urls)};
    const char *last = out.end - (*out.end != '\0'); // but for the comma
    size_t scheme = strspn(urls, "abcdefghijklmnopqrstuvwxyz");
    const char *host = strncmp(urls + scheme, "://", 3) == 0 ? urls + scheme + 3 : urls;
    const char *sign = memrchr(urls, '@', (size_t)(last - urls));
    const char *mark = memchr(urls, '?', (size_t)(last - urls));
    if (sign != NULL) {
        out.user = host < sign ? host : sign;
        out.user_len = (size_t)((mark != NULL && mark < sign ? last : sign) - out.user);
    }
    if (mark != NULL && (sign == NULL || mark > sign)) {
        out.query = mark + 1;
        out.query_len = (size_t)(last - out.query);
    }
    return out;
}

static void hide_urls(char *urls)
{
    struct settings_url url;
    for (const char *at = urls; *at != '\0'; at = url.end) {
        url = settings_split_url(at);
        if (url.user != NULL)
            hide_text(urls + (url.user - urls), url.user_len);
        if (url.query != NULL)
            hide_text(urls + (url.query - urls), url.query_len);
    }
}

// The value moves to memory of our own before it is made unreadable where it was given.
static bool keep_secret(struct settings *settings, struct option_given *given)
{
    size_t len = strlen(given->text);
    char *copy = settings_allocate(settings, len);
    if (copy == NULL) {
        dprintf(STDERR_FILENO, "-%s: out of memory\n", given->option->name);
        return false;
    }
    memcpy(copy, given->text, len + 1);
    char *shown = (char *)given->text;
    if (given->option->kind == OPTION_SECRET)
        hide_text(shown, len);
    else
        hide_urls(shown);
    given->text = copy;
    return true;
}

static enum options_result take_flag(void *user, const struct option_given *flag)
{
    const struct pass *pass = user;
    static const struct settings_origin origin = {.layer = SETTINGS_FLAG};
    struct option_given given = *flag;
    struct fault fault;
    bool secret = option_is_secret(given.option);
    pass->settings->rest_secret = secret;
    if (!pass->storing) {
        if (given.option->target == &pass->settings->config)
            pass->settings->config = given.text;
        return OPTIONS_OK;
    }
    if (secret && !given.in_file && !keep_secret(pass->settings, &given))
        return OPTIONS_FAULTY_FILE;
    enum options_result result = settings_take(pass->settings, &given, &origin, &fault);
    if (result != OPTIONS_OK)
        dprintf(STDERR_FILENO, "-%s: %s\n", given.option->name, fault.text);
    return result;
}

// The variable for -config counts before the others, which stand above the file.
static void find_config(struct settings *settings, char *const environment[])
{
    size_t len = strlen(settings->prefix);
    for (; *environment != NULL && *settings->config == '\0'; environment++) {
        if (strncmp(*environment, settings->prefix, len) != 0 ||
            strncmp(*environment + len, "CONFIG=", 7) != 0)
            continue;
        settings->config = *environment + len + 7;
        settings->origins[0].layer = SETTINGS_VARIABLE;
    }
}

// No argument that is no flag means anything: mostly a blank in a value stands without quotes.
static enum options_result refuse_argument(const char *argument)
{
    char room[LINE_ROOM];
    struct buf line = buf_over(room, sizeof room);
    buf_text(&line, "got the argument \"");
    buf_escaped(&line, argument, strnlen(argument, ARGUMENT_SHOWN_MAX));
    buf_text(&line,
             "\", wanted flags alone: a value with blanks in it goes in quotes, and -h lists "
             "the flags\n");
    dprintf(STDERR_FILENO, "%.*s", (int)line.len, room);
    return OPTIONS_BAD;
}

// What is wrong with the file and the variables is said beside what is wrong with the flags.
static enum options_result take_others(struct settings *settings, char *const environment[])
{
    enum options_result file = OPTIONS_OK;
    find_config(settings, environment);
    if (*settings->config != '\0')
        file = settings_take_file(settings);
    enum options_result variables = settings_take_variables(settings, environment);
    return file == OPTIONS_BAD || variables == OPTIONS_OK ? file : variables;
}

enum options_result settings_read(struct settings *settings, int argc, char *const argv[],
                                  char *const environment[])
{
    struct pass pass = {.settings = settings};
    int rest = argc;
    // Stored only when all flags are well, so that the help still shows the defaults.
    enum options_result flags = options_walk(settings->rows, settings->count, argc, argv, &rest,
                                             take_flag, &pass);
    if (flags == OPTIONS_HELP)
        return flags;
    if (rest < argc)
        flags = refuse_argument(settings->rest_secret ? "***" : argv[rest]);
    enum options_result others = take_others(settings, environment);
    if (flags != OPTIONS_OK || others != OPTIONS_OK)
        return flags == OPTIONS_OK ? others : flags;
    pass.storing = true;
    return options_walk(settings->rows, settings->count, argc, argv, &rest, take_flag, &pass);
}
