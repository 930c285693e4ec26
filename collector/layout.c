#include "collector/layout.h"

#include "common/base/log.h"
#include "common/flow/formatter.h"

#include <stdatomic.h>
#include <stdlib.h>

struct counted {
    struct layout layout;
    atomic_uint references;
};

static int load(struct layout *layout, const struct layout_options *options, struct fault *fault)
{
    struct formatter *formatter = formatter_load(options->path, options->columns, fault);
    if (formatter == NULL)
        return -1;
    layout->mapping = mapping_load(options->path, formatter, fault);
    if (layout->mapping != NULL)
        layout->format = format_compile(options->kind, options->columns, formatter);
    formatter_free(formatter);
    if (layout->mapping == NULL || layout->format != NULL)
        return layout->mapping == NULL ? -1 : 0;
    return fault_set(fault, "%s: out of memory", options->path);
}

static int fill(struct layout *layout, const struct layout_options *options, struct fault *fault)
{
    if (options->path != NULL && *options->path != '\0')
        return load(layout, options, fault);
    layout->format = format_new(options->kind, options->columns);
    return layout->format == NULL ? fault_set(fault, "out of memory") : 0;
}

struct layout *layout_new(const struct layout_options *options)
{
    struct fault fault = {.text = "out of memory"};
    struct counted *counted = calloc(1, sizeof *counted);
    if (counted != NULL) {
        atomic_init(&counted->references, 1);
        counted->layout.raw = options->raw;
        if (fill(&counted->layout, options, &fault) == 0)
            return &counted->layout;
        layout_unref(&counted->layout);
    }
    log_error(fault.text);
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
    format_free(layout->format);
    free(counted);
}
