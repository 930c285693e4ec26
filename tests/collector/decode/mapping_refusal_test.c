// The words for what is wrong in mapping.yaml's decoder blocks, and what is only warned about.
#include "tests/collector/decode/mapping_case.h"

#include "common/base/log.h"
#include "common/flow/formatter.h"
#include "tests/support/said.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void wrong_elements_are_refused(void **state)
{
    (void)state;
    assert_mapping_refused("ipfix: {mapping: [{field: 61}]}", 1, "item without a destination");
    assert_mapping_refused("ipfix: {mapping: [{destination: number}]}", 1, "item without a field");
    assert_mapping_refused("ipfix: {mapping: [{field: 65536, destination: number}]}", 1,
                           "field: got 65536, expected 0 to 65535");
    assert_mapping_refused("ipfix: {mapping: [{field: 1, pen: -1, destination: number}]}", 1,
                           "pen: got -1, expected 0 to 4294967295");
    assert_mapping_refused(
        "ipfix: {mapping: [{field: 1, destination: number, endian: big, endianness: big}]}", 1,
        "endian: given beside endianness");
    assert_mapping_refused("ipfix: {mapping: {field: 1}}", 1,
                           "mapping: expected a list, got a mapping");
}

static void fields_made_here_take_no_mapping(void **state)
{
    (void)state;
    static const char *const names[] = {"type",      "Type",        "layer_stack",
                                        "LayerSize", "src_country", "dst_context"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char blocks[128];
        char expected[128];
        snprintf(blocks, sizeof blocks, "ipfix: {mapping: [{field: 1, destination: %s}]}",
                 names[i]);
        snprintf(expected, sizeof expected, "destination %s: cannot be mapped to", names[i]);
        assert_mapping_refused(blocks, 1, expected);
    }
}

static void wrong_ports_are_refused(void **state)
{
    (void)state;
    assert_mapping_refused("sflow: {ports: [{proto: icmp, dir: dst, port: 1, parser: gre}]}", 1,
                           "proto: got \"icmp\", expected udp or tcp");
    assert_mapping_refused("sflow: {ports: [{proto: udp, dir: in, port: 1, parser: gre}]}", 1,
                           "dir: got \"in\", expected src, dst or both");
    assert_mapping_refused("sflow: {ports: [{proto: udp, dir: src, port: 65536, parser: gre}]}", 1,
                           "port: got 65536, expected 0 to 65535");
    assert_mapping_refused(
        "sflow: {ports: [{proto: udp, dir: src, port: 1, parser: GRE}]}", 1,
        "parser: got \"GRE\", expected one of ethernet, dot1q, mpls, ipv4, ipv6, "
        "ipv6-route, ipv6-frag, tcp, udp, sctp, icmp, ipv6-icmp, gre, vxlan, "
        "geneve, teredo-dst");
    assert_mapping_refused("sflow: {ports: [{proto: udp, dir: src, port: 1}]}", 1,
                           "port without one of proto, dir, port and parser");
}

static void items_without_what_they_need_are_refused(void **state)
{
    (void)state;
    assert_mapping_refused("sflow: {mapping: [{destination: number}]}", 1, "item without a layer");
    assert_mapping_refused("sflow: {mapping: [{layer: udp}]}", 1, "item without a destination");
}

static void wrong_lengths_are_refused(void **state)
{
    (void)state;
    assert_mapping_refused("sflow: {mapping: [{layer: udp, offset: -8, destination: number}]}", 1,
                           "offset: got -8, expected 0 to 524280");
    assert_mapping_refused("sflow: {mapping: [{layer: udp, length: 4097, destination: number}]}", 1,
                           "length: got 4097, expected 0 to 4096");
    assert_mapping_refused("sflow: {mapping: [{layer: udp, length: 65, destination: number}]}", 1,
                           "length: got 65 bits, a number has at most 64");
    assert_mapping_refused("sflow: {mapping: [{layer: udp, length: 64, destination: address}]}", 1,
                           "length: got 64 bits, address wants 32 or 128");
    assert_mapping_refused("sflow: {mapping: [{layer: udp, length: 128, destination: ipv4}]}", 1,
                           "length: got 128 bits, ipv4 wants 32");
    assert_mapping_refused("sflow: {mapping: [{layer: udp, length: 16, destination: float}]}", 1,
                           "length: got 16 bits, float wants 32 or 64");
}

// Files made for goflow2 may hold all of this: it is without effect there too.
static void what_has_no_effect_is_passed_over(void **state)
{
    (void)state;
    mapping_unref(mapping_of(COLUMNS
                             "ipfix:\n  mapping:\n"
                             "  - {field: 61, destination: number}\n"
                             "  - {field: 61, destination: list, comment: the last one counts}\n"
                             "  - {field: 1, destination: SamplerAddress}\n"
                             "netflowv9:\n  mapping:\n"
                             "  - {field: 61, penprovided: true, pen: 9, destination: number}\n"
                             "sflow:\n  ports:\n"
                             "  - {proto: udp, dir: both, port: 1, parser: gre}\n"
                             "  - {proto: udp, dir: dst, port: 1, parser: geneve}\n"
                             "  mapping:\n"
                             "  - {layer: arp, offset: 0, length: 8, destination: number}\n"
                             "  - {layer: '0', offset: 0, length: 8, destination: number}\n"
                             "other: x\n"));
    mapping_unref(mapping_of("ipfix:\nnetflowv9: {mapping: }\nsflow: ~\n"));
}

// Loads the file and wants that warning of it, `line` counted from the first one behind COLUMNS.
static void assert_warned(const char *blocks, unsigned line, const char *expected)
{
    static char said[SAID_MAX];
    char yaml[4096];
    char text[512];
    snprintf(yaml, sizeof yaml, COLUMNS "%s", blocks);
    snprintf(text, sizeof text, ":%u: %s", COLUMN_LINES + line, expected);
    log_setup(LOG_LEVEL_WARN, true);
    said_begin();
    struct mapping *mapping = mapping_of(yaml);
    said_end(said);
    log_setup(LOG_LEVEL_ERROR, false);
    mapping_unref(mapping);
    if (strstr(said, text) == NULL)
        fail_msg("not said: %s, but %s", text, said);
}

// goflow2 loads such files, its manual has two of them; nobody who comes from there is stopped.
static void what_goflow2_passes_over_is_a_warning(void **state)
{
    (void)state;
    assert_warned("ipfix:\n  mapping:\n  - {field: 192, destination: ip_ttl_test}\n", 3,
                  "unknown destination \\\"ip_ttl_test\\\": has no effect, it is neither in the "
                  "schema nor under formatter.protobuf\"");
    assert_warned("sflow:\n  mapping:\n  - {layer: '4', offset: 0, length: 16,\n"
                  "     destination: custom_src_port}\n",
                  4, "unknown destination \\\"custom_src_port\\\": has no effect, ");
    assert_warned("netflowv9:\n  mapping:\n  - {field: 61, destination: scr_addr}\n", 3,
                  "unknown destination \\\"scr_addr\\\": has no effect, did you mean "
                  "\\\"src_addr\\\"?\"");
    assert_warned("ipfix: {mapping: [{field: 61, destination: numbr}]}\n", 1,
                  "unknown destination \\\"numbr\\\": has no effect, did you mean "
                  "\\\"number\\\"?\"");
    assert_warned("sflow: {mapping: [{layer: UDP, length: 8, destination: number}]}", 1,
                  "unknown layer \\\"UDP\\\": has no effect, did you mean \\\"udp\\\"?\"");
    assert_warned("sflow: {mapping: [{layer: proto256, destination: number}]}", 1,
                  "unknown layer \\\"proto256\\\": has no effect, expected a header's name, "
                  "etype2048, etype0x0800, proto6, udp53 or tcp53\"");
    assert_warned("ipfix: {mapping: [{field: 1, penprovided: true, destination: number}]}", 1,
                  "penprovided: without a pen, has no effect\"");
    assert_warned("ipfix: {mapping: [{field: 1, penprovided: false, pen: 9, "
                  "destination: number}]}",
                  1, "pen: given, but penprovided is false: has no effect\"");
    assert_warned("ipfix: {mapping: [{field: 1, destination: number, endian: middle}]}", 1,
                  "endianness: got \\\"middle\\\", expected big or little, taken for big\"");
}

static void all_that_is_wrong_is_said(void **state)
{
    static char said[SAID_MAX];
    (void)state;
    said_begin();
    assert_mapping_refused("ipfix:\n  mapping:\n"
                           "  - {field: 65536, destination: Type}\n"
                           "  - {field: flowDirecton, destination: number}\n"
                           "  - {destination: number}\n"
                           "sflow:\n  ports:\n  - {proto: icmp, dir: src, port: 1, parser: gre}\n"
                           "  mapping:\n"
                           "  - {layer: udp, offset: -8, length: 5000, destination: type}\n",
                           10, "destination type: cannot be mapped to");
    said_end(said);
    static const char *const wanted[] = {
        ":13: field: got 65536",  ":13: destination Type: cannot",
        ":14: unknown element",   ":15: item without a f",
        ":18: proto: got",        ":20: offset: got -8",
        ":20: length: got 5000,",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strstr(said, wanted[i]) == NULL)
            fail_msg("not said: %s, but %s", wanted[i], said);
}

// The sample and goflow2's own facts load as they are.
static void shipped_files_load(void **state)
{
    (void)state;
    static const char *const paths[] = {SOURCE_DIR "/mapping.yaml",
                                        SOURCE_DIR "/tests/fixtures/default-mapping.yaml"};
    for (size_t i = 0; i < 2; i++) {
        static char yaml[65536];
        FILE *file = fopen(paths[i], "r");
        assert_non_null(file);
        yaml[fread(yaml, 1, sizeof yaml - 1, file)] = '\0';
        fclose(file);
        mapping_unref(mapping_of(yaml));
    }
}

// Whatever is left of a file that was cut short, it is read or refused, and nothing is lost.
static void files_cut_anywhere_are_read_or_refused(void **state)
{
    (void)state;
    static char yaml[65536];
    FILE *file = fopen(SOURCE_DIR "/mapping.yaml", "r");
    assert_non_null(file);
    size_t len = fread(yaml, 1, sizeof yaml, file);
    fclose(file);
    for (size_t cut = 0; cut < len; cut += 5) {
        struct fault fault = {.text = ""};
        const char *path = scratch_write(yaml, cut);
        struct formatter *formatter;
        int result = formatter_load(&formatter, path, 0, &fault);
        assert_true(result == 0 || fault.text[0] != '\0');
        struct mapping *mapping = formatter == NULL ? NULL : mapping_load(path, formatter, &fault);
        assert_true(mapping != NULL || fault.text[0] != '\0');
        mapping_unref(mapping);
        formatter_free(formatter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_elements_are_refused),
        cmocka_unit_test(fields_made_here_take_no_mapping),
        cmocka_unit_test(wrong_ports_are_refused),
        cmocka_unit_test(items_without_what_they_need_are_refused),
        cmocka_unit_test(wrong_lengths_are_refused),
        cmocka_unit_test(what_has_no_effect_is_passed_over),
        cmocka_unit_test(what_goflow2_passes_over_is_a_warning),
        cmocka_unit_test(all_that_is_wrong_is_said),
        cmocka_unit_test(shipped_files_load),
        cmocka_unit_test(files_cut_anywhere_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
