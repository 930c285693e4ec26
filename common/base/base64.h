// Base64 with padding (RFC 4648, section 4).
#pragma once

#include "common/base/buf.h"

#include <stddef.h>

// Appends the text of those bytes, without a line break: nothing at all when there are none.
void buf_base64(struct buf *b, const void *bytes, size_t len);
