// What the process says on stderr while a test looks, so the lines of its log.
#pragma once

#define SAID_MAX 16384

// From the first call to the second one nothing is shown. `out` has a NUL behind what was said;
// what does not fit is left out.
void said_begin(void);
void said_end(char out[SAID_MAX]);
