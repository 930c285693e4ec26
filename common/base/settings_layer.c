#include "common/base/settings_layer.h"

#include "common/base/conf_walk.h"
#include "common/base/nearest.h"
#include "common/base/option_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_MAX 128 // bytes of a value that a message repeats
#define NAME_ROOM 512 // for the name of a variable or a place

// The file's last line end is not part of what it holds.
static char *read_secret(struct settings *settings, const char *path, struct fault *fault)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        fault_set(fault, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    char *text = settings_allocate(settings, SETTINGS_SECRET_MAX + 1);
    size_t len = text == NULL ? 0 : fread(text, 1, SETTINGS_SECRET_MAX + 1, file);
    int error = ferror(file) != 0 ? errno : 0;
    fclose(file);
    if (text == NULL || error != 0) {
        fault_set(fault, "%s: cannot be read: %s", path, strerror(text == NULL ? ENOMEM : error));
        return NULL;
    }
    size_t whole = len;
    while (len != 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len == 0 || whole > SETTINGS_SECRET_MAX || memchr(text, '\0', len) != NULL) {
        fault_set(fault, "%s: got %zu bytes, wanted a line of text", path, whole);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

enum options_result settings_take(struct settings *settings, const struct option_given *given,
                                  const struct settings_origin *origin, struct fault *fault)
{
    union option_value value;
    const struct option *option = given->option;
    const char *text = given->text;
    if (given->in_file) {
        text = read_secret(settings, text, fault);
        if (text == NULL)
            return OPTIONS_FAULTY_FILE;
    }
    if (!option_value_read(option->kind, text, &value)) {
        fault_set(fault, "got \"%.*s\", wanted %s", SHOWN_MAX,
                  option_is_secret(option) ? "***" : text, option_value_wanted(option->kind));
        return OPTIONS_BAD;
    }
    option_value_store(option, &value);
    settings->origins[option - settings->rows] = *origin;
    return OPTIONS_OK;
}

// Whether that layer has given the option before, under either of its names.
static bool is_given(const struct settings *settings, const struct option *option,
                     enum settings_layer layer, unsigned *line)
{
    const struct settings_origin *origin = &settings->origins[option - settings->rows];
    *line = origin->line;
    return origin->layer == layer;
}

// The secret that a block of the file stands under, as in token: {a: b}; NULL: none.
static const struct option *find_outer_secret(const struct settings *settings, const char *name)
{
    struct option_given given;
    for (size_t len = strlen(name); len != 0; len--)
        if (name[len] == '.' && option_find(settings->rows, settings->count, name, len, &given) &&
            option_is_secret(given.option))
            return given.option;
    return NULL;
}

static int fail_unknown(struct conf *conf, const struct settings *settings, const char *name,
                        unsigned line)
{
    struct nearest nearest = {.text = name};
    const struct option *outer = find_outer_secret(settings, name);
    if (outer != NULL) // the name within may be part of a password
        return conf_fail(conf, line, "%s: wanted a text, without names below it", outer->name);
    const char *reason = option_absence(settings->rows, settings->count, name);
    if (reason != NULL)
        return conf_fail(conf, line, "unknown setting \"%.*s\": %s", SHOWN_MAX, name, reason);
    for (size_t i = 0; i < settings->count; i++)
        if (settings->rows[i].kind != OPTION_ABSENT)
            nearest_offer(&nearest, settings->rows[i].name);
    if (nearest.name != NULL)
        return conf_fail(conf, line, "unknown setting \"%.*s\", did you mean \"%s\"?", SHOWN_MAX,
                         name, nearest.name);
    return conf_fail(conf, line, "unknown setting \"%.*s\", -h lists those there are", SHOWN_MAX,
                     name);
}

struct file_pass {
    struct settings *settings;
    enum options_result result; // the worst of all lines
};

// Says what is wrong with one line; the others are read all the same.
static int say_line(struct conf *conf, struct file_pass *pass, enum options_result result)
{
    dprintf(STDERR_FILENO, "%s\n", conf_fault(conf)->text);
    conf_withdraw(conf);
    if (pass->result != OPTIONS_BAD)
        pass->result = result;
    return 0;
}

// OPTIONS_OK, or what is wrong is in the fault.
static enum options_result take_one(struct conf *conf, const char *name,
                                    const struct conf_text *value)
{
    const struct file_pass *pass = conf_context(conf);
    struct settings *settings = pass->settings;
    struct option_given given;
    struct fault fault = {.text = ""};
    unsigned before;
    int wrong = 0;
    if (!option_find(settings->rows, settings->count, name, strlen(name), &given))
        wrong = fail_unknown(conf, settings, name, value->line);
    else if (value->text == NULL)
        wrong = conf_fail(conf, value->line,
                          "%s: wanted a value, '' for the empty text, got nothing", name);
    else if (given.option->kind == OPTION_ACTION || given.option->target == &settings->config)
        wrong = conf_fail(conf, value->line, "%s: is for the command line, not for this file",
                          name);
    else if (is_given(settings, given.option, SETTINGS_FILE, &before))
        wrong = conf_fail(conf, value->line, "%s: given twice, first on line %u", name, before);
    if (wrong != 0)
        return OPTIONS_FAULTY_FILE;
    size_t len = value->len; // the walk's memory is used again
    char *text = settings_allocate(settings, len);
    if (text == NULL) {
        conf_fail(conf, value->line, "%s: out of memory", name);
        return OPTIONS_FAULTY_FILE;
    }
    memcpy(text, value->text, len);
    text[len] = '\0';
    given.text = text;
    const struct settings_origin origin = {.layer = SETTINGS_FILE, .line = value->line};
    enum options_result result = settings_take(settings, &given, &origin, &fault);
    if (result != OPTIONS_OK)
        conf_fail(conf, value->line, "%s: %s", name, fault.text);
    return result;
}

static int take_line(struct conf *conf, const char *name, const struct conf_text *value)
{
    enum options_result result = take_one(conf, name, value);
    return result == OPTIONS_OK ? 0 : say_line(conf, conf_context(conf), result);
}

enum options_result settings_take_file(struct settings *settings)
{
    struct file_pass pass = {.settings = settings, .result = OPTIONS_OK};
    struct fault fault = {.text = ""};
    if (conf_walk(settings->config, take_line, &pass, &fault) == 0)
        return pass.result;
    dprintf(STDERR_FILENO, "%s\n", fault.text);
    return pass.result == OPTIONS_BAD ? pass.result : OPTIONS_FAULTY_FILE;
}

void settings_put_variable(const struct settings *settings, const char *name, struct buf *out)
{
    buf_text(out, settings->prefix);
    for (; *name != '\0'; name++)
        buf_byte(out, *name == '.' || *name == '-'   ? '_'
                      : *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A')
                                                     : *name);
}

// Whether that is the option's variable, or with _FILE behind it.
static bool is_variable(const struct settings *settings, const struct option *option,
                        const char *name, size_t len, bool *in_file)
{
    static const char ending[] = "_FILE";
    char room[NAME_ROOM];
    struct buf own = buf_over(room, sizeof room);
    settings_put_variable(settings, option->name, &own);
    if (own.len > len || memcmp(room, name, own.len) != 0)
        return false;
    *in_file = option_is_secret(option) && len == own.len + sizeof ending - 1 &&
               memcmp(name + own.len, ending, 5) == 0;
    return len == own.len || *in_file;
}

// An option's own variable goes before that of another one's file.
static bool find_variable(const struct settings *settings, const char *name, size_t len,
                          struct option_given *given)
{
    *given = (struct option_given){.option = NULL};
    for (size_t i = 0; i < settings->count; i++) {
        const struct option *option = &settings->rows[i];
        bool in_file;
        if (option->kind == OPTION_ACTION || option->kind == OPTION_ABSENT ||
            !is_variable(settings, option, name, len, &in_file) ||
            (given->option != NULL && in_file))
            continue;
        given->option = option;
        given->in_file = in_file;
    }
    return given->option != NULL;
}

// The variable that the systemd units take the flags from is there as well.
static bool is_of_unit(const struct settings *settings, const char *variable)
{
    return strncmp(variable + strlen(settings->prefix), "ARGS=", strlen("ARGS=")) == 0;
}

static enum options_result take_variable(struct settings *settings, const char *variable)
{
    static const struct settings_origin origin = {.layer = SETTINGS_VARIABLE};
    size_t len = strcspn(variable, "=");
    struct option_given given;
    struct fault fault = {.text = ""};
    enum options_result result = OPTIONS_BAD;
    unsigned line;
    if (variable[len] == '\0' || is_of_unit(settings, variable))
        return OPTIONS_OK;
    if (!find_variable(settings, variable, len, &given)) {
        if (settings->strange_count < SETTINGS_STRANGE_MAX)
            settings->strange[settings->strange_count++] = variable;
        return OPTIONS_OK;
    }
    given.text = variable + len + 1;
    if (given.option->target == &settings->config) // was looked at before
        return OPTIONS_OK;
    if (is_given(settings, given.option, SETTINGS_VARIABLE, &line))
        fault_set(&fault, "wanted the value or its file, not both");
    else
        result = settings_take(settings, &given, &origin, &fault);
    if (result != OPTIONS_OK)
        dprintf(STDERR_FILENO, "%.*s: %s\n", (int)len, variable, fault.text);
    return result;
}

enum options_result settings_take_variables(struct settings *settings, char *const environment[])
{
    size_t len = strlen(settings->prefix);
    enum options_result result = OPTIONS_OK;
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, settings->prefix, len) != 0)
            continue;
        enum options_result one = take_variable(settings, *environment);
        result = result == OPTIONS_BAD || one == OPTIONS_OK ? result : one;
    }
    return result;
}
