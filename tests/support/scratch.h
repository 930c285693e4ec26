// One temporary file for tests of what reads files.
#pragma once

#include <stddef.h>

// Writes the bytes to the file, in place of what it held. Returns its name, the same every time.
const char *scratch_write(const void *bytes, size_t len);
const char *scratch_text(const char *text);

// The rest of a message that begins with the file's name, so ":line: ..."; the message itself when
// it does not.
const char *scratch_behind(const char *message);

void scratch_remove(void);
