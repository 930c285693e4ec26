#include "collector/collector.h"
#include "collector/collector_check.h"
#include "collector/status.h"
#include "common/base/http.h"
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

static int run(const struct collector_options *options)
{
    if (options->version) {
        printf("GoFlow2+ %s\n", GOFLOW2PLUS_VERSION);
        return 0;
    }
    if (options->health)
        return http_ask_health(options->address);
    if (options->status)
        return status_print(options->address);
    // Errors are always said: a process that ends without a word cannot be helped.
    int level = options->log_level > LOG_LEVEL_ERROR ? LOG_LEVEL_ERROR : options->log_level;
    log_setup(level, strcmp(options->log_format, "json") == 0);
    settings_warn(&options->settings);
    if (options->ignored != NULL) // as goflow2 does, but not without a word
        log_warn("argument ignored, and all behind it", "argument", options->ignored);
    if (options->no_use != NULL)
        log_warn("flag has no effect with -produce raw", "flag", options->no_use);
    return options->check ? collector_check(options) : collector_run(options);
}

int main(int argc, char *argv[])
{
    struct collector_options options;
    int status = 2;
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
