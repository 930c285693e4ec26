#include "common/sink/sink.h"

#include "common/sink/file.h"
#include "common/sink/nats/nats.h"

#include <string.h>

const struct sink_ops *const SINKS[] = {&SINK_FILE, &SINK_NATS, NULL};

const struct sink_ops *sink_find(const char *name)
{
    for (const struct sink_ops *const *at = SINKS; *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}
