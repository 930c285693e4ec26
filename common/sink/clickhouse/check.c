#include "common/sink/clickhouse/check.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/clickhouse/http.h"
#include "common/sink/clickhouse/option.h"
#include "common/sink/clickhouse/server.h"

#define TRY_MS 2000

// The password is in the request, so a wrong one is found too.
static void try_server(struct check *check, const struct settings *settings,
                       const struct clickhouse_options *o)
{
    int64_t timeout_ms = o->timeout_ns / CLOCK_NS_PER_MS;
    struct fault fault = {.text = ""};
    struct clickhouse_server server;
    struct clickhouse_reply reply;
    struct clickhouse_http *http = clickhouse_http_new(&o->access, NULL);
    if (http == NULL) {
        check->failed = true;
        return;
    }
    if (clickhouse_http_password(http, &fault) != 0) {
        check_fail(check, settings, "clickhouse.password.file", fault.text);
    } else if (clickhouse_server_meet(http, timeout_ms < TRY_MS ? timeout_ms : TRY_MS, &server,
                                      &reply) == CLICKHOUSE_DONE) {
        check_line(check, "the server answers: ClickHouse %s", server.version);
    } else {
        fault_set(&fault, "%s: %s", o->access.url, reply.error);
        check_away(check, settings, "clickhouse.url", fault.text);
    }
    clickhouse_http_free(http);
}

void clickhouse_check(struct check *check, const struct settings *settings,
                      const struct sink_options *options)
{
    const struct clickhouse_options *o = options->clickhouse;
    const struct {
        const char *name;
        const char *path;
    } files[] = {{"clickhouse.password.file", o->access.password_file},
                 {"clickhouse.tls.ca", o->access.tls_ca},
                 {"clickhouse.tls.cert", o->access.tls_cert},
                 {"clickhouse.tls.key", o->access.tls_key}};
    check_line(check, "server %s, table %s.%s", o->access.url, o->database, o->table);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (*files[i].path != '\0')
            check_readable(check, settings, files[i].name, files[i].path);
    if (check->connects && !check->failed)
        try_server(check, settings, o);
}
