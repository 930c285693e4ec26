#include "common/base/http_page.h"

#include <stdbool.h>
#include <stdlib.h>

FILE *http_page_open(struct http_answer *answer)
{
    return open_memstream(&answer->body, &answer->len);
}

void http_page_close(struct http_answer *answer, FILE *out, const char *type)
{
    bool failed = out == NULL || ferror(out) != 0;
    if (out != NULL)
        failed |= fclose(out) != 0;
    answer->type = type;
    if (!failed)
        return;
    free(answer->body);
    answer->type = NULL;
    http_answer_text(answer, 500, "out of memory\n");
}
