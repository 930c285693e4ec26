#include "common/sink/nats/answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX     1024
#define ERROR_TOO_LONG 10054 // "message size exceeds maximum allowed"

static const char *behind(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at == NULL ? NULL : at + strlen(key);
}

enum nats_answer nats_answer_read(const char *json, size_t len, char error[NATS_ANSWER_TEXT_MAX])
{
    char text[ANSWER_MAX];
    len = len < sizeof text ? len : sizeof text - 1;
    memcpy(text, json, len);
    text[len] = '\0';
    const char *wrong = behind(text, "\"error\":{");
    if (wrong == NULL) {
        bool stored = behind(text, "\"seq\":") != NULL;
        snprintf(error, NATS_ANSWER_TEXT_MAX, "%s", stored ? "" : "answer not understood");
        return stored ? NATS_ANSWER_STORED : NATS_ANSWER_AGAIN;
    }
    const char *code = behind(wrong, "\"err_code\":");
    const char *description = behind(wrong, "\"description\":\"");
    int description_len = description == NULL ? 0 : (int)strcspn(description, "\"");
    snprintf(error, NATS_ANSWER_TEXT_MAX, "%.*s", description_len,
             description == NULL ? "" : description);
    if (code != NULL && strtol(code, NULL, 10) == ERROR_TOO_LONG)
        return NATS_ANSWER_REFUSED;
    // It has the number of other limits, which are not the subject's.
    return strstr(error, "per subject") != NULL ? NATS_ANSWER_QUOTA : NATS_ANSWER_AGAIN;
}
