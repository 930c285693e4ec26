#include "common/base/fault.h"

#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fault_set(struct fault *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    // What is quoted from a file may hold anything; a fault is one line, and goes to a terminal.
    uint8_t *text = (uint8_t *)fault->text;
    text[utf8_mask(text, text, strlen(fault->text))] = '\0';
    return -1;
}
