#include "common/base/reason.h"

#include <assert.h>

static const struct {
    enum reason_class class;
    const char *label;
    const char *text;
} REASONS[REASON_COUNT] = {
#define REASON(id, class, label, text) {REASON_CLASS_##class, label, text},
#include "common/base/reason.def"
#undef REASON
};

enum reason_class reason_class(enum reason reason)
{
    assert(reason < REASON_COUNT);
    return REASONS[reason].class;
}

const char *reason_label(enum reason reason)
{
    assert(reason < REASON_COUNT);
    return REASONS[reason].label;
}

const char *reason_text(enum reason reason)
{
    assert(reason < REASON_COUNT);
    return REASONS[reason].text;
}
