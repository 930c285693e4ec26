// A yaml file of names and values, where blocks only shorten names:
//
//   transport.nats:            transport.nats.stream: flows
//     stream: flows       is   templates.nats.bucket: t
//   templates.nats.bucket: t
//
// One thread at a time.
#pragma once

#include "common/base/conf.h"

#define CONF_WALK_NAME_MAX  255 // bytes of a name, all blocks included
#define CONF_WALK_DEPTH_MAX 16

// Called for each value with its name, in the order of the file. A list of values is one value, its
// items joined by commas; of one that is not there the text is NULL. Both are borrowed for the
// call. 0, or -1 after conf_fail.
typedef int conf_visit(struct conf *conf, const char *name, const struct conf_text *value);

// 0, or -1 with the fault filled. `context` is what conf_context gives to `visit`.
int conf_walk(const char *path, conf_visit *visit, void *context, struct fault *fault);
