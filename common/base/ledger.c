#include "common/base/ledger.h"

#include "common/base/log.h"

void ledger_add(struct ledger *sum, const struct ledger *part)
{
    sum->datagrams_received += part->datagrams_received;
    sum->datagrams_parsed += part->datagrams_parsed;
    sum->bytes_received += part->bytes_received;
    sum->units_received += part->units_received;
    sum->units_decoded += part->units_decoded;
    sum->units_held += part->units_held;
    sum->flows_made += part->flows_made;
    sum->flows_delivered += part->flows_delivered;
    sum->flows_filtered += part->flows_filtered;
    sum->flows_waiting += part->flows_waiting;
    for (int i = 0; i < REASON_COUNT; i++)
        sum->reasons[i] += part->reasons[i];
}

uint64_t ledger_lost(const struct ledger *ledger, enum reason_class class)
{
    uint64_t lost = 0;
    for (int i = 0; i < REASON_COUNT; i++)
        if (reason_class((enum reason)i) == class)
            lost += ledger->reasons[i];
    return lost;
}

bool ledger_balanced(const struct ledger *l)
{
    return l->datagrams_received == l->datagrams_parsed + ledger_lost(l, REASON_CLASS_DATAGRAM) &&
           l->units_received ==
               l->units_decoded + l->units_held + ledger_lost(l, REASON_CLASS_UNIT) &&
           l->flows_made == l->flows_delivered + l->flows_filtered + l->flows_waiting +
                                ledger_lost(l, REASON_CLASS_FLOW);
}

void ledger_log(const struct ledger *l)
{
    log_info("ledger datagrams", "received", log_unsigned(l->datagrams_received).text, "parsed",
             log_unsigned(l->datagrams_parsed).text, "refused",
             log_unsigned(ledger_lost(l, REASON_CLASS_DATAGRAM)).text);
    log_info("ledger sets and samples", "received", log_unsigned(l->units_received).text, "decoded",
             log_unsigned(l->units_decoded).text, "held", log_unsigned(l->units_held).text,
             "dropped", log_unsigned(ledger_lost(l, REASON_CLASS_UNIT)).text);
    ledger_log_flows(l);
}

void ledger_log_flows(const struct ledger *l)
{
    log_info("ledger flows", "made", log_unsigned(l->flows_made).text, "delivered",
             log_unsigned(l->flows_delivered).text, "filtered",
             log_unsigned(l->flows_filtered).text, "waiting", log_unsigned(l->flows_waiting).text,
             "failed", log_unsigned(ledger_lost(l, REASON_CLASS_FLOW)).text);
    for (int i = 0; i < REASON_COUNT; i++)
        if (l->reasons[i] != 0)
            log_info("ledger reason", "reason", reason_label((enum reason)i), "count",
                     log_unsigned(l->reasons[i]).text, "what", reason_text((enum reason)i));
    if (!ledger_balanced(l))
        log_error("ledger does not balance: this is a bug, please report it");
}
