#include "common/enrich/geo.h"

#include "common/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COPY_BYTES   65536
#define PATH_KEY_MAX 3 // keys on the way to a value, with the final NULL

struct walker {
    MMDB_s mmdb;
    enum geo_kind kind;
    const char *path;
    struct fault *fault;
    struct geo *geo;
    size_t entry_cap;
    size_t nodes_left;      // a tree has each node once; more visits are a knot
    uint32_t ipv4_node;     // the IPv4 tree inside the IPv6 one, or UINT32_MAX
    struct intern *offsets; // of records in the data section...
    uint32_t *values;       // ...and what they were compiled to
    size_t value_cap;
};

static int corrupt(struct walker *walker, const char *what)
{
    return fault_set(walker->fault, "%s: corrupt database: %s", walker->path, what);
}

static int no_memory(struct walker *walker)
{
    return fault_set(walker->fault, "%s: out of memory", walker->path);
}

// The value at the first of `paths` that holds one of the type wanted: 1, 0 when none does, -1 when
// the record cannot be read.
static int find_value(MMDB_entry_s *record, const char *const (*paths)[PATH_KEY_MAX],
                      bool (*usable)(const MMDB_entry_data_s *), MMDB_entry_data_s *out)
{
    for (; (*paths)[0] != NULL; paths++) {
        int status = MMDB_aget_value(record, out, *paths);
        if (status == MMDB_SUCCESS && out->has_data && usable(out))
            return 1;
        if (status != MMDB_SUCCESS && status != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR &&
            status != MMDB_INVALID_LOOKUP_PATH_ERROR)
            return -1;
    }
    return 0;
}

static bool is_code_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_country(const MMDB_entry_data_s *data)
{
    return data->type == MMDB_DATA_TYPE_UTF8_STRING && data->data_size == 2 &&
           is_code_letter(data->utf8_string[0]) && is_code_letter(data->utf8_string[1]);
}

static bool is_text(const MMDB_entry_data_s *data)
{
    return data->type == MMDB_DATA_TYPE_UTF8_STRING && data->data_size != 0;
}

// "AS64500", "64500"; 0 when it is neither.
static uint32_t parse_asn(const char *text, size_t len)
{
    uint64_t number = 0;
    size_t i = len > 2 && (text[0] | 0x20) == 'a' && (text[1] | 0x20) == 's' ? 2 : 0;
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        number = number * 10 + (uint64_t)(text[i] - '0');
        if (number > UINT32_MAX)
            return 0;
    }
    return (uint32_t)number;
}

static uint32_t asn_of(const MMDB_entry_data_s *data)
{
    switch (data->type) {
    case MMDB_DATA_TYPE_UINT16:
        return data->uint16;
    case MMDB_DATA_TYPE_UINT32:
        return data->uint32;
    case MMDB_DATA_TYPE_INT32:
        return data->int32 < 0 ? 0 : (uint32_t)data->int32;
    case MMDB_DATA_TYPE_UINT64:
        return data->uint64 > UINT32_MAX ? 0 : (uint32_t)data->uint64;
    case MMDB_DATA_TYPE_UTF8_STRING:
        return parse_asn(data->utf8_string, data->data_size);
    default:
        return 0;
    }
}

static bool is_asn(const MMDB_entry_data_s *data)
{
    return asn_of(data) != 0;
}

// Compiles a record to a number of geo->values, 0 when it says nothing of use. -1: corrupt. Where
// the network is decides; the country of its registry serves when that is not known. The country
// that a base represents is not where its packets are.
static int compile_country(struct walker *walker, MMDB_entry_s *record, uint32_t *value)
{
    static const char *const paths[][PATH_KEY_MAX] = {
        {"country", "iso_code"},
        {"registered_country", "iso_code"},
        {"country_code"},
        {"country"},
        {NULL},
    };
    MMDB_entry_data_s code;
    int found = find_value(record, paths, is_country, &code);
    if (found < 0)
        return corrupt(walker, "a record cannot be read");
    *value = found == 0 ? 0 : intern_put(walker->geo->values, code.utf8_string, 2);
    return found == 1 && *value == 0 ? no_memory(walker) : 0;
}

static int compile_asn(struct walker *walker, MMDB_entry_s *record, uint32_t *value)
{
    static const char *const number_paths[][PATH_KEY_MAX] = {
        {"autonomous_system_number"},
        {"traits", "autonomous_system_number"},
        {"asn"},
        {"as_number"},
        {NULL},
    };
    static const char *const name_paths[][PATH_KEY_MAX] = {
        {"autonomous_system_organization"},
        {"traits", "autonomous_system_organization"},
        {"as_name"},
        {"name"},
        {"org"},
        {NULL},
    };
    MMDB_entry_data_s number;
    MMDB_entry_data_s name;
    int has_number = find_value(record, number_paths, is_asn, &number);
    int has_name = find_value(record, name_paths, is_text, &name);
    if (has_number < 0 || has_name < 0)
        return corrupt(walker, "a record cannot be read");
    *value = 0;
    if (has_number == 0 && has_name == 0)
        return 0;
    uint32_t asn = has_number == 1 ? asn_of(&number) : 0;
    uint8_t bytes[sizeof asn + GEO_NAME_MAX];
    size_t len = sizeof asn;
    memcpy(bytes, &asn, sizeof asn);
    if (has_name == 1)
        len += utf8_clean(bytes + len, GEO_NAME_MAX, (const uint8_t *)name.utf8_string,
                          name.data_size);
    *value = intern_put(walker->geo->values, bytes, len);
    return *value == 0 ? no_memory(walker) : 0;
}

// Many prefixes share a record: each is compiled once.
static int compile_record(struct walker *walker, MMDB_entry_s *record, uint32_t *value)
{
    uint32_t known = intern_count(walker->offsets);
    uint32_t at = intern_put(walker->offsets, &record->offset, sizeof record->offset);
    if (at == 0)
        return no_memory(walker);
    if (at <= known) {
        *value = walker->values[at - 1];
        return 0;
    }
    if (at > walker->value_cap) {
        size_t cap = 2 * (size_t)at;
        uint32_t *values = realloc(walker->values, cap * sizeof *values);
        if (values == NULL)
            return no_memory(walker);
        walker->values = values;
        walker->value_cap = cap;
    }
    int result = walker->kind == GEO_ASN ? compile_asn(walker, record, value)
                                         : compile_country(walker, record, value);
    walker->values[at - 1] = *value;
    return result;
}

static int put_entry(struct walker *walker, const struct prefix *prefix, MMDB_entry_s *record)
{
    struct geo *geo = walker->geo;
    uint32_t value = 0;
    if (compile_record(walker, record, &value) != 0)
        return -1;
    if (value == 0)
        return 0;
    if (geo->entry_count == walker->entry_cap) {
        size_t cap = walker->entry_cap == 0 ? 1024 : 2 * walker->entry_cap;
        struct lpm_entry *entries = realloc(geo->entries, cap * sizeof *entries);
        if (entries == NULL)
            return no_memory(walker);
        geo->entries = entries;
        walker->entry_cap = cap;
    }
    geo->entries[geo->entry_count++] = (struct lpm_entry){.prefix = *prefix, .value = value};
    return 0;
}

static int walk_node(struct walker *walker, uint32_t node, const struct prefix *at);

static int walk_record(struct walker *walker, const struct prefix *prefix, uint8_t type,
                       uint64_t record, MMDB_entry_s *entry)
{
    switch (type) {
    case MMDB_RECORD_TYPE_EMPTY:
        return 0;
    case MMDB_RECORD_TYPE_DATA:
        return put_entry(walker, prefix, entry);
    case MMDB_RECORD_TYPE_SEARCH_NODE:
        // ::/96 itself, and its aliases ::ffff:0:0/96, 2002::/16 and the like: walked as IPv4.
        if (prefix->addr.len == 16 && record == walker->ipv4_node)
            return 0;
        return walk_node(walker, (uint32_t)record, prefix);
    default:
        return corrupt(walker, "a tree record points nowhere");
    }
}

// Left before right, so that entries come in ascending order. Recursion ends at the bits of an
// address, and with them a loop of nodes; the count of nodes ends what is knotted otherwise.
static int walk_node(struct walker *walker, uint32_t node, const struct prefix *at)
{
    MMDB_search_node_s records;
    struct prefix next = *at;
    if (at->bits >= at->addr.len * 8)
        return corrupt(walker, "the tree is deeper than an address");
    if (walker->nodes_left-- == 0)
        return corrupt(walker, "the tree comes back to its own nodes");
    if (node >= walker->mmdb.metadata.node_count ||
        MMDB_read_node(&walker->mmdb, node, &records) != MMDB_SUCCESS)
        return corrupt(walker, "a tree node cannot be read");
    next.bits++;
    if (walk_record(walker, &next, records.left_record_type, records.left_record,
                    &records.left_record_entry) != 0)
        return -1;
    next.addr.bytes[at->bits / 8] |= (uint8_t)(0x80 >> at->bits % 8);
    return walk_record(walker, &next, records.right_record_type, records.right_record,
                       &records.right_record_entry);
}

// IPv4 in an IPv6 tree that has one record, or none, for all of it.
static int walk_undivided(struct walker *walker, const struct prefix *all)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int status = MMDB_SUCCESS;
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&walker->mmdb, (const struct sockaddr *)&any,
                                                      &status);
    if (status != MMDB_SUCCESS)
        return corrupt(walker, MMDB_strerror(status));
    return found.found_entry ? put_entry(walker, all, &found.entry) : 0;
}

static int walk_tree(struct walker *walker)
{
    const struct prefix ipv4 = {.addr.len = 4};
    const struct prefix ipv6 = {.addr.len = 16};
    const MMDB_s *mmdb = &walker->mmdb;
    // Once for each family, and half as much again for records that writers share on purpose.
    walker->nodes_left = (size_t)mmdb->metadata.node_count * 3 + 256;
    walker->ipv4_node = UINT32_MAX;
    if (mmdb->metadata.ip_version == 4)
        return walk_node(walker, 0, &ipv4);
    if (mmdb->ipv4_start_node.node_value < mmdb->metadata.node_count) {
        walker->ipv4_node = mmdb->ipv4_start_node.node_value;
        if (walk_node(walker, walker->ipv4_node, &ipv4) != 0)
            return -1;
    } else if (walk_undivided(walker, &ipv4) != 0) {
        return -1;
    }
    return walk_node(walker, 0, &ipv6);
}

static int compile(struct walker *walker)
{
    const char *type = walker->mmdb.metadata.database_type;
    int result = -1;
    walker->offsets = intern_new();
    if (walker->offsets == NULL)
        return no_memory(walker);
    if (walk_tree(walker) != 0)
        goto out;
    if (walker->geo->entry_count == 0) {
        fault_set(walker->fault, "%s: no record with %s in it, its type is \"%.60s\"", walker->path,
                  walker->kind == GEO_ASN ? "an AS" : "a country", type == NULL ? "" : type);
        goto out;
    }
    walker->geo->built = walker->mmdb.metadata.build_epoch;
    intern_freeze(walker->geo->values);
    result = 0;
out:
    intern_free(walker->offsets);
    free(walker->values);
    return result;
}

static int copy_bytes(int from, int to, size_t *len)
{
    char block[COPY_BYTES];
    ssize_t got;
    *len = 0;
    while ((got = read(from, block, sizeof block)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(to, block + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                return -1;
            done += put < 0 ? 0 : put;
        }
        *len += (size_t)got;
    }
    return 0;
}

// A private copy of the file, in memory: its descriptor, or -1.
static int copy_file(const char *path, struct fault *fault)
{
    size_t len = 0;
    int copy = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fault_set(fault, "%s: cannot be opened: %s", path, strerror(errno));
    copy = memfd_create("database", MFD_CLOEXEC);
    if (copy < 0 || copy_bytes(file, copy, &len) != 0)
        fault_set(fault, "%s: cannot be read: %s", path, strerror(errno));
    else if (len == 0)
        fault_set(fault, "%s: the file is empty, expected a MaxMind database", path);
    close(file);
    if (fault->text[0] == '\0')
        return copy;
    if (copy >= 0)
        close(copy);
    return -1;
}

int geo_load(struct geo *geo, enum geo_kind kind, const char *path, struct fault *fault)
{
    struct walker walker = {.kind = kind, .path = path, .fault = fault, .geo = geo};
    char name[32];
    *geo = (struct geo){.values = intern_new()};
    fault->text[0] = '\0';
    if (geo->values == NULL)
        return no_memory(&walker);
    int copy = copy_file(path, fault);
    if (copy < 0)
        return -1;
    // The library opens by name only.
    snprintf(name, sizeof name, "/proc/self/fd/%d", copy);
    int status = MMDB_open(name, MMDB_MODE_MMAP, &walker.mmdb);
    close(copy);
    if (status != MMDB_SUCCESS)
        return fault_set(fault, "%s: not a MaxMind database, or a damaged one: %s", path,
                         MMDB_strerror(status));
    int result = compile(&walker);
    MMDB_close(&walker.mmdb);
    return result;
}

void geo_fini(struct geo *geo)
{
    free(geo->entries);
    intern_free(geo->values);
    *geo = (struct geo){0};
}

uint32_t geo_asn(const struct intern *values, uint32_t value, struct span *name)
{
    size_t len;
    uint32_t asn;
    const uint8_t *bytes = intern_get(values, value, &len);
    memcpy(&asn, bytes, sizeof asn);
    *name = (struct span){.data = bytes + sizeof asn, .len = len - sizeof asn};
    return asn;
}
