#include "common/base/conf_walk.h"

#include "common/base/buf.h"
#include "common/base/conf_event.h"

#include <string.h>

#define VALUE_MAX 65536 // bytes of a value

struct walk {
    conf_visit *visit;
    char name[CONF_WALK_NAME_MAX + 1];
    size_t name_len;
    unsigned line; // of the name
    unsigned depth;
    char value[VALUE_MAX];
};

static int visit(struct conf *conf, struct walk *walk, const char *text, size_t len)
{
    const struct conf_text value = {.text = text, .len = len, .line = walk->line};
    if (text != NULL && memchr(text, '\0', len) != NULL)
        return conf_fail(conf, walk->line, "%s: holds a NUL character", walk->name);
    return walk->visit(conf, walk->name, &value);
}

static int take_list(struct conf *conf, struct walk *walk)
{
    struct buf joined = buf_over(walk->value, sizeof walk->value - 1);
    for (;;) {
        if (conf_next(conf) != 0)
            return -1;
        if (conf->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (conf->event.type != YAML_SCALAR_EVENT || conf_is_nothing(&conf->event))
            return conf_wrong_type(conf, walk->name, "text");
        if (joined.len != 0)
            buf_byte(&joined, ',');
        buf_bytes(&joined, conf->event.data.scalar.value, conf->event.data.scalar.length);
    }
    if (!buf_ok(&joined))
        return conf_fail(conf, walk->line, "%s: more than %d bytes", walk->name, VALUE_MAX - 1);
    walk->value[joined.len] = '\0';
    return visit(conf, walk, walk->value, joined.len);
}

// Adds the key at the current event to the name.
static int push(struct conf *conf, struct walk *walk)
{
    if (conf->event.type != YAML_SCALAR_EVENT || conf_is_nothing(&conf->event))
        return conf_wrong_type(conf, walk->name_len == 0 ? "the file" : walk->name,
                               "text as the key");
    const char *key = (const char *)conf->event.data.scalar.value;
    size_t len = conf->event.data.scalar.length;
    size_t dot = walk->name_len != 0;
    if (memchr(key, '\0', len) != NULL)
        return conf_fail(conf, conf_line(conf), "a name that holds a NUL character");
    if (walk->name_len + dot + len > CONF_WALK_NAME_MAX)
        return conf_fail(conf, conf_line(conf), "a name of more than %d bytes", CONF_WALK_NAME_MAX);
    if (dot != 0)
        walk->name[walk->name_len] = '.';
    memcpy(walk->name + walk->name_len + dot, key, len);
    walk->name_len += dot + len;
    walk->name[walk->name_len] = '\0';
    walk->line = conf_line(conf);
    return 0;
}

static int take_block(struct conf *conf, struct walk *walk);

static int take_value(struct conf *conf, struct walk *walk)
{
    if (conf->event.type == YAML_MAPPING_START_EVENT)
        return take_block(conf, walk);
    if (conf->event.type == YAML_SEQUENCE_START_EVENT)
        return take_list(conf, walk);
    if (conf_is_nothing(&conf->event))
        return visit(conf, walk, NULL, 0);
    return visit(conf, walk, (const char *)conf->event.data.scalar.value,
                 conf->event.data.scalar.length);
}

// Recursion ends at CONF_WALK_DEPTH_MAX.
static int take_block(struct conf *conf, struct walk *walk)
{
    size_t outer = walk->name_len;
    if (conf->event.type == YAML_SCALAR_EVENT) // it may be a password's file, named by mistake
        return conf_fail(conf, conf_line(conf), "the file: expected names and values, got a text");
    if (conf->event.type != YAML_MAPPING_START_EVENT)
        return conf_wrong_type(conf, "the file", "names and values");
    if (walk->depth == CONF_WALK_DEPTH_MAX)
        return conf_fail(conf, conf_line(conf), "more than %d blocks in each other",
                         CONF_WALK_DEPTH_MAX);
    walk->depth++;
    for (;;) {
        if (conf_next(conf) != 0)
            return -1;
        if (conf->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (push(conf, walk) != 0 || conf_next(conf) != 0 || take_value(conf, walk) != 0)
            return -1;
        walk->name_len = outer;
        walk->name[outer] = '\0';
    }
    walk->depth--;
    return 0;
}

static int take_file(struct conf *conf, void *user)
{
    return take_block(conf, user);
}

int conf_walk(const char *path, conf_visit *each, void *context, struct fault *fault)
{
    struct conf conf = {.path = path, .fault = fault, .context = context};
    struct walk walk = {.visit = each};
    return conf_run(&conf, true, take_file, &walk);
}
