#include "collector/keep/terms_copy.h"

#include <stdlib.h>

static bool copy_one(void *user, const struct domain_key *key, const struct domain_terms *terms)
{
    struct terms_copy *copy = user;
    if (copy->list.count < copy->rows_max)
        copy->list.rows[copy->list.count++] = (struct terms_row){.key = *key, .terms = *terms};
    else
        copy->left_out++;
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
    copy->list.rows = malloc((rows_max + 1) * sizeof copy->list.rows[0]);
    if (copy->list.rows != NULL)
        return copy;
    free(copy);
    return NULL;
}

void terms_copy_free(struct terms_copy *copy)
{
    if (copy == NULL)
        return;
    terms_list_fini(&copy->list);
    free(copy);
}
