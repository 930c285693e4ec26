#include "collector/share_entry.h"

#include "common/base/cursor.h"

#include <stdio.h>
#include <string.h>

#define FORMAT        1
#define V9_HEADER     20 // RFC 3954, section 5.1
#define IPFIX_HEADER  16 // RFC 7011, section 3.1
#define SET_HEADER    4
#define FIRST_DATA_ID 256

bool share_key(const struct datagram *announcement, char key[static SHARE_KEY_MAX])
{
    struct cursor c = cursor_over(announcement->data, announcement->len);
    uint16_t version = cursor_u16(&c);
    size_t header_len = version == 9 ? V9_HEADER : IPFIX_HEADER;
    if ((version != 9 && version != 10) || announcement->len < header_len + SET_HEADER + 2)
        return false;
    uint32_t domain = bytes_u32(announcement->data + header_len - sizeof domain);
    uint16_t set_id = bytes_u16(announcement->data + header_len);
    uint16_t template_id = bytes_u16(announcement->data + header_len + SET_HEADER);
    if (set_id >= FIRST_DATA_ID) // options data: the first bytes are a value
        template_id = set_id;
    size_t len = 0;
    for (unsigned i = 0; i < announcement->source.len; i++)
        len += (size_t)snprintf(key + len, SHARE_KEY_MAX - len, "%02x",
                                announcement->source.bytes[i]);
    snprintf(key + len, SHARE_KEY_MAX - len, ".%u.%u.%x.%u.%u", announcement->port, version, domain,
             set_id, template_id);
    return announcement->source.len != 0;
}

static uint8_t *put(uint8_t *out, uint64_t value, unsigned len)
{
    for (unsigned i = len; i-- > 0;)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

size_t share_write(const struct datagram *announcement, uint64_t author, uint8_t *out)
{
    uint8_t *at = put(out, FORMAT, 1);
    at = put(at, author, 8);
    at = put(at, announcement->received_ns, 8);
    at = put(at, announcement->port, 2);
    at = put(at, announcement->source.len, 1);
    at = memcpy(at, announcement->source.bytes, sizeof announcement->source.bytes);
    at += sizeof announcement->source.bytes;
    memcpy(at, announcement->data, announcement->len);
    return (size_t)(at - out) + announcement->len;
}

bool share_read(const uint8_t *bytes, size_t len, uint64_t *author, struct datagram *announcement)
{
    struct cursor c = cursor_over(bytes, len);
    uint8_t format = cursor_u8(&c);
    *author = cursor_u64(&c);
    announcement->received_ns = cursor_u64(&c);
    announcement->port = cursor_u16(&c);
    uint8_t source_len = cursor_u8(&c);
    const uint8_t *source = cursor_take(&c, sizeof announcement->source.bytes);
    if (!cursor_ok(&c) || format != FORMAT || (source_len != 4 && source_len != 16) ||
        cursor_left(&c) > UINT16_MAX)
        return false;
    announcement->source = addr_of(source, source_len);
    announcement->data = c.at;
    announcement->len = cursor_left(&c);
    return true;
}
