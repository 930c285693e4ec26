// Writes what the enricher's benches need into a folder: a context.yaml and two databases.
#include "common/base/options.h"
#include "tests/bench/geography.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int report(const char *path, int result)
{
    if (result != 0)
        dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(-result));
    return result;
}

int main(int argc, char *argv[])
{
    const char *context = "";
    const char *asn = "";
    const char *country = "";
    int64_t networks = 100000;
    int64_t prefixes = 400000;
    const struct option table[] = {
        {"context", OPTION_STRING, &context, "context.yaml to write", "Files"},
        {"asn", OPTION_STRING, &asn, "ASN database to write", NULL},
        {"country", OPTION_STRING, &country, "country database to write", NULL},
        {"networks", OPTION_INT, &networks, "`count` of networks in context.yaml", "Sizes"},
        {"prefixes", OPTION_INT, &prefixes, "`count` of prefixes in each database", NULL},
    };
    const size_t count = sizeof table / sizeof table[0];
    int rest = 0;
    if (options_parse(table, count, argc, argv, &rest) != OPTIONS_OK || networks < 1 ||
        prefixes < 1) {
        options_help(table, count, "make_geography [options]", STDERR_FILENO);
        return 2;
    }
    int result = 0;
    if (*context != '\0')
        result |= report(context, geography_write_context(context, (size_t)networks));
    if (*asn != '\0')
        result |= report(asn, geography_write_database(asn, GEOGRAPHY_ASN, (size_t)prefixes));
    if (*country != '\0')
        result |= report(country,
                         geography_write_database(country, GEOGRAPHY_COUNTRY, (size_t)prefixes));
    return result == 0 ? 0 : 1;
}
