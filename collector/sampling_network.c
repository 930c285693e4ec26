#include "collector/sampling_network.h"

#include "collector/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// `text` is cut at its =.
static int parse_one(struct sampling_network *out, char *text, struct fault *fault)
{
    char *equals = strchr(text, '=');
    char *end = NULL;
    if (equals == NULL)
        return fault_set(fault, "got \"%s\", wanted CIDR=N", text);
    *equals = '\0';
    errno = 0;
    unsigned long long rate = strtoull(equals + 1, &end, 10);
    if (equals[1] < '0' || equals[1] > '9' || *end != '\0' || errno != 0 || rate == 0)
        return fault_set(fault, "got the rate \"%s\", wanted a number from 1", equals + 1);
    out->rate = rate;
    return network_parse(&out->network, text, fault);
}

struct networks {
    struct sampling_network *items;
    int count;
};

static int add_network(void *user, char *text, struct fault *fault)
{
    struct networks *networks = user;
    if (networks->count == SAMPLING_NETWORKS_MAX)
        return fault_set(fault, "got more than %d networks", SAMPLING_NETWORKS_MAX);
    return parse_one(&networks->items[networks->count++], text, fault);
}

int sampling_networks_parse(struct sampling_network out[static SAMPLING_NETWORKS_MAX],
                            const char *text, struct fault *fault)
{
    struct networks networks = {.items = out};
    return list_parse(text, add_network, &networks, fault) == 0 ? networks.count : -1;
}
