#include "collector/network.h"

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
