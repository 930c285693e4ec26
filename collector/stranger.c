#include "collector/stranger.h"

#include "collector/decode/decode_type.h"
#include "common/base/cursor.h"
#include "common/base/siphash.h"

#include <string.h>

#define STALE_NS  UINT64_C(600000000000)
#define TEXT_LEN  16 // printable bytes that make it text
#define SNMP_TYPE 0x30

// RFC 5424, section 6: "<" PRIVAL ">", one to three digits.
static bool is_syslog(const uint8_t *data, size_t len)
{
    size_t at = 1;
    if (len < 3 || data[0] != '<')
        return false;
    while (at < len && at < 4 && data[at] >= '0' && data[at] <= '9')
        at++;
    return at > 1 && at < len && data[at] == '>';
}

// RFC 3416 and 1157: a SEQUENCE that begins with the INTEGER of a version, 0, 1 or 3.
static bool is_snmp(const uint8_t *data, size_t len)
{
    size_t at = 2;
    if (len < 8 || data[0] != SNMP_TYPE)
        return false;
    if (data[1] >= 0x81 && data[1] <= 0x82) // a length of one or two bytes follows
        at += data[1] - 0x80;
    return data[at] == 2 && data[at + 1] == 1 && data[at + 2] <= 3;
}

static bool is_text(const uint8_t *data, size_t len)
{
    size_t count = len < TEXT_LEN ? len : TEXT_LEN;
    for (size_t i = 0; i < count; i++)
        if ((data[i] < ' ' || data[i] > '~') && data[i] != '\n' && data[i] != '\r' &&
            data[i] != '\t')
            return false;
    return true;
}

// NetFlow and IPFIX begin with a version of 16 bits, sFlow with one of 32.
static void find_payload(struct stranger *one, const uint8_t *data, size_t len)
{
    uint32_t first = len < sizeof first ? 0 : bytes_u32(data);
    uint32_t version = first >> 16;
    one->payload = STRANGER_UNKNOWN;
    if (len == 0)
        one->payload = STRANGER_NOTHING;
    else if (version == 1 || (version >= 5 && version <= 9))
        one->payload = STRANGER_NETFLOW;
    else if (version == 10)
        one->payload = STRANGER_IPFIX;
    else if (first == 2 || first == 4 || first == 5)
        one->payload = STRANGER_SFLOW;
    else if (is_syslog(data, len))
        one->payload = STRANGER_SYSLOG;
    else if (is_snmp(data, len))
        one->payload = STRANGER_SNMP;
    else if (is_text(data, len))
        one->payload = STRANGER_TEXT;
    one->version = (uint8_t)(one->payload == STRANGER_SFLOW ? first : version);
    if (one->payload != STRANGER_NETFLOW && one->payload != STRANGER_SFLOW)
        one->version = 0;
}

struct stranger stranger_recognise(const struct datagram *datagram)
{
    struct stranger one = {.source = datagram->source};
    find_payload(&one, datagram->data, datagram->len);
    for (int scheme = 0; scheme < DECODE_SCHEMES; scheme++)
        if (decode_type((enum decode_scheme)scheme, datagram) != FLOW_TYPE_UNKNOWN)
            one.takers |= (uint8_t)(1 << scheme);
    return one;
}

bool stranger_same(const struct stranger *a, const struct stranger *b)
{
    return a->listener == b->listener && a->payload == b->payload && a->version == b->version &&
           addr_equal(&a->source, &b->source);
}

static struct stranger *set_of(struct stranger_table *table, const struct stranger *one)
{
    uint64_t words[3];
    memcpy(words, one->source.bytes, sizeof one->source.bytes);
    words[2] = (uint64_t)one->listener << 8 | one->source.len;
    return table->sets[siphash_words(table->seed, words, 3) % STRANGER_SETS];
}

// The place of that one: its own, a free one, or that of another which gives way: of equals the one
// that came last, so that a flood of forged ones changes a single place.
static struct stranger *find(struct stranger *set, const struct stranger *one)
{
    struct stranger *least = &set[0];
    uint64_t least_count = UINT64_MAX;
    for (struct stranger *at = set; at < set + STRANGER_WAYS; at++) {
        bool stale = at->last_ns + STALE_NS < one->last_ns;
        uint64_t count = stale ? 0 : at->count;
        if (at->count != 0 && stranger_same(at, one))
            return at;
        if (count > least_count || (count == least_count && at->first_ns < least->first_ns))
            continue;
        least = at;
        least_count = count;
    }
    *least = (struct stranger){.count = 0};
    return least;
}

const struct stranger *stranger_take(struct stranger_table *table, const struct datagram *datagram,
                                     unsigned listener, enum decode_scheme scheme, bool allowed)
{
    struct stranger one = stranger_recognise(datagram);
    one.listener = (uint8_t)listener;
    one.first_ns = one.last_ns = datagram->received_ns;
    struct stranger *at = find(set_of(table, &one), &one);
    one.count = at->count + 1;
    if (at->count != 0)
        one.first_ns = at->first_ns;
    bool takes = (one.takers & 1 << scheme) != 0;
    one.why = !allowed ? STRANGER_NOT_ALLOWED : takes ? STRANGER_MALFORMED : STRANGER_NOT_TAKEN;
    *at = one;
    return at;
}
