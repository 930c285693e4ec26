#include "collector/monitor/status.h"

#include "common/base/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_MAX (64u << 20)

int status_print(const char *address)
{
    char *body = NULL;
    int status = http_get(address, "/exporters?format=text", PAGE_MAX, &body);
    if (status < 0) {
        dprintf(STDERR_FILENO,
                "-status: no collector answers at %s: is it running, and is its "
                "-addr the same?\n",
                address);
        return 1;
    }
    int result = status == 200 ? 0 : 1;
    if (result != 0)
        dprintf(STDERR_FILENO, "-status: %s answers with %d, which is no goflow2plus\n", address,
                status);
    else if (fputs(body, stdout) < 0 || fflush(stdout) != 0)
        result = 1;
    free(body);
    return result;
}
