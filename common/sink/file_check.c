#include "common/sink/file_check.h"

void file_check(struct check *check, const struct settings *settings,
                const struct sink_options *options)
{
    if (options->path == NULL || *options->path == '\0') {
        check_line(check, "to stdout");
        return;
    }
    check_line(check, "to the file %s", options->path);
    check_writable(check, settings, "transport.file", options->path, 0);
}
