#include "tests/bench/database.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IPV4_DEPTH     96
#define DATA_SEPARATOR 16 // bytes, and the distance of a data pointer from the number of nodes
#define IS_RECORD      UINT32_C(0x80000000)

enum type {
    TYPE_TEXT = 2,
    TYPE_UINT16 = 5,
    TYPE_UINT32 = 6,
    TYPE_MAP = 7,
    TYPE_UINT64 = 9,
    TYPE_ARRAY = 11,
};

// 0: nothing; IS_RECORD and a place in the data section; else the number of a node.
struct node {
    uint32_t child[2];
};

struct section {
    uint8_t *data;
    size_t len;
    size_t cap;
};

struct database {
    struct node *nodes;
    size_t node_count;
    size_t node_cap;
    struct section data;
    bool failed;
};

static bool grow(void **memory, size_t *cap, size_t wanted, size_t item_len)
{
    if (wanted <= *cap)
        return true;
    size_t fresh_cap = wanted * 2;
    void *fresh = realloc(*memory, fresh_cap * item_len);
    if (fresh == NULL)
        return false;
    *memory = fresh;
    *cap = fresh_cap;
    return true;
}

static uint32_t new_node(struct database *database)
{
    void *memory = database->nodes;
    if (!grow(&memory, &database->node_cap, database->node_count + 1, sizeof(struct node))) {
        database->failed = true;
        return 0;
    }
    database->nodes = memory;
    database->nodes[database->node_count] = (struct node){{0, 0}};
    return (uint32_t)database->node_count++;
}

struct database *database_new(void)
{
    struct database *database = calloc(1, sizeof *database);
    if (database != NULL)
        new_node(database);
    return database;
}

void database_free(struct database *database)
{
    if (database == NULL)
        return;
    free(database->nodes);
    free(database->data.data);
    free(database);
}

static void put_bytes(struct database *database, const void *bytes, size_t len)
{
    struct section *data = &database->data;
    void *memory = data->data;
    if (!grow(&memory, &data->cap, data->len + len, 1)) {
        database->failed = true;
        return;
    }
    data->data = memory;
    memcpy(data->data + data->len, bytes, len);
    data->len += len;
}

static void put_be(struct database *database, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> 8 * (len - i - 1));
    put_bytes(database, bytes, len);
}

// The control byte, "Data Field Format": the type above 7 and a size from 29 on take a byte more.
static uint32_t put_control(struct database *database, enum type type, size_t size)
{
    uint32_t at = (uint32_t)database->data.len;
    assert(size < 29 + 256);
    unsigned low = size < 29 ? (unsigned)size : 29;
    put_be(database, (type <= TYPE_MAP ? (unsigned)type << 5 : 0) | low, 1);
    if (type > TYPE_MAP)
        put_be(database, (unsigned)type - TYPE_MAP, 1);
    if (size >= 29)
        put_be(database, size - 29, 1);
    return at;
}

uint32_t database_map(struct database *database, unsigned pairs)
{
    return put_control(database, TYPE_MAP, pairs);
}

uint32_t database_text(struct database *database, const char *text)
{
    uint32_t at = put_control(database, TYPE_TEXT, strlen(text));
    put_bytes(database, text, strlen(text));
    return at;
}

static void put_number(struct database *database, enum type type, uint64_t number, size_t len)
{
    put_control(database, type, len);
    put_be(database, number, len);
}

uint32_t database_number(struct database *database, uint32_t number)
{
    uint32_t at = (uint32_t)database->data.len;
    put_number(database, TYPE_UINT32, number, sizeof number);
    return at;
}

static uint32_t step(struct database *database, uint32_t node, unsigned bit)
{
    uint32_t next = database->nodes[node].child[bit];
    if (next != 0 || database->failed)
        return next;
    next = new_node(database);
    database->nodes[node].child[bit] = next;
    return next;
}

void database_prefix(struct database *database, const struct geography_prefix *prefix,
                     uint32_t record)
{
    uint32_t node = 0;
    unsigned i = 0;
    for (unsigned depth = 0; !prefix->is_ipv6 && depth < IPV4_DEPTH; depth++)
        node = step(database, node, 0);
    for (; i + 1u < prefix->bits; i++)
        node = step(database, node, prefix->first >> (31 - i) & 1);
    if (!database->failed)
        database->nodes[node].child[prefix->first >> (31 - i) & 1] = IS_RECORD | record;
}

static uint32_t pointer(const struct database *database, uint32_t child)
{
    uint32_t count = (uint32_t)database->node_count;
    if (child == 0)
        return count;
    return child & IS_RECORD ? count + DATA_SEPARATOR + (child & ~IS_RECORD) : child;
}

static void write_nodes(const struct database *database, FILE *out)
{
    for (size_t i = 0; i < database->node_count; i++)
        for (size_t side = 0; side < 2; side++) {
            uint32_t value = __builtin_bswap32(pointer(database, database->nodes[i].child[side]));
            fwrite(&value, sizeof value, 1, out);
        }
}

static void put_metadata(struct database *database, const char *type, uint64_t built)
{
    static const char marker[] = "\xab\xcd\xef"
                                 "MaxMind.com";
    put_bytes(database, marker, sizeof marker - 1);
    database_map(database, 9);
    database_text(database, "binary_format_major_version");
    put_number(database, TYPE_UINT16, 2, 2);
    database_text(database, "binary_format_minor_version");
    put_number(database, TYPE_UINT16, 0, 2);
    database_text(database, "build_epoch");
    put_number(database, TYPE_UINT64, built, 8);
    database_text(database, "database_type");
    database_text(database, type);
    database_text(database, "description");
    database_map(database, 1);
    database_text(database, "en");
    database_text(database, "Invented data for benches");
    database_text(database, "ip_version");
    put_number(database, TYPE_UINT16, 6, 2);
    database_text(database, "languages");
    put_control(database, TYPE_ARRAY, 1);
    database_text(database, "en");
    database_text(database, "node_count");
    database_number(database, (uint32_t)database->node_count);
    database_text(database, "record_size");
    put_number(database, TYPE_UINT16, 32, 2);
}

int database_write(struct database *database, const char *path, const char *type, uint64_t built)
{
    static const uint8_t separator[DATA_SEPARATOR];
    put_metadata(database, type, built);
    if (database->failed)
        return -ENOMEM;
    FILE *out = fopen(path, "wb");
    if (out == NULL)
        return -errno;
    write_nodes(database, out);
    fwrite(separator, sizeof separator, 1, out);
    fwrite(database->data.data, database->data.len, 1, out);
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? -EIO : 0;
}
