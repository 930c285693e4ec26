#include "collector/decode/mapping/mapping.h"

#include "collector/decode/mapping/read.h"

#include <stdlib.h>
#include <string.h>

// The formatter has been read before: unknown keys beside the blocks were its to name.
static const struct conf_field FILE_FIELDS[] = {
    {"netflowv9", CONF_OBJECT, 0, &MAPPING_V9_BLOCK},
    {"ipfix", CONF_OBJECT, 0, &MAPPING_IPFIX_BLOCK},
    {"sflow", CONF_OBJECT, 0, &MAPPING_SFLOW_BLOCK},
};
static const struct conf_schema MAPPING_FILE = {
    .what = "the file",
    .fields = FILE_FIELDS,
    .field_count = sizeof FILE_FIELDS / sizeof FILE_FIELDS[0],
    .size = 1,
    .unknown = CONF_UNKNOWN_PASSES,
};

static int add_layer(struct mapping_layers *layers, const struct mapping_layer *layer)
{
    struct mapping_layer *items = realloc(layers->items, (layers->count + 1) * sizeof *items);
    if (items == NULL)
        return -1;
    layers->items = items;
    items[layers->count++] = *layer;
    return 0;
}

// Each header has its items in the order of its names, those of one name in that of the file.
static int compile_layers(const struct mapping_loader *loader)
{
    for (const struct mapping_name *name = MAPPING_NAMES; name->name != NULL; name++) {
        struct mapping_layers *layers = &loader->mapping->layers[name->header];
        for (size_t i = 0; i < loader->bits_count && name->header != PACKET_HEADER_NONE; i++)
            if (strcmp(loader->bits[i].layer, name->name) == 0 &&
                add_layer(layers, &loader->bits[i].item) != 0)
                return -1;
    }
    return 0;
}

// goflow2 looks at an EtherType's decimal name first, at its hexadecimal one then.
static int compile_vias(const struct mapping_loader *loader)
{
    struct mapping *mapping = loader->mapping;
    mapping->vias = calloc(loader->bits_count + 1, sizeof *mapping->vias);
    if (mapping->vias == NULL)
        return -1;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < loader->bits_count; i++) {
            uint32_t via;
            bool hexadecimal;
            if (mapping_via_parse(loader->bits[i].layer, &via, &hexadecimal) == 0 &&
                hexadecimal == (pass == 1))
                mapping->vias[mapping->via_count++] = (struct mapping_via){
                    .via = via, .layer = loader->bits[i].item};
        }
    }
    return 0;
}

static int compare_elements(const void *a, const void *b)
{
    const struct mapping_element *left = a;
    const struct mapping_element *right = b;
    return left->key < right->key ? -1 : left->key > right->key;
}

static int compile(const struct mapping_loader *loader, const char *path, struct fault *fault)
{
    if (compile_layers(loader) != 0 || compile_vias(loader) != 0)
        return fault_set(fault, "%s: out of memory", path);
    for (int i = 0; i < 2; i++) {
        struct mapping_elements *elements = &loader->mapping->elements[i];
        if (elements->count != 0)
            qsort(elements->items, elements->count, sizeof elements->items[0], compare_elements);
    }
    return 0;
}

struct mapping *mapping_load(const char *path, const struct formatter *formatter,
                             struct fault *fault)
{
    uint8_t object;
    struct mapping_loader loader = {.mapping = calloc(1, sizeof *loader.mapping),
                                    .formatter = formatter};
    if (loader.mapping == NULL) {
        fault_set(fault, "%s: out of memory", path);
        return NULL;
    }
    atomic_init(&loader.mapping->references, 1);
    if (conf_read(path, &MAPPING_FILE, &object, &loader, fault) != 0 ||
        compile(&loader, path, fault) != 0) {
        mapping_unref(loader.mapping);
        loader.mapping = NULL;
    }
    for (size_t i = 0; i < loader.bits_count; i++)
        free(loader.bits[i].layer);
    free(loader.bits);
    return loader.mapping;
}
