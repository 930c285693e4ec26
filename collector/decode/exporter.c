#include "collector/decode/exporter.h"

#include "common/base/siphash.h"

#include <stdlib.h>
#include <string.h>

// At most so many are remembered; exporters whose numbers are their own need none.
#define SESSION_COUNT_MAX 16384

// An address and port from which several domains send, or had a gap at least: their sequence
// number may be one.
struct session {
    struct table_entry entry;
    struct addr source;
    struct addr sender; // of sFlow
    enum flow_type type;
    uint16_t port;
    uint32_t id; // of the exporter that it was made for
    struct sequence_shared shared;
};

int exporter_table_init(struct exporter_table *table, uint64_t seed, struct hold *hold)
{
    table->seed = seed;
    table->hold = hold;
    return table_init(&table->table) | table_init(&table->sessions);
}

static void remove_exporter(struct exporter_table *table, struct table_entry *entry)
{
    struct exporter *exporter = (struct exporter *)entry;
    hold_drop_exporter(table->hold, exporter);
    exporter_sums_add(&table->gone[exporter->key.type], exporter);
    table_remove(&table->table, entry);
    free(exporter);
}

static void remove_session(struct exporter_table *table, struct table_entry *entry)
{
    table_remove(&table->sessions, entry);
    free(entry);
}

void exporter_table_fini(struct exporter_table *table)
{
    struct table_entry *entry;
    while ((entry = table_victim(&table->table, NULL)) != NULL)
        remove_exporter(table, entry);
    table_fini(&table->table);
    while ((entry = table_victim(&table->sessions, NULL)) != NULL)
        remove_session(table, entry);
    table_fini(&table->sessions);
}

static uint64_t hash_key(const struct exporter_table *table, const struct exporter_key *key)
{
    uint64_t words[5];
    size_t count = 3;
    memcpy(words, key->source.bytes, sizeof key->source.bytes);
    words[2] = (uint64_t)key->id << 32 | (uint64_t)key->type << 8 | key->source.len;
    if (key->type == FLOW_TYPE_SFLOW_5) {
        memcpy(words + count, key->sender.bytes, sizeof key->sender.bytes);
        count += sizeof key->sender.bytes / sizeof words[0];
    }
    return siphash_words(table->seed, words, count);
}

static bool has_key(const struct table_entry *entry, const void *key)
{
    const struct exporter_key *a = &((const struct exporter *)entry)->key;
    const struct exporter_key *b = key;
    return a->id == b->id && a->type == b->type && addr_equal(&a->source, &b->source) &&
           (a->type != FLOW_TYPE_SFLOW_5 || addr_equal(&a->sender, &b->sender));
}

static struct exporter *find(struct exporter_table *table, const struct exporter_key *key,
                             uint64_t hash)
{
    return (struct exporter *)table_find(&table->table, hash, has_key, key);
}

// What its protocol says that sequence numbers count.
static unsigned rule_given(enum flow_type type)
{
    bool of_records = type == FLOW_TYPE_NETFLOW_V5 || type == FLOW_TYPE_IPFIX;
    return of_records ? SEQUENCE_RECORDS : SEQUENCE_DATAGRAMS;
}

static struct exporter *make(struct exporter_table *table, const struct exporter_key *key,
                             uint64_t hash, uint64_t now_ns)
{
    struct exporter *exporter = calloc(1, sizeof *exporter);
    if (exporter == NULL)
        return NULL;
    if (table->table.count == EXPORTER_COUNT_MAX)
        remove_exporter(table, table_victim(&table->table, NULL));
    if (table_add(&table->table, &exporter->entry, hash) != 0) {
        free(exporter);
        return NULL;
    }
    exporter->key = *key;
    exporter->first_seen_ns = now_ns;
    exporter->mark.at_ns = now_ns;
    exporter->mark_old.at_ns = now_ns;
    sequence_begin(&exporter->sequence, rule_given(key->type));
    exporter->sampling_default = sampling_network_rate(&table->defaults, &key->source);
    exporter->sampling_override = sampling_network_rate(&table->overrides, &key->source);
    return exporter;
}

struct exporter *exporter_find(struct exporter_table *table, const struct exporter_key *key)
{
    return find(table, key, hash_key(table, key));
}

static void set_mark(struct exporter *exporter, uint64_t now_ns)
{
    exporter->mark_old = exporter->mark;
    exporter->mark = (struct exporter_mark){.at_ns = now_ns,
                                            .bytes = exporter->counts.bytes,
                                            .flows = exporter->counts.flows,
                                            .taken = exporter->sequence.taken,
                                            .lost = exporter->sequence.lost};
    exporter->volume.looked = 0;
    // Whose numbers turned out to be its own need not be looked for among others.
    if (!sequence_may_be_shared(&exporter->sequence))
        exporter->in_company = false;
}

static bool is_gone(const struct table_entry *entry, uint64_t now_ns)
{
    uint64_t seen_ns = entry == NULL ? now_ns : ((const struct exporter *)entry)->last_seen_ns;
    return now_ns > seen_ns && now_ns - seen_ns >= EXPORTER_GONE_NS;
}

// Forgets who is gone. Ranks are in the order in which they were seen.
static void sweep(struct exporter_table *table, uint64_t now_ns)
{
    table->swept_ns = now_ns;
    for (int rank = 0; rank < TABLE_RANKS; rank++)
        while (is_gone(table->table.ranks[rank].oldest, now_ns))
            remove_exporter(table, table->table.ranks[rank].oldest);
}

struct exporter *exporter_seen(struct exporter_table *table, const struct exporter_key *key,
                               const struct addr *router, uint16_t port, size_t len,
                               uint64_t now_ns)
{
    uint64_t hash = hash_key(table, key);
    struct exporter *exporter = find(table, key, hash);
    if (exporter == NULL)
        exporter = make(table, key, hash, now_ns);
    if (exporter == NULL)
        return NULL;
    table_use(&table->table, &exporter->entry, TABLE_NEWCOMER);
    exporter->last_seen_ns = now_ns; // before the others are looked at
    if (now_ns - table->swept_ns >= EXPORTER_MARK_NS)
        sweep(table, now_ns);
    if (now_ns - exporter->mark.at_ns >= EXPORTER_MARK_NS) // or the clock was set back
        set_mark(exporter, now_ns);
    exporter->router = *router;
    exporter->port = port;
    exporter->counts.datagrams++;
    exporter->counts.bytes += len;
    return exporter;
}

static bool is_session(const struct table_entry *entry, const void *key)
{
    const struct session *a = (const struct session *)entry;
    const struct session *b = key;
    return a->port == b->port && a->type == b->type && addr_equal(&a->source, &b->source) &&
           addr_equal(&a->sender, &b->sender);
}

static struct session session_key(const struct exporter *exporter, uint16_t port)
{
    return (struct session){.source = exporter->key.source,
                            .sender = exporter->key.sender,
                            .type = exporter->key.type,
                            .port = port,
                            .id = exporter->key.id};
}

static uint64_t hash_session(const struct exporter_table *table, const struct session *key)
{
    const struct exporter_key place = {
        .source = key->source, .type = key->type, .id = key->port, .sender = key->sender};
    return hash_key(table, &place);
}

static struct session *find_session(const struct exporter_table *table, const struct session *key,
                                    uint64_t hash)
{
    return (struct session *)table_find(&table->sessions, hash, is_session, key);
}

static struct session *make_session(struct exporter_table *table, const struct session *key,
                                    uint64_t hash)
{
    struct session *session = malloc(sizeof *session);
    if (session == NULL)
        return NULL;
    if (table->sessions.count == SESSION_COUNT_MAX)
        remove_session(table, table_victim(&table->sessions, NULL));
    *session = *key;
    if (table_add(&table->sessions, &session->entry, hash) == 0)
        return session;
    free(session);
    return NULL;
}

// The session of the exporter at that port, made when it is new; NULL without memory.
static struct session *session_at(struct exporter_table *table, const struct exporter *exporter,
                                  uint16_t port)
{
    const struct session key = session_key(exporter, port);
    uint64_t hash = hash_session(table, &key);
    struct session *session = find_session(table, &key, hash);
    if (session == NULL)
        session = make_session(table, &key, hash);
    if (session != NULL)
        table_use(&table->sessions, &session->entry,
                  exporter->in_company ? TABLE_PROVEN : TABLE_NEWCOMER);
    return session;
}

static void join(struct exporter_table *table, struct exporter *exporter, struct session *session)
{
    const struct exporter_key key = {.source = session->source,
                                     .type = session->type,
                                     .id = session->id,
                                     .sender = session->sender};
    struct exporter *first = exporter_find(table, &key);
    exporter->in_company = true;
    if (first == NULL)
        return;
    first->in_company = true;
    if (!session->shared.head.started)
        session->shared.head = first->sequence.head;
}

// A newcomer: whether it comes from where another one's numbers did not follow.
static void look_around(struct exporter_table *table, struct exporter *exporter)
{
    const struct session key = session_key(exporter, exporter->port);
    struct session *session = table->sessions.count == 0
                                  ? NULL
                                  : find_session(table, &key, hash_session(table, &key));
    if (session != NULL && session->id != exporter->key.id)
        join(table, exporter, session);
}

// A number did not follow the one before: whether others have their part in it. An exporter that
// sends from another port than before may be several.
static void look_for_company(struct exporter_table *table, struct exporter *exporter)
{
    struct session *session = session_at(table, exporter, exporter->number_port);
    if (session == NULL)
        return;
    if (exporter->number_port != exporter->port) {
        exporter->in_company = true;
        if (!session->shared.head.started)
            session->shared.head = exporter->sequence.head;
    } else if (session->id != exporter->key.id) {
        join(table, exporter, session);
    }
}

// Units and rules of before are not compared with those of now.
static void level_marks(struct exporter *exporter)
{
    struct exporter_mark *marks[] = {&exporter->mark, &exporter->mark_old};
    for (int i = 0; i < 2; i++) {
        marks[i]->taken = exporter->sequence.taken;
        marks[i]->lost = exporter->sequence.lost;
    }
}

void exporter_take_number(struct exporter_table *table, struct exporter *exporter, uint32_t number,
                          const struct sequence_step *step)
{
    struct session *session = NULL;
    if (!exporter->in_company && sequence_follow(&exporter->sequence, number, step)) {
        exporter->number_port = exporter->port;
        return;
    }
    if (!exporter->sequence.head.started)
        look_around(table, exporter);
    else if (!exporter->in_company)
        look_for_company(table, exporter);
    if (exporter->in_company)
        session = session_at(table, exporter, exporter->port);
    if (sequence_take(&exporter->sequence, session == NULL ? NULL : &session->shared, number, step))
        level_marks(exporter);
    if (exporter->sequence.head.number == number)
        exporter->number_port = exporter->port;
}

void exporter_gave_flows(struct exporter_table *table, struct exporter *exporter, uint64_t flows)
{
    exporter->counts.flows += flows;
    exporter->last_flow_ns = exporter->last_seen_ns;
    exporter->missing_since_ns = 0;
    if (exporter->counts.datagrams >= EXPORTER_PROVEN)
        table_use(&table->table, &exporter->entry, TABLE_PROVEN);
}

void exporter_look(struct exporter *exporter, const struct flow *flow)
{
    struct exporter_volume *volume = &exporter->volume;
    volume->bytes = flow_num(flow, FLOW_BYTES) != 0;
    volume->packets |= flow_num(flow, FLOW_PACKETS) != 0;
    if (volume->looked < EXPORTER_LOOKS)
        volume->looked++;
    volume->missed = !volume->bytes && (volume->missed || volume->looked == EXPORTER_LOOKS);
}

void exporter_missed(struct exporter *exporter, uint64_t now_ns)
{
    exporter->counts.template_missing++;
    exporter->last_missing_ns = now_ns;
    if (exporter->missing_since_ns == 0)
        exporter->missing_since_ns = now_ns;
}

static void add_counts(struct exporter_counts *sum, const struct exporter_counts *part)
{
    sum->datagrams += part->datagrams;
    sum->bytes += part->bytes;
    sum->flows += part->flows;
    sum->flows_limited += part->flows_limited;
    sum->units_dropped += part->units_dropped;
    sum->template_missing += part->template_missing;
    sum->template_changes += part->template_changes;
    sum->sampling_missing += part->sampling_missing;
    sum->delays += part->delays;
    sum->delay_s += part->delay_s;
    for (int i = 0; i < EXPORTER_PARTS; i++) {
        sum->parts[i] += part->parts[i];
        sum->records[i] += part->records[i];
    }
}

void exporter_sums_add(struct exporter_sums *sums, const struct exporter *exporter)
{
    add_counts(&sums->counts, &exporter->counts);
    sums->lost += exporter->sequence.lost;
    sums->duplicates += exporter->sequence.duplicates;
    sums->reordered += exporter->sequence.reordered;
    sums->resets += exporter->sequence.resets;
}

void exporter_sums_merge(struct exporter_sums *sums, const struct exporter_sums *part)
{
    add_counts(&sums->counts, &part->counts);
    sums->lost += part->lost;
    sums->duplicates += part->duplicates;
    sums->reordered += part->reordered;
    sums->resets += part->resets;
}
