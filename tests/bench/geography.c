#include "tests/bench/geography.h"

#include "tests/bench/database.h"
#include "tests/bench/random.h"
#include "tests/bench/space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define SYSTEM_COUNT  60000
#define COUNTRY_COUNT 240
#define OUTER_FROM    1024 // networks

#define CONTEXT_IPV4_BLOCKS 112
#define CONTEXT_BLOCKS      (CONTEXT_IPV4_BLOCKS + 8)
#define CONTEXT_NAME_STEP   ((size_t)1000000) // names of one block's networks do not meet another's
#define DATABASE_BUILT      UINT64_C(1767225600)

struct region {
    uint32_t at;
    uint32_t end;
    uint8_t is_ipv6;
};

static unsigned floor_log2(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value | 1);
}

// The next prefix of a region of which `left` are still to come: about its share of what is left,
// halved or doubled by chance, as far as its beginning is aligned for it.
static struct geography_prefix take_prefix(struct region *region, size_t left, uint64_t *random)
{
    uint64_t share = (uint64_t)(region->end - region->at) / left;
    unsigned host_bits = floor_log2(share);
    uint64_t turn = random_below(random, 4);
    if (turn == 0)
        host_bits++;
    if (turn == 1 && host_bits > 0)
        host_bits--;
    while (host_bits > 0 && (region->at % (UINT32_C(1) << host_bits) != 0 ||
                             region->end - region->at < (UINT32_C(1) << host_bits) + left - 1))
        host_bits--;
    struct geography_prefix prefix = {
        .first = region->at, .bits = (uint8_t)(32 - host_bits), .is_ipv6 = region->is_ipv6};
    region->at += UINT32_C(1) << host_bits;
    return prefix;
}

static size_t draw_region(struct region region, size_t count, uint64_t *random,
                          struct geography_prefix *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = take_prefix(&region, count - i, random);
    return count;
}

struct geography_prefix *geography_draw(size_t count, uint64_t seed)
{
    struct geography_prefix *out = calloc(count, sizeof *out);
    if (out == NULL)
        return NULL;
    size_t ipv6_count = count / 5;
    size_t made = draw_region((struct region){SPACE_IPV4_FIRST, SPACE_IPV4_END, 0},
                              count - ipv6_count, &seed, out);
    draw_region((struct region){SPACE_IPV6_FIRST, SPACE_IPV6_END, 1}, ipv6_count, &seed,
                out + made);
    return out;
}

static uint32_t put_asn(struct database *database, unsigned number)
{
    char name[32];
    snprintf(name, sizeof name, "Example Network %u", number);
    uint32_t at = database_map(database, 2);
    database_text(database, "autonomous_system_number");
    database_number(database, 4200000000u + number);
    database_text(database, "autonomous_system_organization");
    database_text(database, name);
    return at;
}

static uint32_t put_country(struct database *database, unsigned number)
{
    const char code[] = {(char)('A' + number / 16), (char)('A' + number % 16), '\0'};
    uint32_t at = database_map(database, 1);
    database_text(database, "country");
    database_map(database, 1);
    database_text(database, "iso_code");
    database_text(database, code);
    return at;
}

static void fill(struct database *database, enum geography_kind kind,
                 const struct geography_prefix *prefixes, size_t count)
{
    static uint32_t records[SYSTEM_COUNT];
    unsigned total = kind == GEOGRAPHY_ASN ? SYSTEM_COUNT : COUNTRY_COUNT;
    uint64_t random = 3;
    for (unsigned i = 0; i < total; i++)
        records[i] = kind == GEOGRAPHY_ASN ? put_asn(database, i) : put_country(database, i);
    for (size_t i = 0; i < count; i++)
        database_prefix(database, &prefixes[i], records[random_below(&random, total)]);
}

int geography_write_database(const char *path, enum geography_kind kind, size_t prefixes)
{
    int result = -ENOMEM;
    struct geography_prefix *drawn = geography_draw(prefixes, (uint64_t)kind + 1);
    struct database *database = database_new();
    if (drawn == NULL || database == NULL)
        goto out;
    fill(database, kind, drawn, prefixes);
    result = database_write(database, path,
                            kind == GEOGRAPHY_ASN ? "GeoLite2-ASN" : "GeoLite2-Country",
                            DATABASE_BUILT);
out:
    database_free(database);
    free(drawn);
    return result;
}

static void print_cidr(FILE *out, const struct geography_prefix *prefix)
{
    char text[INET6_ADDRSTRLEN];
    uint32_t words[4] = {htonl(prefix->first)};
    inet_ntop(prefix->is_ipv6 ? AF_INET6 : AF_INET, words, text, sizeof text);
    fprintf(out, "%s/%u", text, prefix->bits);
}

static void print_network(FILE *out, const struct geography_prefix *prefix, size_t number)
{
    fprintf(out, "  - name: network-%zu\n    cidr: ", number);
    print_cidr(out, prefix);
    fprintf(out, "\n    context: {application: app-%zu, tier: tier-%zu}\n", number % 1000,
            number % 7);
}

// Every second /8 of IPv4 and /16 of IPv6.
static struct region context_block(unsigned number)
{
    if (number < CONTEXT_IPV4_BLOCKS) {
        uint32_t first = SPACE_IPV4_FIRST + number * (UINT32_C(2) << 24);
        return (struct region){first, first + (UINT32_C(1) << 24), 0};
    }
    uint32_t first = SPACE_IPV6_FIRST + (number - CONTEXT_IPV4_BLOCKS) * (UINT32_C(2) << 16);
    return (struct region){first, first + (UINT32_C(1) << 16), 1};
}

static void print_outer(FILE *out, unsigned number, const struct region *block)
{
    struct geography_prefix outer = {
        .first = block->at, .bits = block->is_ipv6 ? 16 : 8, .is_ipv6 = block->is_ipv6};
    fprintf(out, "  - name: block-%u\n    cidr: ", number);
    print_cidr(out, &outer);
    fprintf(out, "\n    context: {region: region-%u}\n", number);
}

static void print_block(FILE *out, unsigned number, size_t count, bool has_outer, uint64_t *random)
{
    struct region block = context_block(number);
    if (has_outer)
        print_outer(out, number, &block);
    for (size_t left = has_outer ? count - 1 : count; left > 0; left--) {
        struct geography_prefix prefix = take_prefix(&block, left, random);
        print_network(out, &prefix, number * CONTEXT_NAME_STEP + left);
    }
}

int geography_write_context(const char *path, size_t networks)
{
    uint64_t random = 4;
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return -errno;
    fputs("networks:\n", out);
    for (unsigned i = 0; i < CONTEXT_BLOCKS; i++) {
        size_t count = networks * (i + 1) / CONTEXT_BLOCKS - networks * i / CONTEXT_BLOCKS;
        print_block(out, i, count, networks >= OUTER_FROM, &random);
    }
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? -EIO : 0;
}
