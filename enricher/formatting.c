#include "enricher/formatting.h"

#include "common/base/log.h"
#include "common/flow/formatter.h"

#include <stddef.h>

// What is written into flows, whatever is printed of it.
static unsigned written(const struct enricher_options *o)
{
    return *o->country_path == '\0' ? o->columns & ~(unsigned)FORMAT_COUNTRY : o->columns;
}

struct format *formatting_new(const struct enricher_options *o)
{
    struct fault fault = {.text = "out of memory"};
    struct formatter *formatter = NULL;
    size_t count;
    if (*o->mapping_path != '\0') {
        formatter = formatter_load(o->mapping_path, written(o), &fault);
        if (formatter == NULL) {
            log_error(fault.text);
            return NULL;
        }
    }
    // The countries stand there without a database too, as goflow2's enricher has them, but not
    // where the columns are listed.
    bool listed = formatter_fields(formatter, &count) != NULL;
    struct format *format = format_compile(o->format, listed ? written(o) : o->columns, formatter);
    formatter_free(formatter);
    if (format == NULL)
        log_error(fault.text);
    return format;
}
