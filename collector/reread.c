#include "collector/reread.h"

#include "common/base/log.h"

#include <string.h>

static bool given(const char *path)
{
    return path != NULL && *path != '\0';
}

static void reread_mapping(struct reread *r)
{
    const struct layout_options options = collector_options_layout(r->options);
    struct layout *layout = layout_new(&options);
    reload_count(&r->mapping, layout == NULL);
    if (layout == NULL) {
        log_error("mapping not reloaded, what was loaded before stays", "file",
                  r->options->mapping_path);
        return;
    }
    for (unsigned i = 0; i < r->lane_count; i++)
        lane_lay_out(r->lanes[i], layout_ref(layout));
    layout_unref(layout);
    log_info("reloaded the mapping", "file", r->options->mapping_path);
}

// Only a file can have changed.
static void reread_allow(struct reread *r)
{
    struct fault fault = {.text = ""};
    struct allow *allow = allow_new(r->options->allow, &fault);
    reload_count(&r->allow, allow == NULL);
    if (allow == NULL) {
        log_error("-allow not read again, what was read before stays", "error", fault.text);
        return;
    }
    for (unsigned i = 0; i < r->lane_count; i++)
        lane_allow(r->lanes[i], allow_ref(allow));
    log_info("reloaded the allow-list", "networks", log_unsigned(allow_count(allow)).text);
    allow_unref(allow);
}

void reread_all(struct reread *r)
{
    const char *path = r->options->sink.path;
    int result = sink_reopen(r->sink);
    if (result != 0)
        log_error("cannot open the output again, the old one stays", "file", path, "error",
                  strerror(-result));
    else if (given(path))
        log_info("opened the output again", "file", path);
    if (given(r->options->mapping_path))
        reread_mapping(r);
    if (*r->options->allow == '@')
        reread_allow(r);
    if (r->reload != NULL)
        reload_request(r->reload);
}
