#include "collector/keep/state_file.h"

#include <string.h>

int state_refuse(const struct state_place *at, const char *member, const char *wanted)
{
    return fault_set(at->fault, "%s: \"%s\": \"%s\": %s: wanted %s", at->path, at->router, at->key,
                     member, wanted);
}

bool state_number(const char **at, char end, uint64_t most, uint64_t *out)
{
    const char *begin = *at;
    for (*out = 0; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(**at - '0'), out))
            return false;
    return *at != begin && *(*at)++ == end && *out <= most;
}

bool state_domain(struct state_place *place, const char **at, char end)
{
    uint64_t version;
    uint64_t id;
    if (!state_number(at, '/', UINT16_MAX, &version) || !state_number(at, end, UINT32_MAX, &id) ||
        (version != TEMPLATE_V9 && version != TEMPLATE_IPFIX))
        return false;
    place->domain.version = (uint8_t)version;
    place->domain.id = (uint32_t)id;
    return true;
}

// "<ip:port>", IPv6 addresses in brackets.
static bool read_router(struct domain_key *out, const char *text)
{
    char address[ADDR_TEXT_MAX];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    if (colon == NULL)
        return false;
    const char *at = colon + 1;
    size_t len = (size_t)(colon - text);
    if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof address || !state_number(&at, '\0', UINT16_MAX, &port))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (addr_parse(&out->source, address) != 0)
        return false;
    out->source = addr_of(out->source.bytes, out->source.len);
    out->port = (uint16_t)port;
    return true;
}

static int read_exporter(struct state_place *at, json_t *entries, state_entry *take, void *user)
{
    json_t *entry;
    at->key = "";
    at->domain = (struct domain_key){.port = 0};
    if (!read_router(&at->domain, at->router))
        return state_refuse(at, "the exporter", "address:port");
    if (!json_is_object(entries))
        return state_refuse(at, "what was learnt of it", "an object");
    json_object_foreach(entries, at->key, entry)
    {
        if (take(at, entry, user) != 0)
            return -1;
    }
    return 0;
}

static int read_all(struct state_place *at, json_t *root, state_entry *take, void *user)
{
    json_t *entries;
    if (!json_is_object(root))
        return fault_set(at->fault, "%s: wanted an object of exporters", at->path);
    json_object_foreach(root, at->router, entries)
    {
        if (read_exporter(at, entries, take, user) != 0)
            return -1;
    }
    return 0;
}

int state_file_read(const char *path, const char *text, size_t len, struct fault *fault,
                    state_entry *take, void *user)
{
    json_error_t error;
    struct state_place at = {.path = path, .fault = fault};
    if (len == 0)
        return 0;
    json_t *root = json_loadb(text, len, 0, &error);
    if (root == NULL)
        return fault_set(fault, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    int result = read_all(&at, root, take, user);
    json_decref(root);
    return result;
}
