#include "collector/share/entry.h"

#include "collector/decode/template.h"
#include "common/base/cursor.h"

#include <stdio.h>
#include <string.h>

#define FORMAT        1
#define V9_HEADER     20 // RFC 3954, section 5.1
#define IPFIX_HEADER  16 // RFC 7011, section 3.1
#define SET_HEADER    4
#define FIRST_DATA_ID 256

// What an announcement names: templates by their ids, options data by its set's. A later one takes
// the place of an earlier one only when it names all the same.
struct names {
    unsigned count;
    uint16_t set_id; // of the first
    uint16_t id;
    uint32_t hash;
};

// FNV-1a. Who makes an exporter's names meet forges its announcements anyway.
static void add(struct names *names, uint16_t set_id, uint16_t id)
{
    const uint16_t words[] = {set_id, id};
    if (names->count++ == 0)
        *names = (struct names){.count = 1, .set_id = set_id, .id = id, .hash = 0x811c9dc5};
    for (size_t i = 0; i < 2; i++)
        for (unsigned shift = 0; shift < 16; shift += 8)
            names->hash = (names->hash ^ (uint8_t)(words[i] >> shift)) * 0x01000193;
}

static void add_templates(struct names *names, enum template_dialect dialect, uint16_t set_id,
                          struct cursor *body)
{
    const bool options = set_id == (dialect == TEMPLATE_V9 ? 1 : 3);
    for (;;) {
        struct template *template = NULL;
        uint16_t id = 0;
        enum template_result result = template_parse(body, dialect, options, &template, &id);
        if (result == TEMPLATE_PARSED)
            template_free(template);
        if (result != TEMPLATE_PARSED && result != TEMPLATE_WITHDRAWN)
            return;
        add(names, set_id, id);
    }
}

static struct names names_of(struct cursor sets, enum template_dialect dialect)
{
    struct names names = {.count = 0};
    while (cursor_left(&sets) >= SET_HEADER) {
        uint16_t set_id = cursor_u16(&sets);
        uint16_t len = cursor_u16(&sets);
        const uint8_t *at = len < SET_HEADER ? NULL : cursor_take(&sets, len - SET_HEADER);
        if (at == NULL)
            break;
        struct cursor body = cursor_over(at, len - SET_HEADER);
        if (set_id >= FIRST_DATA_ID)
            add(&names, set_id, set_id);
        else
            add_templates(&names, dialect, set_id, &body);
    }
    return names;
}

bool share_key(const struct datagram *announcement, char key[static SHARE_KEY_MAX])
{
    struct cursor c = cursor_over(announcement->data, announcement->len);
    uint16_t version = cursor_u16(&c);
    size_t header_len = version == 9 ? V9_HEADER : IPFIX_HEADER;
    if ((version != 9 && version != 10) || announcement->len < header_len)
        return false;
    uint32_t domain = bytes_u32(announcement->data + header_len - sizeof domain);
    struct cursor sets = cursor_over(announcement->data + header_len,
                                     announcement->len - header_len);
    struct names names = names_of(sets, version == 9 ? TEMPLATE_V9 : TEMPLATE_IPFIX);
    size_t len = 0;
    for (unsigned i = 0; i < announcement->source.len; i++)
        len += (size_t)snprintf(key + len, SHARE_KEY_MAX - len, "%02x",
                                announcement->source.bytes[i]);
    len += (size_t)snprintf(key + len, SHARE_KEY_MAX - len, ".%u.%u.%x.%u.%u", announcement->port,
                            version, domain, names.set_id, names.id);
    if (names.count > 1)
        snprintf(key + len, SHARE_KEY_MAX - len, ".%x", names.hash);
    return announcement->source.len != 0 && names.count != 0;
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
