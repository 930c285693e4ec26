// The Host header of a request (RFC 9110, section 7.2): whether the asker means this server.
//
// A page of another site can have a browser inside ask here, by a name of its own that it lets
// stand for an address inside; what came in answer it could read. Its name is none of ours.
#pragma once

#include <stdbool.h>

// `header` is an IP address, a name that no public registry gives out (localhost, one without a
// dot, in .localhost, .local or .internal), this machine's, `own` (the host of -addr), or one of
// `names`, a comma list; any of them with a port. NULL, no header, is allowed: browsers send one.
bool http_host_allowed(const char *header, const char *own, const char *names);
