// -status: asks a running daemon for its pages and prints them.
#pragma once

// The pages one below the other, `paths` ended by NULL; `program` is what is expected to answer, as
// in "collector". 0, or 1 after one line on stderr.
int status_print(const char *program, const char *address, const char *const paths[]);
