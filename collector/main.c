#include "collector/collector.h"
#include "collector/collector_check.h"
#include "common/base/http.h"
#include "common/base/log.h"
#include "common/base/standard.h"
#include "common/base/status.h"

#include <stdio.h>

static const char *const STATUS_PAGES[] = {"/status?format=text", "/exporters?format=text", NULL};

static int run(const struct collector_options *options)
{
    if (options->version) {
        printf("GoFlow2+ %s\n", GOFLOW2PLUS_VERSION);
        return 0;
    }
    if (options->health)
        return http_ask_health(options->address);
    if (options->status)
        return status_print("collector", options->address, STATUS_PAGES);
    log_setup(options->log_level, options->log_json);
    collector_options_warn(options);
    return options->check || options->check_connect ? collector_check(options)
                                                    : collector_run(options);
}

int main(int argc, char *argv[])
{
    struct collector_options options;
    int status = 2;
    standard_hold_reload();
    standard_keep();
    switch (collector_options_read(&options, argc, argv)) {
    case OPTIONS_OK:
        status = run(&options);
        break;
    case OPTIONS_HELP:
        status = 0;
        break;
    case OPTIONS_FAULTY_FILE:
        status = 1;
        break;
    case OPTIONS_BAD:
        break;
    }
    collector_options_free(&options);
    return status;
}
