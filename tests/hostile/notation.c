#include "tests/hostile/notation.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8

struct group {
    const char *inside; // where its text begins
    const char *name;
    size_t start;   // in the output
    unsigned left;  // repetitions to come
    unsigned index; // of this one
};

struct reader {
    uint8_t *out;
    size_t len;
    const char *at;
    const char *where;
    struct group groups[DEPTH_MAX];
    unsigned depth;
};

static void fail(const struct reader *r, const char *what)
{
    fprintf(stderr, "%s: %s: \"%.40s\"\n", r->where, what, r->at);
    exit(1);
}

static void put(struct reader *r, uint64_t value, size_t len)
{
    if (r->len + len > NOTATION_BYTES_MAX)
        fail(r, "longer than a datagram");
    while (len-- != 0)
        r->out[r->len++] = (uint8_t)(value >> 8 * len);
}

static void patch(struct reader *r, size_t at, uint64_t value, size_t len)
{
    size_t end = r->len;
    r->len = at;
    put(r, value, len);
    r->len = end;
}

static const char *const NAMES[] = {"v9", "ipfix", "v5", "sflow", "set", "item"};

static const char *known_name(const char *at)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        size_t len = strlen(NAMES[i]);
        if (strncmp(at, NAMES[i], len) == 0 && at[len] == '(')
            return NAMES[i];
    }
    return NULL;
}

static void put_common(struct reader *r)
{
    put(r, 1700000000, 4);
    put(r, 1, 4);
}

static void put_header(struct reader *r, const char *name, const char *argument)
{
    unsigned long decimal = strtoul(argument, NULL, 10);
    unsigned long hexadecimal = strtoul(argument, NULL, 16);
    if (strcmp(name, "v9") == 0) {
        put(r, 0x00090001, 4);
        put(r, 10000, 4);
        put_common(r);
        put(r, decimal, 4);
    } else if (strcmp(name, "ipfix") == 0) {
        put(r, 0x000a0000, 4);
        put_common(r);
        put(r, decimal, 4);
    } else if (strcmp(name, "v5") == 0) {
        put(r, 5, 2);
        put(r, decimal, 2);
        put(r, 10000, 4);
        put(r, 1700000000, 4);
        put(r, 0, 4);
        put(r, 1, 4);
        put(r, 100, 4); // sampling: 1 in 100
    } else if (strcmp(name, "sflow") == 0) {
        put(r, 5, 4);
        put(r, 1, 4);
        put(r, 0x0a090807, 4);
        put(r, 0, 4);
        put(r, 1, 4);
        put(r, 10000, 4);
        put(r, decimal, 4);
    } else if (strcmp(name, "set") == 0) {
        put(r, hexadecimal, 2);
        put(r, 0, 2);
    } else {
        put(r, hexadecimal, 4);
        put(r, 0, 4);
    }
}

static void open_group(struct reader *r, const char *name, unsigned times, const char *inside)
{
    if (r->depth == DEPTH_MAX)
        fail(r, "nested too deep");
    r->groups[r->depth++] = (struct group){
        .inside = inside, .name = name, .start = r->len, .left = times - 1};
    r->at = inside;
}

static void close_group(struct reader *r)
{
    if (r->depth == 0)
        fail(r, "nothing is open");
    struct group *group = &r->groups[r->depth - 1];
    if (group->left != 0) {
        group->left--;
        group->index++;
        r->at = group->inside;
        return;
    }
    if (strcmp(group->name, "ipfix") == 0 || strcmp(group->name, "set") == 0)
        patch(r, group->start + 2, r->len - group->start, 2);
    else if (strcmp(group->name, "item") == 0)
        patch(r, group->start + 4, r->len - group->start - 8, 4);
    r->depth--;
    r->at++;
}

static void take_number(struct reader *r)
{
    char *end;
    unsigned long count = strtoul(r->at, &end, 10);
    if (end != r->at && end[0] == '*' && end[1] == '(' && count != 0) {
        open_group(r, "", (unsigned)count, end + 2);
        return;
    }
    char pair[3] = {r->at[0], r->at[0] == '\0' ? '\0' : r->at[1], '\0'};
    unsigned long byte = strtoul(pair, &end, 16);
    if (!isxdigit((unsigned char)pair[0]) || end != pair + 2)
        fail(r, "no notation");
    put(r, byte, 1);
    r->at += 2;
}

// Four digits, and the number of the repetition added.
static void take_counted(struct reader *r)
{
    char digits[5] = "";
    char *end;
    unsigned index = 0;
    for (unsigned i = 0; i < r->depth; i++)
        if (*r->groups[i].name == '\0')
            index = r->groups[i].index;
    strncat(digits, r->at + 1, 4);
    unsigned long base = strtoul(digits, &end, 16);
    if (end != digits + 4)
        fail(r, "wanted four digits behind @");
    put(r, (base + index) & 0xffff, 2);
    r->at += 5;
}

static void take_text(struct reader *r)
{
    for (r->at++; *r->at != '"'; r->at++) {
        if (*r->at == '\0')
            fail(r, "text without end");
        put(r, (uint8_t)*r->at, 1);
    }
    r->at++;
}

static void take_name(struct reader *r, const char *name)
{
    const char *argument = r->at + strlen(name) + 1;
    const char *colon = strchr(argument, ':');
    if (colon == NULL)
        fail(r, "wanted \"name(number: \"");
    size_t start = r->len;
    put_header(r, name, argument);
    open_group(r, name, 1, colon + 1);
    r->groups[r->depth - 1].start = start;
}

size_t notation_read(uint8_t *out, const char *text, const char *where)
{
    struct reader r = {.out = out, .at = text, .where = where};
    while (*r.at != '\0') {
        const char *name = known_name(r.at);
        if (isspace((unsigned char)*r.at))
            r.at++;
        else if (*r.at == ')')
            close_group(&r);
        else if (*r.at == '"')
            take_text(&r);
        else if (*r.at == '@')
            take_counted(&r);
        else if (name != NULL)
            take_name(&r, name);
        else
            take_number(&r);
    }
    if (r.depth != 0)
        fail(&r, "something is left open");
    return r.len;
}
