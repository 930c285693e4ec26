#include "collector/decode/mapping/element_name.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define ELEMENT_V9      UINT32_MAX // as the enterprise: an element of NetFlow v9 that has none
#define ENTERPRISE_NTOP 35632
#define NTOP_V9_FIRST   57472 // of ntop's elements in NetFlow v9
#define REVERSE         29305 // RFC 5103, section 6.1

static const struct element_name NAMES[] = {
#define ELEMENT_NAME(name, enterprise, element, type) {name, enterprise, element, ELEMENT_##type},
#define ELEMENT_NAME_NTOP(name, element, type)                                                     \
    {name, ENTERPRISE_NTOP, element, ELEMENT_##type},                                              \
        {name, ELEMENT_V9, NTOP_V9_FIRST + element, ELEMENT_##type},
#include "collector/decode/mapping/element_name.def"
#include "collector/decode/mapping/element_vendor.def"
#undef ELEMENT_NAME
#undef ELEMENT_NAME_NTOP
};

static bool is_known(const struct element_name *row, bool ipfix)
{
    return ipfix ? row->enterprise != ELEMENT_V9
                 : row->enterprise == 0 || row->enterprise == ELEMENT_V9;
}

static const struct element_name *find(const char *name, bool ipfix)
{
    for (size_t i = 0; i < COUNT(NAMES); i++)
        if (is_known(&NAMES[i], ipfix) && strcmp(NAMES[i].name, name) == 0)
            return &NAMES[i];
    return NULL;
}

// reverseOctetDeltaCount is octetDeltaCount of the other direction.
static const struct element_name *find_reverse(const char *name)
{
    static const char prefix[] = "reverse";
    char forward[64];
    size_t len = strlen(name);
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || len < sizeof prefix ||
        len - (sizeof prefix - 1) >= sizeof forward)
        return NULL;
    memcpy(forward, name + sizeof prefix - 1, len - (sizeof prefix - 1) + 1);
    if (forward[0] < 'A' || forward[0] > 'Z')
        return NULL;
    forward[0] = (char)(forward[0] - 'A' + 'a');
    const struct element_name *row = find(forward, true);
    return row == NULL || row->enterprise != 0 ? NULL : row;
}

int element_name_find(const char *name, bool ipfix, struct element_name *out, const char **nearest)
{
    struct nearest near = {.text = name};
    const struct element_name *row = find(name, ipfix);
    if (row != NULL) {
        *out = *row;
        out->enterprise = row->enterprise == ELEMENT_V9 ? 0 : row->enterprise;
        return 0;
    }
    row = ipfix ? find_reverse(name) : NULL;
    if (row != NULL) {
        *out = *row;
        out->enterprise = REVERSE;
        return 0;
    }
    for (size_t i = 0; i < COUNT(NAMES); i++)
        if (is_known(&NAMES[i], ipfix))
            nearest_offer(&near, NAMES[i].name);
    *nearest = near.name;
    return -1;
}

const char *element_type_name(enum element_type type)
{
    static const char *const names[ELEMENT_TYPE_COUNT] = {
        [ELEMENT_UNSIGNED] = "a number",
        [ELEMENT_SIGNED] = "a signed number",
        [ELEMENT_FLOAT] = "a floating-point number",
        [ELEMENT_BOOLEAN] = "a truth value",
        [ELEMENT_MAC] = "a MAC address",
        [ELEMENT_IPV4] = "an IPv4 address",
        [ELEMENT_IPV6] = "an IPv6 address",
        [ELEMENT_TEXT] = "text",
        [ELEMENT_OCTETS] = "bytes",
        [ELEMENT_SECONDS] = "a time in seconds",
        [ELEMENT_MILLI] = "a time in milliseconds",
        [ELEMENT_NTP] = "a time of NTP",
        [ELEMENT_LIST] = "a list",
    };
    return names[type];
}
