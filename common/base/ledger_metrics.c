#include "common/base/ledger_metrics.h"

#include "common/base/build.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
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

// Unix time of the boot; 0 when it is not told.
static double boot_seconds(void)
{
    char line[256];
    unsigned long long seconds = 0;
    FILE *in = fopen("/proc/stat", "re");
    if (in == NULL)
        return 0;
    while (fgets(line, sizeof line, in) != NULL)
        if (sscanf(line, "btime %llu", &seconds) == 1)
            break;
    fclose(in);
    return (double)seconds;
}

// proc(5): starttime is the 20th field behind the name, which may hold blanks and brackets.
static double start_seconds(void)
{
    char line[1024];
    unsigned long long ticks = 0;
    FILE *in = fopen("/proc/self/stat", "re");
    if (in == NULL)
        return 0;
    size_t len = fread(line, 1, sizeof line - 1, in);
    fclose(in);
    line[len] = '\0';
    const char *rest = strrchr(line, ')');
    if (rest == NULL || sscanf(rest,
                               ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                               "%*s %*s %*s %*s %llu",
                               &ticks) != 1)
        return 0;
    return boot_seconds() + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

// Less the one that counts them.
static double open_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count == 0 ? 0 : count - 1;
}

void ledger_metrics_process(struct metrics *m)
{
    struct rlimit descriptors = {.rlim_cur = 0};
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    double system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    put(m, "process_cpu_seconds_total", METRICS_COUNTER,
        "Total user and system CPU time spent in seconds.", user_s + system_s);
    put(m, "process_resident_memory_bytes", METRICS_GAUGE, "Resident memory size in bytes.",
        resident_bytes());
    put(m, "process_start_time_seconds", METRICS_GAUGE,
        "Start time of the process since unix epoch in seconds.", start_seconds());
    put(m, "process_open_fds", METRICS_GAUGE, "Number of open file descriptors.",
        open_descriptors());
    getrlimit(RLIMIT_NOFILE, &descriptors);
    put(m, "process_max_fds", METRICS_GAUGE, "Maximum number of open file descriptors.",
        (double)descriptors.rlim_cur);
    metrics_family(m, "goflow2plus_build_info", METRICS_GAUGE, "The build that runs; always 1.");
    metrics_add(m, 1, "version", build_version());
}
