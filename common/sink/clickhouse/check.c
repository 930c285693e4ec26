#include "common/sink/clickhouse/check.h"

#include "common/sink/clickhouse/option.h"

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
}
