#include "enricher/formatting.h"

#include "common/base/log.h"
#include "common/flow/formatter.h"

#include <stdlib.h>

// What is written into flows, whatever is printed of it.
static unsigned written(const struct enricher_options *o)
{
    return *o->country_path == '\0' ? o->columns & ~(unsigned)FORMAT_COUNTRY : o->columns;
}

static int fill(struct formatting *formatting, const struct enricher_options *o,
                const struct formatter *formatter)
{
    size_t count;
    if (*o->filter != '\0') {
        formatting->filter = filter_open(o->filter, formatter);
        if (formatting->filter == NULL)
            return -1;
    }
    // The countries stand there without a database too, as goflow2's enricher has them, but not
    // where the columns are listed.
    bool listed = formatter_fields(formatter, &count) != NULL;
    formatting->format = format_compile(o->format, listed ? written(o) : o->columns, formatter);
    if (formatting->format == NULL)
        log_error("out of memory");
    return formatting->format == NULL ? -1 : 0;
}

static struct formatting *make(const struct enricher_options *o, const struct formatter *formatter)
{
    struct formatting *formatting = calloc(1, sizeof *formatting);
    if (formatting == NULL) {
        log_error("out of memory");
        return NULL;
    }
    if (fill(formatting, o, formatter) == 0)
        return formatting;
    formatting_free(formatting);
    return NULL;
}

struct formatting *formatting_new(const struct enricher_options *o)
{
    struct fault fault = {.text = ""};
    struct formatter *formatter = NULL;
    if (*o->mapping_path != '\0') {
        formatter = formatter_load(o->mapping_path, written(o), &fault);
        if (formatter == NULL) {
            log_error(fault.text);
            return NULL;
        }
    }
    struct formatting *formatting = make(o, formatter);
    formatter_free(formatter);
    return formatting;
}

void formatting_free(struct formatting *formatting)
{
    if (formatting == NULL)
        return;
    format_free(formatting->format);
    filter_free(formatting->filter);
    free(formatting);
}
