#include "common/sink/nats/server.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SEPARATORS ", "

// Pieces of one URL in the list.
struct server {
    const char *scheme; // "nats" when it says none
    size_t scheme_len;
    bool bare; // it says none
    bool named;
    const char *place; // host and port
    size_t place_len;
};

// False at the end of the list.
static bool next_server(const char **list, struct server *out)
{
    const char *at = *list + strspn(*list, SEPARATORS);
    size_t len = strcspn(at, SEPARATORS);
    *list = at + len;
    *out = (struct server){.scheme = "nats", .scheme_len = 4, .bare = true};
    const char *colon = memmem(at, len, "://", 3);
    if (colon != NULL) {
        *out = (struct server){.scheme = at, .scheme_len = (size_t)(colon - at)};
        len -= (size_t)(colon + 3 - at);
        at = colon + 3;
    }
    const char *sign = memrchr(at, '@', len);
    out->named = sign != NULL;
    out->place = sign == NULL ? at : sign + 1;
    out->place_len = len - (size_t)(out->place - at);
    return out->place_len != 0 || out->named || !out->bare;
}

static bool is_scheme(const struct server *server, const char *name)
{
    return server->scheme_len == strlen(name) &&
           strncasecmp(server->scheme, name, server->scheme_len) == 0;
}

// Its length: a name, or an address, of version 6 in brackets.
static size_t host_len(const struct server *server)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    size_t len = 0;
    if (*server->place == '[') {
        const char *close = memchr(server->place, ']', server->place_len);
        return close == NULL ? 0 : (size_t)(close - server->place) + 1;
    }
    while (len < server->place_len && strchr(letters, server->place[len]) != NULL)
        len++;
    return len;
}

static bool has_place(const struct server *server)
{
    size_t len = server->place_len == 0 ? 0 : host_len(server);
    if (len == 0 || len == server->place_len)
        return len != 0;
    const char *port = server->place + len;
    size_t port_len = server->place_len - len;
    if (port[port_len - 1] == '/')
        port_len--;
    if (port_len < 2 || port_len > 6 || *port != ':')
        return port_len == 0;
    for (size_t i = 1; i < port_len; i++)
        if (port[i] < '0' || port[i] > '9')
            return false;
    long number = strtol(port + 1, NULL, 10);
    return number > 0 && number <= UINT16_MAX;
}

const char *nats_servers_fault(const char *list)
{
    struct server server;
    unsigned count = 0;
    while (next_server(&list, &server)) {
        if (!is_scheme(&server, "nats") && !is_scheme(&server, "tls"))
            return "got another scheme, wanted nats:// or tls://";
        // The end of a password with a comma looks like this.
        bool torn = count != 0 && server.bare && server.named;
        if (torn || !has_place(&server))
            return "got no list of URLs, wanted [nats://|tls://][name:password@]host[:port],...; "
                   "in a "
                   "name or password a comma is written %2C, a space %20";
        if (++count > NATS_SERVERS_MAX)
            return "got more than 32 URLs, wanted fewer";
    }
    return count == 0 ? "got nothing, wanted at least one URL" : NULL;
}

bool nats_servers_secure(const char *list)
{
    struct server server;
    while (next_server(&list, &server))
        if (is_scheme(&server, "tls"))
            return true;
    return false;
}

void nats_servers_put(struct buf *out, const char *list)
{
    struct server server;
    for (bool first = true; next_server(&list, &server); first = false) {
        if (!first)
            buf_byte(out, ',');
        if (!server.bare) {
            buf_bytes(out, server.scheme, server.scheme_len);
            buf_text(out, "://");
        }
        buf_bytes(out, server.place, server.place_len);
    }
}

void nats_servers_unescape(char *url)
{
    const char *user_end = strrchr(url, '@');
    char *to = url;
    for (const char *from = url; *from != '\0'; from++) {
        bool in_user = user_end != NULL && from < user_end;
        bool comma = in_user && strncasecmp(from, "%2C", 3) == 0;
        bool space = in_user && strncmp(from, "%20", 3) == 0;
        *to++ = comma ? ',' : space ? ' ' : *from;
        from += comma || space ? 2 : 0;
    }
    *to = '\0';
}
