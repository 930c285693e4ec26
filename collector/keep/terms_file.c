#include "collector/keep/terms_file.h"

#include "collector/keep/state_file.h"
#include "collector/keep/template_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void domain_name(char out[static TEMPLATE_ROUTER_MAX], const struct domain_key *key)
{
    snprintf(out, TEMPLATE_ROUTER_MAX, "%u/%" PRIu32, key->version, key->id);
}

static int compare(const void *a, const void *b)
{
    const struct terms_row *x = a;
    const struct terms_row *y = b;
    char name[2][TEMPLATE_ROUTER_MAX];
    template_json_router(name[0], &x->key);
    template_json_router(name[1], &y->key);
    int order = strcmp(name[0], name[1]);
    if (order != 0)
        return order;
    domain_name(name[0], &x->key);
    domain_name(name[1], &y->key);
    return strcmp(name[0], name[1]);
}

static void write_selectors(FILE *out, const struct domain_terms *terms)
{
    if (terms->count == 0)
        return;
    for (unsigned i = 0; i < terms->count; i++)
        fprintf(out, "%s\"%" PRIu64 "\":%" PRIu64, i == 0 ? ",\"selectors\":{" : ",",
                terms->row[i].selector, terms->row[i].rate);
    fputc('}', out);
}

static void write_terms(FILE *out, const struct domain_terms *terms)
{
    bool has_rate = terms->rate != 0;
    fputc('{', out);
    if (has_rate) {
        fprintf(out, "\"sampling-rate\":%" PRIu64, terms->rate);
        write_selectors(out, terms);
    }
    if (terms->init_ms != 0)
        fprintf(out, "%s\"system-init-ms\":%" PRIu64, has_rate ? "," : "", terms->init_ms);
    fputc('}', out);
}

void terms_write(FILE *out, struct terms_list *list)
{
    char before[TEMPLATE_ROUTER_MAX] = "";
    char router[TEMPLATE_ROUTER_MAX];
    char domain[TEMPLATE_ROUTER_MAX];
    if (list->count != 0)
        qsort(list->rows, list->count, sizeof list->rows[0], compare);
    fputc('{', out);
    for (size_t i = 0; i < list->count; i++) {
        const struct terms_row *row = &list->rows[i];
        if (i != 0 && compare(&row[-1], row) == 0)
            continue;
        template_json_router(router, &row->key);
        domain_name(domain, &row->key);
        if (strcmp(before, router) == 0)
            fputc(',', out);
        else
            fprintf(out, "%s\"%s\":{", i == 0 ? "" : "},", router);
        memcpy(before, router, sizeof before);
        fprintf(out, "\"%s\":", domain);
        write_terms(out, &row->terms);
    }
    fputs(list->count == 0 ? "}" : "}}", out);
}

static int read_number(const struct state_place *at, const json_t *value, const char *name,
                       uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) <= 0)
        return state_refuse(at, name, "a number above 0");
    *out = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_selectors(const struct state_place *at, json_t *selectors, struct domain_terms *out)
{
    const char *name;
    json_t *rate;
    if (selectors == NULL)
        return 0;
    if (!json_is_object(selectors) || json_object_size(selectors) > SAMPLING_SELECTORS_MAX)
        return state_refuse(at, "selectors", "an object of at most 64 members");
    json_object_foreach(selectors, name, rate)
    {
        const char *number = name;
        if (!state_number(&number, '\0', UINT64_MAX, &out->row[out->count].selector))
            return state_refuse(at, "selectors", "numbers as names");
        if (read_number(at, rate, "selectors", &out->row[out->count].rate) != 0)
            return -1;
        out->count++;
    }
    return 0;
}

static int read_terms(const struct state_place *at, const json_t *value, struct domain_terms *out)
{
    const json_t *rate = json_object_get(value, "sampling-rate");
    const json_t *init = json_object_get(value, "system-init-ms");
    if (!json_is_object(value))
        return state_refuse(at, "the terms", "an object");
    if ((rate != NULL && read_number(at, rate, "sampling-rate", &out->rate) != 0) ||
        (init != NULL && read_number(at, init, "system-init-ms", &out->init_ms) != 0))
        return -1;
    return read_selectors(at, json_object_get(value, "selectors"), out);
}

static struct terms_row *add_row(struct terms_list *list)
{
    if ((list->count & (list->count - 1)) == 0) { // full: its room is a power of two
        size_t room = list->count == 0 ? 1 : 2 * list->count;
        struct terms_row *rows = realloc(list->rows, room * sizeof rows[0]);
        if (rows == NULL)
            return NULL;
        list->rows = rows;
    }
    return &list->rows[list->count++];
}

// Under "<version>/<domain>".
static int take(struct state_place *at, const json_t *terms, void *user)
{
    const char *name = at->key;
    if (!state_domain(at, &name, '\0'))
        return state_refuse(at, "the key", "9 or 10/observation domain");
    struct terms_row *row = add_row(user);
    if (row == NULL)
        return fault_set(at->fault, "%s: out of memory", at->path);
    *row = (struct terms_row){.key = at->domain};
    return read_terms(at, terms, &row->terms);
}

int terms_load(struct terms_list *out, const char *path, const char *text, size_t len,
               struct fault *fault)
{
    *out = (struct terms_list){.rows = NULL};
    int result = state_file_read(path, text, len, fault, take, out);
    if (result != 0)
        terms_list_fini(out);
    return result;
}

void terms_list_fini(struct terms_list *list)
{
    free(list->rows);
    *list = (struct terms_list){.rows = NULL};
}
