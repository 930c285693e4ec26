// The input: whole frames from pieces of any size, newlines between them, and what is no flow.
#include "enricher/source/stdin.h"

#include "common/base/log.h"
#include "common/flow/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FRAME_COUNT 40
#define STREAM_MAX  65536

static uint8_t stream[STREAM_MAX];
static size_t stream_len;

// Bodies of every kind of length, one of ten bytes among them: its length is a newline.
static size_t put_frame(uint8_t *out, unsigned number)
{
    uint8_t body[1024];
    uint8_t filler[512];
    memset(filler, '\n', sizeof filler);
    uint8_t *end = wire_put_num(body, FLOW_TYPE, 4);
    end = wire_put_bytes(end, FLOW_SRC_ADDR, filler, number % 5 == 1 ? 6 : number * 11 % 400);
    size_t len = (size_t)(end - body);
    uint8_t *at = wire_put_varint(out, len);
    memcpy(at, body, len);
    return (size_t)(at - out) + len;
}

static void make_stream(unsigned first, const char *separator)
{
    stream_len = 0;
    for (unsigned i = 0; i < FRAME_COUNT; i++) {
        stream_len += put_frame(stream + stream_len, first + i);
        memcpy(stream + stream_len, separator, strlen(separator));
        stream_len += strlen(separator);
    }
}

static unsigned count_frames(const struct source_block *block, unsigned number)
{
    uint8_t expected[1024];
    for (size_t at = 0; at < block->len; number++) {
        size_t len = put_frame(expected, number);
        assert_true(at + len <= block->len);
        assert_memory_equal(block->data + at, expected, len);
        assert_memory_equal(block->data + at, stream + block->offset + at, len);
        at += len + block->lines;
    }
    return number;
}

// Feeds the stream in pieces of `step` bytes; returns the frames that came, the end in *result.
static unsigned feed(size_t step, unsigned first, enum source_result *result)
{
    int fds[2];
    struct source_block block;
    unsigned number = first;
    assert_int_equal(pipe(fds), 0);
    struct source *source = stdin_open(fds[0]);
    assert_non_null(source);
    *result = SOURCE_IDLE;
    for (size_t at = 0; at < stream_len && *result == SOURCE_IDLE; at += step) {
        size_t len = stream_len - at < step ? stream_len - at : step;
        assert_int_equal(write(fds[1], stream + at, len), len);
        while ((*result = source_next(source, &block)) == SOURCE_BLOCK) {
            number = count_frames(&block, number);
            source_answer(source, &block, SOURCE_DONE);
        }
    }
    close(fds[1]);
    while (*result == SOURCE_IDLE || *result == SOURCE_BLOCK)
        if ((*result = source_next(source, &block)) == SOURCE_BLOCK)
            number = count_frames(&block, number);
    source_close(source);
    close(fds[0]);
    return number - first;
}

static void gives_whole_frames(void **state)
{
    (void)state;
    static const char *const separators[] = {"", "\n"};
    static const size_t steps[] = {1, 2, 3, 7, 100, 1000, STREAM_MAX};
    for (size_t s = 0; s < 2; s++)
        for (unsigned first = 0; first < 5; first++)
            for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
                enum source_result result;
                make_stream(first, separators[s]);
                assert_int_equal(feed(steps[i], first, &result), FRAME_COUNT);
                assert_int_equal(result, SOURCE_END);
            }
}

static void takes_a_last_line_without_newline(void **state)
{
    (void)state;
    enum source_result result;
    make_stream(0, "\n");
    stream_len--;
    assert_int_equal(feed(100, 0, &result), FRAME_COUNT);
    assert_int_equal(result, SOURCE_END);
}

static void ends_at_once_when_empty(void **state)
{
    (void)state;
    enum source_result result;
    stream_len = 0;
    assert_int_equal(feed(1, 0, &result), 0);
    assert_int_equal(result, SOURCE_END);
}

static void fails_inside_a_frame(void **state)
{
    (void)state;
    enum source_result result;
    size_t whole = 0;
    make_stream(0, "");
    size_t all = stream_len;
    for (unsigned number = 0; number < 3; number++) {
        uint8_t frame[1024];
        size_t len = put_frame(frame, number);
        for (size_t cut = 1; cut < len; cut++) {
            stream_len = whole + cut;
            if (cut == 1 && stream[whole] == '\n')
                continue; // nobody can tell it from a newline at the end
            assert_int_equal(feed(STREAM_MAX, 0, &result), number);
            assert_int_equal(result, SOURCE_FAILED);
        }
        whole += len;
    }
    stream_len = all;
}

static void fails_at_an_impossible_length(void **state)
{
    (void)state;
    static const uint8_t lengths[][10] = {
        {0x81, 0x80, 0x80, 0x02},                                     // WIRE_FRAME_MAX + 1
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},       // 2^63 - 1
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, // 2^64 - 1
        {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, // over-long
    };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        enum source_result result;
        make_stream(0, "");
        memcpy(stream + stream_len, lengths[i], sizeof lengths[i]);
        stream_len += sizeof lengths[i];
        assert_int_equal(feed(STREAM_MAX, 0, &result), FRAME_COUNT);
        assert_int_equal(result, SOURCE_FAILED);
    }
}

// The largest frame there may be, through a pipe that holds far less.
static void takes_the_largest_frame(void **state)
{
    (void)state;
    int fds[2];
    struct source_block block;
    size_t fed = 0;
    size_t payload = WIRE_FRAME_MAX - 5;
    uint8_t *frame = calloc(1, WIRE_FRAME_MAX + 16);
    uint8_t *filler = calloc(1, payload);
    uint8_t *end = wire_put_varint(frame, WIRE_FRAME_MAX);
    size_t len = (size_t)(wire_put_bytes(end, FLOW_SRC_ADDR, filler, payload) - frame);
    assert_int_equal(len, WIRE_FRAME_MAX + 4);
    assert_int_equal(pipe(fds), 0);
    struct source *source = stdin_open(fds[0]);
    while (fed < len) {
        size_t step = len - fed < 50000 ? len - fed : 50000;
        assert_int_equal(write(fds[1], frame + fed, step), step);
        fed += step;
        enum source_result result = source_next(source, &block);
        assert_int_equal(result, fed < len ? SOURCE_IDLE : SOURCE_BLOCK);
    }
    assert_int_equal(block.len, len);
    assert_memory_equal(block.data, frame, len);
    close(fds[1]);
    assert_int_equal(source_next(source, &block), SOURCE_END);
    source_close(source);
    close(fds[0]);
    free(frame);
    free(filler);
}

static int quiet(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_ERROR + 1, false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_whole_frames),
        cmocka_unit_test(takes_a_last_line_without_newline),
        cmocka_unit_test(ends_at_once_when_empty),
        cmocka_unit_test(fails_inside_a_frame),
        cmocka_unit_test(fails_at_an_impossible_length),
        cmocka_unit_test(takes_the_largest_frame),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
