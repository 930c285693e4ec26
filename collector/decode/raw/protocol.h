// The protocols of -produce raw; for raw.c only.
//
// The members of `message` without the braces around them (json), or its summary (text). What of
// the datagram cannot be read is left out or shown as bytes; a buffer that is full ends the work.
#pragma once

#include "collector/decode/decode.h"
#include "common/base/buf.h"

void raw_netflow_legacy_json(struct buf *out, const struct datagram *datagram);
void raw_netflow_legacy_text(struct buf *out, const struct datagram *datagram);

// Templates are the store's, and those of the message itself.
void raw_netflow_json(struct buf *out, const struct datagram *datagram, struct domain_store *store);
void raw_netflow_text(struct buf *out, const struct datagram *datagram);

void raw_sflow_json(struct buf *out, const struct datagram *datagram);
void raw_sflow_text(struct buf *out, const struct datagram *datagram);
struct span raw_sflow_agent(const struct datagram *datagram);
