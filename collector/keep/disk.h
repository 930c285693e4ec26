// Files that are read whole and replaced whole.
//
// No state; any thread.
#pragma once

#include "common/base/fault.h"

#include <stddef.h>

// The content, with a NUL behind it that *len does not count; the caller's. 0, also with nothing
// (*out NULL) when there is no such file, or -1 and a fault, as for one of more than len_max bytes.
int disk_read(char **out, size_t *len, const char *path, size_t len_max, struct fault *fault);

// Writes PATH_tmp and renames it, so that PATH is at every moment one whole content or the other,
// also after a power failure. Folders that miss are made. 0, or -1 and a fault: PATH is as it was.
int disk_replace(const char *path, const char *bytes, size_t len, struct fault *fault);
