// The templates of a file that an earlier process, of ours or of goflow2, saved: JSON of the shape
// {"<ip:port>":{"<version>/<domain>/<id>":TEMPLATE}}.
//
// Each becomes a message that announces it, as the exporter would send it, so that it is checked
// and learnt on the way of all templates. No state; any thread.
#pragma once

#include "collector/decode/decode.h"
#include "common/base/fault.h"

struct template_list {
    struct datagram *items; // each with bytes of its own; received_ns is the caller's to set
    size_t count;
    size_t left_out; // reserved ids, without fields or with too many: no exporter's templates
};

// The list is complete or empty: -1 and a fault that says where, as path:line:column or by the
// names of the members, when anything is not as it should be. No text at all is an empty list.
int template_load(struct template_list *out, const char *path, const char *text, size_t len,
                  struct fault *fault);
void template_list_fini(struct template_list *list);
