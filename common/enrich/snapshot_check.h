// What -check says of the context and the databases.
#pragma once

#include "common/base/check.h"
#include "common/enrich/snapshot.h"

// Loads them, and says what they hold.
void snapshot_check(struct check *check, const struct snapshot_options *options);
