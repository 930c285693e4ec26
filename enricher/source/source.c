#include "enricher/source/source.h"

#include "common/base/buf.h"
#include "common/base/log.h"

void source_log_invalid(const struct source *source, uint64_t offset, const char *what)
{
    char text[256];
    struct buf line = buf_over(text, sizeof text);
    buf_printf(&line,
               "%s: byte %llu: %s, expected the output of goflow2plus -format=bin "
               "-transport.file.sep=",
               source->ops->name, (unsigned long long)offset, what);
    buf_byte(&line, '\0');
    log_error(text);
}
