#include "collector/decode/announcement.h"

#include <assert.h>
#include <string.h>

#define SET_HEADER_LEN 4
#define IPFIX          10

static void put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void announcement_begin(struct announcement *a, const uint8_t *header, size_t header_len)
{
    assert(header_len >= SET_HEADER_LEN && header_len <= ANNOUNCEMENT_MAX);
    memcpy(a->bytes, header, header_len);
    a->news = false;
    a->header_len = header_len;
    a->len = header_len;
}

void announcement_add(struct announcement *a, uint16_t set_id, const uint8_t *body, size_t len)
{
    if (ANNOUNCEMENT_MAX - a->len < SET_HEADER_LEN + len)
        return; // joined datagrams can be a little longer than one that can be sent
    put_u16(a->bytes + a->len, set_id);
    put_u16(a->bytes + a->len + 2, SET_HEADER_LEN + len);
    memcpy(a->bytes + a->len + SET_HEADER_LEN, body, len);
    a->len += SET_HEADER_LEN + len;
}

void announcement_end(struct announcement *a)
{
    if (a->bytes[1] == IPFIX)
        put_u16(a->bytes + 2, a->len);
}
