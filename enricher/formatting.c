#include "enricher/formatting.h"

#include "common/base/log.h"
#include "common/flow/formatter.h"

#include <stdlib.h>

// What is written into flows, whatever is printed of it.
static unsigned written(const struct enricher_options *o)
{
    return *o->country_path == '\0' ? o->columns & ~(unsigned)FORMAT_COUNTRY : o->columns;
}

// The filter is looked at even where the mapping is wrong.
static int load(struct formatting *formatting, const struct enricher_options *o,
                struct formatter **formatter)
{
    struct fault fault = {.text = ""};
    int result = 0;
    if (*o->mapping_path != '\0') {
        result = formatter_load(formatter, o->mapping_path, written(o), &fault);
        if (result != 0)
            log_error(fault.text);
    }
    if (*o->filter != '\0') {
        formatting->filter = filter_open(o->filter, *formatter);
        if (formatting->filter == NULL)
            result = -1;
    }
    return result;
}

static int fill(struct formatting *formatting, const struct enricher_options *o)
{
    struct formatter *formatter = NULL;
    size_t count;
    int result = load(formatting, o, &formatter);
    if (result == 0) {
        // The countries stand there without a database too, as goflow2's enricher has them, but
        // not where the columns are listed.
        bool listed = formatter_fields(formatter, &count) != NULL;
        formatting->format = format_compile(o->format, listed ? written(o) : o->columns, formatter);
        if (formatting->format == NULL) {
            log_error("out of memory");
            result = -1;
        }
    }
    formatter_free(formatter);
    return result;
}

struct formatting *formatting_new(const struct enricher_options *o)
{
    struct formatting *formatting = calloc(1, sizeof *formatting);
    if (formatting == NULL) {
        log_error("out of memory");
        return NULL;
    }
    if (fill(formatting, o) == 0)
        return formatting;
    formatting_free(formatting);
    return NULL;
}

void formatting_free(struct formatting *formatting)
{
    if (formatting == NULL)
        return;
    format_free(formatting->format);
    filter_free(formatting->filter);
    free(formatting);
}
