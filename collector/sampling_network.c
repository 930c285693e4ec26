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

int sampling_networks_parse(struct sampling_network out[static SAMPLING_NETWORKS_MAX],
                            const char *text, struct fault *fault)
{
    int count = 0;
    int result = 0;
    char *copy = strdup(text);
    char *rest = copy;
    char *one;
    if (copy == NULL)
        return fault_set(fault, "out of memory");
    while (*text != '\0' && result == 0 && (one = strsep(&rest, ",")) != NULL) {
        if (count == SAMPLING_NETWORKS_MAX)
            result = fault_set(fault, "got more than %d networks", SAMPLING_NETWORKS_MAX);
        else
            result = parse_one(&out[count++], one, fault);
    }
    free(copy);
    return result == 0 ? count : -1;
}
