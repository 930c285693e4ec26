#include "collector/terms_file.h"

#include "collector/state_name.h"
#include "collector/template_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct terms_list *list;
    struct fault *fault;
    const char *path;
    const char *router; // what is being read
    const char *key;
};

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

static void write_selectors(FILE *out, const struct sampling_table *sampling)
{
    if (sampling->count == 0)
        return;
    for (unsigned i = 0; i < sampling->count; i++)
        fprintf(out, "%s\"%" PRIu64 "\":%" PRIu64, i == 0 ? ",\"selectors\":{" : ",",
                sampling->row[i].selector, sampling->row[i].rate);
    fputc('}', out);
}

static void write_terms(FILE *out, const struct domain_terms *terms)
{
    bool has_rate = terms->sampling.last != 0;
    fputc('{', out);
    if (has_rate) {
        fprintf(out, "\"sampling-rate\":%" PRIu64, terms->sampling.last);
        write_selectors(out, &terms->sampling);
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

static int refuse(const struct reading *r, const char *member, const char *wanted)
{
    return fault_set(r->fault, "%s: \"%s\": \"%s\": %s: wanted %s", r->path, r->router, r->key,
                     member, wanted);
}

static int read_number(const struct reading *r, const json_t *value, const char *name,
                       uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) <= 0)
        return refuse(r, name, "a number above 0");
    *out = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_selectors(const struct reading *r, json_t *selectors, struct sampling_table *out)
{
    const char *name;
    json_t *rate;
    if (selectors == NULL)
        return 0;
    if (!json_is_object(selectors) || json_object_size(selectors) > SAMPLING_SELECTORS_MAX)
        return refuse(r, "selectors", "an object of at most 64 members");
    json_object_foreach(selectors, name, rate)
    {
        const char *at = name;
        if (!state_name_number(&at, '\0', UINT64_MAX, &out->row[out->count].selector))
            return refuse(r, "selectors", "numbers as names");
        if (read_number(r, rate, "selectors", &out->row[out->count].rate) != 0)
            return -1;
        out->count++;
    }
    return 0;
}

static int read_terms(const struct reading *r, const json_t *value, struct domain_terms *out)
{
    const json_t *rate = json_object_get(value, "sampling-rate");
    const json_t *init = json_object_get(value, "system-init-ms");
    if (!json_is_object(value))
        return refuse(r, "the terms", "an object");
    if ((rate != NULL && read_number(r, rate, "sampling-rate", &out->sampling.last) != 0) ||
        (init != NULL && read_number(r, init, "system-init-ms", &out->init_ms) != 0))
        return -1;
    return read_selectors(r, json_object_get(value, "selectors"), &out->sampling);
}

// "<version>/<domain>"
static int read_key(const struct reading *r, struct domain_key *out)
{
    uint64_t version;
    uint64_t id;
    const char *at = r->key;
    if (!state_name_number(&at, '/', UINT8_MAX, &version) ||
        !state_name_number(&at, '\0', UINT32_MAX, &id) ||
        (version != TEMPLATE_V9 && version != TEMPLATE_IPFIX))
        return refuse(r, "the key", "9 or 10/observation domain");
    out->version = (uint8_t)version;
    out->id = (uint32_t)id;
    return 0;
}

static int read_router(struct reading *r, json_t *domains)
{
    json_t *terms;
    struct domain_key key = {.port = 0};
    r->key = "";
    if (state_name_router(&key, r->router) != 0)
        return refuse(r, "the exporter", "address:port");
    if (!json_is_object(domains))
        return refuse(r, "its domains", "an object");
    size_t room = r->list->count + json_object_size(domains);
    struct terms_row *rows = realloc(r->list->rows, (room + 1) * sizeof rows[0]);
    if (rows == NULL)
        return refuse(r, "its domains", "less of them: out of memory");
    r->list->rows = rows;
    json_object_foreach(domains, r->key, terms)
    {
        struct terms_row *row = &rows[r->list->count];
        *row = (struct terms_row){.key = key};
        if (read_key(r, &row->key) != 0 || read_terms(r, terms, &row->terms) != 0)
            return -1;
        r->list->count++;
    }
    return 0;
}

static int read_all(struct reading *r, json_t *root)
{
    json_t *domains;
    if (!json_is_object(root))
        return fault_set(r->fault, "%s: wanted an object of exporters", r->path);
    json_object_foreach(root, r->router, domains)
    {
        if (read_router(r, domains) != 0)
            return -1;
    }
    return 0;
}

int terms_load(struct terms_list *out, const char *path, const char *text, size_t len,
               struct fault *fault)
{
    json_error_t error;
    struct reading reading = {.list = out, .fault = fault, .path = path};
    *out = (struct terms_list){.rows = NULL};
    if (len == 0)
        return 0;
    json_t *root = json_loadb(text, len, 0, &error);
    if (root == NULL)
        return fault_set(fault, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    int result = read_all(&reading, root);
    json_decref(root);
    if (result != 0)
        terms_list_fini(out);
    return result;
}

void terms_list_fini(struct terms_list *list)
{
    free(list->rows);
    *list = (struct terms_list){.rows = NULL};
}
