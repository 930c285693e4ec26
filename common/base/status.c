#include "common/base/status.h"

#include "common/base/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_MAX (64u << 20)

static int print_page(const char *program, const char *address, const char *path)
{
    char *body = NULL;
    int status = http_get(address, path, PAGE_MAX, &body);
    if (status < 0) {
        dprintf(STDERR_FILENO,
                "-status: no %s answers at %s: is it running, and is its -addr the same?\n",
                program, address);
        return 1;
    }
    int result = status == 200 ? 0 : 1;
    if (result != 0)
        dprintf(STDERR_FILENO, "-status: %s answers with %d, which is no %s of this version\n",
                address, status, program);
    else if (fputs(body, stdout) < 0 || fflush(stdout) != 0)
        result = 1;
    free(body);
    return result;
}

int status_print(const char *program, const char *address, const char *const paths[])
{
    for (size_t i = 0; paths[i] != NULL; i++) {
        if (i != 0)
            putchar('\n');
        if (print_page(program, address, paths[i]) != 0)
            return 1;
    }
    return 0;
}
