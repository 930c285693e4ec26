#include "common/base/http_host.h"

#include "common/base/addr.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HOST_MAX 256

// The name without its port, brackets and final dot. False when it is none.
static bool read_name(const char *header, char name[static HOST_MAX])
{
    size_t len = *header == '[' ? strcspn(header, "]") : strcspn(header, ":");
    const char *begin = header;
    if (*header == '[') {
        begin++;
        len--;
    }
    if (len > 1 && begin[len - 1] == '.')
        len--;
    if (len == 0 || len >= HOST_MAX)
        return false;
    memcpy(name, begin, len);
    name[len] = '\0';
    return true;
}

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name);
    size_t ending_len = strlen(ending);
    return len > ending_len && strcasecmp(name + len - ending_len, ending) == 0;
}

static bool is_private(const char *name)
{
    return strchr(name, '.') == NULL || ends_with(name, ".localhost") ||
           ends_with(name, ".local") || ends_with(name, ".internal");
}

static bool is_in(const char *names, const char *name)
{
    size_t name_len = strlen(name);
    while (*names != '\0') {
        size_t len = strcspn(names, ",");
        if (len == name_len && strncasecmp(names, name, len) == 0)
            return true;
        names += len + (names[len] == ',');
    }
    return false;
}

static bool is_of_machine(const char *name)
{
    char own[HOST_MAX] = "";
    return gethostname(own, sizeof own - 1) == 0 && strcasecmp(own, name) == 0;
}

bool http_host_allowed(const char *header, const char *own, const char *names)
{
    char name[HOST_MAX];
    struct addr address;
    if (header == NULL)
        return true;
    return read_name(header, name) &&
           (addr_parse(&address, name) == 0 || is_private(name) || strcasecmp(name, own) == 0 ||
            is_in(names, name) || is_of_machine(name));
}
