// Elements of mapping.yaml by name: which they are, and which destinations they have.
#include "collector/decode/mapping/element_name.h"
#include "tests/collector/decode/mapping_case.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_found(const char *name, bool ipfix, uint32_t enterprise, uint16_t element,
                         enum element_type type)
{
    struct element_name found = {.name = NULL};
    const char *nearest = NULL;
    if (element_name_find(name, ipfix, &found, &nearest) != 0)
        fail_msg("%s: not found", name);
    assert_int_equal(found.enterprise, enterprise);
    assert_int_equal(found.element, element);
    assert_int_equal(found.type, type);
}

static void names_are_elements(void **state)
{
    (void)state;
    assert_found("flowDirection", true, 0, 61, ELEMENT_UNSIGNED);
    assert_found("flowDirection", false, 0, 61, ELEMENT_UNSIGNED);
    assert_found("flowStartMicroseconds", true, 0, 154, ELEMENT_NTP);
    assert_found("applicationId", true, 0, 95, ELEMENT_OCTETS);
    assert_found("cisco.clientIPv4Address", true, 9, 12236, ELEMENT_IPV4);
    assert_found("netscaler.connectionId", true, 5951, 133, ELEMENT_UNSIGNED);
    assert_found("vmware.tenantSourceIPv6", true, 6876, 883, ELEMENT_IPV6);
    assert_found("cert.initialTCPFlags", true, 6871, 14, ELEMENT_UNSIGNED);
    assert_found("reverseOctetDeltaCount", true, 29305, 1, ELEMENT_UNSIGNED);
    assert_found("ntop.L7_PROTO", true, 35632, 118, ELEMENT_UNSIGNED);
    assert_found("ntop.L7_PROTO", false, 0, 57590, ELEMENT_UNSIGNED);
    assert_found("paloalto.App-ID", false, 0, 56701, ELEMENT_TEXT);
    assert_found("cisco.NF_F_FW_EVENT", false, 0, 40005, ELEMENT_UNSIGNED);
}

static void names_are_those_of_one_protocol(void **state)
{
    static const struct {
        const char *name;
        bool ipfix;
    } wrong[] = {
        {"paloalto.App-ID", true},
        {"cisco.clientIPv4Address", false},
        {"reverseOctetDeltaCount", false},
        {"reverseNoSuchElement", true},
        {"reverseoctetDeltaCount", true},
        {"reverse", true},
        {"reverseThisNameIsMuchLongerThanThatOfAnyElementThatThereEverWasOrWillBeInIpfix", true},
        {"FlowDirection", true},
        {"", true}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct element_name found;
        const char *nearest = NULL;
        assert_int_equal(element_name_find(wrong[i].name, wrong[i].ipfix, &found, &nearest), -1);
    }
}

static void names_and_numbers_mean_the_same(void **state)
{
    (void)state;
    struct mapping *mapping = mapping_of(
        COLUMNS "ipfix:\n  mapping:\n"
                "  - {field: flowDirection, destination: number}\n"
                "  - {field: 0x5f, destination: bytes_of}\n"
                "  - {field: netscaler.httpRspStatus, destination: list}\n"
                "  - {field: reverseOctetDeltaCount, destination: list}\n"
                "netflowv9: {mapping: [{field: ntop.L7_PROTO_NAME, destination: bytes_of}]}\n");
    const struct mapping_elements *ipfix = mapping_elements(mapping, true);
    const struct mapping_elements *v9 = mapping_elements(mapping, false);
    assert_true(mapping_find(ipfix, 0, 61) >= 0);
    assert_true(mapping_find(ipfix, 0, 95) >= 0);
    assert_true(mapping_find(ipfix, 5951, 144) >= 0);
    assert_true(mapping_find(ipfix, 29305, 1) >= 0);
    assert_true(mapping_find(ipfix, 0, 144) < 0);
    assert_true(mapping_find(v9, 0, 57591) >= 0);
    mapping_unref(mapping);
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    assert_mapping_refused("ipfix: {mapping: [{field: flowDirecton, destination: number}]}", 1,
                           "unknown element \"flowDirecton\", did you mean \"flowDirection\"?");
    assert_mapping_refused(
        "ipfix: {mapping: [{field: cisco.serverIPv4Adress, destination: number}]}", 1,
        "unknown element \"cisco.serverIPv4Adress\", did you mean \"cisco.serverIPv4Address\"?");
    assert_mapping_refused("ipfix: {mapping: [{field: nothing_like_any_of_them_at_all, "
                           "destination: number}]}",
                           1,
                           "unknown element \"nothing_like_any_of_them_at_all\": give its number "
                           "and pen");
    assert_mapping_refused("ipfix: {mapping: [{field: 61x, destination: number}]}", 1,
                           "field: got \"61x\", expected the number or the name of an element");
    assert_mapping_refused("ipfix: {mapping: [{field: -1, destination: number}]}", 1,
                           "field: got -1, expected 0 to 65535");
    assert_mapping_refused(
        "ipfix: {mapping: [{field: cisco.connectionId, pen: 9, destination: number}]}", 1,
        "pen: given beside the name of an element, which says it");
}

// By custom column of COLUMNS and by field: what it takes.
static void destinations_hold_what_their_type_can(void **state)
{
    static const struct {
        const char *destination;
        const char *takes;
        const char *refuses;
        const char *why;
    } cases[] = {
        {"number", "staMacAddress", "userName", "text"},
        {"number", "flowStartMilliseconds", "sourceIPv6Address", "an IPv6 address"},
        {"list", "ixia.DeviceId", "ixia.SrcLatitude", "a floating-point number"},
        {"address", "staIPv4Address", "flowDirection", "a number"},
        {"ipv4", "postNATSourceIPv4Address", "postNATSourceIPv6Address", "an IPv6 address"},
        {"truth", "dataRecordsReliability", "userName", "text"},
        {"float", "ixia.SrcLatitude", "octetDeltaCount", "a number"},
        {"ntp", "observationTimeMicroseconds", "observationTimeSeconds", "a time in seconds"},
        {"in_if", "internalAddressRealm", "subTemplateList", "a list"}, // octets into a number
        {"next_hop", "exporterIPv6Address", "exporterTransportPort", "a number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char yaml[1024];
        char why[256];
        snprintf(yaml, sizeof yaml, COLUMNS "ipfix: {mapping: [{field: %s, destination: %s}]}\n",
                 cases[i].takes, cases[i].destination);
        mapping_unref(mapping_of(yaml));
        snprintf(yaml, sizeof yaml, "ipfix: {mapping: [{field: %s, destination: %s}]}",
                 cases[i].refuses, cases[i].destination);
        snprintf(why, sizeof why, "destination %s: cannot hold %s, which is %s",
                 cases[i].destination, cases[i].refuses, cases[i].why);
        assert_mapping_refused(yaml, 1, why);
    }
}

// Each row of the tables is found under its name, and is the only one of that name.
static void every_name_is_one_element(void **state)
{
    static const struct element_name rows[] = {
#define ELEMENT_V9                                    UINT32_MAX
#define ELEMENT_NAME(name, enterprise, element, type) {name, enterprise, element, ELEMENT_##type},
#define ELEMENT_NAME_NTOP(name, element, type)        {name, 35632, element, ELEMENT_##type},
#include "collector/decode/mapping/element_name.def"
#include "collector/decode/mapping/element_vendor.def"
#undef ELEMENT_NAME
#undef ELEMENT_NAME_NTOP
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool ipfix = rows[i].enterprise != ELEMENT_V9;
        assert_found(rows[i].name, ipfix, ipfix ? rows[i].enterprise : 0, rows[i].element,
                     rows[i].type);
        assert_true((rows[i].enterprise == 0) == (strchr(rows[i].name, '.') == NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_elements),
        cmocka_unit_test(names_are_those_of_one_protocol),
        cmocka_unit_test(names_and_numbers_mean_the_same),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(destinations_hold_what_their_type_can),
        cmocka_unit_test(every_name_is_one_element),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
