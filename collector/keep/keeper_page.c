#include "collector/keep/keeper_page.h"

#include "collector/keep/disk.h"
#include "collector/keep/template_json.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

// Of all lanes together, so that the file is one that can be read again.
#define TEMPLATE_BYTES (8u << 20)
#define TERMS_ROWS     32768
#define SHARE_MIN      16 // parts of it that a lane gets at least

// One template on its way to the file.
struct line {
    char router[TEMPLATE_ROUTER_MAX];
    char key[TEMPLATE_KEY_MAX];
    struct survey_template template;
    const struct template_field *fields;
};

static size_t share(size_t all, unsigned count)
{
    return all / (count < SHARE_MIN ? count : SHARE_MIN);
}

static bool make_terms(struct keeper_page *page, unsigned count)
{
    for (; page->count < count; page->count++) {
        page->terms[page->count] = terms_copy_new(share(TERMS_ROWS, count));
        if (page->terms[page->count] == NULL)
            return false;
    }
    return true;
}

static bool make_templates(struct keeper_page *page)
{
    const struct survey_limits limits = {.template_bytes = share(TEMPLATE_BYTES, page->count)};
    for (unsigned i = 0; i < page->count; i++) {
        page->templates[i] = survey_new(&limits);
        if (page->templates[i] == NULL)
            return false;
    }
    return true;
}

// All lanes are asked at once. Those that have an errand of ours when time is up keep it.
static bool ask(struct lane *const *lanes, unsigned count, struct errand **errands,
                const struct timespec *until)
{
    bool complete = true;
    unsigned sent = 0;
    while (sent < count && lane_send(lanes[sent], errands[sent]) == 0)
        sent++;
    for (unsigned i = 0; i < sent; i++)
        if (!lane_await(lanes[i], errands[i], until)) {
            errands[i] = NULL;
            complete = false;
        }
    return complete && sent == count;
}

bool keeper_page_ask_terms(struct keeper_page *page, struct lane *const *lanes, unsigned count,
                           const struct timespec *until)
{
    struct errand *errands[LISTEN_SOCKETS_MAX];
    if (!make_terms(page, count))
        return false;
    for (unsigned i = 0; i < count; i++)
        errands[i] = &page->terms[i]->errand;
    bool complete = ask(lanes, count, errands, until);
    for (unsigned i = 0; i < count; i++)
        if (errands[i] == NULL)
            page->terms[i] = NULL;
    return complete;
}

bool keeper_page_ask_templates(struct keeper_page *page, struct lane *const *lanes,
                               const struct timespec *until)
{
    struct errand *errands[LISTEN_SOCKETS_MAX];
    if (!make_templates(page))
        return false;
    for (unsigned i = 0; i < page->count; i++)
        errands[i] = &page->templates[i]->errand;
    bool complete = ask(lanes, page->count, errands, until);
    for (unsigned i = 0; i < page->count; i++)
        if (errands[i] == NULL)
            page->templates[i] = NULL;
    return complete;
}

bool keeper_page_take(struct keeper_page *page, struct lane *const *lanes, unsigned count)
{
    struct lane_report report;
    if (!make_terms(page, count) || !make_templates(page))
        return false;
    for (unsigned i = 0; i < count; i++) {
        lane_final(lanes[i], &report);
        const struct lane_view view = {.report = &report, .decoder = lane_decoder(lanes[i])};
        page->terms[i]->errand.run(&page->terms[i]->errand, &view);
        page->templates[i]->errand.run(&page->templates[i]->errand, &view);
    }
    return true;
}

void keeper_page_fini(struct keeper_page *page)
{
    for (unsigned i = 0; i < page->count; i++) {
        terms_copy_free(page->terms[i]);
        survey_free(page->templates[i]);
    }
}

// By name; of the same, which several lanes may have, the one announced last comes first.
static int compare(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    int order = strcmp(x->router, y->router);
    if (order == 0)
        order = strcmp(x->key, y->key);
    if (order != 0)
        return order;
    uint64_t mine = x->template.life.updated_ns;
    uint64_t other = y->template.life.updated_ns;
    return mine > other ? -1 : mine < other;
}

// How many there are, from the first on, until they are too many.
static size_t count_templates(const struct keeper_page *page, size_t *left_out)
{
    struct survey_template template;
    const struct template_field *fields;
    size_t bytes = 0;
    size_t count = 0;
    for (unsigned i = 0; i < page->count; i++) {
        *left_out += page->templates[i]->templates_left_out;
        for (size_t at = 0; survey_template_at(page->templates[i], &at, &template, &fields);) {
            bytes += sizeof template + template.field_count * sizeof fields[0];
            if (bytes <= TEMPLATE_BYTES)
                count++;
            else
                ++*left_out;
        }
    }
    return count;
}

// The first `count` templates.
static void gather(const struct keeper_page *page, struct line *line, size_t count)
{
    const struct line *end = line + count;
    for (unsigned i = 0; i < page->count; i++)
        for (size_t at = 0; line < end && survey_template_at(page->templates[i], &at,
                                                             &line->template, &line->fields);
             line++) {
            template_json_router(line->router, &line->template.key);
            template_json_key(line->key, &line->template);
        }
}

static void put_lines(FILE *out, const struct line *lines, size_t count)
{
    fputc('{', out);
    for (size_t i = 0; i < count; i++) {
        bool same_router = i != 0 && strcmp(lines[i - 1].router, lines[i].router) == 0;
        if (same_router && strcmp(lines[i - 1].key, lines[i].key) == 0)
            continue;
        if (same_router)
            fputc(',', out);
        else
            fprintf(out, "%s\"%s\":{", i == 0 ? "" : "},", lines[i].router);
        fprintf(out, "\"%s\":", lines[i].key);
        template_json_write(out, &lines[i].template, lines[i].fields, -1);
    }
    fputs(count == 0 ? "}" : "}}", out);
}

static int put_templates(const struct keeper_page *page, FILE *out)
{
    size_t left_out = 0;
    size_t count = count_templates(page, &left_out);
    struct line *lines = calloc(count + 1, sizeof *lines);
    if (lines == NULL)
        return -1;
    gather(page, lines, count);
    qsort(lines, count, sizeof lines[0], compare);
    put_lines(out, lines, count);
    free(lines);
    if (left_out != 0)
        log_warn("more templates than are saved", "left_out", log_unsigned(left_out).text);
    return 0;
}

// Lanes that share an exporter know the same of it, so that it does not matter whose is taken.
static int put_terms(struct keeper_page *page, FILE *out)
{
    struct terms_list all = {.rows = NULL};
    size_t left_out = 0;
    size_t count = 0;
    for (unsigned i = 0; i < page->count; i++)
        count += page->terms[i]->list.count;
    all.rows = malloc((count + 1) * sizeof all.rows[0]);
    if (all.rows == NULL)
        return -1;
    for (unsigned i = 0; i < page->count; i++) {
        const struct terms_copy *copy = page->terms[i];
        size_t taken = copy->list.count;
        if (taken > TERMS_ROWS - all.count)
            taken = TERMS_ROWS - all.count;
        memcpy(all.rows + all.count, copy->list.rows, taken * sizeof all.rows[0]);
        all.count += taken;
        left_out += copy->left_out + copy->list.count - taken;
    }
    terms_write(out, &all);
    terms_list_fini(&all);
    if (left_out != 0)
        log_warn("more sampling rates than are saved", "left_out", log_unsigned(left_out).text);
    return 0;
}

static int write_file(struct keeper_page *page, bool terms, const char *path, struct fault *fault)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return fault_set(fault, "%s: out of memory", path);
    int result = terms ? put_terms(page, out) : put_templates(page, out);
    bool failed = result != 0 || ferror(out) != 0;
    failed |= fclose(out) != 0;
    result = failed ? fault_set(fault, "%s: out of memory", path)
                    : disk_replace(path, text, len, fault);
    free(text);
    return result;
}

int keeper_page_write(struct keeper_page *page, const char *path, const char *terms_path,
                      struct fault *fault)
{
    return write_file(page, false, path, fault) != 0 ? -1
                                                     : write_file(page, true, terms_path, fault);
}
