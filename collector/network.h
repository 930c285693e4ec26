// Networks as the operator writes them on the command line or in a list.
#pragma once

#include "common/base/addr.h"
#include "common/base/fault.h"

// Reads "10.0.0.0/8", "2001:db8::/32", or one address. IPv4-mapped IPv6 becomes IPv4. 0, or -1 and
// a fault that says what, got and wanted: host bits are refused, with the network meant.
int network_parse(struct prefix *out, const char *text, struct fault *fault);

// Visits each item of a comma-separated list ("" has none), without the blanks around it; the visit
// may write into it. Ends at the first that does not return 0, which has filled the fault: then -1.
typedef int list_visit(void *user, char *item, struct fault *fault);
int list_parse(const char *text, list_visit *visit, void *user, struct fault *fault);

// Reads a comma-separated list of them ("" is none), blanks around each passed over: how many, or
// -1 and a fault. More than `max` is one.
int networks_parse(struct prefix *out, size_t max, const char *text, struct fault *fault);
