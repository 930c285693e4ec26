// What a server answers to a message that was published to a stream.
// https://docs.nats.io/reference/reference-protocols/nats_api_reference
#pragma once

#include <stddef.h>

enum nats_answer {
    NATS_ANSWER_STORED,  // now, or under the same id before
    NATS_ANSWER_AGAIN,   // not stored; it may be another time
    NATS_ANSWER_UNBOUND, // not stored: no stream takes the subject
    NATS_ANSWER_QUOTA,   // not stored: the stream has as many of the subject as it keeps
    NATS_ANSWER_REFUSED, // never will be: the message is too large for the stream
};

#define NATS_ANSWER_TEXT_MAX 128

// Reads the JSON of an answer; `error` is what it says is wrong, "" when nothing is.
enum nats_answer nats_answer_read(const char *json, size_t len, char error[NATS_ANSWER_TEXT_MAX]);
