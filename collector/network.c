#include "collector/network.h"

#include <stdlib.h>
#include <string.h>

#define MAPPED_BITS 96 // of ::ffff:0:0/96

static int refuse(struct fault *fault, const char *text)
{
    return fault_set(fault, "got \"%s\", wanted a network such as 192.0.2.0/24 or 2001:db8::/32",
                     text);
}

static void unmap(struct prefix *network)
{
    if (network->addr.len != 16 || network->bits < MAPPED_BITS ||
        !addr_is_mapped(network->addr.bytes))
        return;
    network->addr = addr_of(network->addr.bytes, 16);
    network->bits -= MAPPED_BITS;
}

int network_parse(struct prefix *out, const char *text, struct fault *fault)
{
    char room[PREFIX_TEXT_MAX];
    enum prefix_error error = prefix_parse(out, text);
    if (error == PREFIX_NO_SLASH && addr_parse(&out->addr, text) == 0)
        out->bits = out->addr.len * 8;
    else if (error != PREFIX_OK)
        return refuse(fault, text);
    unmap(out);
    struct prefix network = prefix_mask(out);
    if (addr_equal(&network.addr, &out->addr))
        return 0;
    return fault_set(fault, "got \"%s\", which has host bits set, wanted %s", text,
                     prefix_string(room, &network));
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len != 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
    return text;
}

int list_parse(const char *text, list_visit *visit, void *user, struct fault *fault)
{
    int result = 0;
    char *copy = strdup(text);
    char *rest = copy;
    char *one;
    if (copy == NULL)
        return fault_set(fault, "out of memory");
    while (*text != '\0' && result == 0 && (one = strsep(&rest, ",")) != NULL)
        result = visit(user, trim(one), fault);
    free(copy);
    return result;
}

struct networks {
    struct prefix *items;
    size_t max;
    size_t count;
};

static int add_network(void *user, char *text, struct fault *fault)
{
    struct networks *networks = user;
    if (networks->count == networks->max)
        return fault_set(fault, "got more than %zu networks", networks->max);
    return network_parse(&networks->items[networks->count++], text, fault);
}

int networks_parse(struct prefix *out, size_t max, const char *text, struct fault *fault)
{
    struct networks networks = {.items = out, .max = max};
    return list_parse(text, add_network, &networks, fault) == 0 ? (int)networks.count : -1;
}
