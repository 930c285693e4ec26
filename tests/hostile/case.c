#include "tests/hostile/case.h"

#include "tests/hostile/notation.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES      4096
#define STATEMENT_MAX_BYTES 65536

struct reader {
    struct case_list *list;
    const char *path;
    unsigned line;
    char statement[STATEMENT_MAX_BYTES]; // a keyword and all that goes with it
    size_t indent;                       // of its first line
    char where[1024];
    // What the next datagram is sent with.
    struct addr source;
    uint16_t port;
    unsigned ports;
    uint64_t at_s;
};

static void fail(const struct reader *r, const char *what, const char *got)
{
    fprintf(stderr, "%s: %s: \"%s\"\n", r->where, what, got);
    exit(1);
}

static struct hostile_case *current(const struct reader *r)
{
    if (r->list->count == 0)
        fail(r, "wanted \"case\" first", r->statement);
    return &r->list->cases[r->list->count - 1];
}

static uint64_t number(const struct reader *r, const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0')
        fail(r, "wanted a number", text);
    return value;
}

static void set_source(struct reader *r, const char *text)
{
    char address[64];
    unsigned port;
    if (sscanf(text, "%63s %u", address, &port) != 2 || addr_parse(&r->source, address) != 0 ||
        port > 65535)
        fail(r, "wanted an address and a port", text);
    r->source = addr_of(r->source.bytes, r->source.len); // as the receiver hands it over
    r->port = (uint16_t)port;
}

static void begin_case(struct reader *r, const char *name)
{
    struct case_list *list = r->list;
    list->cases = realloc(list->cases, (list->count + 1) * sizeof list->cases[0]);
    if (list->cases == NULL)
        fail(r, "no memory", name);
    list->cases[list->count++] = (struct hostile_case){.name = strdup(name)};
    set_source(r, "198.51.100.66 4242");
    r->ports = 1;
    r->at_s = 0;
}

static void set_scheme(struct reader *r, const char *text)
{
    static const char *const names[] = {
        [DECODE_FLOW] = "flow", [DECODE_NETFLOW] = "netflow", [DECODE_SFLOW] = "sflow"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            current(r)->scheme = (enum decode_scheme)i;
            return;
        }
    }
    fail(r, "no scheme", text);
}

static void add_step(struct reader *r, const char *text)
{
    struct hostile_case *c = current(r);
    uint8_t *bytes = malloc(NOTATION_BYTES_MAX);
    if (c->step_count == CASE_STEPS_MAX || bytes == NULL)
        fail(r, "too many datagrams", text);
    size_t len = notation_read(bytes, text, r->where);
    c->steps[c->step_count++] = (struct case_step){.data = bytes,
                                                   .len = len,
                                                   .source = r->source,
                                                   .port = r->port,
                                                   .ports = r->ports,
                                                   .at_s = r->at_s};
    r->ports = 1;
}

static void add_cost(struct reader *r, const char *text)
{
    char label[64];
    char count[32];
    if (sscanf(text, "%63s %31s", label, count) != 2)
        fail(r, "wanted a reason and a number", text);
    for (int i = 0; i < REASON_COUNT; i++) {
        if (strcmp(reason_label((enum reason)i), label) == 0) {
            current(r)->costs[i] = number(r, count);
            current(r)->cost_named[i] = true;
            return;
        }
    }
    fail(r, "no reason", label);
}

static void add_show(struct reader *r, const char *text)
{
    struct hostile_case *c = current(r);
    if (c->show_count == CASE_SHOWS_MAX)
        fail(r, "too many of these", text);
    c->shows[c->show_count++] = strdup(text);
}

static void set_held(struct reader *r, const char *text)
{
    current(r)->holds = true;
    current(r)->held = number(r, text);
}

static void end_statement(struct reader *r)
{
    char *keyword = r->statement;
    char *rest = keyword + strcspn(keyword, " ");
    if (*rest != '\0')
        *rest++ = '\0';
    if (strcmp(keyword, "case") == 0)
        begin_case(r, rest);
    else if (strcmp(keyword, "scheme") == 0)
        set_scheme(r, rest);
    else if (strcmp(keyword, "from") == 0)
        set_source(r, rest);
    else if (strcmp(keyword, "at") == 0)
        r->at_s = number(r, rest);
    else if (strcmp(keyword, "ports") == 0)
        r->ports = (unsigned)number(r, rest);
    else if (strcmp(keyword, "send") == 0)
        add_step(r, rest);
    else if (strcmp(keyword, "cost") == 0)
        add_cost(r, rest);
    else if (strcmp(keyword, "flows") == 0)
        current(r)->flows = number(r, rest);
    else if (strcmp(keyword, "shows") == 0)
        add_show(r, rest);
    else if (strcmp(keyword, "held") == 0)
        set_held(r, rest);
    else if (strcmp(keyword, "about") != 0 && *keyword != '\0')
        fail(r, "no keyword", keyword);
    r->statement[0] = '\0';
}

static void take_line(struct reader *r, char *line)
{
    size_t indent = strspn(line, " ");
    char *comment = strchr(line, '#');
    if (comment != NULL)
        *comment = '\0';
    size_t len = strlen(line);
    while (len != 0 && isspace((unsigned char)line[len - 1]))
        line[--len] = '\0';
    if (len <= indent)
        return;
    if (r->statement[0] != '\0' && strncmp(r->statement, "case", 4) != 0 && indent > r->indent) {
        size_t at = strlen(r->statement);
        if (at + len - indent + 2 > sizeof r->statement)
            fail(r, "too long", line);
        snprintf(r->statement + at, sizeof r->statement - at, " %s", line + indent);
        return;
    }
    end_statement(r);
    snprintf(r->where, sizeof r->where, "%s:%u", r->path, r->line);
    snprintf(r->statement, sizeof r->statement, "%s", line + indent);
    r->indent = indent;
}

void case_read(struct case_list *list, const char *path)
{
    struct reader *r = calloc(1, sizeof *r);
    FILE *file = fopen(path, "r");
    char line[LINE_MAX_BYTES];
    if (r == NULL || file == NULL) {
        perror(path);
        exit(1);
    }
    r->list = list;
    r->path = path;
    while (fgets(line, sizeof line, file) != NULL) {
        r->line++;
        take_line(r, line);
    }
    end_statement(r);
    fclose(file);
    free(r);
}

static int is_text(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

void case_read_directory(struct case_list *list, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_text, alphasort);
    if (count <= 0) {
        fprintf(stderr, "%s: no cases\n", path);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        char file[1024];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        case_read(list, file);
        free(entries[i]);
    }
    free(entries);
}

void case_free(struct case_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct hostile_case *c = &list->cases[i];
        for (unsigned j = 0; j < c->step_count; j++)
            free(c->steps[j].data);
        for (unsigned j = 0; j < c->show_count; j++)
            free(c->shows[j]);
        free(c->name);
    }
    free(list->cases);
    *list = (struct case_list){.cases = NULL};
}
