// The names in the files of what was learnt: of exporters and their domains and templates.
//
// No state; any thread.
#pragma once

#include "collector/decode/domain.h"

// "<ip:port>", IPv6 addresses in brackets: 0, or -1. The rest of the key stays as it is.
int state_name_router(struct domain_key *out, const char *text);

// A decimal number of at most `most` with the character `end` behind it, which *at is moved past.
bool state_name_number(const char **at, char end, uint64_t most, uint64_t *out);
