#include "collector/decode/mapping/read.h"

#include "common/base/nearest.h"

#include <stdlib.h>
#include <string.h>

int mapping_no_memory(struct conf *conf, unsigned line)
{
    return conf_fail(conf, line, "out of memory");
}

void *mapping_grow(struct conf *conf, unsigned line, void *items, size_t count, size_t size)
{
    if (count == MAPPING_ITEMS_MAX) {
        conf_fail(conf, line, "more than %d items", MAPPING_ITEMS_MAX);
        return NULL;
    }
    void *grown = realloc(items, (count + 1) * size);
    if (grown == NULL)
        mapping_no_memory(conf, line);
    return grown;
}

int mapping_check_range(struct conf *conf, const char *what, const struct conf_number *number,
                        int64_t least, int64_t most)
{
    if (number->value >= least && number->value <= most)
        return 0;
    return conf_fail(conf, number->line, "%s: got %lld, expected %lld to %lld", what,
                     (long long)number->value, (long long)least, (long long)most);
}

// goflow2's key is endianness; its own sample and manual have endian. What is not little is big
// there.
int mapping_read_little(struct conf *conf, const struct conf_text *endianness,
                        const struct conf_text *endian, bool *little)
{
    const struct conf_text *text = endianness->text != NULL ? endianness : endian;
    if (endianness->text != NULL && endian->text != NULL)
        return conf_fail(conf, endian->line, "endian: given beside endianness");
    *little = text->text != NULL && strcmp(text->text, "little") == 0;
    if (text->text == NULL || *little || strcmp(text->text, "big") == 0)
        return 0;
    conf_warn(conf, text->line, "endianness: got \"%.60s\", expected big or little, taken for big",
              text->text);
    return 0;
}

// goflow2 passes over it.
static void warn_destination(struct conf *conf, const struct formatter *formatter,
                             const struct conf_text *text)
{
    struct nearest nearest = {.text = text->text};
    size_t count;
    const struct custom_column *customs = formatter_customs(formatter, &count);
    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, customs[i].name);
    for (int i = 0; i < FLOW_FIELD_COUNT; i++)
        nearest_offer(&nearest, FLOW_FIELDS[i].name);
    if (nearest.name != NULL)
        conf_warn(conf, text->line,
                  "unknown destination \"%.60s\": has no effect, did you mean \"%s\"?", text->text,
                  nearest.name);
    else
        conf_warn(conf, text->line,
                  "unknown destination \"%.60s\": has no effect, it is neither in the schema nor "
                  "under formatter.protobuf",
                  text->text);
}

// A field's Go name goes before a custom column of that name, which goes before a field's own. 1, 0
// when there is none (which was logged), -1 with the fault filled.
static int find_target(struct conf *conf, const struct conf_text *text,
                       struct mapping_target *target)
{
    const struct mapping_loader *loader = conf_context(conf);
    const struct custom_column *custom = formatter_custom(loader->formatter, text->text);
    int field = field_find(text->text);
    bool go_name = field >= 0 && strcmp(FLOW_FIELDS[field].go_name, text->text) == 0;
    if (custom != NULL && !go_name) {
        target->number = custom->number;
        target->type = custom->type;
        return 1;
    }
    if (field < 0) {
        warn_destination(conf, loader->formatter, text);
        return 0;
    }
    target->field = (enum flow_field)field;
    bool made_here = field == FLOW_TYPE || field == FLOW_LAYER_STACK || field == FLOW_LAYER_SIZE;
    if (made_here || FLOW_FIELDS[field].column >= FLOW_COLLECTOR_COLUMNS)
        return conf_fail(conf, text->line, "destination %s: cannot be mapped to", text->text);
    return 1;
}

// Fields that are set behind the mapping, so that what is mapped to them is never seen.
static bool is_overwritten(const struct mapping_target *target, enum mapping_block block)
{
    uint64_t fields = FLOW_BIT(FLOW_SAMPLER_ADDRESS) | FLOW_BIT(FLOW_TIME_RECEIVED_NS) |
                      FLOW_BIT(FLOW_SEQUENCE_NUM);
    fields |= block == MAPPING_SFLOW
                  ? FLOW_BIT(FLOW_TIME_FLOW_START_NS) | FLOW_BIT(FLOW_TIME_FLOW_END_NS)
                  : FLOW_BIT(FLOW_OBSERVATION_DOMAIN_ID);
    return target->number == 0 && (fields & FLOW_BIT(target->field)) != 0;
}

int mapping_read_target(struct conf *conf, enum mapping_block block, const struct conf_text *text,
                        unsigned line, struct mapping_target *target)
{
    if (text->text == NULL)
        return conf_fail(conf, line, "item without a destination");
    int found = find_target(conf, text, target);
    if (found <= 0)
        return found;
    if (!is_overwritten(target, block))
        return 1;
    conf_warn(conf, text->line, "destination %s: has no effect, the collector sets it", text->text);
    return 0;
}
