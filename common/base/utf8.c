#include "common/base/utf8.h"

#include <string.h>

size_t utf8_sequence(const uint8_t *at, size_t left)
{
    if (left == 0)
        return 0;
    uint8_t lead = at[0];
    size_t len = lead < 0x80                    ? 1
                 : lead >= 0xc2 && lead <= 0xdf ? 2
                 : lead >= 0xe0 && lead <= 0xef ? 3
                 : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                : 0;
    if (len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool surrogate = lead == 0xed && at[1] > 0x9f;
    bool too_high = lead == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : len;
}

bool utf8_is_control(const uint8_t *at, size_t sequence)
{
    switch (sequence) {
    case 1:
        return at[0] < ' ' || at[0] == 0x7f;
    case 2:
        return (at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c);
    case 3:
        if (at[0] != 0xe2)
            return false;
        return at[1] == 0x80 ? (at[2] | 1) == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae)
                             : at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
    default:
        return false;
    }
}

size_t utf8_mask(uint8_t *out, const uint8_t *text, size_t len)
{
    size_t written = 0;
    for (size_t i = 0; i < len;) {
        size_t sequence = utf8_sequence(text + i, len - i);
        if (sequence == 0 || utf8_is_control(text + i, sequence)) {
            out[written++] = '?';
            i += sequence == 0 ? 1 : sequence;
            continue;
        }
        for (; sequence != 0; sequence--)
            out[written++] = text[i++];
    }
    return written;
}

size_t utf8_clean(uint8_t *out, size_t cap, const uint8_t *text, size_t len)
{
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    size_t written = 0;
    for (size_t i = 0; i < len;) {
        size_t sequence = utf8_sequence(text + i, len - i);
        const uint8_t *from = sequence == 0 ? replacement : text + i;
        size_t take = sequence == 0 ? sizeof replacement : sequence;
        if (cap - written < take)
            break;
        memcpy(out + written, from, take);
        written += take;
        i += sequence == 0 ? 1 : sequence;
    }
    return written;
}
