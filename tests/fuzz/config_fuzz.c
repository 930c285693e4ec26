// The yaml file of -config: each name and value in it is looked up and read, or there is a line
// that says what is wrong. Input: the file.
#include "common/base/conf_walk.h"
#include "common/base/option_value.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

static const struct option OPTIONS[] = {
    {"format", OPTION_STRING, NULL, "", NULL},
    {"nats.token", OPTION_SECRET, NULL, "", NULL},
    {"quick", OPTION_BOOL, NULL, "", NULL},
    {"rate", OPTION_INT, NULL, "", NULL},
    {"templates.ttl", OPTION_DURATION_NS, NULL, "", NULL},
    {"templates.size", OPTION_BYTES, NULL, "", NULL},
};

static int visit(struct conf *conf, const char *name, const struct conf_text *value)
{
    union option_value read;
    struct option_given given;
    FUZZ_REQUIRE(strlen(name) <= CONF_WALK_NAME_MAX);
    FUZZ_REQUIRE(value->line != 0);
    if (value->text == NULL)
        return conf_fail(conf, value->line, "%s: got nothing", name);
    FUZZ_REQUIRE(strlen(value->text) == value->len);
    if (!option_find(OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], name, strlen(name), &given))
        return 0;
    if (option_value_read(given.option->kind, value->text, &read))
        return 0;
    return conf_fail(conf, value->line, "%s: got \"%s\"", name, value->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[FUZZ_PATH_MAX];
    struct fault fault = {.text = ""};
    int fd = fuzz_file(data, len, path);
    int result = conf_walk(path, visit, NULL, &fault);
    FUZZ_REQUIRE((result == 0) == (fault.text[0] == '\0'));
    FUZZ_REQUIRE(result == 0 || strncmp(fault.text, path, strlen(path)) == 0);
    FUZZ_REQUIRE(strpbrk(fault.text, "\n\r") == NULL);
    close(fd);
    return 0;
}
