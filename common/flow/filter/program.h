// The insides of a filter, and how they are put together; inside filter/ only.
#pragma once

#include "common/flow/filter/filter.h"

// Where a test finds its values.
enum filter_source {
    FILTER_NUM,
    FILTER_NUM_LIST,
    FILTER_BYTES,
    FILTER_BYTES_LIST,
    FILTER_CUSTOM,      // the last one of that number, as it is printed
    FILTER_CUSTOM_LIST, // each of that number
    FILTER_TAG,         // of a context, the value of a key
};

// What it takes them for.
enum filter_domain {
    FILTER_NUMBERS,
    FILTER_FLOATS, // numbers as well: see filter_float_key
    FILTER_ADDRESSES,
    FILTER_TEXTS,
};

// The names that stand for numbers.
enum filter_words {
    FILTER_WORDS_NONE,
    FILTER_WORDS_TYPE,
    FILTER_WORDS_ETYPE,
    FILTER_WORDS_PROTO,
    FILTER_WORDS_LAYER,
    FILTER_WORDS_BOOL,
    FILTER_WORDS_MAC,
    FILTER_WORDS_COMMUNITY, // 64500:100
};

struct filter_operand {
    enum filter_source source;
    enum filter_domain domain;
    enum filter_words words;
    enum flow_field field;
    uint32_t number;  // of a custom column
    bool padded;      // NULs behind the text do not count
    uint64_t max;     // the largest number
    struct span name; // the key of a tag
};

struct filter_range {
    uint64_t low;
    uint64_t high;
};

// The same of IPv6 addresses, the higher half first.
struct filter_wide {
    uint64_t low[2];
    uint64_t high[2];
};

// The values that a test is true for: so many of the filter's arrays, from there on. Ranges are
// ascending and apart. IPv4 addresses are numbers.
struct filter_set {
    uint32_t ranges;
    uint32_t range_count;
    uint32_t wides;
    uint32_t wide_count;
    uint32_t texts;
    uint32_t text_count;
};

// Where the tests end.
#define FILTER_KEEP 0xffff
#define FILTER_DROP 0xfffe

struct filter_test {
    struct filter_operand operand;
    uint64_t mask; // of a number
    struct filter_set set;
    uint16_t yes; // the test that follows, or an end
    uint16_t no;
};

struct filter {
    char *text; // the expression, its quoted texts unescaped; names and texts lie in it
    struct filter_test *tests;
    size_t test_count;
    struct filter_range *ranges;
    size_t range_count;
    struct filter_wide *wides;
    size_t wide_count;
    struct span *texts;
    size_t text_count;
    uint64_t fields;
};

// Numbers in the order of the doubles they are made of; -0 is 0. Not for what is no number.
uint64_t filter_float_key(double value);
