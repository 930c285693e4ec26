#include "common/enrich/snapshot.h"

#include "common/base/cursor.h"
#include "common/base/log.h"
#include "common/enrich/context.h"
#include "common/enrich/geo.h"
#include "common/enrich/lpm.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX    129 // prefixes of one family that lie in each other: /0 to /128
#define FIELD_HEAD_MAX 12  // tag, length or number of one field
#define SINGLE_FIELDS  4   // group, AS, AS name, country

// All that is known of the addresses behind one prefix, as numbers of the tables below; 0: nothing.
struct place {
    uint32_t name;
    uint32_t tags;
    uint32_t as;
    uint32_t country;
};

struct snapshot {
    atomic_uint references;
    struct lpm *lpm;
    struct place *places; // by the values of lpm; 0 is the place of which nothing is known
    struct tags *tags;
    struct intern *names;
    struct intern *ases;
    struct intern *countries;
    bool has_context;
    size_t wire_max;
    struct snapshot_facts facts;
};

// The prefixes of one source, being merged with those of the others.
struct source {
    const struct lpm_entry *entries;
    size_t count;
    size_t at;
};

enum source_id { SOURCE_CONTEXT, SOURCE_ASN, SOURCE_COUNTRY, SOURCE_COUNT };

struct merger {
    struct source sources[SOURCE_COUNT];
    const struct context_match *matches;
    struct intern *places;
    struct lpm_entry *entries;
    size_t count;
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

// The least prefix that no source is past, or NULL at the end.
static const struct prefix *next_prefix(const struct merger *merger)
{
    const struct prefix *least = NULL;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        const struct source *source = &merger->sources[i];
        if (source->at == source->count)
            continue;
        const struct prefix *head = &source->entries[source->at].prefix;
        if (least == NULL || lpm_compare(head, least) < 0)
            least = head;
    }
    return least;
}

// The value that the source has for exactly this prefix, taken; or 0.
static uint32_t take(struct source *source, const struct prefix *prefix)
{
    if (source->at == source->count ||
        lpm_compare(&source->entries[source->at].prefix, prefix) != 0)
        return 0;
    return source->entries[source->at++].value;
}

// What the sources say of the prefix stands over what its enclosing prefix has.
static struct place take_place(struct merger *merger, const struct prefix *prefix,
                               struct place enclosing)
{
    struct place place = enclosing;
    uint32_t match = take(&merger->sources[SOURCE_CONTEXT], prefix);
    uint32_t as = take(&merger->sources[SOURCE_ASN], prefix);
    uint32_t country = take(&merger->sources[SOURCE_COUNTRY], prefix);
    if (match != 0) {
        place.name = merger->matches[match].name;
        place.tags = merger->matches[match].tags;
    }
    if (as != 0)
        place.as = as;
    if (country != 0)
        place.country = country;
    return place;
}

// One sweep over all prefixes in order, so that one look-up answers for every source.
static int merge(struct merger *merger)
{
    struct {
        struct prefix prefix;
        struct place place;
        uint32_t number;
    } open[NESTING_MAX + 1] = {{.number = 0}};
    size_t depth = 0;
    const struct prefix *head;
    while ((head = next_prefix(merger)) != NULL) {
        const struct prefix prefix = *head;
        while (depth > 0 && !prefix_contains(&open[depth].prefix, &prefix.addr))
            depth--;
        struct place place = take_place(merger, &prefix, open[depth].place);
        uint32_t number = intern_put(merger->places, &place, sizeof place);
        if (number == 0 || number > LPM_VALUE_MAX)
            return -1;
        if (number == open[depth].number)
            continue;
        merger->entries[merger->count++] = (struct lpm_entry){.prefix = prefix, .value = number};
        assert(depth < NESTING_MAX);
        depth++;
        open[depth].prefix = prefix;
        open[depth].place = place;
        open[depth].number = number;
    }
    return 0;
}

static size_t text_len(const struct intern *texts, uint32_t number)
{
    size_t len = 0;
    if (number != 0)
        (void)intern_get(texts, number, &len);
    return len;
}

static size_t wire_len(const struct snapshot *snapshot, const struct place *place)
{
    return text_len(snapshot->names, place->name) + text_len(snapshot->ases, place->as) +
           text_len(snapshot->countries, place->country) +
           tags_get(snapshot->tags, place->tags)->fields_len + SINGLE_FIELDS * FIELD_HEAD_MAX;
}

static int copy_places(struct snapshot *snapshot, const struct intern *places)
{
    uint32_t count = intern_count(places);
    snapshot->places = calloc((size_t)count + 1, sizeof *snapshot->places);
    if (snapshot->places == NULL)
        return -1;
    for (uint32_t number = 1; number <= count; number++) {
        size_t len;
        struct place *place = &snapshot->places[number];
        memcpy(place, intern_get(places, number, &len), sizeof *place);
        size_t wire = wire_len(snapshot, place);
        if (wire > snapshot->wire_max)
            snapshot->wire_max = wire;
    }
    snapshot->facts.bytes += ((size_t)count + 1) * sizeof *snapshot->places;
    return 0;
}

static int combine(struct snapshot *snapshot, const struct files *files)
{
    struct merger merger = {
        .sources = {{files->context.entries, files->context.entry_count, 0},
                    {files->asn.entries, files->asn.entry_count, 0},
                    {files->country.entries, files->country.entry_count, 0}},
        .matches = files->context.matches,
        .places = intern_new(),
    };
    int result = -1;
    size_t most = files->context.entry_count + files->asn.entry_count + files->country.entry_count;
    merger.entries = malloc((most + 1) * sizeof *merger.entries);
    if (merger.places == NULL || merger.entries == NULL || merge(&merger) != 0 ||
        copy_places(snapshot, merger.places) != 0)
        goto out;
    snapshot->lpm = lpm_new(merger.entries, merger.count);
    result = snapshot->lpm == NULL ? -1 : 0;
out:
    intern_free(merger.places);
    free(merger.entries);
    return result;
}

static int load(struct files *files, const struct snapshot_options *options, struct fault *fault)
{
    if (given(options->context_path) &&
        context_load(&files->context, options->context_path, fault) != 0)
        return -1;
    if (given(options->asn_path) && geo_load(&files->asn, GEO_ASN, options->asn_path, fault) != 0)
        return -1;
    if (given(options->country_path) &&
        geo_load(&files->country, GEO_COUNTRY, options->country_path, fault) != 0)
        return -1;
    return 0;
}

// Moves out of the files what look-ups need.
static int take_texts(struct snapshot *snapshot, struct files *files)
{
    snapshot->has_context = files->context.tags != NULL;
    snapshot->tags = files->context.tags;
    snapshot->names = files->context.names;
    snapshot->ases = files->asn.values;
    snapshot->countries = files->country.values;
    files->context.tags = NULL;
    files->context.names = NULL;
    files->asn.values = NULL;
    files->country.values = NULL;
    if (snapshot->tags == NULL) {
        snapshot->tags = tags_new();
        if (snapshot->tags == NULL || tags_freeze(snapshot->tags) != 0)
            return -1;
    }
    if (snapshot->names != NULL)
        intern_freeze(snapshot->names);
    return 0;
}

static size_t texts_bytes(const struct intern *texts)
{
    return texts == NULL ? 0 : intern_bytes(texts);
}

static void gather_facts(struct snapshot *snapshot, const struct files *files)
{
    struct snapshot_facts *facts = &snapshot->facts;
    facts->networks = files->context.network_count;
    facts->asn_prefixes = files->asn.entry_count;
    facts->country_prefixes = files->country.entry_count;
    facts->asn_built = files->asn.built;
    facts->country_built = files->country.built;
    facts->bytes += sizeof *snapshot + lpm_bytes(snapshot->lpm) + tags_bytes(snapshot->tags) +
                    texts_bytes(snapshot->names) + texts_bytes(snapshot->ases) +
                    texts_bytes(snapshot->countries);
}

struct snapshot *snapshot_new(const struct snapshot_options *options)
{
    struct fault fault = {""};
    struct files files = {0};
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    bool done = false;
    if (snapshot == NULL)
        goto out;
    atomic_init(&snapshot->references, 1);
    if (load(&files, options, &fault) != 0 || take_texts(snapshot, &files) != 0 ||
        combine(snapshot, &files) != 0)
        goto out;
    gather_facts(snapshot, &files);
    done = true;
out:
    context_fini(&files.context);
    geo_fini(&files.asn);
    geo_fini(&files.country);
    if (done)
        return snapshot;
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
    free(snapshot->places);
    tags_free(snapshot->tags);
    intern_free(snapshot->names);
    intern_free(snapshot->ases);
    intern_free(snapshot->countries);
    free(snapshot);
}

bool snapshot_has_context(const struct snapshot *snapshot)
{
    return snapshot->has_context;
}

bool snapshot_has_asn(const struct snapshot *snapshot)
{
    return snapshot->ases != NULL;
}

bool snapshot_has_country(const struct snapshot *snapshot)
{
    return snapshot->countries != NULL;
}

size_t snapshot_wire_max(const struct snapshot *snapshot)
{
    return snapshot->wire_max;
}

static struct span text_of(const struct intern *texts, uint32_t number)
{
    struct span text = {NULL, 0};
    if (number != 0)
        text.data = intern_get(texts, number, &text.len);
    return text;
}

static uint32_t find(const struct snapshot *snapshot, const uint8_t *addr, size_t len)
{
    if (len == 4)
        return lpm_find_ipv4(snapshot->lpm, addr);
    if (len != 16)
        return LPM_NONE;
    if (addr_is_mapped(addr))
        return lpm_find_ipv4(snapshot->lpm, addr + 12);
    return lpm_find_ipv6(snapshot->lpm, addr);
}

void snapshot_lookup(const struct snapshot *snapshot, const uint8_t *addr, size_t len,
                     struct answer *answer)
{
    const struct place *place = &snapshot->places[find(snapshot, addr, len)];
    answer->group = text_of(snapshot->names, place->name);
    answer->tags = tags_get(snapshot->tags, place->tags);
    answer->country = text_of(snapshot->countries, place->country);
    answer->asn = 0;
    answer->as_name = (struct span){NULL, 0};
    if (place->as != 0)
        answer->asn = geo_asn(snapshot->ases, place->as, &answer->as_name.data,
                              &answer->as_name.len);
    answer->has_asn = answer->asn != 0;
}

void snapshot_facts(const struct snapshot *snapshot, struct snapshot_facts *facts)
{
    *facts = snapshot->facts;
}
