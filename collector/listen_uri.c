#include "collector/listen_uri.h"

#include "common/base/log.h"
#include "common/base/nearest.h"
#include "common/base/option_value.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct piece {
    const char *at;
    size_t len;
};

static const struct {
    const char *name;
    enum decode_scheme scheme;
} SCHEMES[] = {{"sflow", DECODE_SFLOW}, {"netflow", DECODE_NETFLOW}, {"flow", DECODE_FLOW}};

static const struct {
    const char *name;
    enum listen_balance balance;
} BALANCES[] = {{"address", LISTEN_BALANCE_ADDRESS},
                {"address+port", LISTEN_BALANCE_ADDRESS_PORT},
                {"packet", LISTEN_BALANCE_PACKET}};

static bool is(struct piece piece, const char *text)
{
    return piece.len == strlen(text) && memcmp(piece.at, text, piece.len) == 0;
}

// Cuts off what stands before the first `mark`, and the mark; all when there is none.
static struct piece cut(struct piece *from, char mark)
{
    const char *found = memchr(from->at, mark, from->len);
    struct piece head = {from->at, found == NULL ? from->len : (size_t)(found - from->at)};
    size_t skip = head.len + (found != NULL);
    *from = (struct piece){from->at + skip, from->len - skip};
    return head;
}

// Decimal digits only, up to `max`.
static bool read_number(struct piece piece, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < piece.len; i++) {
        unsigned digit = (unsigned)piece.at[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return piece.len != 0 && value <= max;
}

static bool read_count(struct listen_uri *out, struct piece value)
{
    uint64_t count = 0;
    bool good = read_number(value, LISTEN_SOCKETS_MAX, &count);
    out->count = count == 0 ? 1 : (unsigned)count;
    return good;
}

static bool read_workers(struct listen_uri *out, struct piece value)
{
    uint64_t workers = 0;
    bool good = read_number(value, LISTEN_SOCKETS_MAX, &workers);
    out->workers = (unsigned)workers;
    return good;
}

// A value as flags have them.
static bool read_as(enum option_kind kind, struct piece piece, union option_value *out)
{
    char text[32];
    if (piece.len >= sizeof text)
        return false;
    memcpy(text, piece.at, piece.len);
    text[piece.len] = '\0';
    return option_value_read(kind, text, out);
}

static bool read_bool(struct piece piece, bool *out)
{
    union option_value value;
    if (!read_as(OPTION_BOOL, piece, &value))
        return false;
    *out = value.truth;
    return true;
}

static bool read_blocking(struct listen_uri *out, struct piece value)
{
    return read_bool(value, &out->blocking);
}

static bool read_gro(struct listen_uri *out, struct piece value)
{
    return read_bool(value, &out->gro);
}

static bool read_queue_size(struct listen_uri *out, struct piece value)
{
    out->queue_given = true;
    return read_number(value, UINT64_MAX, &out->queue_size);
}

static bool read_rcvbuf(struct listen_uri *out, struct piece value)
{
    union option_value bytes;
    if (!read_as(OPTION_BYTES, value, &bytes))
        return false;
    out->rcvbuf_bytes = bytes.bytes;
    return true;
}

static bool read_balance(struct listen_uri *out, struct piece value)
{
    for (size_t i = 0; i < COUNT(BALANCES); i++) {
        if (!is(value, BALANCES[i].name))
            continue;
        out->balance = BALANCES[i].balance;
        return true;
    }
    return false;
}

static const struct key {
    const char *name;
    bool (*read)(struct listen_uri *out, struct piece value);
    const char *wanted;
} KEYS[] = {
    {"count", read_count, "a number from 0 to 256"},
    {"workers", read_workers, "a number from 0 to 256"},
    {"blocking", read_blocking, "true or false"},
    {"queue_size", read_queue_size, "a number of datagrams"},
    {"balance", read_balance, "address, address+port or packet"},
    {"gro", read_gro, "1 or 0"},
    {"rcvbuf", read_rcvbuf, "a number of bytes such as 65536, 512KiB or 64MiB"},
};

static int refuse(struct fault *fault, struct piece uri, const char *what, struct piece got,
                  const char *wanted)
{
    return fault_set(fault, "%.*s: %s, got \"%.*s\", wanted %s", (int)uri.len, uri.at, what,
                     (int)got.len, got.at, wanted);
}

// A key that is nearly one of ours is a slip; any other may be one of another program's, which
// goflow2 passes over.
static int take_unknown(struct piece uri, struct piece key, struct fault *fault)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(key.len < sizeof name ? key.len : sizeof name),
             key.at);
    struct nearest nearest = {.text = name};
    for (size_t i = 0; i < COUNT(KEYS); i++)
        nearest_offer(&nearest, KEYS[i].name);
    if (nearest.name != NULL)
        return refuse(fault, uri, "key", key, nearest.name);
    log_warn("-listen: unknown key, ignored", "key", name);
    return 0;
}

// Of a repeated key the first counts, as in Go's url.Values.
static int read_query(struct listen_uri *out, struct piece uri, struct piece query,
                      struct fault *fault)
{
    unsigned seen = 0;
    while (query.len != 0) {
        struct piece value = cut(&query, '&');
        struct piece name = cut(&value, '=');
        size_t i = 0;
        while (i < COUNT(KEYS) && !is(name, KEYS[i].name))
            i++;
        if (i == COUNT(KEYS)) {
            if (name.len != 0 && take_unknown(uri, name, fault) != 0)
                return -1;
            continue;
        }
        if ((seen & 1u << i) == 0 && !KEYS[i].read(out, value))
            return refuse(fault, uri, KEYS[i].name, value, KEYS[i].wanted);
        seen |= 1u << i;
    }
    return 0;
}

// A zone is written fe80::1%25eth0 in a URI (RFC 6874, section 2).
static int copy_host(struct listen_uri *out, struct piece host)
{
    size_t len = 0;
    if (host.len >= sizeof out->host)
        return -1;
    for (size_t i = 0; i < host.len; i++) {
        out->host[len++] = host.at[i];
        if (host.len - i >= 3 && memcmp(host.at + i, "%25", 3) == 0)
            i += 2;
    }
    out->host[len] = '\0';
    return 0;
}

// [IPv6]:port, IPv4:port, name:port or :port.
static int read_authority(struct listen_uri *out, struct piece uri, struct piece authority,
                          struct fault *fault)
{
    struct piece whole = authority;
    struct piece host;
    uint64_t port = 0;
    if (authority.len != 0 && authority.at[0] == '[') {
        cut(&authority, '[');
        host = cut(&authority, ']');
        if (authority.len == 0 || authority.at[0] != ':')
            return refuse(fault, uri, "address", whole, "[IPv6]:port");
        cut(&authority, ':');
    } else {
        host = cut(&authority, ':');
        if (memchr(authority.at, ':', authority.len) != NULL)
            return refuse(fault, uri, "address", whole, "brackets around an IPv6 address");
    }
    if (!read_number(authority, UINT16_MAX, &port))
        return refuse(fault, uri, "port", authority, "a number from 0 to 65535");
    out->port = (uint16_t)port;
    if (copy_host(out, host) != 0)
        return refuse(fault, uri, "host", host, "a shorter name");
    return 0;
}

static int read_scheme(struct listen_uri *out, struct piece uri, struct piece scheme,
                       struct fault *fault)
{
    for (size_t i = 0; i < COUNT(SCHEMES); i++) {
        if (strlen(SCHEMES[i].name) != scheme.len ||
            strncasecmp(SCHEMES[i].name, scheme.at, scheme.len) != 0)
            continue;
        out->scheme = SCHEMES[i].scheme;
        return 0;
    }
    return refuse(fault, uri, "scheme", scheme, "sflow, netflow or flow");
}

int listen_uri_parse(struct listen_uri *out, const char *text, size_t len, struct fault *fault)
{
    struct piece uri = {text, len};
    struct piece rest = uri;
    *out = (struct listen_uri){.count = 1};
    struct piece scheme = cut(&rest, ':');
    if (rest.len < 2 || memcmp(rest.at, "//", 2) != 0)
        return fault_set(fault, "got \"%.*s\", wanted scheme://[host]:port", (int)uri.len, uri.at);
    rest = (struct piece){rest.at + 2, rest.len - 2};
    if (read_scheme(out, uri, scheme, fault) != 0)
        return -1;
    rest = cut(&rest, '#');
    struct piece address = cut(&rest, '?');
    if (read_authority(out, uri, cut(&address, '/'), fault) != 0 ||
        read_query(out, uri, rest, fault) != 0)
        return -1;
    return 0;
}

static struct piece trim(struct piece piece)
{
    while (piece.len != 0 && *piece.at == ' ')
        piece = (struct piece){piece.at + 1, piece.len - 1};
    while (piece.len != 0 && piece.at[piece.len - 1] == ' ')
        piece.len--;
    return piece;
}

int listen_uris_parse(struct listen_uri out[static LISTEN_URIS_MAX], const char *text,
                      struct fault *fault)
{
    struct piece rest = {text, strlen(text)};
    int count = 0;
    do {
        struct piece uri = trim(cut(&rest, ','));
        if (count == LISTEN_URIS_MAX)
            return refuse(fault, uri, "too many", uri, "at most 64 listeners");
        if (listen_uri_parse(&out[count++], uri.at, uri.len, fault) != 0)
            return -1;
    } while (rest.len != 0);
    return count;
}

unsigned listen_uri_sockets(const struct listen_uri *uri)
{
    return uri->workers > uri->count ? uri->workers : uri->count;
}

const char *listen_scheme_name(enum decode_scheme scheme)
{
    for (size_t i = 0; i < COUNT(SCHEMES); i++)
        if (SCHEMES[i].scheme == scheme)
            return SCHEMES[i].name;
    return "";
}
