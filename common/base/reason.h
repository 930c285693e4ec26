// The reasons of reason.def as numbers, with their labels and texts.
#pragma once

#include <stdint.h>

enum reason_class {
    REASON_CLASS_DATAGRAM,
    REASON_CLASS_UNIT,
    REASON_CLASS_FLOW,
    REASON_CLASS_NOTE,
};

enum reason {
#define REASON(id, class, label, text) REASON_##id,
#include "common/base/reason.def"
#undef REASON
    REASON_COUNT,
};

enum reason_class reason_class(enum reason reason);
const char *reason_label(enum reason reason);
const char *reason_text(enum reason reason);
