// NetFlow v9 and IPFIX messages made field by field, for tests.
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_EXPORT_S  1700000000u
#define MESSAGE_UPTIME_MS 10000u
#define MESSAGE_DOMAIN    5u

struct message {
    uint8_t bytes[65535];
    size_t len;
    size_t set_at; // where the open set begins
};

static inline void message_put(struct message *m, uint64_t value, size_t len)
{
    assert(m->len + len <= sizeof m->bytes);
    while (len-- != 0)
        m->bytes[m->len++] = (uint8_t)(value >> 8 * len);
}

static inline void message_bytes(struct message *m, const void *bytes, size_t len)
{
    assert(m->len + len <= sizeof m->bytes);
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

static inline void message_patch(struct message *m, size_t at, uint64_t value, size_t len)
{
    size_t end = m->len;
    m->len = at;
    message_put(m, value, len);
    m->len = end;
}

static inline void message_v9(struct message *m)
{
    m->len = 0;
    message_put(m, 9, 2);
    message_put(m, 1, 2);
    message_put(m, MESSAGE_UPTIME_MS, 4);
    message_put(m, MESSAGE_EXPORT_S, 4);
    message_put(m, 99, 4);
    message_put(m, MESSAGE_DOMAIN, 4);
}

static inline void message_ipfix(struct message *m)
{
    m->len = 0;
    message_put(m, 10, 2);
    message_put(m, 0, 2);
    message_put(m, MESSAGE_EXPORT_S, 4);
    message_put(m, 99, 4);
    message_put(m, MESSAGE_DOMAIN, 4);
}

static inline void message_open(struct message *m, unsigned set_id)
{
    m->set_at = m->len;
    message_put(m, set_id, 2);
    message_put(m, 0, 2);
}

static inline void message_close(struct message *m)
{
    message_patch(m, m->set_at + 2, m->len - m->set_at, 2);
}

// A template record: pairs of element and length up to a pair of zeros.
static inline void message_template(struct message *m, unsigned id, const uint16_t (*fields)[2])
{
    unsigned count = 0;
    while (fields[count][0] != 0 || fields[count][1] != 0)
        count++;
    message_put(m, id, 2);
    message_put(m, count, 2);
    for (unsigned i = 0; i < count; i++) {
        message_put(m, fields[i][0], 2);
        message_put(m, fields[i][1], 2);
    }
}

// Fills the IPFIX length in.
static inline void message_end(struct message *m)
{
    if (m->bytes[1] == 10)
        message_patch(m, 2, m->len, 2);
}
