#include "common/base/nearest.h"

#include <ctype.h>
#include <string.h>

#define LENGTH_MAX 63

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Levenshtein distance of the words in lower case, one row at a time.
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; i < a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t changed = diagonal +
                             (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            diagonal = row[j + 1];
            row[j + 1] = least(changed, least(row[j], row[j + 1]) + 1);
        }
    }
    return row[b_len];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t text_len = strlen(nearest->text);
    size_t name_len = strlen(name);
    if (text_len > LENGTH_MAX || name_len > LENGTH_MAX)
        return;
    size_t far = distance(nearest->text, text_len, name, name_len);
    // More than half of the name wrong is another word, not a slip.
    if (far > (name_len + 1) / 2 || (nearest->name != NULL && far >= nearest->distance))
        return;
    nearest->name = name;
    nearest->distance = far;
}
