#include "collector/monitor/page.h"

#include "collector/keep/template_json.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

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

static void gather(const struct monitor_view *view, struct line *lines)
{
    struct line line;
    size_t left_out = 0;
    for (unsigned i = 0; i < view->count; i++) {
        left_out += view->surveys[i]->templates_left_out;
        for (size_t at = 0;
             survey_template_at(view->surveys[i], &at, &line.template, &line.fields);) {
            template_json_router(line.router, &line.template.key);
            template_json_key(line.key, &line.template);
            *lines++ = line;
        }
    }
    if (left_out != 0)
        log_warn("the page of templates is too small for all", "left_out",
                 log_unsigned(left_out).text);
}

// Lanes that share an exporter know the same templates.
static void put_lines(FILE *out, const struct line *lines, size_t count)
{
    const char *router = NULL;
    for (size_t i = 0; i < count; i++) {
        if (i != 0 && compare(&lines[i - 1], &lines[i]) == 0)
            continue;
        bool next = router == NULL || strcmp(router, lines[i].router) != 0;
        if (next && router != NULL)
            fputs("\n  },", out);
        else if (!next)
            fputc(',', out);
        if (next)
            fprintf(out, "\n  \"%s\": {", lines[i].router);
        router = lines[i].router;
        fprintf(out, "\n    \"%s\": ", lines[i].key);
        template_json_write(out, &lines[i].template, lines[i].fields, 4);
    }
    if (router != NULL)
        fputs("\n  }\n", out);
}

void monitor_templates(const struct monitor_view *view, struct http_answer *answer)
{
    char *body = NULL;
    size_t len = 0;
    size_t count = count_templates(view);
    struct line *lines = calloc(count + 1, sizeof *lines);
    FILE *out = open_memstream(&body, &len);
    if (lines == NULL || out == NULL) {
        free(lines);
        if (out != NULL)
            fclose(out);
        free(body);
        http_answer_text(answer, 500, "out of memory\n");
        return;
    }
    gather(view, lines);
    qsort(lines, count, sizeof lines[0], compare);
    fputc('{', out);
    put_lines(out, lines, count);
    fputc('}', out);
    free(lines);
    monitor_answer(answer, out, &body, &len, "application/json");
}
