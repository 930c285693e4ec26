// Whether the order of a template's elements, or an element of zeros that is one of several for a
// field, says anything: it must not. Reads records from standard input, one a line:
//
//     version field... with field = enterprise/element:length=value
//
// A value is hexadecimal; of a variable length (65535) it begins with the length. Each record is
// decoded in the order of its line, in random ones, and with a zero in front and behind for each
// element that could fill the same field: the flow must stay the same, straight to the wire and the
// whole way.
#include "tests/collector/decode/message.h"
#include "tests/support/require.h"
#include "tests/support/twin.h"

#include <inttypes.h>

#define FIELDS_MAX 128
#define ORDERS     6
#define EXPORT_NS  UINT64_C(1700000000123456789)

struct sent {
    uint32_t enterprise;
    uint16_t element;
    uint16_t length;
    uint16_t value_len; // with its length in front where that varies
    const uint8_t *value;
};

struct record {
    unsigned version;
    unsigned count;
    struct sent fields[FIELDS_MAX];
    uint8_t bytes[65536];
};

// Elements for one field, and what a zero of each takes. Those of addresses are of one IP version.
struct group {
    bool addresses;
    bool times;
    struct {
        uint16_t element;
        uint16_t length;
    } members[8];
};

static const struct group GROUPS[] = {
    {.members = {{1, 4}, {85, 8}, {23, 4}, {231, 8}, {171, 8}, {352, 8}}},
    {.members = {{2, 4}, {86, 8}, {24, 4}, {298, 8}, {172, 8}}},
    {.addresses = true, .members = {{8, 4}, {27, 16}, {44, 4}, {170, 16}}},
    {.addresses = true, .members = {{12, 4}, {28, 16}, {45, 4}, {169, 16}}},
    {.addresses = true, .members = {{15, 4}, {62, 16}}},
    {.addresses = true, .members = {{18, 4}, {63, 16}}},
    {.addresses = true, .members = {{47, 4}, {140, 16}}},
    {.members = {{9, 1}, {29, 1}}},
    {.members = {{13, 1}, {30, 1}}},
    {.members = {{56, 6}, {81, 6}}},
    {.members = {{57, 6}, {80, 6}}},
    {.members = {{5, 1}, {195, 1}}},
    {.members = {{52, 1}, {192, 1}, {53, 1}}},
    {.members = {{7, 2}, {180, 2}, {182, 2}}},
    {.members = {{11, 2}, {181, 2}, {183, 2}}},
    {.members = {{10, 4}, {252, 4}}},
    {.members = {{14, 4}, {253, 4}}},
    {.members = {{58, 2}, {243, 2}, {245, 2}}},
    {.members = {{59, 2}, {254, 2}, {255, 2}}},
    {.members = {{60, 1}, {256, 2}, {8, 0}, {27, 0}}},
    {.members = {{32, 2}, {139, 2}, {176, 1}, {178, 1}}},
    {.members = {{32, 2}, {139, 2}, {177, 1}, {179, 1}}},
    {.members = {{70, 3}, {71, 3}, {72, 3}, {79, 3}}},
    {.times = true, .members = {{22, 4}, {150, 4}, {152, 8}, {154, 8}, {156, 8}, {158, 4}}},
    {.times = true, .members = {{21, 4}, {151, 4}, {153, 8}, {155, 8}, {157, 8}, {159, 4}}},
    {.members = {{161, 4}, {162, 4}}},
};

static struct twin twin;
static struct message m;
static struct record record;
static uint64_t records;
static uint64_t flows;

// The same sequence each time.
static unsigned draw(unsigned below)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % below;
}

static void put_template(const struct sent *fields, unsigned count, unsigned id)
{
    message_open(&m, record.version == 9 ? 0 : 2);
    message_put(&m, id, 2);
    message_put(&m, count, 2);
    for (unsigned i = 0; i < count; i++) {
        message_put(&m, fields[i].element | (fields[i].enterprise == 0 ? 0 : 0x8000), 2);
        message_put(&m, fields[i].length, 2);
        if (fields[i].enterprise != 0)
            message_put(&m, fields[i].enterprise, 4);
    }
    message_close(&m);
}

// The flows of a record whose fields stand in that order: bytes of the twin.
static size_t decode(const struct sent *fields, unsigned count)
{
    static unsigned id = 255;
    id = id == 1023 ? 256 : id + 1;
    if (record.version == 9)
        message_v9(&m);
    else
        message_ipfix(&m);
    put_template(fields, count, id);
    message_open(&m, id);
    for (unsigned i = 0; i < count; i++)
        message_bytes(&m, fields[i].value, fields[i].value_len);
    message_close(&m);
    message_end(&m);
    const struct datagram datagram = {.data = m.bytes,
                                      .len = m.len,
                                      .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                      .port = 1,
                                      .received_ns = EXPORT_NS};
    return twin_run(&twin, DECODE_FLOW, &datagram);
}

static void print_fields(const char *name, const struct sent *fields, unsigned count)
{
    fprintf(stderr, "  %s:", name);
    for (unsigned i = 0; i < count; i++) {
        fprintf(stderr, " %" PRIu32 "/%u:%u=", fields[i].enterprise, fields[i].element,
                fields[i].length);
        for (unsigned byte = 0; byte < fields[i].value_len; byte++)
            fprintf(stderr, "%02x", fields[i].value[byte]);
    }
    fputc('\n', stderr);
}

static void print_bytes(const char *name, const uint8_t *bytes, size_t len)
{
    fprintf(stderr, "  %s: ", name);
    for (size_t i = 0; i < len; i++)
        fprintf(stderr, "%02x", bytes[i]);
    fputc('\n', stderr);
}

static uint8_t wanted[TWIN_BYTES_MAX];
static size_t wanted_len;

static bool is_same(const char *what, const struct sent *fields, unsigned count)
{
    size_t len = decode(fields, count);
    flows++;
    if (len == wanted_len && memcmp(twin.whole.bytes, wanted, len) == 0)
        return true;
    fprintf(stderr, "FAILED line %" PRIu64 ": %s gives another flow (NetFlow version %u)\n",
            records, what, record.version);
    print_fields("record", record.fields, record.count);
    print_fields("given", fields, count);
    print_bytes("flow", wanted, wanted_len);
    print_bytes("flow now", twin.whole.bytes, len);
    return false;
}

static bool is_element(const struct sent *a, const struct sent *b)
{
    return a->enterprise == b->enterprise && a->element == b->element;
}

// RFC 7011, section 8: of an element that stands twice the order says something.
static void restore_twice(struct sent *fields)
{
    for (unsigned i = 0; i < record.count; i++) {
        unsigned nth = 0;
        for (unsigned j = 0; j < i; j++)
            nth += is_element(&fields[j], &fields[i]);
        const struct sent *original = record.fields;
        for (;; original++)
            if (is_element(original, &fields[i]) && nth-- == 0)
                break;
        fields[i] = *original;
    }
}

static bool try_orders(void)
{
    struct sent fields[FIELDS_MAX];
    for (unsigned order = 0; order < ORDERS; order++) {
        memcpy(fields, record.fields, record.count * sizeof fields[0]);
        for (unsigned i = record.count - 1; i > 0; i--) {
            unsigned other = order == 0 ? record.count - 1 - i : draw(i + 1); // first: backwards
            if (order == 0 && other >= i)
                continue;
            struct sent swapped = fields[i];
            fields[i] = fields[other];
            fields[other] = swapped;
        }
        restore_twice(fields);
        if (!is_same("another order", fields, record.count))
            return false;
    }
    return true;
}

static const struct sent *find_of(uint32_t enterprise, uint16_t element)
{
    for (unsigned i = 0; i < record.count; i++)
        if (record.fields[i].enterprise == enterprise && record.fields[i].element == element &&
            record.fields[i].length != 0)
            return &record.fields[i];
    return NULL;
}

static const struct sent *find(uint16_t element)
{
    return find_of(0, element);
}

static bool is_zero(const struct sent *field)
{
    for (unsigned i = field->length == 65535 ? 1 : 0; i < field->value_len; i++)
        if (field->value[i] != 0)
            return false;
    return true;
}

// The length of the record's addresses, 0 when it says none, or a packet may say others.
static unsigned address_len(void)
{
    static const uint16_t sections[] = {104, 313, 315};
    for (unsigned i = 0; i < 3; i++)
        if (find(sections[i]) != NULL)
            return 0;
    enum { CISCO = 9 };
    static const uint16_t elements[][2] = {
        {0, 8},  {0, 27}, {0, 44}, {0, 170}, {CISCO, 12236}, {CISCO, 12238},
        {0, 12}, {0, 28}, {0, 45}, {0, 169}, {CISCO, 12237}, {CISCO, 12239}};
    for (unsigned i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        const struct sent *field = find_of(elements[i][0], elements[i][1]);
        if (field != NULL && field->length == (i % 2 == 0 ? 4 : 16) && !is_zero(field))
            return field->length;
    }
    return 0;
}

// Where nothing but zeros is said, a zero may say as much as another one: of addresses, unless the
// flow's IP version tells which; of times, where an uptime of 0 is one.
static bool says_something(const struct group *group)
{
    for (unsigned i = 0; i < 8 && group->members[i].element != 0; i++) {
        const struct sent *field = find(group->members[i].element);
        if (field == NULL)
            continue;
        if ((!group->addresses && !group->times) || !is_zero(field))
            return true;
        if (group->addresses && group->members[i].element != 47 &&
            group->members[i].element != 140 && group->members[i].length == address_len())
            return true;
    }
    return false;
}

static bool try_twin(uint16_t element, uint16_t length)
{
    static const uint8_t zeros[16];
    const struct sent zero = {
        .element = element, .length = length, .value_len = length, .value = zeros};
    struct sent fields[FIELDS_MAX + 1];
    memcpy(fields + 1, record.fields, record.count * sizeof fields[0]);
    fields[0] = zero;
    if (!is_same("a zero in front", fields, record.count + 1))
        return false;
    memcpy(fields, record.fields, record.count * sizeof fields[0]);
    fields[record.count] = zero;
    return is_same("a zero behind", fields, record.count + 1);
}

static bool try_twins(void)
{
    for (unsigned g = 0; g < sizeof GROUPS / sizeof GROUPS[0]; g++) {
        if (!says_something(&GROUPS[g]))
            continue;
        for (unsigned i = 0; i < 8 && GROUPS[g].members[i].element != 0; i++)
            if (GROUPS[g].members[i].length != 0 && find(GROUPS[g].members[i].element) == NULL &&
                !try_twin(GROUPS[g].members[i].element, GROUPS[g].members[i].length))
                return false;
    }
    return true;
}

static int nibble(int digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

// Reads one field behind a blank; the end of its text, or NULL.
static const char *read_field(const char *at, uint8_t **free_bytes)
{
    struct sent *field = &record.fields[record.count++];
    int used = 0;
    REQUIRE(record.count <= FIELDS_MAX);
    if (sscanf(at, " %" SCNu32 "/%" SCNu16 ":%" SCNu16 "=%n", &field->enterprise, &field->element,
               &field->length, &used) != 3 ||
        used == 0)
        return NULL;
    field->value = *free_bytes;
    for (at += used; nibble(at[0]) >= 0 && nibble(at[1]) >= 0; at += 2)
        *(*free_bytes)++ = (uint8_t)(nibble(at[0]) << 4 | nibble(at[1]));
    field->value_len = (uint16_t)(*free_bytes - field->value);
    return at;
}

static void read_record(const char *line)
{
    uint8_t *free_bytes = record.bytes;
    int used = 0;
    record.count = 0;
    REQUIRE(strlen(line) < 2 * sizeof record.bytes);
    REQUIRE(sscanf(line, "%u%n", &record.version, &used) == 1);
    for (line += used; *line == ' ';) {
        line = read_field(line, &free_bytes);
        REQUIRE(line != NULL);
    }
    REQUIRE(*line == '\n' && record.count != 0);
}

int main(void)
{
    static const struct decode_options options = {.hash_seed = 1};
    static char line[4 * sizeof record.bytes];
    int failed = 0;
    twin_init(&twin, &options);
    while (fgets(line, sizeof line, stdin) != NULL) {
        read_record(line);
        records++;
        wanted_len = decode(record.fields, record.count);
        REQUIRE(wanted_len != 0);
        memcpy(wanted, twin.whole.bytes, wanted_len);
        failed += !try_orders() || !try_twins();
    }
    printf("%" PRIu64 " records, %" PRIu64 " other ways to send them, %" PRIu64
           " straight to the wire; %d failed\n",
           records, flows, twin.straight.frames, failed);
    twin_fini(&twin);
    return failed != 0;
}
