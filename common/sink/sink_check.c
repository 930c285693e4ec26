#include "common/sink/sink_check.h"

void sink_check(struct check *check, const struct settings *settings, const struct sink_ops *ops,
                const struct sink_options *options, const char *format)
{
    check_heading(check, "output");
    check_line(check, "%s by transport %s", format, ops->name);
    if (ops->check != NULL)
        ops->check(check, settings, options);
}
