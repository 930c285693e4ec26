// stdin, stdout and stderr of a process that may have been started without them.
#pragma once

// Keeps their numbers from what is opened later: one that is closed stays one that cannot be read
// (stdin) or written (the others). First thing in main.
void standard_keep(void);
