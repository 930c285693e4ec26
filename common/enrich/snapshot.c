#include "common/enrich/snapshot.h"

#include "common/base/addr.h"
#include "common/base/cursor.h"
#include "common/base/log.h"
#include "common/base/siphash.h"
#include "common/enrich/context.h"
#include "common/enrich/geo.h"
#include "common/enrich/lpm.h"
#include "common/enrich/merge.h"
#include "common/enrich/pages.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct snapshot {
    atomic_uint references;
    struct lpm *lpm; // its values are places
    struct place_tables tables;
    size_t contexts_len;
    size_t tags_len;
    size_t systems_len;
    size_t countries_len;
    bool has_context;
    bool has_asn;
    bool has_country;
    size_t wire_max;
    struct snapshot_facts facts;
};

struct files {
    struct context context;
    struct geo asn;
    struct geo country;
};

static bool given(const char *path)
{
    return path != NULL && *path != '\0';
}

static int say(int result, const struct fault *fault)
{
    if (result != 0)
        log_error(fault->text);
    return result;
}

// Each file is looked at, whatever is wrong with the others.
static int load(struct files *files, const struct snapshot_options *options)
{
    struct fault fault = {""};
    int result = 0;
    if (given(options->context_path))
        result |= say(context_load(&files->context, options->context_path, &fault), &fault);
    if (given(options->asn_path))
        result |= say(geo_load(&files->asn, GEO_ASN, options->asn_path, &fault), &fault);
    if (given(options->country_path))
        result |= say(geo_load(&files->country, GEO_COUNTRY, options->country_path, &fault),
                      &fault);
    return result;
}

// Makes the tables of the contexts, and takes that of their tags.
static int take_context(struct snapshot *snapshot, struct context *context)
{
    struct place_tables *tables = &snapshot->tables;
    snapshot->contexts_len = context->records.len;
    snapshot->tags_len = context->tags_len;
    snapshot->wire_max += context->wire_max;
    tables->contexts = pages_copy(context->records.bytes, context->records.len);
    tables->tags = context->tags;
    context->tags = NULL;
    return tables->contexts == NULL ? -1 : 0;
}

// Makes the table of the systems; the database's entries refer to it from here on.
static int take_systems(struct snapshot *snapshot, struct geo *asn, const char *path,
                        struct fault *fault)
{
    struct place_records records = {.len = 0};
    uint32_t count = asn->values == NULL ? 0 : intern_count(asn->values);
    uint32_t *references = calloc((size_t)count + 1, sizeof *references);
    int result = -1;
    if (references == NULL)
        return -1;
    for (uint32_t value = 1; value <= count; value++) {
        struct span name;
        uint32_t number = geo_asn(asn->values, value, &name);
        references[value] = place_add_system(&records, number, name);
        if (references[value] == 0) {
            fault_set(fault, "%s: more names of systems than memory or 1 GiB holds", path);
            goto out;
        }
    }
    for (size_t i = 0; i < asn->entry_count; i++)
        asn->entries[i].value = references[asn->entries[i].value];
    snapshot->wire_max += PLACE_SYSTEM_WIRE_MAX;
    snapshot->systems_len = records.len;
    snapshot->tables.systems = pages_copy(records.bytes, records.len);
    result = snapshot->tables.systems == NULL ? -1 : 0;
out:
    free(references);
    free(records.bytes);
    return result;
}

static int take_countries(struct snapshot *snapshot, const struct geo *country, const char *path,
                          struct fault *fault)
{
    uint32_t count = country->values == NULL ? 0 : intern_count(country->values);
    if (count > PLACE_COUNTRY_MAX)
        return fault_set(fault, "%s: %u countries, at most %u", path, (unsigned)count,
                         (unsigned)PLACE_COUNTRY_MAX);
    snapshot->wire_max += PLACE_COUNTRY_WIRE_MAX;
    snapshot->countries_len = 2 * ((size_t)count + 1);
    snapshot->tables.countries = pages_new(snapshot->countries_len);
    if (snapshot->tables.countries == NULL)
        return -1;
    for (uint32_t value = 1; value <= count; value++) {
        size_t len;
        const uint8_t *letters = intern_get(country->values, value, &len);
        memcpy(snapshot->tables.countries + 2 * (size_t)value, letters, 2);
    }
    return 0;
}

static int combine(struct snapshot *snapshot, struct files *files,
                   const struct snapshot_options *options, struct fault *fault)
{
    snapshot->has_context = files->context.entries != NULL;
    snapshot->has_asn = files->asn.values != NULL;
    snapshot->has_country = files->country.values != NULL;
    if (take_context(snapshot, &files->context) != 0 ||
        take_systems(snapshot, &files->asn, options->asn_path, fault) != 0 ||
        take_countries(snapshot, &files->country, options->country_path, fault) != 0)
        return -1;
    const struct merge_source sources[MERGE_PARTS] = {
        [MERGE_CONTEXT] = {files->context.entries, files->context.entry_count},
        [MERGE_SYSTEM] = {files->asn.entries, files->asn.entry_count},
        [MERGE_COUNTRY] = {files->country.entries, files->country.entry_count},
    };
    snapshot->lpm = merge_sources(sources);
    return snapshot->lpm == NULL ? -1 : 0;
}

// A number made of the bytes of a file; 0 when it cannot be read any more.
static uint64_t revision_of(const char *path)
{
    uint64_t words[512];
    uint64_t hash = 1;
    size_t len;
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return 0;
    do {
        memset(words, 0, sizeof words);
        len = fread(words, 1, sizeof words, in);
        hash = siphash_words(hash ^ len, words, sizeof words / sizeof words[0]);
    } while (len == sizeof words);
    fclose(in);
    return hash == 0 ? 1 : hash;
}

static void gather_facts(struct snapshot *snapshot, const struct files *files,
                         const struct snapshot_options *options)
{
    struct snapshot_facts *facts = &snapshot->facts;
    if (snapshot->has_context)
        facts->context_revision = revision_of(options->context_path);
    facts->networks = files->context.network_count;
    facts->asn_prefixes = files->asn.entry_count;
    facts->country_prefixes = files->country.entry_count;
    facts->asn_built = files->asn.built;
    facts->country_built = files->country.built;
    facts->bytes = sizeof *snapshot + lpm_bytes(snapshot->lpm) + snapshot->contexts_len +
                   snapshot->tags_len + snapshot->systems_len + snapshot->countries_len;
}

struct snapshot *snapshot_new(const struct snapshot_options *options)
{
    struct fault fault = {""};
    struct files files = {0};
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot != NULL)
        atomic_init(&snapshot->references, 1);
    bool loaded = load(&files, options) == 0;
    bool done = loaded && snapshot != NULL && combine(snapshot, &files, options, &fault) == 0;
    if (done)
        gather_facts(snapshot, &files, options);
    context_fini(&files.context);
    geo_fini(&files.asn);
    geo_fini(&files.country);
    if (done)
        return snapshot;
    if (loaded)
        log_error(fault.text[0] != '\0' ? fault.text : "snapshot: out of memory");
    snapshot_unref(snapshot);
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (snapshot == NULL ||
        atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
        return;
    lpm_free(snapshot->lpm);
    pages_free(snapshot->tables.contexts, snapshot->contexts_len);
    pages_free(snapshot->tables.tags, snapshot->tags_len);
    pages_free(snapshot->tables.systems, snapshot->systems_len);
    pages_free(snapshot->tables.countries, snapshot->countries_len);
    free(snapshot);
}

bool snapshot_has_context(const struct snapshot *snapshot)
{
    return snapshot->has_context;
}

bool snapshot_has_asn(const struct snapshot *snapshot)
{
    return snapshot->has_asn;
}

bool snapshot_has_country(const struct snapshot *snapshot)
{
    return snapshot->has_country;
}

size_t snapshot_wire_max(const struct snapshot *snapshot)
{
    return snapshot->wire_max;
}

const struct place_tables *snapshot_tables(const struct snapshot *snapshot)
{
    return &snapshot->tables;
}

struct place snapshot_find(const struct snapshot *snapshot, struct span addr)
{
    if (addr.len == 4)
        return (struct place){lpm_find_ipv4(snapshot->lpm, addr.data)};
    if (addr.len != 16)
        return (struct place){LPM_NONE};
    if (addr_is_mapped(addr.data))
        return (struct place){lpm_find_ipv4(snapshot->lpm, addr.data + 12)};
    return (struct place){lpm_find_ipv6(snapshot->lpm, addr.data)};
}

static bool is_address(struct span bytes)
{
    return bytes.len == 4 || bytes.len == 16;
}

static inline void fill_key(struct lpm_key *key, struct span addr)
{
    key->high = 0;
    key->low = 0;
    key->is_ipv6 = false;
    if (addr.len == 4) {
        key->high = (uint64_t)bytes_u32(addr.data) << 32;
    } else if (addr.len == 16 && addr_is_mapped(addr.data)) {
        key->high = (uint64_t)bytes_u32(addr.data + 12) << 32;
    } else if (addr.len == 16) {
        key->high = bytes_u64(addr.data);
        key->low = bytes_u64(addr.data + 8);
        key->is_ipv6 = true;
    }
}

void snapshot_find_group(const struct snapshot *snapshot, const struct span *addrs, size_t count,
                         struct place *places)
{
    struct lpm_key keys[SNAPSHOT_GROUP_MAX];
    uint64_t values[SNAPSHOT_GROUP_MAX];
    assert(count <= SNAPSHOT_GROUP_MAX);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        fill_key(&keys[i], addrs[i]);
    lpm_find_group(snapshot->lpm, keys, count, values);
    for (size_t i = 0; i < count; i++) {
        places[i].bits = is_address(addrs[i]) ? values[i] : LPM_NONE;
        place_touch(&snapshot->tables, places[i]);
    }
}

void snapshot_answer(const struct snapshot *snapshot, struct place place, struct answer *answer)
{
    place_answer(&snapshot->tables, place, answer);
}

void snapshot_lookup(const struct snapshot *snapshot, const uint8_t *addr, size_t len,
                     struct answer *answer)
{
    snapshot_answer(snapshot, snapshot_find(snapshot, (struct span){addr, len}), answer);
}

void snapshot_facts(const struct snapshot *snapshot, struct snapshot_facts *facts)
{
    *facts = snapshot->facts;
}
