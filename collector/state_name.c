#include "collector/state_name.h"

#include <string.h>

bool state_name_number(const char **at, char end, uint64_t most, uint64_t *out)
{
    const char *begin = *at;
    for (*out = 0; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(**at - '0'), out))
            return false;
    return *at != begin && *(*at)++ == end && *out <= most;
}

int state_name_router(struct domain_key *out, const char *text)
{
    char address[ADDR_TEXT_MAX];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    if (colon == NULL)
        return -1;
    const char *at = colon + 1;
    size_t len = (size_t)(colon - text);
    if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof address || !state_name_number(&at, '\0', UINT16_MAX, &port))
        return -1;
    memcpy(address, text, len);
    address[len] = '\0';
    if (addr_parse(&out->source, address) != 0)
        return -1;
    out->source = addr_of(out->source.bytes, out->source.len);
    out->port = (uint16_t)port;
    return 0;
}
