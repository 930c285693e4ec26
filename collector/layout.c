#include "collector/layout.h"

#include "common/base/log.h"
#include "common/flow/formatter.h"

#include <stdatomic.h>
#include <stdlib.h>

struct counted {
    struct layout layout;
    atomic_uint references;
};

static bool given(const char *text)
{
    return text != NULL && *text != '\0';
}

// Flows are compared as they are decoded: without its files enrichment is no part of them.
static void warn_unfilled(const struct filter *filter, unsigned columns)
{
    static const struct {
        unsigned columns;
        uint64_t fields;
        const char *flag;
    } kinds[] = {
        {FORMAT_COUNTRY, FLOW_BIT(FLOW_SRC_COUNTRY) | FLOW_BIT(FLOW_DST_COUNTRY), "-db.country"},
        {FORMAT_AS_NAME, FLOW_BIT(FLOW_SRC_AS_NAME) | FLOW_BIT(FLOW_DST_AS_NAME), "-db.asn"},
        {FORMAT_CONTEXT,
         FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_DST_GROUP) | FLOW_BIT(FLOW_SRC_CONTEXT) |
             FLOW_BIT(FLOW_DST_CONTEXT),
         "-context.config"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if ((filter_fields(filter) & kinds[i].fields) != 0 && (columns & kinds[i].columns) == 0)
            log_warn("-filter looks at a field that is never filled here", "without",
                     kinds[i].flag);
}

// The rest of the file is looked at with what there is of the formatter.
static int load_mapping(struct layout *layout, const struct layout_options *options,
                        struct formatter **formatter)
{
    struct fault fault = {.text = ""};
    int result = formatter_load(formatter, options->path, options->columns, &fault);
    if (result != 0)
        log_error(fault.text);
    if (*formatter == NULL)
        return -1;
    (void)formatter_customs(*formatter, &layout->custom_count);
    (void)formatter_key(*formatter, &layout->key_count);
    layout->mapping = mapping_load(options->path, *formatter, &fault);
    if (layout->mapping != NULL)
        return result;
    log_error(fault.text);
    return -1;
}

static int load_filter(struct layout *layout, const struct layout_options *options,
                       const struct formatter *formatter)
{
    layout->filter = filter_open(options->filter, formatter);
    if (layout->filter == NULL)
        return -1;
    warn_unfilled(layout->filter, options->columns);
    return 0;
}

// The filter is looked at even where the mapping is wrong.
static int fill(struct layout *layout, const struct layout_options *options)
{
    struct formatter *formatter = NULL;
    int result = given(options->path) ? load_mapping(layout, options, &formatter) : 0;
    if (given(options->filter))
        result |= load_filter(layout, options, formatter);
    if (result == 0) {
        layout->format = format_compile(options->kind, options->columns, formatter);
        if (layout->format == NULL) {
            log_error("out of memory");
            result = -1;
        }
    }
    formatter_free(formatter);
    return result;
}

struct layout *layout_new(const struct layout_options *options)
{
    struct counted *counted = calloc(1, sizeof *counted);
    if (counted == NULL) {
        log_error("out of memory");
        return NULL;
    }
    atomic_init(&counted->references, 1);
    counted->layout.raw = options->raw;
    if (fill(&counted->layout, options) == 0)
        return &counted->layout;
    layout_unref(&counted->layout);
    return NULL;
}

struct layout *layout_ref(struct layout *layout)
{
    struct counted *counted = (struct counted *)layout;
    atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
    return layout;
}

void layout_unref(struct layout *layout)
{
    struct counted *counted = (struct counted *)layout;
    if (counted == NULL ||
        atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) != 1)
        return;
    mapping_unref(layout->mapping);
    filter_free(layout->filter);
    format_free(layout->format);
    free(counted);
}
