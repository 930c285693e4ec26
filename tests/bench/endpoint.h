// "127.0.0.1:2055" of the benches' command lines.
#pragma once

#include <netinet/in.h>

// 0, or -1 after one line on stderr.
int endpoint_parse(struct sockaddr_in *out, const char *text);
