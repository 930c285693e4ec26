#include "common/sink/sink_choose.h"

#include <string.h>

static void put_names(struct buf *out, const struct sink_ops *more)
{
    for (const struct sink_ops *const *at = SINKS; *at != NULL; at++) {
        bool last = at[1] == NULL && more == NULL;
        buf_printf(out, "%s%s", at == SINKS ? "" : last ? " or " : ", ", (*at)->name);
    }
    if (more != NULL)
        buf_printf(out, " or %s", more->name);
}

const struct sink_ops *sink_choose(const struct settings *settings, const char *name,
                                   const struct sink_ops *more)
{
    char room[256];
    struct buf names = buf_over(room, sizeof room - 1);
    const struct sink_ops *ops = sink_find(name);
    if (ops == NULL && more != NULL && strcmp(name, more->name) == 0)
        ops = more;
    if (ops != NULL)
        return ops;
    put_names(&names, more);
    if (strcmp(name, "kafka") == 0)
        buf_text(&names, ": " SINK_KAFKA_ABSENT);
    room[names.len] = '\0';
    (void)settings_refuse(settings, "transport", "%s", room);
    return NULL;
}
