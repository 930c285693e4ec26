// Losses as operators read them: on a page, in the metrics, as the answer of /__health. The same in
// both daemons. Any thread, over a copy of loss_watch_copy.
#pragma once

#include "common/base/http.h"
#include "common/base/loss.h"
#include "common/base/metrics.h"

#include <stdio.h>

// Those that last with what to do about them, then those of before.
void loss_put_text(FILE *out, const struct loss losses[static LOSS_COUNT], int64_t now_ns);

// The value of a member: an array, the current ones first.
void loss_put_json(FILE *out, const struct loss losses[static LOSS_COUNT]);

void loss_metrics(struct metrics *m, const struct loss losses[static LOSS_COUNT]);

// 200 "OK", 200 "degraded: ..." or 503 "Not OK: ...".
void loss_answer_health(const struct loss losses[static LOSS_COUNT], struct http_answer *answer);

// Adds one string of JSON, quotes included.
void loss_put_string(FILE *out, const char *text);
