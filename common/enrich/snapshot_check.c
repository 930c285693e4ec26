#include "common/enrich/snapshot_check.h"

#include <time.h>

static bool given(const char *path)
{
    return path != NULL && *path != '\0';
}

static void put_database(struct check *check, const char *what, const char *path, size_t prefixes,
                         uint64_t built)
{
    char day[32] = "";
    time_t when = (time_t)built;
    struct tm utc;
    if (gmtime_r(&when, &utc) != NULL)
        strftime(day, sizeof day, "%Y-%m-%d", &utc);
    check_line(check, "%s %s: %zu prefixes, built %s", what, path, prefixes, day);
}

void snapshot_check(struct check *check, const struct snapshot_options *options)
{
    struct snapshot_facts facts;
    if (!given(options->context_path) && !given(options->asn_path) && !given(options->country_path))
        return;
    check_heading(check, "enrichment");
    struct snapshot *snapshot = snapshot_new(options);
    if (snapshot == NULL) {
        check->failed = true;
        return;
    }
    snapshot_facts(snapshot, &facts);
    if (given(options->context_path))
        check_line(check, "context %s: %zu networks", options->context_path, facts.networks);
    if (given(options->asn_path))
        put_database(check, "systems", options->asn_path, facts.asn_prefixes, facts.asn_built);
    if (given(options->country_path))
        put_database(check, "countries", options->country_path, facts.country_prefixes,
                     facts.country_built);
    check_line(check, "%zu MiB of memory for all of it", facts.bytes >> 20);
    snapshot_unref(snapshot);
}
