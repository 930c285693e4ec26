#include "collector/allow.h"

#include "collector/network.h"
#include "common/enrich/lpm.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADMITTED 1

struct allow {
    atomic_uint references;
    size_t count;
    struct lpm *networks;
};

// The list while it is read.
struct list {
    struct lpm_entry *entries;
    size_t count;
    size_t room;
};

static int add(struct list *list, const char *text, struct fault *fault)
{
    struct prefix prefix;
    if (network_parse(&prefix, text, fault) != 0)
        return -1;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : 2 * list->room;
        struct lpm_entry *grown = realloc(list->entries, room * sizeof list->entries[0]);
        if (grown == NULL)
            return fault_set(fault, "out of memory");
        list->entries = grown;
        list->room = room;
    }
    list->entries[list->count++] = (struct lpm_entry){.prefix = prefix, .value = ADMITTED};
    return 0;
}

static int add_item(void *user, char *text, struct fault *fault)
{
    return add(user, text, fault);
}

// The line without its comment and the blanks around it.
static char *strip(char *line)
{
    line[strcspn(line, "#\r\n")] = '\0';
    line += strspn(line, " \t");
    size_t len = strlen(line);
    while (len != 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
        line[--len] = '\0';
    return line;
}

static int read_file(struct list *list, const char *path, struct fault *fault)
{
    char *line = NULL;
    size_t room = 0;
    int result = 0;
    struct fault why;
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return fault_set(fault, "%s: %s", path, strerror(errno));
    for (unsigned number = 1; result == 0 && getline(&line, &room, in) >= 0; number++) {
        const char *text = strip(line);
        if (*text != '\0' && add(list, text, &why) != 0)
            result = fault_set(fault, "%s:%u: %s", path, number, why.text);
    }
    if (result == 0 && ferror(in))
        result = fault_set(fault, "%s: %s", path, strerror(errno));
    free(line);
    fclose(in);
    return result;
}

static int compare(const void *a, const void *b)
{
    return lpm_compare(&((const struct lpm_entry *)a)->prefix,
                       &((const struct lpm_entry *)b)->prefix);
}

// Sorts the list; what stands there twice is kept once.
static void settle(struct list *list)
{
    size_t kept = 0;
    if (list->count != 0)
        qsort(list->entries, list->count, sizeof list->entries[0], compare);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || compare(&list->entries[kept - 1], &list->entries[i]) != 0)
            list->entries[kept++] = list->entries[i];
    list->count = kept;
}

static struct allow *build(const struct list *list, struct fault *fault)
{
    struct allow *allow = calloc(1, sizeof *allow);
    if (allow != NULL) {
        atomic_init(&allow->references, 1);
        allow->count = list->count;
        allow->networks = lpm_new(list->entries, list->count);
        if (allow->networks != NULL)
            return allow;
    }
    free(allow);
    fault_set(fault, "out of memory");
    return NULL;
}

struct allow *allow_new(const char *text, struct fault *fault)
{
    struct list list = {.entries = NULL};
    struct allow *allow = NULL;
    int result = *text == '@'    ? read_file(&list, text + 1, fault)
                 : *text == '\0' ? add(&list, text, fault) // no network is a fault
                                 : list_parse(text, add_item, &list, fault);
    if (result == 0 && list.count == 0)
        result = fault_set(fault, "%s: no network in it", text + 1);
    if (result == 0) {
        settle(&list);
        allow = build(&list, fault);
    }
    free(list.entries);
    return allow;
}

struct allow *allow_ref(struct allow *allow)
{
    atomic_fetch_add(&allow->references, 1);
    return allow;
}

void allow_unref(struct allow *allow)
{
    if (allow == NULL || atomic_fetch_sub(&allow->references, 1) != 1)
        return;
    lpm_free(allow->networks);
    free(allow);
}

bool allow_admits(const struct allow *allow, const struct addr *source)
{
    if (source->len == 4)
        return lpm_find_ipv4(allow->networks, source->bytes) != LPM_NONE;
    return source->len == 16 && lpm_find_ipv6(allow->networks, source->bytes) != LPM_NONE;
}

size_t allow_count(const struct allow *allow)
{
    return allow->count;
}
