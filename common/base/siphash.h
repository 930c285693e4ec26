// SipHash-1-3: a keyed hash for tables whose keys strangers choose.
//
// Without the key nobody can pick keys that meet in one bucket; multiplying and shifting alone does
// not give that, whatever number it starts from. https://www.aumasson.jp/siphash/siphash.pdf
#pragma once

#include <stddef.h>
#include <stdint.h>

struct siphash {
    uint64_t v[4];
};

static inline uint64_t siphash_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void siphash_round(struct siphash *s)
{
    s->v[0] += s->v[1];
    s->v[2] += s->v[3];
    s->v[1] = siphash_rotate(s->v[1], 13) ^ s->v[0];
    s->v[3] = siphash_rotate(s->v[3], 16) ^ s->v[2];
    s->v[0] = siphash_rotate(s->v[0], 32);
    s->v[2] += s->v[1];
    s->v[0] += s->v[3];
    s->v[1] = siphash_rotate(s->v[1], 17) ^ s->v[2];
    s->v[3] = siphash_rotate(s->v[3], 21) ^ s->v[0];
    s->v[2] = siphash_rotate(s->v[2], 32);
}

// The hash of `count` words under the key.
static inline uint64_t siphash_words(uint64_t key, const uint64_t *words, size_t count)
{
    static const uint64_t second_half = 0x6a09e667f3bcc908; // of the key: what is secret is `key`
    struct siphash s = {.v = {key ^ 0x736f6d6570736575, second_half ^ 0x646f72616e646f6d,
                              key ^ 0x6c7967656e657261, second_half ^ 0x7465646279746573}};
    for (size_t i = 0; i <= count; i++) { // the last word holds the length in bytes
        uint64_t word = i < count ? words[i] : (uint64_t)count << 59;
        s.v[3] ^= word;
        siphash_round(&s);
        s.v[0] ^= word;
    }
    s.v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        siphash_round(&s);
    return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}
