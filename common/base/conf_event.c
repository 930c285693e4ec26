#include "common/base/conf_event.h"

#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

void *conf_context(const struct conf *conf)
{
    return conf->context;
}

const struct fault *conf_fault(const struct conf *conf)
{
    return conf->fault;
}

const char *conf_path(const struct conf *conf)
{
    return conf->path;
}

// Makes room for one more fault: false when so many were said that the file is given up.
static bool begin_fault(struct conf *conf)
{
    if (conf->fault_count > CONF_FAULTS_MAX)
        return false;
    if (conf->fault_count != 0)
        log_error(conf->fault->text);
    if (conf->fault_count++ < CONF_FAULTS_MAX)
        return true;
    conf->broken = true;
    fault_set(conf->fault, "%s: more than %d errors, the rest is not looked at", conf->path,
              CONF_FAULTS_MAX);
    return false;
}

int conf_fail(struct conf *conf, unsigned line, const char *format, ...)
{
    char what[FAULT_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return begin_fault(conf) ? fault_set(conf->fault, "%s:%u: %s", conf->path, line, what) : -1;
}

int conf_no_memory(struct conf *conf)
{
    conf->broken = true;
    return begin_fault(conf) ? fault_set(conf->fault, "%s: out of memory", conf->path) : -1;
}

bool conf_failed(const struct conf *conf)
{
    return conf->fault_count != 0;
}

void conf_withdraw(struct conf *conf)
{
    conf->fault_count--;
    conf->fault->text[0] = '\0';
}

void conf_warn(const struct conf *conf, unsigned line, const char *format, ...)
{
    char what[FAULT_TEXT_MAX];
    char text[2 * FAULT_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s:%u: %s", conf->path, line, what);
    log_warn(text);
}

unsigned conf_line(const struct conf *conf)
{
    return (unsigned)conf->event.start_mark.line + 1;
}

static int parser_failed(struct conf *conf)
{
    const yaml_parser_t *parser = &conf->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    size_t at = parser->problem_mark.line > parser->mark.line ? parser->problem_mark.line
                                                              : parser->mark.line;
    if (parser->error == YAML_MEMORY_ERROR)
        return conf_no_memory(conf);
    return conf_fail(conf, (unsigned)at + 1, "not valid YAML: %s", problem);
}

static int read_event(struct conf *conf)
{
    yaml_event_delete(&conf->event);
    if (!yaml_parser_parse(&conf->parser, &conf->event))
        return parser_failed(conf);
    if (conf->event.type == YAML_ALIAS_EVENT)
        return conf_fail(conf, conf_line(conf), "aliases (*name) are not supported");
    yaml_event_type_t type = conf->event.type;
    conf->depth += type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
    conf->depth -= type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
    if (conf->depth > CONF_DEPTH_MAX)
        return conf_fail(conf, conf_line(conf), "more than %d lists and mappings in each other",
                         CONF_DEPTH_MAX);
    return 0;
}

int conf_next(struct conf *conf)
{
    if (!conf->broken && read_event(conf) != 0)
        conf->broken = true;
    return conf->broken ? -1 : 0;
}

int conf_end_value(struct conf *conf, unsigned depth)
{
    while (!conf->broken && conf->depth > depth)
        (void)conf_next(conf);
    return conf->broken ? -1 : 0;
}

bool conf_is_nothing(const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    return len == 0 || (len == 1 && *text == '~') || (len == 4 && strcasecmp(text, "null") == 0);
}

int conf_wrong_type(struct conf *conf, const char *name, const char *wanted)
{
    const yaml_event_t *event = &conf->event;
    const char *got = conf_is_nothing(event)                     ? "nothing"
                      : event->type == YAML_SEQUENCE_START_EVENT ? "a list"
                      : event->type == YAML_MAPPING_START_EVENT  ? "a mapping"
                                                                 : NULL;
    if (got != NULL)
        return conf_fail(conf, conf_line(conf), "%s: expected %s, got %s", name, wanted, got);
    return conf_fail(conf, conf_line(conf), "%s: expected %s, got \"%.*s\"", name, wanted,
                     CONF_QUOTE_MAX, (const char *)event->data.scalar.value);
}

static int run_document(struct conf *conf, bool may_be_empty, conf_body *body, void *user)
{
    if (conf_next(conf) != 0 || conf_next(conf) != 0) // the start of the stream, of the document
        return -1;
    if (conf->event.type == YAML_STREAM_END_EVENT)
        return may_be_empty ? 0 : conf_fail(conf, 1, "the file is empty");
    if (conf_next(conf) != 0 || body(conf, user) != 0 || conf_next(conf) != 0 ||
        conf_next(conf) != 0)
        return -1;
    if (conf->event.type != YAML_STREAM_END_EVENT)
        return conf_fail(conf, conf_line(conf), "a second document begins, expected the end");
    return 0;
}

static int run_file(struct conf *conf, FILE *file, bool may_be_empty, conf_body *body, void *user)
{
    if (!yaml_parser_initialize(&conf->parser))
        return conf_no_memory(conf);
    yaml_parser_set_input_file(&conf->parser, file);
    int result = run_document(conf, may_be_empty, body, user);
    yaml_event_delete(&conf->event);
    yaml_parser_delete(&conf->parser);
    return conf_failed(conf) ? -1 : result;
}

int conf_run(struct conf *conf, bool may_be_empty, conf_body *body, void *user)
{
    struct stat status;
    int result = -1;
    FILE *file = fopen(conf->path, "rbe");
    if (file == NULL)
        return fault_set(conf->fault, "%s: cannot be opened: %s", conf->path, strerror(errno));
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode))
        fault_set(conf->fault, "%s: is a directory, expected a file", conf->path);
    else
        result = run_file(conf, file, may_be_empty, body, user);
    fclose(file);
    return result;
}
