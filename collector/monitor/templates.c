#include "collector/monitor/page.h"

#include "collector/keep/template_json.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

#define PART_BYTES 32768 // of the page that are made at a time, or one template

// One template on its way to the page.
struct line {
    char router[TEMPLATE_ROUTER_MAX];
    char key[TEMPLATE_KEY_MAX];
    struct survey_template template;
    const struct template_field *fields;
};

static int compare(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    int order = strcmp(x->router, y->router);
    return order != 0 ? order : strcmp(x->key, y->key);
}

static size_t count_templates(const struct monitor_view *view)
{
    struct survey_template template;
    const struct template_field *fields;
    size_t count = 0;
    for (unsigned i = 0; i < view->count; i++)
        for (size_t at = 0; survey_template_at(view->surveys[i], &at, &template, &fields);)
            count++;
    return count;
}

// Where lanes share an exporter they know the same templates: once each.
static size_t gather(const struct monitor_view *view, struct line *lines)
{
    struct line line;
    size_t count = 0;
    size_t kept = 0;
    for (unsigned i = 0; i < view->count; i++) {
        for (size_t at = 0;
             survey_template_at(view->surveys[i], &at, &line.template, &line.fields);) {
            template_json_router(line.router, &line.template.key);
            template_json_key(line.key, &line.template);
            lines[count++] = line;
        }
    }
    qsort(lines, count, sizeof lines[0], compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare(&lines[kept - 1], &lines[i]) != 0)
            lines[kept++] = lines[i];
    return kept;
}

static size_t count_left_out(const struct monitor_view *view)
{
    size_t left_out = 0;
    for (unsigned i = 0; i < view->count; i++)
        left_out += view->surveys[i]->templates_left_out;
    if (left_out != 0)
        log_warn("the page of templates is too small for all", "left_out",
                 log_unsigned(left_out).text);
    return left_out;
}

static void put_line(FILE *out, const struct line *line, const char *router)
{
    bool next = router == NULL || strcmp(router, line->router) != 0;
    if (next && router != NULL)
        fputs("\n  },", out);
    else if (!next)
        fputc(',', out);
    if (next)
        fprintf(out, "\n  \"%s\": {", line->router);
    fprintf(out, "\n    \"%s\": ", line->key);
    template_json_write(out, &line->template, line->fields, 4);
}

// The page as it is made: the fields stand in the surveys, which stay until it is freed.
struct page {
    struct http_parts parts;
    struct line *lines;
    size_t count;
    size_t at;
    bool ended;
};

static void write_part(struct http_parts *parts, FILE *out)
{
    struct page *page = (struct page *)parts;
    if (page->ended)
        return;
    if (page->at == 0)
        fputc('{', out);
    while (page->at < page->count && ftell(out) < PART_BYTES) {
        const struct line *line = &page->lines[page->at];
        put_line(out, line, page->at == 0 ? NULL : line[-1].router);
        page->at++;
    }
    if (page->at < page->count)
        return;
    fputs(page->count == 0 ? "}" : "\n  }\n}", out);
    page->ended = true;
}

static void free_page(struct http_parts *parts)
{
    struct page *page = (struct page *)parts;
    free(page->lines);
    free(page);
}

void monitor_templates(const struct monitor_view *view, struct http_answer *answer)
{
    size_t count = count_templates(view);
    struct page *page = calloc(1, sizeof *page);
    struct line *lines = calloc(count + 1, sizeof *lines);
    if (page == NULL || lines == NULL) {
        free(page);
        free(lines);
        http_answer_text(answer, 500, "out of memory\n");
        return;
    }
    *page = (struct page){.parts = {.write = write_part, .free = free_page}, .lines = lines};
    page->count = gather(view, lines);
    answer->parts = &page->parts;
    answer->type = "application/json";
    answer->shown = page->count;
    answer->all = page->count + count_left_out(view);
}
