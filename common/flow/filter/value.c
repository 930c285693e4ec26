#include "common/flow/filter/value.h"

#include "common/base/addr.h"
#include "common/base/cursor.h"
#include "common/flow/render.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX_LEN 127
#define MAC_BYTES    6

typedef const char *name_of(uint64_t number, size_t *len);

// Where the names of a kind of number are found: at every number up to the last, or at some.
static const struct {
    name_of *name;
    uint64_t last;
    const char *wanted;
} NAMES[] = {
    [FILTER_WORDS_NONE] = {NULL, 0, "a number"},
    [FILTER_WORDS_TYPE] = {render_type_name, FLOW_TYPE_IPFIX,
                           "a number or SFLOW_5, NETFLOW_V5, NETFLOW_V9, IPFIX"},
    [FILTER_WORDS_ETYPE] = {render_etype_name, 0xffff, "a number or IPv4, IPv6, ARP"},
    [FILTER_WORDS_PROTO] = {render_proto_name, 255, "a number or a protocol such as TCP"},
    [FILTER_WORDS_LAYER] = {render_layer_name, FLOW_LAYER_CUSTOM,
                            "a number or a layer such as Ethernet"},
    [FILTER_WORDS_BOOL] = {NULL, 0, "true or false"},
    [FILTER_WORDS_MAC] = {NULL, 0, "a MAC address such as 00:00:5e:00:53:01"},
    [FILTER_WORDS_COMMUNITY] = {NULL, 0, "a number or a community such as 64500:100"},
};

static int refuse(const struct filter_lexer *lexer, const char *wanted)
{
    return filter_fail(lexer, lexer->token.at, "got %s, wanted %s", filter_quote(lexer).text,
                       wanted);
}

static int no_memory(const struct filter_lexer *lexer)
{
    return filter_fail(lexer, lexer->token.at, "out of memory");
}

// Decimal, or hexadecimal with 0x, without a sign.
static bool read_plain(const char *text, uint64_t *out)
{
    char *end = NULL;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, hexadecimal ? 16 : 10);
    return errno == 0 && *end == '\0';
}

static bool read_mac(const char *text, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < MAC_BYTES; i++) {
        char *end = NULL;
        if (strchr("0123456789abcdefABCDEF", *text) == NULL || *text == '\0')
            return false;
        unsigned long byte = strtoul(text, &end, 16);
        if (end - text > 2 || *end != (i == MAC_BYTES - 1 ? '\0' : ':'))
            return false;
        *out = *out << 8 | byte;
        text = end + 1;
    }
    return true;
}

static bool read_community(const char *text, uint64_t *out)
{
    char high_text[WORD_MAX_LEN + 1];
    uint64_t high;
    uint64_t low;
    const char *colon = strchr(text, ':');
    if (colon == NULL)
        return read_plain(text, out);
    snprintf(high_text, sizeof high_text, "%.*s", (int)(colon - text), text);
    if (!read_plain(high_text, &high) || !read_plain(colon + 1, &low) || high > UINT16_MAX ||
        low > UINT16_MAX)
        return false;
    *out = high << 16 | low;
    return true;
}

static bool read_name(enum filter_words words, const char *text, uint64_t *out)
{
    for (uint64_t number = 0; number <= NAMES[words].last; number++) {
        size_t len;
        const char *name = NAMES[words].name(number, &len);
        if (name == NULL || len == 0 || strlen(text) != len || strncasecmp(text, name, len) != 0)
            continue;
        *out = number;
        return true;
    }
    return false;
}

static bool read_number(const struct filter_operand *operand, const char *text, uint64_t *out)
{
    bool truth = strcasecmp(text, "true") == 0;
    if (operand->words == FILTER_WORDS_MAC)
        return read_mac(text, out);
    if (operand->words == FILTER_WORDS_COMMUNITY)
        return read_community(text, out);
    if (operand->words == FILTER_WORDS_BOOL && (truth || strcasecmp(text, "false") == 0)) {
        *out = truth;
        return true;
    }
    if (NAMES[operand->words].name != NULL && read_name(operand->words, text, out))
        return true;
    return read_plain(text, out) && *out <= operand->max;
}

static bool read_float(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (strchr("+-.0123456789", *text) == NULL || *text == '\0')
        return false;
    double value = strtod(text, &end);
    *out = filter_float_key(value);
    return *end == '\0' && isfinite(value);
}

static bool read_ordered(const struct filter_operand *operand, const char *text, uint64_t *out)
{
    return operand->domain == FILTER_FLOATS ? read_float(text, out)
                                            : read_number(operand, text, out);
}

static const char *wanted(const struct filter_operand *operand)
{
    switch (operand->domain) {
    case FILTER_FLOATS:
        return "a number such as 0.5";
    case FILTER_ADDRESSES:
        return "an address";
    case FILTER_TEXTS:
        return "a text";
    case FILTER_NUMBERS:
        break;
    }
    return NAMES[operand->words].wanted;
}

// The word or quoted text of the token. A message about anything else, or one too long for any
// value but a text, is left in the fault.
static int take_word(struct filter_lexer *lexer, const struct filter_operand *operand,
                     char word[static WORD_MAX_LEN + 1])
{
    const struct filter_token *token = &lexer->token;
    bool is_text = token->kind == FILTER_TOKEN_WORD || token->kind == FILTER_TOKEN_QUOTED;
    if (!is_text || token->len > WORD_MAX_LEN)
        return refuse(lexer, wanted(operand));
    memcpy(word, token->text, token->len);
    word[token->len] = '\0';
    return 0;
}

int filter_value_number(struct filter_lexer *lexer, const struct filter_operand *operand,
                        uint64_t *out)
{
    char word[WORD_MAX_LEN + 1];
    if (take_word(lexer, operand, word) != 0)
        return -1;
    if (!read_ordered(operand, word, out))
        return refuse(lexer, wanted(operand));
    return filter_lex(lexer);
}

// A dash joins two values unless the whole is one: protocols have dashes in their names.
static int read_span(const struct filter_lexer *lexer, const struct filter_operand *operand,
                     bool several, char *word, struct filter_range *out)
{
    bool one = read_ordered(operand, word, &out->low);
    out->high = out->low;
    if (one)
        return 0;
    char *dash = several ? strchr(word, '-') : NULL;
    if (dash == NULL)
        return refuse(lexer, wanted(operand));
    *dash = '\0';
    if (!read_ordered(operand, word, &out->low) || !read_ordered(operand, dash + 1, &out->high))
        return refuse(lexer, wanted(operand));
    return out->low <= out->high ? 0 : refuse(lexer, "the smaller number first");
}

static int add_number(struct filter_lexer *lexer, const struct filter_operand *operand,
                      bool several, struct filter *filter)
{
    char word[WORD_MAX_LEN + 1];
    struct filter_range range;
    if (take_word(lexer, operand, word) != 0 ||
        read_span(lexer, operand, several, word, &range) != 0)
        return -1;
    return filter_add_range(filter, range.low, range.high) == 0 ? 0 : no_memory(lexer);
}

// The host bits of one half of an IPv6 address.
static uint64_t host_bits(unsigned prefix_bits)
{
    return prefix_bits >= 64 ? 0 : UINT64_MAX >> prefix_bits;
}

static int add_prefix(const struct filter_lexer *lexer, const struct prefix *prefix,
                      struct filter *filter)
{
    const uint8_t *bytes = prefix->addr.bytes;
    unsigned bits = prefix->bits;
    bool mapped = prefix->addr.len == 16 && bits >= 96 && addr_is_mapped(bytes);
    int result;
    if (prefix->addr.len == 4 || mapped) {
        uint32_t low = bytes_u32(mapped ? bytes + 12 : bytes);
        result = filter_add_range(filter, low, low | host_bits(32 + (mapped ? bits - 96 : bits)));
    } else {
        const uint64_t low[2] = {bytes_u64(bytes), bytes_u64(bytes + 8)};
        const struct filter_wide wide = {
            .low = {low[0], low[1]},
            .high = {low[0] | host_bits(bits), low[1] | host_bits(bits < 64 ? 0 : bits - 64)}};
        result = filter_add_wide(filter, &wide);
    }
    return result == 0 ? 0 : no_memory(lexer);
}

static int read_network(const struct filter_lexer *lexer, const char *word, struct prefix *out)
{
    char text[PREFIX_TEXT_MAX];
    char message[PREFIX_TEXT_MAX + 32];
    if (prefix_parse(out, word) != PREFIX_OK)
        return refuse(lexer, "a network such as 192.0.2.0/24");
    struct prefix masked = prefix_mask(out);
    if (addr_equal(&masked.addr, &out->addr))
        return 0;
    snprintf(message, sizeof message, "%s: no bits of hosts", prefix_string(text, &masked));
    return refuse(lexer, message);
}

static int add_address(struct filter_lexer *lexer, const struct filter_operand *operand,
                       bool several, struct filter *filter)
{
    char word[WORD_MAX_LEN + 1];
    struct prefix prefix;
    if (take_word(lexer, operand, word) != 0)
        return -1;
    bool network = strchr(word, '/') != NULL;
    if (network && !several)
        return refuse(lexer, "an address; a network stands behind 'in'");
    if (network && read_network(lexer, word, &prefix) != 0)
        return -1;
    if (!network) {
        if (addr_parse(&prefix.addr, word) != 0)
            return refuse(lexer, several ? "an address or a network" : "an address");
        prefix.bits = (uint8_t)(prefix.addr.len * 8);
    }
    return add_prefix(lexer, &prefix, filter);
}

static int add_text(struct filter_lexer *lexer, struct filter *filter)
{
    const struct filter_token *token = &lexer->token;
    if (token->kind != FILTER_TOKEN_WORD && token->kind != FILTER_TOKEN_QUOTED)
        return refuse(lexer, "a text");
    const struct span text = {(const uint8_t *)token->text, token->len};
    return filter_add_text(filter, text) == 0 ? 0 : no_memory(lexer);
}

int filter_value(struct filter_lexer *lexer, const struct filter_operand *operand, bool several,
                 struct filter *filter)
{
    int result = -1;
    switch (operand->domain) {
    case FILTER_NUMBERS:
    case FILTER_FLOATS:
        result = add_number(lexer, operand, several, filter);
        break;
    case FILTER_ADDRESSES:
        result = add_address(lexer, operand, several, filter);
        break;
    case FILTER_TEXTS:
        result = add_text(lexer, filter);
        break;
    }
    return result == 0 ? filter_lex(lexer) : -1;
}

int filter_value_any(const struct filter_operand *operand, struct filter *filter)
{
    static const struct filter_wide all = {.high = {UINT64_MAX, UINT64_MAX}};
    if (filter_add_range(filter, 0, UINT64_MAX) != 0)
        return -1;
    return operand->domain == FILTER_ADDRESSES ? filter_add_wide(filter, &all) : 0;
}

int filter_value_zero(const struct filter_operand *operand, struct filter *filter)
{
    if (operand->domain == FILTER_TEXTS)
        return filter_add_text(filter, (struct span){NULL, 0});
    uint64_t zero = operand->domain == FILTER_FLOATS ? filter_float_key(0) : 0;
    return filter_add_range(filter, zero, zero);
}
