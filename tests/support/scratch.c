#include "tests/support/scratch.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/scratch-XXXXXX";
static int file = -1;

const char *scratch_write(const void *bytes, size_t len)
{
    if (file < 0)
        file = mkostemp(path, O_CLOEXEC);
    assert(file >= 0);
    int cut = ftruncate(file, 0);
    ssize_t put = pwrite(file, bytes, len, 0);
    assert(cut == 0 && put == (ssize_t)len);
    (void)cut;
    (void)put;
    return path;
}

const char *scratch_text(const char *text)
{
    return scratch_write(text, strlen(text));
}

const char *scratch_behind(const char *message)
{
    size_t len = strlen(path);
    return strncmp(message, path, len) == 0 ? message + len : message;
}

void scratch_remove(void)
{
    if (file < 0)
        return;
    unlink(path);
    close(file);
}
