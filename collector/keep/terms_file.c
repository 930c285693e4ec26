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

static bool is_selector(const struct sampling_row *row)
{
    return row->names == SAMPLING_SELECTOR;
}

static unsigned count_selectors(const struct domain_terms *terms)
{
    unsigned count = 0;
    for (unsigned i = 0; i < terms->count; i++)
        count += is_selector(&terms->rows[i]);
    return count;
}

static void write_selectors(FILE *out, const struct domain_terms *terms)
{
    bool first = true;
    for (unsigned i = 0; i < terms->count; i++) {
        const struct sampling_row *row = &terms->rows[i];
        if (!is_selector(row))
            continue;
        fprintf(out, "%s\"%" PRIu64 "\":%" PRIu64, first ? ",\"selectors\":{" : ",", row->selector,
                row->rate);
        first = false;
    }
    fputc('}', out);
}

// The members of a scope, but for the selector.
static const struct scope_member {
    const char *name;
    enum sampling_name bit;
} SCOPE_MEMBERS[] = {{"template", SAMPLING_TEMPLATE}, {"ingress", SAMPLING_INGRESS},
                     {"egress", SAMPLING_EGRESS},     {"interface", SAMPLING_INTERFACE},
                     {"card", SAMPLING_CARD},         {"domain", SAMPLING_DOMAIN}};

#define SCOPE_MEMBER_COUNT (sizeof SCOPE_MEMBERS / sizeof SCOPE_MEMBERS[0])

static uint32_t member_of(const struct sampling_row *row, enum sampling_name bit)
{
    return bit == SAMPLING_TEMPLATE                               ? row->template_id
           : bit == SAMPLING_EGRESS                               ? row->egress
           : bit == SAMPLING_INGRESS || bit == SAMPLING_INTERFACE ? row->ingress
                                                                  : row->card;
}

static void write_scope(FILE *out, const struct sampling_row *row)
{
    if ((row->names & SAMPLING_SELECTOR) != 0)
        fprintf(out, "\"selector\":\"%" PRIu64 "\",", row->selector); // may be of 64 bits
    for (size_t i = 0; i < SCOPE_MEMBER_COUNT; i++)
        if ((row->names & SCOPE_MEMBERS[i].bit) != 0)
            fprintf(out, "\"%s\":%" PRIu32 ",", SCOPE_MEMBERS[i].name,
                    member_of(row, SCOPE_MEMBERS[i].bit));
    fprintf(out, "\"rate\":%" PRIu64 "}", row->rate);
}

static void write_scopes(FILE *out, const struct domain_terms *terms)
{
    bool first = true;
    for (unsigned i = 0; i < terms->count; i++) {
        const struct sampling_row *row = &terms->rows[i];
        if (is_selector(row))
            continue;
        fputs(first ? ",\"scopes\":[{" : ",{", out);
        write_scope(out, row);
        first = false;
    }
    fputc(']', out);
}

// One of the rates, the one that was said last when it holds still.
static uint64_t rate_of(const struct domain_terms *terms)
{
    uint64_t rate = 0;
    for (unsigned i = 0; i < terms->count && (rate == 0 || rate != terms->rate); i++)
        rate = terms->rows[i].rate;
    return rate;
}

static void write_terms(FILE *out, const struct domain_terms *terms)
{
    unsigned selectors = count_selectors(terms);
    bool alone = terms->count == 1 && terms->rows[0].names == 0;
    fputc('{', out);
    if (terms->count != 0)
        fprintf(out, "\"sampling-rate\":%" PRIu64, rate_of(terms));
    if (selectors != 0)
        write_selectors(out, terms);
    if (terms->count != selectors && !alone)
        write_scopes(out, terms);
    if (terms->init_ms != 0)
        fprintf(out, "%s\"system-init-ms\":%" PRIu64, terms->count != 0 ? "," : "", terms->init_ms);
    if (terms->proven)
        fprintf(out, "%s\"proven\":true", terms->count != 0 || terms->init_ms != 0 ? "," : "");
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

// What is read of one domain, into the pool.
struct reading {
    struct terms_list *list;
    struct terms_row *row;
};

// Room for one more, of a list whose room is a power of two; NULL without memory.
static void *grow(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    return realloc(items, (count == 0 ? 1 : 2 * count) * size);
}

static int add_rate(const struct state_place *at, struct reading *r, const struct sampling_row *row)
{
    struct terms_list *list = r->list;
    if (r->row->terms.count == SAMPLING_ROWS_MAX)
        return state_refuse(at, "scopes", "at most 512 rates");
    struct sampling_row *pool = grow(list->pool, list->pool_count, sizeof *pool);
    if (pool == NULL)
        return fault_set(at->fault, "%s: out of memory", at->path);
    list->pool = pool;
    pool[list->pool_count++] = *row;
    r->row->terms.count++;
    return 0;
}

static int read_selectors(const struct state_place *at, json_t *selectors, struct reading *r)
{
    const char *name;
    json_t *rate;
    if (selectors == NULL)
        return 0;
    if (!json_is_object(selectors))
        return state_refuse(at, "selectors", "an object");
    json_object_foreach(selectors, name, rate)
    {
        const char *number = name;
        struct sampling_row row = {.names = SAMPLING_SELECTOR};
        if (!state_number(&number, '\0', UINT64_MAX, &row.selector))
            return state_refuse(at, "selectors", "numbers as names");
        if (read_number(at, rate, "selectors", &row.rate) != 0 || add_rate(at, r, &row) != 0)
            return -1;
    }
    return 0;
}

static void set_member(struct sampling_row *row, enum sampling_name bit, uint32_t value)
{
    row->names |= (uint8_t)bit;
    if (bit == SAMPLING_TEMPLATE)
        row->template_id = (uint16_t)value;
    else if (bit == SAMPLING_EGRESS)
        row->egress = value;
    else if (bit == SAMPLING_INGRESS || bit == SAMPLING_INTERFACE)
        row->ingress = value;
    else
        row->card = value;
}

static int read_scope(const struct state_place *at, const json_t *scope, struct sampling_row *row)
{
    const json_t *selector = json_object_get(scope, "selector");
    const char *text = json_string_value(selector);
    if (!json_is_object(scope))
        return state_refuse(at, "scopes", "objects");
    if (selector != NULL) {
        row->names = SAMPLING_SELECTOR;
        if (text == NULL || !state_number(&text, '\0', UINT64_MAX, &row->selector))
            return state_refuse(at, "selector", "a number as text");
    }
    for (size_t i = 0; i < SCOPE_MEMBER_COUNT; i++) {
        const json_t *value = json_object_get(scope, SCOPE_MEMBERS[i].name);
        if (value == NULL)
            continue;
        json_int_t number = json_integer_value(value);
        json_int_t most = SCOPE_MEMBERS[i].bit == SAMPLING_TEMPLATE ? UINT16_MAX : UINT32_MAX;
        if (!json_is_integer(value) || number < 0 || number > most)
            return state_refuse(at, SCOPE_MEMBERS[i].name, "a number of at most 32 bits");
        set_member(row, SCOPE_MEMBERS[i].bit, (uint32_t)number);
    }
    return read_number(at, json_object_get(scope, "rate"), "rate", &row->rate);
}

static int read_scopes(const struct state_place *at, const json_t *scopes, struct reading *r)
{
    if (scopes != NULL && !json_is_array(scopes))
        return state_refuse(at, "scopes", "an array");
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        struct sampling_row row = {.names = 0};
        if (read_scope(at, json_array_get(scopes, i), &row) != 0 || add_rate(at, r, &row) != 0)
            return -1;
    }
    return 0;
}

// Without scopes, a rate that is none of the selectors' is that of all flows.
static int read_rate(const struct state_place *at, const json_t *scopes, struct reading *r)
{
    const struct domain_terms *terms = &r->row->terms;
    const struct sampling_row row = {.rate = terms->rate};
    bool known = terms->rate == 0 || scopes != NULL;
    for (unsigned i = 0; i < terms->count; i++)
        known |= r->list->pool[r->row->first + i].rate == terms->rate;
    return known ? 0 : add_rate(at, r, &row);
}

static int read_terms(const struct state_place *at, const json_t *value, struct reading *r)
{
    const json_t *rate = json_object_get(value, "sampling-rate");
    const json_t *init = json_object_get(value, "system-init-ms");
    const json_t *scopes = json_object_get(value, "scopes");
    struct domain_terms *out = &r->row->terms;
    if (!json_is_object(value))
        return state_refuse(at, "the terms", "an object");
    if ((rate != NULL && read_number(at, rate, "sampling-rate", &out->rate) != 0) ||
        (init != NULL && read_number(at, init, "system-init-ms", &out->init_ms) != 0) ||
        read_selectors(at, json_object_get(value, "selectors"), r) != 0 ||
        read_scopes(at, scopes, r) != 0)
        return -1;
    out->proven = json_is_true(json_object_get(value, "proven"));
    r->list->tells_proven |= out->proven;
    return read_rate(at, scopes, r);
}

static struct terms_row *add_row(struct terms_list *list)
{
    struct terms_row *rows = grow(list->rows, list->count, sizeof *rows);
    if (rows == NULL)
        return NULL;
    list->rows = rows;
    return &rows[list->count++];
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
    struct reading reading = {.list = user, .row = row};
    *row = (struct terms_row){.key = at->domain, .first = reading.list->pool_count};
    return read_terms(at, terms, &reading);
}

int terms_load(struct terms_list *out, const char *path, const char *text, size_t len,
               struct fault *fault)
{
    *out = (struct terms_list){.rows = NULL};
    int result = state_file_read(path, text, len, fault, take, out);
    for (size_t i = 0; i < out->count; i++) // the pool stays where it is now
        out->rows[i].terms.rows = out->pool + out->rows[i].first;
    if (result != 0)
        terms_list_fini(out);
    return result;
}

void terms_list_fini(struct terms_list *list)
{
    free(list->rows);
    free(list->pool);
    *list = (struct terms_list){.rows = NULL};
}
