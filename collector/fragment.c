#include "collector/fragment.h"

#include <stdlib.h>
#include <string.h>

#define UNIT       8 // bytes that offsets count
#define UNITS_MAX  ((FRAGMENT_BYTES_MAX + UNIT - 1) / UNIT)
#define WORD_BITS  64
#define WORDS      (UNITS_MAX / WORD_BITS + 1)
#define ROOM_BYTES 8192 // for the first fragments; most datagrams need no more

struct datagram {
    struct addr source;
    struct addr destination;
    uint32_t id;
    uint8_t version;
    uint8_t protocol;
    bool used;
    bool wanted;
    bool has_first;
    bool spoiled; // by a contradiction: what else comes of it is counted, not kept
    uint64_t begun_ns;
    uint64_t number;    // of those begun
    uint64_t fragments; // kept
    size_t total;       // bytes, once the last fragment is there; else 0
    size_t units;       // of those in `have`
    uint8_t *bytes;
    size_t room;
    uint64_t have[WORDS];
};

struct fragment_table {
    struct datagram datagrams[FRAGMENT_DATAGRAMS_MAX];
    size_t top; // one past the last one that was ever used
    uint64_t begun;
    struct fragment_loss loss;
    uint8_t *whole; // the bytes handed out last
};

struct fragment_table *fragment_table_new(void)
{
    return calloc(1, sizeof(struct fragment_table));
}

void fragment_table_free(struct fragment_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->top; i++)
        free(table->datagrams[i].bytes);
    free(table->whole);
    free(table);
}

// Ends with the datagram, whatever became of it.
static void clear_datagram(struct datagram *datagram)
{
    free(datagram->bytes);
    *datagram = (struct datagram){.used = false};
}

static void give_up(struct fragment_table *table, struct datagram *datagram)
{
    if (datagram->wanted)
        table->loss.incomplete += datagram->fragments;
    clear_datagram(datagram);
}

// Capture files are read one after another, so time may also go back.
static bool is_late(const struct datagram *datagram, uint64_t now_ns)
{
    uint64_t begun_ns = datagram->begun_ns;
    uint64_t age_ns = now_ns > begun_ns ? now_ns - begun_ns : begun_ns - now_ns;
    return age_ns > FRAGMENT_WAIT_NS;
}

static bool is_of(const struct datagram *datagram, const struct fragment *fragment)
{
    return datagram->id == fragment->id && datagram->version == fragment->version &&
           addr_equal(&datagram->source, &fragment->source) &&
           addr_equal(&datagram->destination, &fragment->destination);
}

static struct datagram *begin_datagram(struct fragment_table *table, struct datagram *datagram,
                                       const struct fragment *fragment, uint64_t now_ns)
{
    if (datagram->used)
        give_up(table, datagram);
    datagram->used = true;
    datagram->source = fragment->source;
    datagram->destination = fragment->destination;
    datagram->id = fragment->id;
    datagram->version = fragment->version;
    datagram->begun_ns = now_ns;
    datagram->number = table->begun++;
    size_t end = (size_t)(datagram - table->datagrams) + 1;
    if (end > table->top)
        table->top = end;
    return datagram;
}

// The datagram of the fragment; a new one takes a free place, or that of the oldest.
static struct datagram *find_datagram(struct fragment_table *table, const struct fragment *fragment,
                                      uint64_t now_ns)
{
    struct datagram *place = NULL;
    for (size_t i = 0; i < table->top; i++) {
        struct datagram *datagram = &table->datagrams[i];
        if (datagram->used && is_late(datagram, now_ns))
            give_up(table, datagram);
        if (datagram->used && is_of(datagram, fragment))
            return datagram;
        if (place == NULL || (place->used && (!datagram->used || datagram->number < place->number)))
            place = datagram;
    }
    if ((place == NULL || place->used) && table->top < FRAGMENT_DATAGRAMS_MAX)
        place = &table->datagrams[table->top];
    return begin_datagram(table, place, fragment, now_ns);
}

static bool has_unit(const struct datagram *datagram, size_t unit)
{
    return (datagram->have[unit / WORD_BITS] >> unit % WORD_BITS & 1) != 0;
}

// Whether any unit from that one on is there.
static bool has_beyond(const struct datagram *datagram, size_t unit)
{
    for (; unit < UNITS_MAX; unit++)
        if (has_unit(datagram, unit))
            return true;
    return false;
}

enum overlap {
    OVERLAP_NONE,
    OVERLAP_SAME, // all of it is there already
    OVERLAP_OTHER,
};

static enum overlap find_overlap(const struct datagram *datagram, const struct fragment *fragment)
{
    size_t first = fragment->offset / UNIT;
    size_t end = (fragment->offset + fragment->len + UNIT - 1) / UNIT;
    size_t there = 0;
    for (size_t unit = first; unit < end; unit++)
        there += has_unit(datagram, unit);
    if (there == 0)
        return OVERLAP_NONE;
    bool same = there == end - first &&
                memcmp(datagram->bytes + fragment->offset, fragment->bytes, fragment->len) == 0;
    return same ? OVERLAP_SAME : OVERLAP_OTHER;
}

// RFC 791, section 3.2: all but the last are multiples of eight bytes.
static bool is_possible(const struct fragment *fragment)
{
    return fragment->len != 0 && fragment->offset + fragment->len <= FRAGMENT_BYTES_MAX &&
           (!fragment->more || fragment->len % UNIT == 0);
}

// Whether the end of the fragment and the end of the datagram, as far as they are known, agree.
static bool ends_agree(const struct datagram *datagram, const struct fragment *fragment)
{
    size_t end = fragment->offset + fragment->len;
    if (fragment->more)
        return datagram->total == 0 || end < datagram->total;
    if (datagram->total != 0)
        return end == datagram->total;
    return !has_beyond(datagram, (end + UNIT - 1) / UNIT);
}

static bool make_room(struct datagram *datagram, size_t end)
{
    size_t room = datagram->room == 0 ? ROOM_BYTES : datagram->room;
    while (room < end)
        room *= 2;
    if (room == datagram->room)
        return true;
    uint8_t *bytes = realloc(datagram->bytes, room);
    if (bytes == NULL)
        return false;
    datagram->bytes = bytes;
    datagram->room = room;
    return true;
}

static void keep_bytes(struct datagram *datagram, const struct fragment *fragment)
{
    size_t end = fragment->offset + fragment->len;
    memcpy(datagram->bytes + fragment->offset, fragment->bytes, fragment->len);
    for (size_t unit = fragment->offset / UNIT; unit * UNIT < end; unit++) {
        datagram->have[unit / WORD_BITS] |= UINT64_C(1) << unit % WORD_BITS;
        datagram->units++;
    }
    datagram->fragments++;
    if (!fragment->more)
        datagram->total = end;
}

// What was kept of the datagram is no use any more, and what still comes of it neither.
static void spoil(struct fragment_table *table, struct datagram *datagram)
{
    if (datagram->wanted)
        table->loss.contradictory += datagram->fragments;
    free(datagram->bytes);
    datagram->bytes = NULL;
    datagram->room = 0;
    datagram->fragments = 0;
    datagram->spoiled = true;
}

static enum overlap judge(const struct datagram *datagram, const struct fragment *fragment)
{
    if (datagram->spoiled || !is_possible(fragment) || !ends_agree(datagram, fragment))
        return OVERLAP_OTHER;
    return find_overlap(datagram, fragment);
}

static void note_wish(struct datagram *datagram, const struct fragment *fragment, bool wanted)
{
    bool first = fragment->offset == 0;
    if (first && !datagram->has_first)
        datagram->protocol = fragment->protocol;
    if (first)
        datagram->wanted = wanted;
    else if (!datagram->has_first)
        datagram->wanted |= wanted;
    datagram->has_first |= first;
}

static bool take_whole(struct fragment_table *table, struct datagram *datagram,
                       struct fragment_whole *whole)
{
    bool wanted = datagram->wanted;
    free(table->whole);
    table->whole = datagram->bytes;
    datagram->bytes = NULL;
    whole->protocol = datagram->protocol;
    whole->bytes = table->whole;
    whole->len = datagram->total;
    clear_datagram(datagram);
    return wanted;
}

bool fragment_put(struct fragment_table *table, const struct fragment *fragment, bool wanted,
                  uint64_t now_ns, struct fragment_whole *whole)
{
    struct datagram *datagram = find_datagram(table, fragment, now_ns);
    enum overlap overlap = judge(datagram, fragment);
    if (overlap == OVERLAP_OTHER) {
        spoil(table, datagram);
        // A first fragment may also be of another datagram: some senders use an id again soon.
        if (fragment->offset == 0 && is_possible(fragment)) {
            clear_datagram(datagram);
            begin_datagram(table, datagram, fragment, now_ns);
        }
    }
    note_wish(datagram, fragment, wanted);
    if (overlap == OVERLAP_SAME)
        return false;
    if (!datagram->spoiled && !make_room(datagram, fragment->offset + fragment->len))
        spoil(table, datagram);
    if (datagram->spoiled) {
        table->loss.contradictory += datagram->wanted;
        return false;
    }
    keep_bytes(datagram, fragment);
    bool complete = datagram->total != 0 && datagram->units == (datagram->total + UNIT - 1) / UNIT;
    return complete && take_whole(table, datagram, whole);
}

void fragment_give_up(struct fragment_table *table)
{
    for (size_t i = 0; i < table->top; i++)
        if (table->datagrams[i].used)
            give_up(table, &table->datagrams[i]);
}

struct fragment_loss fragment_take_loss(struct fragment_table *table)
{
    struct fragment_loss loss = table->loss;
    table->loss = (struct fragment_loss){.incomplete = 0};
    return loss;
}
