// The bounded reader and writer, JSON escaping, and the ledger's equations.
#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/cursor.h"
#include "common/base/copy.h"
#include "common/base/json.h"
#include "common/base/ledger.h"
#include "common/base/log.h"
#include "common/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void a_cursor_reads_big_endian(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct cursor c = cursor_over(data, sizeof data);
    assert_int_equal(cursor_u8(&c), 0x01);
    assert_int_equal(cursor_u16(&c), 0x0203);
    assert_int_equal(cursor_u32(&c), 0x04050607);
    assert_int_equal(cursor_u64(&c), 0x08090a0b0c0d0e0f);
    assert_int_equal(cursor_left(&c), 1);
    assert_int_equal(bytes_be(data, 3), 0x010203);
    assert_int_equal(bytes_be(data, 0), 0);
}

static void a_failed_cursor_stays_failed(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3};
    struct cursor c = cursor_over(data, sizeof data);
    assert_int_equal(cursor_u16(&c), 0x0102);
    assert_int_equal(cursor_u16(&c), 0);
    assert_false(cursor_ok(&c));
    assert_int_equal(cursor_u8(&c), 0); // though one byte is left
    assert_null(cursor_take(&c, 0));
    struct cursor sub = cursor_sub(&c, 1);
    assert_false(cursor_ok(&sub));
    assert_int_equal(cursor_left(&sub), 0);
}

static void a_cursor_over_nothing_is_empty(void **state)
{
    (void)state;
    struct cursor c = cursor_over(NULL, 0);
    assert_int_equal(cursor_left(&c), 0);
    assert_true(cursor_ok(&c));
    assert_int_equal(cursor_u8(&c), 0);
    assert_false(cursor_ok(&c));
}

static void a_buffer_never_writes_past_its_end(void **state)
{
    (void)state;
    char room[8] = "........";
    struct buf b = buf_over(room, 6);
    buf_text(&b, "abc");
    buf_printf(&b, "%d", 42);
    assert_true(buf_ok(&b));
    assert_int_equal(b.len, 5);
    buf_text(&b, "xy"); // writes nothing
    assert_false(buf_ok(&b));
    buf_byte(&b, 'z');
    assert_int_equal(b.len, 5);
    assert_memory_equal(room, "abc42", 5);
    assert_memory_equal(room + 6, "..", 2);
}

static void long_text_is_escaped_in_pieces(void **state)
{
    (void)state;
    char text[512];
    char room[1024];
    size_t len = 0;
    while (len + 3 <= sizeof text) {
        memcpy(text + len, "\xe2\x82\xac", 3); // the euro sign: cuts fall inside
        len += 3;
    }
    struct buf b = buf_over(room, sizeof room);
    buf_json_escaped(&b, text, len);
    assert_int_equal(b.len, len);
    assert_memory_equal(room, text, len);
}

static void escapes(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"plain", "plain"},
        {"\"\\\n\r\t", "\\\"\\\\\\n\\r\\t"},
        {"\x01\x1f\x7f", "\\u0001\\u001f\\u007f"},
        {"\xc3\xa9 \xf0\x9f\x98\x80", "\xc3\xa9 \xf0\x9f\x98\x80"},
        {"\xc0\x80", "\\ufffd\\ufffd"},                       // over-long
        {"\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd"},            // over-long
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"}, // above U+10FFFF
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},            // a surrogate
        {"a\xe2\x82", "a\\ufffd\\ufffd"},                     // cut short
        {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf", "\\u2028\\u2029\xe2\x80\xaf"},
        {"\xc2\x9b"
         "2J\xc2\xa0",
         "\\u009b2J\xc2\xa0"}, // the sequence introducer in one character
        {"\xd8\x9c\xe2\x80\x8f\xe2\x80\xae\xe2\x81\xa6", "\\u061c\\u200f\\u202e\\u2066"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t out[128];
        size_t len = strlen(cases[i].in);
        uint8_t *end = json_escape(out, (const uint8_t *)cases[i].in, len);
        assert_int_equal(end - out, strlen(cases[i].out));
        assert_memory_equal(out, cases[i].out, strlen(cases[i].out));
        assert_true((size_t)(end - out) <= JSON_ESCAPED_MAX(len));
    }
}

static size_t put_utf8(uint8_t *out, unsigned code)
{
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i != 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)(leads[len] | code);
    return len;
}

// Unicode's categories Cc and, of Cf, what Bidi_Control names; and the two separators of lines.
static bool governs_a_terminal(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static void no_character_governs_a_terminal(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 0x10ffff; code++) {
        uint8_t text[4];
        uint8_t out[JSON_ESCAPED_MAX(4)];
        size_t len = put_utf8(text, code);
        bool governs = governs_a_terminal(code);
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        assert_int_equal(utf8_is_control(text, utf8_sequence(text, len)), governs);
        size_t masked = utf8_mask(out, text, len);
        assert_true(governs ? masked == 1 && *out == '?'
                            : masked == len && memcmp(out, text, len) == 0);
        uint8_t *end = json_escape(out, text, len);
        assert_true(!governs || *out == '\\');
        assert_true(code < 0x80 || governs || (size_t)(end - out) == len);
    }
    uint8_t broken[] = "a\x9b"
                       "b\xc3";
    assert_int_equal(utf8_mask(broken, broken, 4), 4);
    assert_memory_equal(broken, "a?b?", 4);
}

// RFC 4648, section 10, and the two digits that are neither letters nor numbers.
static void base64_is_padded(void **state)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xfb\xff\xbf", "+/+/"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char room[16];
        struct buf b = buf_over(room, sizeof room);
        buf_base64(&b, cases[i][0], strlen(cases[i][0]));
        assert_int_equal(b.len, strlen(cases[i][1]));
        assert_memory_equal(room, cases[i][1], b.len);
    }
}

static void a_ledger_balances(void **state)
{
    (void)state;
    struct ledger l = {.datagrams_received = 5,
                       .datagrams_parsed = 4,
                       .units_received = 7,
                       .units_decoded = 5,
                       .units_held = 1,
                       .flows_made = 20,
                       .flows_delivered = 10,
                       .flows_filtered = 4,
                       .flows_waiting = 3};
    l.reasons[REASON_HEADER_SHORT] = 1;
    l.reasons[REASON_TEMPLATE_MISSING] = 1;
    l.reasons[REASON_OUTPUT_BLOCKED] = 3;
    l.reasons[REASON_TRAILING_BYTES] = 100; // a note stands in no equation
    assert_true(ledger_balanced(&l));
    struct ledger sum = l;
    ledger_add(&sum, &l);
    assert_true(ledger_balanced(&sum));
    assert_int_equal(sum.reasons[REASON_TRAILING_BYTES], 200);
    for (int i = 0; i < 3; i++) {
        struct ledger off = l;
        *(i == 0 ? &off.datagrams_parsed : i == 1 ? &off.units_held : &off.flows_waiting) += 1;
        assert_false(ledger_balanced(&off));
    }
}

static void reasons_have_distinct_labels(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        assert_true(strlen(reason_text((enum reason)i)) != 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(reason_label((enum reason)i), reason_label((enum reason)j));
    }
}

static void people_read_angle_brackets(void **state)
{
    (void)state;
    char room[64];
    struct buf out = buf_over(room, sizeof room);
    buf_escaped(&out, "<a> \"b\" &\n\xff>", 12);
    buf_byte(&out, '\0');
    assert_string_equal(room, "<a> \\\"b\\\" &\\n\\ufffd>");
}

static void log_levels(void **state)
{
    (void)state;
    int level = 99;
    assert_int_equal(log_level_parse("info", &level), 0);
    assert_int_equal(level, LOG_LEVEL_INFO);
    assert_int_equal(log_level_parse("WARN", &level), 0);
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_int_equal(log_level_parse("info+2", &level), 0);
    assert_int_equal(level, 2);
    assert_int_equal(log_level_parse("error+1", &level), 0);
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("Error-1", &level), 0);
    assert_int_equal(level, 7);
    static const char *const bad[] = {"", "inf", "information", "info+", "info+x", "+2", "info 2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(log_level_parse(bad[i], &level), -1);
}

// Each ASCII character at each place of texts of each length: as if it stood alone.
static void escapes_wherever_it_stands(void **state)
{
    (void)state;
    uint8_t text[40];
    uint8_t out[JSON_ESCAPED_MAX(sizeof text)];
    uint8_t alone[JSON_ESCAPED_MAX(1)];
    for (unsigned c = 0; c < 128; c++) {
        const uint8_t byte = (uint8_t)c;
        size_t alone_len = (size_t)(json_escape(alone, &byte, 1) - alone);
        assert_int_equal(alone_len != 1, c < ' ' || c == 127 || strchr("\"\\<>&", (int)c) != NULL);
        for (size_t len = 1; len <= sizeof text; len++) {
            for (size_t at = 0; at < len; at++) {
                memset(text, 'x', len);
                text[at] = byte;
                const uint8_t *end = json_escape(out, text, len);
                assert_int_equal(end - out, len - 1 + alone_len);
                assert_memory_equal(out, text, at);
                assert_memory_equal(out + at, alone, alone_len);
                assert_memory_equal(out + at + alone_len, text + at + 1, len - at - 1);
            }
        }
    }
}

// Every length on both sides of each way of copying, to the byte.
static void copies_exactly(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 300; len++) {
        uint8_t *from = malloc(len + 1);
        uint8_t *out = malloc(len + 1);
        for (size_t i = 0; i < len; i++)
            from[i] = (uint8_t)(i * 7 + len);
        out[len] = 0xa5;
        assert_ptr_equal(copy_bytes(out, from, len), out + len);
        assert_memory_equal(out, from, len);
        assert_int_equal(out[len], 0xa5);
        free(from);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_reads_big_endian),
        cmocka_unit_test(a_failed_cursor_stays_failed),
        cmocka_unit_test(a_cursor_over_nothing_is_empty),
        cmocka_unit_test(a_buffer_never_writes_past_its_end),
        cmocka_unit_test(long_text_is_escaped_in_pieces),
        cmocka_unit_test(escapes),
        cmocka_unit_test(no_character_governs_a_terminal),
        cmocka_unit_test(base64_is_padded),
        cmocka_unit_test(a_ledger_balances),
        cmocka_unit_test(reasons_have_distinct_labels),
        cmocka_unit_test(log_levels),
        cmocka_unit_test(people_read_angle_brackets),
        cmocka_unit_test(escapes_wherever_it_stands),
        cmocka_unit_test(copies_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
