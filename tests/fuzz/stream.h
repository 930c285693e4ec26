// Several datagrams of several exporters in one input, so that templates, options and held sets
// meet: for each datagram a byte that says who sends it and when, two bytes of length, its bytes.
#pragma once

#include "collector/decode/decode.h"
#include "common/base/cursor.h"

// Gives them to the decoder one by one; after each the books must balance.
void stream_run(struct decoder *decoder, enum decode_scheme scheme, struct cursor *input,
                const struct ledger *ledger);
