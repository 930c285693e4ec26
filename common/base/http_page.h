// An answer that is written to a stream.
//
//   FILE *out = http_page_open(answer);
//   if (out != NULL) ...write...
//   http_page_close(answer, out, "application/json");
#pragma once

#include "common/base/http.h"

#include <stdio.h>

// NULL without memory.
FILE *http_page_open(struct http_answer *answer);

// Closes the stream; when it or its memory failed the answer is 500. `type` as in the answer.
void http_page_close(struct http_answer *answer, FILE *out, const char *type);
