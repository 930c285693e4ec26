#include "collector/collector_check.h"

#include "collector/allow.h"
#include "collector/capture.h"
#include "collector/keep/disk.h"
#include "collector/keep/keeper.h"
#include "collector/keep/template_load.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/enrich/snapshot_check.h"
#include "common/sink/nats/check.h"
#include "common/sink/sink_check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_listeners(struct check *check, const struct collector_options *o)
{
    static const char *const balances[] = {
        [LISTEN_BALANCE_ADDRESS] = "address",
        [LISTEN_BALANCE_ADDRESS_PORT] = "address+port",
        [LISTEN_BALANCE_PACKET] = "packet",
    };
    for (int i = 0; i < o->uri_count; i++) {
        const struct listen_uri *uri = &o->uris[i];
        bool ipv6 = strchr(uri->host, ':') != NULL;
        check_line(check, "listen for %s on %s%s%s:%u, sockets: %u, senders spread by %s",
                   listen_scheme_name(uri->scheme), ipv6 ? "[" : "", uri->host, ipv6 ? "]" : "",
                   uri->port, listen_uri_sockets(uri), balances[uri->balance]);
    }
}

static void check_captures(struct check *check, const struct collector_options *o)
{
    struct fault fault = {.text = ""};
    const char *at = o->read;
    for (;;) {
        char path[PATH_MAX];
        size_t len = strcspn(at, ",");
        snprintf(path, sizeof path, "%.*s", (int)(len < sizeof path ? len : sizeof path), at);
        check_line(check, "read the capture %s", path);
        if (strcmp(path, "-") != 0)
            check_readable(check, &o->settings, "read", path);
        if (at[len] == '\0')
            break;
        at += len + 1;
    }
    if (capture_check_filter(o->read_filter, &fault) != 0)
        check_fail(check, &o->settings, "read.filter", fault.text);
}

static void check_allow(struct check *check, const struct collector_options *o)
{
    struct fault fault = {.text = ""};
    if (*o->allow == '\0')
        return;
    struct allow *allow = allow_new(o->allow, &fault);
    if (allow == NULL)
        check_fail(check, &o->settings, "allow", fault.text);
    else
        check_line(check, "only from senders in %zu networks", allow_count(allow));
    allow_unref(allow);
}

// A broken file is no reason not to run: it is written anew.
static void put_templates(struct check *check, const char *path)
{
    struct fault fault = {.text = ""};
    struct template_list list = {.count = 0};
    char *text;
    size_t len;
    if (disk_read(&text, &len, path, KEEPER_FILE_BYTES_MAX, &fault) == 0 &&
        template_load(&list, path, text, len, &fault) == 0)
        check_line(check, "templates are kept in %s, now: %zu", path, list.count);
    else
        check_line(check, "templates are kept in %s, none of these: %s", path, fault.text);
    template_list_fini(&list);
    free(text);
}

static void check_templates(struct check *check, const struct collector_options *o)
{
    char sampling[PATH_MAX];
    if (*o->bucket != '\0') {
        check_line(check, "templates are shared through the bucket %s", o->bucket);
        nats_check_access(check, &o->nats.access);
    }
    if (*o->templates_json_path == '\0')
        return;
    put_templates(check, o->templates_json_path);
    check_writable(check, &o->settings, "templates.json.path", o->templates_json_path, UINT_MAX);
    snprintf(sampling, sizeof sampling, "%s.sampling", o->templates_json_path);
    check_writable(check, &o->settings, "templates.json.path", sampling, UINT_MAX);
}

static void check_input(struct check *check, const struct collector_options *o)
{
    check_heading(check, "input");
    if (*o->read != '\0')
        check_captures(check, o);
    else
        check_listeners(check, o);
    check_allow(check, o);
    check_templates(check, o);
}

static void check_flows(struct check *check, const struct collector_options *o)
{
    const struct layout_options options = collector_options_layout(o);
    if (*o->mapping_path == '\0' && *o->filter == '\0' && o->raw == RAW_OFF)
        return;
    check_heading(check, "flows");
    if (o->raw != RAW_OFF) {
        check_line(check, "none: one message of each datagram instead");
        return;
    }
    struct layout *layout = layout_new(&options);
    if (layout == NULL) {
        check->failed = true;
        return;
    }
    if (layout->mapping != NULL)
        check_line(check,
                   "mapping %s: custom columns: %zu, columns of the key: %zu, elements of IPFIX: "
                   "%zu, of NetFlow v9: %zu",
                   o->mapping_path, layout->custom_count, layout->key_count,
                   mapping_elements(layout->mapping, true)->count,
                   mapping_elements(layout->mapping, false)->count);
    if (layout->filter != NULL)
        check_line(check, "only those of which this is true: %s", o->filter);
    layout_unref(layout);
}

int collector_check(const struct collector_options *o)
{
    struct check check;
    if (!check_begin(&check, &o->settings)) {
        log_error("out of memory");
        return 1;
    }
    check.connects = o->check_connect;
    check_input(&check, o);
    check_flows(&check, o);
    snapshot_check(&check, &o->snapshot);
    sink_check(&check, &o->settings, o->sink_ops, &o->sink, o->format_name);
    check_pages(&check, o->address);
    return check_end(&check);
}
