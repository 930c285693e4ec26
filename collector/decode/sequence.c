#include "collector/decode/sequence.h"

// A larger jump forward is no loss that any network makes: the exporter began anew.
#define JUMP_MAX 0x00ffffff

static void remember(struct sequence *s, uint32_t number)
{
    s->recent[s->recent_at] = number;
    s->recent_at = (uint8_t)((s->recent_at + 1) % SEQUENCE_RECENT_MAX);
    if (s->recent_count < SEQUENCE_RECENT_MAX)
        s->recent_count++;
}

static bool is_recent(const struct sequence *s, uint32_t number)
{
    for (unsigned i = 0; i < s->recent_count; i++)
        if (s->recent[i] == number)
            return true;
    return false;
}

// Whether the number is behind the oldest one remembered, where nothing late can be told apart.
static bool is_before_recent(const struct sequence *s, uint32_t number)
{
    if (s->recent_count == 0)
        return true;
    unsigned oldest = s->recent_count < SEQUENCE_RECENT_MAX ? 0 : s->recent_at;
    return (int32_t)(number - s->recent[oldest]) < 0;
}

static void restart(struct sequence *s, uint32_t number, uint32_t step)
{
    s->recent_count = 0;
    s->recent_at = 0;
    s->next = number + step;
    if (step != 0)
        remember(s, number);
}

static void take_late(struct sequence *s, uint32_t number, uint32_t step)
{
    if (is_recent(s, number)) {
        s->duplicates++;
        return;
    }
    s->reordered++;
    s->taken += step;
    s->lost -= step < s->lost ? step : s->lost;
    remember(s, number);
}

void sequence_take(struct sequence *s, uint32_t number, uint32_t step)
{
    int32_t ahead = (int32_t)(number - s->next);
    bool late = s->started && !s->believe && ahead < 0 && !is_before_recent(s, number);
    s->taken += late ? 0 : step;
    if (!s->started || s->believe) {
        s->started = true;
        s->believe = false;
        restart(s, number, step);
    } else if (ahead >= 0 && ahead <= JUMP_MAX) {
        s->lost += (uint32_t)ahead;
        s->next = number + step;
        if (step != 0) // messages without records have the number of the one that follows
            remember(s, number);
    } else if (late) {
        take_late(s, number, step);
    } else {
        s->resets++;
        restart(s, number, step);
    }
}

void sequence_take_unknown(struct sequence *s, uint32_t number)
{
    sequence_take(s, number, 0);
    s->believe = true;
}
