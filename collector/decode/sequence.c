#include "collector/decode/sequence.h"

#include <string.h>

// A larger jump forward is no loss that any network makes: the exporter began anew.
#define JUMP_MAX 0x00ffffff

#define SWITCH_AT       8  // how often another rule holds instead, before it takes over
#define SWITCH_AT_CLEAN 3  // the same for one that has never failed where the present one held
#define TRUST_HELD      8  // how often a rule must have held before a gap is a loss
#define TRUST_RUN       2  // and after the gap, in a row
#define SAME_MAX        16 // the same number so often is no number
#define LATE_RUN_MAX    4  // more in a row, each behind the other, and the exporter began anew
#define WINDOW          64 // failures after which a rule is judged
#define WINDOW_HELD_MIN 4  // fewer successes meanwhile: it is no rule

enum answer {
    HOLDS,
    FAILS,
    UNSURE,
};

static unsigned count_of(unsigned rule)
{
    return rule & (SEQUENCE_OWN - 1);
}

static uint32_t units_of(const struct sequence_step *step, unsigned rule)
{
    switch (count_of(rule)) {
    case SEQUENCE_RECORDS:
        return (uint32_t)step->flows + step->options;
    case SEQUENCE_FLOWS:
        return step->flows;
    case SEQUENCE_ALL:
        return (uint32_t)step->flows + step->options + step->templates;
    case SEQUENCE_DATA_DATAGRAMS:
        return step->flows + step->options != 0;
    default:
        return 1;
    }
}

// What a rule says of a datagram behind that head: whether it follows at once, or how many units
// are between them, in *gap; fewer than 0 that cannot be.
static enum answer ask(unsigned rule, const struct sequence_head *head, uint32_t number,
                       const struct sequence_step *step, int32_t *gap)
{
    const struct sequence_step *between = (rule & SEQUENCE_OWN) != 0 ? step : &head->step;
    if (!head->started || (between->unknown && count_of(rule) != SEQUENCE_DATAGRAMS))
        return UNSURE;
    *gap = (int32_t)(number - head->number - units_of(between, rule));
    return *gap == 0 ? HOLDS : FAILS;
}

static void put_head(struct sequence_head *head, uint32_t number, const struct sequence_step *step)
{
    *head = (struct sequence_head){.number = number, .step = *step, .started = true};
}

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

// Whether some number before it is remembered; else it cannot be told from a new beginning.
static bool is_late(const struct sequence *s, uint32_t number)
{
    for (unsigned i = 0; i < s->recent_count; i++)
        if (number - s->recent[i] <= JUMP_MAX)
            return true;
    return false;
}

// Goes on from this datagram. One that moves nothing has the number of a neighbour.
static void advance(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                    const struct sequence_step *step)
{
    uint32_t units = step->unknown ? 0 : units_of(step, s->rule);
    s->taken += units;
    s->late_run = 0;
    if (units != 0)
        remember(s, number);
    put_head(&s->head, number, step);
    if (shared != NULL)
        put_head(&shared->head, number, step);
}

static void forget_evidence(struct sequence *s)
{
    memset(s->against, 0, sizeof s->against);
    s->refuted = 0;
    s->pending = 0;
    s->doubted = 0;
    s->held = 0;
    s->failed = 0;
    s->run = 0;
    s->contested = false;
    s->watched = false;
}

void sequence_begin(struct sequence *s, unsigned rule)
{
    *s = (struct sequence){.rule = (uint8_t)rule, .rule_given = (uint8_t)rule};
}

static void adopt(struct sequence *s, unsigned rule)
{
    s->rule = (uint8_t)rule;
    forget_evidence(s);
}

static const struct sequence_head *head_for(const struct sequence *s,
                                            const struct sequence_shared *shared, unsigned rule)
{
    return (rule & SEQUENCE_SHARED) != 0 ? &shared->head : &s->head;
}

// The rules to hold against a datagram: those of a shared number only where it may be shared.
static unsigned rules_for(const struct sequence_shared *shared)
{
    return shared == NULL ? SEQUENCE_SHARED : SEQUENCE_RULES;
}

// Takes so many for lost, but for what came to another domain.
static void lose(struct sequence *s, struct sequence_shared *shared, uint32_t *units)
{
    uint32_t owed = shared == NULL ? 0 : shared->owed;
    uint32_t back = owed < *units ? owed : *units;
    if (shared != NULL)
        shared->owed -= back;
    s->lost += *units - back;
    *units = 0;
}

// The rule held: others that did not are refuted.
static void weigh(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                  const struct sequence_step *step)
{
    s->contested = false;
    for (unsigned rule = 0; rule < rules_for(shared); rule++) {
        int32_t gap;
        if (count_of(rule) >= SEQUENCE_COUNTS ||
            ask(rule, head_for(s, shared, rule), number, step, &gap) != FAILS) {
            s->contested |= s->against[rule] != 0;
            continue;
        }
        s->refuted |= UINT32_C(1) << rule;
        if (s->against[rule] != 0)
            s->against[rule]--;
        s->contested |= s->against[rule] != 0;
    }
    if (s->run >= TRUST_RUN && s->held >= TRUST_HELD) {
        lose(s, shared, &s->pending);
        if (!s->contested)
            lose(s, shared, &s->doubted);
    }
    s->watched = s->contested || (s->pending | s->doubted) != 0;
}

static void count_up(uint8_t *count)
{
    if (*count < UINT8_MAX)
        ++*count;
}

static bool is_plain(const struct sequence_step *step)
{
    return (step->options | step->templates) == 0;
}

// Whether it may be the newest one once more, by which rules cannot be told apart.
static bool is_again(const struct sequence *s, uint32_t number, const struct sequence_step *step)
{
    const struct sequence_step *newest = &s->head.step;
    return number == s->head.number && step->flows == newest->flows &&
           step->options == newest->options && step->templates == newest->templates;
}

static void hold(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                 const struct sequence_step *step)
{
    count_up(&s->held);
    count_up(&s->run);
    s->same = 0;
    // What is not plain is what the rules are told apart by, and so is the beginning.
    bool telling = s->watched || s->held < WINDOW || !is_plain(step) || !is_plain(&s->head.step);
    if (telling && !is_again(s, number, step))
        weigh(s, shared, number, step);
    advance(s, shared, number, step);
}

bool sequence_follow(struct sequence *s, uint32_t number, const struct sequence_step *step)
{
    int32_t gap;
    if (s->rule >= SEQUENCE_SHARED || ask(s->rule, &s->head, number, step, &gap) != HOLDS)
        return false;
    hold(s, NULL, number, step);
    return true;
}

// Counts the rules that hold where the present one failed. The one that takes over, or -1.
static int accuse(struct sequence *s, const struct sequence_shared *shared, uint32_t number,
                  const struct sequence_step *step, bool *explained)
{
    int best = -1;
    unsigned rules = is_again(s, number, step) ? 0 : rules_for(shared);
    for (unsigned rule = 0; rule < rules; rule++) {
        int32_t gap;
        if (count_of(rule) >= SEQUENCE_COUNTS ||
            ask(rule, head_for(s, shared, rule), number, step, &gap) != HOLDS)
            continue;
        bool clean = sequence_has_rule(s) && (s->refuted >> rule & 1) == 0;
        if (!*explained && !s->contested) { // nothing spoke against the rule when these were missed
            s->doubted += s->pending;
            s->pending = 0;
        }
        *explained = true;
        s->contested = true;
        count_up(&s->against[rule]);
        if (s->against[rule] >= (clean ? SWITCH_AT_CLEAN : SWITCH_AT) &&
            (best < 0 || s->against[rule] > s->against[best]))
            best = (int)rule;
    }
    return best;
}

bool sequence_may_be_shared(const struct sequence *s)
{
    bool may = sequence_has_rule(s) && s->rule >= SEQUENCE_SHARED;
    for (unsigned rule = SEQUENCE_SHARED; rule < SEQUENCE_RULES; rule++)
        may |= s->against[rule] != 0;
    return may;
}

static void begin_anew(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                       const struct sequence_step *step)
{
    s->resets++;
    s->recent_count = 0;
    s->recent_at = 0;
    advance(s, shared, number, step);
}

// Takes up to so many off the sum; how many are left.
static uint32_t take_off(uint32_t *sum, uint32_t units)
{
    uint32_t part = units < *sum ? units : *sum;
    *sum -= part;
    return units - part;
}

static void take_back(struct sequence *s, struct sequence_shared *shared, uint32_t units)
{
    units = take_off(&s->pending, units);
    units = take_off(&s->doubted, units);
    uint32_t part = units < s->lost ? units : (uint32_t)s->lost;
    s->lost -= part;
    if (shared != NULL && shared->owed < JUMP_MAX)
        shared->owed += units - part;
}

static void add_gap(uint32_t *sum, int32_t gap)
{
    if (gap > 0 && gap <= JUMP_MAX && *sum < JUMP_MAX)
        *sum += (uint32_t)gap;
}

// Whether rules that may yet take over see the same gap.
static bool is_undisputed(const struct sequence *s, const struct sequence_shared *shared,
                          uint32_t number, const struct sequence_step *step, int32_t gap)
{
    if (shared != NULL && !shared->head.started)
        return false;
    for (unsigned rule = 0; rule < rules_for(shared); rule++) {
        int32_t other = 0;
        if (s->against[rule] != 0 &&
            (ask(rule, head_for(s, shared, rule), number, step, &other) == UNSURE || other != gap))
            return false;
    }
    return true;
}

static void take_late(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                      const struct sequence_step *step)
{
    bool own = (s->rule & SEQUENCE_OWN) != 0;
    uint32_t units = step->unknown ? 0 : units_of(step, s->rule);
    bool follows = s->late_run != 0 && number - (own ? units : 0) == s->late_end;
    s->late_run = (uint8_t)(follows ? s->late_run + 1 : 1);
    s->late_end = number + (own ? 0 : units);
    if (s->late_run > LATE_RUN_MAX) {
        begin_anew(s, shared, number, step);
        return;
    }
    s->reordered++;
    s->taken += units;
    if (units != 0)
        remember(s, number);
    take_back(s, (s->rule & SEQUENCE_SHARED) != 0 ? shared : NULL, units);
}

static bool is_behind(const struct sequence *s, const struct sequence_shared *shared,
                      uint32_t number)
{
    uint32_t newest = head_for(s, shared, s->rule)->number;
    return (int32_t)(number - newest) < 0 && is_late(s, number);
}

// A datagram that no rule explains: something is missing, late or twice.
static void take_odd(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                     const struct sequence_step *step, int32_t gap)
{
    int32_t ahead = (int32_t)(number - head_for(s, shared, s->rule)->number);
    if (ahead > 0 && ahead <= JUMP_MAX) {
        add_gap(is_undisputed(s, shared, number, step, gap) ? &s->pending : &s->doubted, gap);
        s->watched = true;
        advance(s, shared, number, step);
    } else if (is_recent(s, number)) {
        s->duplicates++;
    } else if (ahead < 0 && is_late(s, number)) {
        take_late(s, shared, number, step);
    } else {
        begin_anew(s, shared, number, step);
    }
}

// Whether the same number came so often that it counts nothing.
static bool stands_still(struct sequence *s, uint32_t number, const struct sequence_step *step)
{
    s->same = (uint8_t)(number != s->head.number ? 0 : s->same + (step->flows != 0));
    if (s->same < SAME_MAX)
        return false;
    uint64_t taken_twice = s->same - 1u; // as it seemed
    s->duplicates -= taken_twice < s->duplicates ? taken_twice : s->duplicates;
    s->same = 0;
    return true;
}

// A rule that hardly ever holds is none.
static bool is_void(struct sequence *s)
{
    if (++s->failed < WINDOW)
        return false;
    bool is = s->held < WINDOW_HELD_MIN;
    s->failed = 0;
    s->held = 0;
    return is;
}

// The rule to go on with; the present one where it may still be right.
static unsigned judge(struct sequence *s, const struct sequence_shared *shared, uint32_t number,
                      const struct sequence_step *step, bool *explained)
{
    int better = accuse(s, shared, number, step, explained);
    if (better >= 0)
        return (unsigned)better;
    if (stands_still(s, number, step))
        return SEQUENCE_NOTHING;
    if (!*explained && is_recent(s, number))
        return s->rule;
    s->run = 0;
    return is_void(s) ? SEQUENCE_NO_RULE : s->rule;
}

static bool fail(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                 const struct sequence_step *step, int32_t gap)
{
    bool explained = false;
    unsigned rule = judge(s, shared, number, step, &explained);
    if (rule != s->rule) {
        adopt(s, rule);
        advance(s, shared, number, step);
        return true;
    }
    // Numbers go back under no rule of one stream, but they seem to where streams are taken for
    // one.
    if (!explained || is_behind(s, shared, number)) {
        take_odd(s, shared, number, step, gap);
        return false;
    }
    s->watched = true;
    add_gap(&s->doubted, gap);
    advance(s, shared, number, step);
    return false;
}

// Without a rule: whether one of them holds often enough.
static bool seek(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                 const struct sequence_step *step)
{
    bool explained = false;
    int better = accuse(s, shared, number, step, &explained);
    if (better >= 0)
        adopt(s, (unsigned)better);
    else if (++s->failed == WINDOW)
        forget_evidence(s);
    advance(s, shared, number, step);
    return better >= 0;
}

// The step is not known: the number is taken as it comes, unless it came before.
static void take_unsure(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                        const struct sequence_step *step)
{
    bool behind = (int32_t)(number - s->head.number) < 0;
    if (behind && is_recent(s, number))
        s->duplicates++;
    else if (behind && is_late(s, number))
        s->reordered++;
    else
        advance(s, shared, number, step);
}

static bool take(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                 const struct sequence_step *step)
{
    int32_t gap;
    if (s->rule == SEQUENCE_NOTHING && number != s->head.number) {
        adopt(s, s->rule_given);
        s->head.started = false;
    }
    if (!s->head.started || s->rule == SEQUENCE_NOTHING) {
        advance(s, shared, number, step);
        return false;
    }
    if (s->rule == SEQUENCE_NO_RULE)
        return seek(s, shared, number, step);
    if (shared == NULL && (s->rule & SEQUENCE_SHARED) != 0) { // without memory for what is shared
        advance(s, NULL, number, step);
        return false;
    }
    switch (ask(s->rule, head_for(s, shared, s->rule), number, step, &gap)) {
    case HOLDS:
        hold(s, shared, number, step);
        return false;
    case FAILS:
        return fail(s, shared, number, step, gap);
    case UNSURE:
        take_unsure(s, shared, number, step);
        break;
    }
    return false;
}

bool sequence_take(struct sequence *s, struct sequence_shared *shared, uint32_t number,
                   const struct sequence_step *step)
{
    bool changed = take(s, shared, number, step);
    // What is late in its own stream is not in one of several.
    if (shared != NULL && s->rule < SEQUENCE_SHARED &&
        (!shared->head.started || (int32_t)(number - shared->head.number) > 0))
        put_head(&shared->head, number, step);
    return changed;
}
