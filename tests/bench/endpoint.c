#include "tests/bench/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int endpoint_parse(struct sockaddr_in *out, const char *text)
{
    char host[INET_ADDRSTRLEN];
    char *end = NULL;
    const char *colon = strrchr(text, ':');
    size_t host_len = colon == NULL ? sizeof host : (size_t)(colon - text);
    *out = (struct sockaddr_in){.sin_family = AF_INET};
    if (host_len >= sizeof host)
        goto out;
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    unsigned long port = strtoul(colon + 1, &end, 10);
    out->sin_port = htons((uint16_t)port);
    if (end != colon + 1 && *end == '\0' && port > 0 && port < 65536 &&
        inet_pton(AF_INET, host, &out->sin_addr) == 1)
        return 0;
out:
    dprintf(STDERR_FILENO, "got \"%s\", wanted an IPv4 address and a port: 127.0.0.1:2055\n", text);
    return -1;
}
