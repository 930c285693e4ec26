#include "common/base/http.h"
#include "common/base/log.h"
#include "common/base/standard.h"
#include "common/base/status.h"
#include "common/sink/clickhouse/migrate.h"
#include "enricher/enricher.h"
#include "enricher/enricher_check.h"

#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

static int print_schema(const struct clickhouse_options *options)
{
    const struct clickhouse_schema schema = clickhouse_options_schema(
        options, clickhouse_options_profile(options, CLICKHOUSE_FULL), options->access.password);
    char *script = clickhouse_schema_script(&schema);
    int result = script == NULL || fputs(script, stdout) < 0 || fflush(stdout) != 0;
    free(script);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const char *const STATUS_PAGES[] = {"/status?format=text", NULL};

static int run(struct enricher_options *o)
{
    if (o->version) {
        puts("Enricher " ENRICHER_VERSION);
        return EXIT_SUCCESS;
    }
    if (o->health)
        return http_ask_health(o->address);
    if (o->status)
        return status_print("enricher", o->address, STATUS_PAGES);
    if (enricher_options_check(o) != 0)
        return EXIT_USAGE;
    log_setup(o->log_level, o->log_json);
    enricher_options_warn(o);
    if (o->check || o->check_connect)
        return enricher_check(o);
    if (o->clickhouse.print_schema)
        return print_schema(&o->clickhouse);
    if (o->clickhouse.migrate)
        return clickhouse_migrate(&o->clickhouse) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    return enricher_run(o);
}

int main(int argc, char *argv[])
{
    struct enricher_options options;
    int status = EXIT_USAGE;
    standard_hold_reload();
    standard_keep();
    switch (enricher_options_parse(&options, argc, argv)) {
    case OPTIONS_OK:
        status = run(&options);
        break;
    case OPTIONS_HELP:
        status = EXIT_SUCCESS;
        break;
    case OPTIONS_FAULTY_FILE:
        status = EXIT_FAILURE;
        break;
    case OPTIONS_BAD:
        break;
    }
    enricher_options_free(&options);
    return status;
}
