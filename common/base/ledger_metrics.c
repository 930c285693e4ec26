#include "common/base/ledger_metrics.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void put(struct metrics *m, const char *name, enum metrics_type type, const char *help,
                double value)
{
    metrics_family(m, name, type, help);
    metrics_add(m, value);
}

// Every reason of the class, those that never happened too: an alert on a series needs it to exist.
static void put_reasons(struct metrics *m, const struct ledger *ledger, enum reason_class class,
                        const char *name, const char *help)
{
    metrics_family(m, name, METRICS_COUNTER, help);
    for (int i = 0; i < REASON_COUNT; i++)
        if (reason_class((enum reason)i) == class)
            metrics_add(m, (double)ledger->reasons[i], "reason", reason_label((enum reason)i));
}

void ledger_metrics_input(struct metrics *m, const struct ledger *l)
{
    put(m, "goflow2plus_datagrams_received_total", METRICS_COUNTER, "Datagrams received.",
        (double)l->datagrams_received);
    put(m, "goflow2plus_datagrams_parsed_total", METRICS_COUNTER,
        "Datagrams whose header was read.", (double)l->datagrams_parsed);
    put_reasons(m, l, REASON_CLASS_DATAGRAM, "goflow2plus_datagrams_refused_total",
                "Datagrams refused, by reason.");
    put(m, "goflow2plus_received_bytes_total", METRICS_COUNTER, "Bytes of datagrams received.",
        (double)l->bytes_received);
    put(m, "goflow2plus_units_received_total", METRICS_COUNTER,
        "NetFlow and IPFIX sets and sFlow samples received.", (double)l->units_received);
    put(m, "goflow2plus_units_decoded_total", METRICS_COUNTER, "Sets and samples decoded.",
        (double)l->units_decoded);
    put(m, "goflow2plus_units_held", METRICS_GAUGE, "Sets that wait for their template.",
        (double)l->units_held);
    put_reasons(m, l, REASON_CLASS_UNIT, "goflow2plus_units_dropped_total",
                "Sets and samples dropped, by reason.");
}

void ledger_metrics_flows(struct metrics *m, const struct ledger *l)
{
    put(m, "goflow2plus_flows_made_total", METRICS_COUNTER, "Flows decoded.",
        (double)l->flows_made);
    put(m, "goflow2plus_flows_delivered_total", METRICS_COUNTER, "Flows that the output has taken.",
        (double)l->flows_delivered);
    put(m, "goflow2plus_flows_filtered_total", METRICS_COUNTER, "Flows left out on purpose.",
        (double)l->flows_filtered);
    put(m, "goflow2plus_flows_waiting", METRICS_GAUGE, "Flows that wait for the output.",
        (double)l->flows_waiting);
    put_reasons(m, l, REASON_CLASS_FLOW, "goflow2plus_flows_failed_total",
                "Flows that did not reach the output, by reason.");
    put_reasons(m, l, REASON_CLASS_NOTE, "goflow2plus_notes_total",
                "What is worth knowing and lost nothing that is counted elsewhere, by reason.");
}

static double resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL)
        return 0;
    if (fscanf(in, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(in);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

void ledger_metrics_process(struct metrics *m)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    double system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    put(m, "process_cpu_seconds_total", METRICS_COUNTER,
        "Total user and system CPU time spent in seconds.", user_s + system_s);
    put(m, "process_resident_memory_bytes", METRICS_GAUGE, "Resident memory size in bytes.",
        resident_bytes());
}
