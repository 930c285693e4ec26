#include "enricher/enricher_check.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/enrich/snapshot_check.h"
#include "common/sink/clickhouse/clickhouse.h"
#include "common/sink/nats/check.h"
#include "common/sink/sink_check.h"
#include "enricher/formatting.h"

static void check_source(struct check *check, const struct enricher_options *o)
{
    const struct nats_source_options *nats = &o->nats_source;
    check_heading(check, "input");
    if (!o->from_nats) {
        check_line(check, "flows from stdin");
        return;
    }
    if (*nats->queue != '\0')
        check_line(check, "subject %s, group %s", nats->subject, nats->queue);
    else
        check_line(check, "stream %s, consumer %s", nats->stream, nats->durable);
    nats_check_access(check, &nats->access);
}

static void check_flows(struct check *check, const struct enricher_options *o)
{
    if (*o->mapping_path == '\0' && *o->filter == '\0')
        return;
    check_heading(check, "flows");
    struct formatting *formatting = formatting_new(o);
    if (formatting == NULL) {
        check->failed = true;
        return;
    }
    if (*o->mapping_path != '\0')
        check_line(check, "mapping %s", o->mapping_path);
    if (*o->filter != '\0')
        check_line(check, "only those of which this is true: %s", o->filter);
    formatting_free(formatting);
}

int enricher_check(const struct enricher_options *o)
{
    struct check check;
    if (!check_begin(&check, &o->settings)) {
        log_error("out of memory");
        return 1;
    }
    check.connects = o->check_connect;
    check_source(&check, o);
    check_flows(&check, o);
    snapshot_check(&check, &o->snapshot);
    // A table takes fields, whatever the format.
    const char *form = o->sink_ops == &SINK_CLICKHOUSE ? "rows" : o->format_name;
    sink_check(&check, &o->settings, o->sink_ops, &o->sink, form);
    check_pages(&check, o->address);
    return check_end(&check);
}
