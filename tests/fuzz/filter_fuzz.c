// The expression of -filter, and a flow that it decides on: its negation decides the other way.
// Input: the expression, a NUL, the body of a protobuf frame.
#include "common/flow/filter/filter.h"
#include "common/flow/formatter.h"
#include "common/flow/wire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

static const char COLUMNS[] = "formatter:\n"
                              "  protobuf:\n"
                              "  - {name: n, index: 2000, type: varint}\n"
                              "  - {name: s, index: 2001, type: string}\n"
                              "  - {name: i, index: 2002, type: ip, array: true}\n"
                              "  - {name: m, index: 2003, type: mac}\n"
                              "  - {name: b, index: 2004, type: bool}\n"
                              "  - {name: f, index: 2005, type: float}\n"
                              "  render: {s: string}\n";

static const struct formatter *columns(void)
{
    static struct formatter *formatter;
    struct fault fault;
    char path[FUZZ_PATH_MAX];
    if (formatter != NULL)
        return formatter;
    int fd = fuzz_file((const uint8_t *)COLUMNS, sizeof COLUMNS - 1, path);
    FUZZ_REQUIRE(formatter_load(&formatter, path, 0, &fault) == 0);
    close(fd);
    return formatter;
}

static void check_fault(const char *text, const struct filter_fault *fault)
{
    char point[FILTER_POINT_MAX];
    FUZZ_REQUIRE(fault->at <= strlen(text));
    FUZZ_REQUIRE(strncmp(fault->fault.text, "column ", 7) == 0);
    FUZZ_REQUIRE(strlen(filter_point(point, text, fault->at)) < FILTER_POINT_MAX);
}

// The negation is one word and one pair of parentheses more, so it may pass a bound.
static void check_negation(const char *text, const struct flow *flow, bool kept)
{
    struct filter_fault fault;
    size_t len = strlen(text);
    char *negated = malloc(len + sizeof "not ()");
    FUZZ_REQUIRE(negated != NULL);
    memcpy(negated, "not (", 5);
    memcpy(negated + 5, text, len);
    memcpy(negated + 5 + len, ")", 2);
    struct filter *filter = filter_new(negated, columns(), &fault);
    FUZZ_REQUIRE(filter != NULL || strstr(fault.fault.text, "parentheses") != NULL ||
                 strstr(fault.fault.text, "bytes") != NULL);
    if (filter != NULL)
        FUZZ_REQUIRE(filter_match(filter, flow) != kept);
    filter_free(filter);
    free(negated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct flow flow;
    struct filter_fault fault;
    size_t text_len = strnlen((const char *)data, len);
    char *text = malloc(text_len + 1);
    FUZZ_REQUIRE(text != NULL);
    memcpy(text, data, text_len);
    text[text_len] = '\0';
    size_t body_len = len - text_len - (text_len < len);
    uint8_t *body = fuzz_copy(data + len - body_len, body_len);
    if (wire_read(&flow, body, body_len) != 0)
        flow_reset(&flow);
    struct filter *filter = filter_new(text, columns(), &fault);
    if (filter == NULL)
        check_fault(text, &fault);
    else
        check_negation(text, &flow, filter_match(filter, &flow));
    filter_free(filter);
    free(text);
    free(body);
    return 0;
}
