#include "collector/keep/terms_copy.h"

#include <stdlib.h>
#include <string.h>

#define RATES 8 // of a domain, at most, when all are as large

static bool copy_one(void *user, const struct domain_key *key, const struct domain_terms *terms)
{
    struct terms_copy *copy = user;
    struct terms_list *list = &copy->list;
    if (list->count == copy->rows_max || copy->pool_max - list->pool_count < terms->count) {
        copy->left_out++;
        return true;
    }
    struct terms_row *row = &list->rows[list->count++];
    *row = (struct terms_row){.key = *key, .terms = *terms, .first = list->pool_count};
    row->terms.rows = &list->pool[list->pool_count];
    if (terms->count != 0)
        memcpy(&list->pool[list->pool_count], terms->rows, terms->count * sizeof list->pool[0]);
    list->pool_count += terms->count;
    return true;
}

static void run(struct errand *errand, const struct lane_view *view)
{
    struct terms_copy *copy = (struct terms_copy *)errand;
    copy->changes = decoder_changes(view->decoder);
    decoder_terms(view->decoder, copy_one, copy);
}

static void free_errand(struct errand *errand)
{
    terms_copy_free((struct terms_copy *)errand);
}

struct terms_copy *terms_copy_new(size_t rows_max)
{
    struct terms_copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy->errand = (struct errand){.run = run, .free = free_errand};
    copy->rows_max = rows_max;
    // Not calloc: pages that are not written cost nothing.
    copy->pool_max = RATES * rows_max;
    copy->list.rows = malloc((rows_max + 1) * sizeof copy->list.rows[0]);
    copy->list.pool = malloc((copy->pool_max + 1) * sizeof copy->list.pool[0]);
    if (copy->list.rows != NULL && copy->list.pool != NULL)
        return copy;
    terms_copy_free(copy);
    return NULL;
}

void terms_copy_free(struct terms_copy *copy)
{
    if (copy == NULL)
        return;
    terms_list_fini(&copy->list);
    free(copy);
}
