/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at many bytes of JSON text at once: over white space, and over what stands for itself in
   a string. 16 bytes with SSE2, which every x86-64 has; elsewhere 8 in a plain register.

   Each stops at a zero byte at the latest, and may read 15 bytes behind the one that it stops at:
   a text has a zero behind its end, and padding behind that. Both kinds are compiled wherever they
   can be, so that tests hold them against each other. */
#ifndef EXAMPLES_JSON_SCAN_H
#define EXAMPLES_JSON_SCAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <tidepool/attrs.h>

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes, the first one lowest on every machine. */
static inline uint64_t scan_load(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return le64toh(word);
}

/* The top bit of exactly those bytes that are zero. */
static inline uint64_t scan_zeroes(uint64_t word)
{
    const uint64_t low = SCAN_EACH(0x7f);
    return ~(((word & low) + low) | word | low);
}

/* The first byte that is no white space. */
static inline const unsigned char *scan_space_by_8(const unsigned char *at)
{
    for (;; at += 8) {
        uint64_t word = scan_load(at);
        uint64_t space = scan_zeroes(word ^ SCAN_EACH(' ')) | scan_zeroes(word ^ SCAN_EACH('\n')) |
                         scan_zeroes(word ^ SCAN_EACH('\r')) | scan_zeroes(word ^ SCAN_EACH('\t'));
        uint64_t other = space ^ SCAN_EACH(0x80);
        if (other != 0)
            return at + (unsigned)__builtin_ctzll(other) / 8;
    }
}

/* The top bit of those bytes that a string has to escape; a borrow may mark bytes above the first
   control character, never below it. */
static inline uint64_t scan_marks(uint64_t word)
{
    return scan_zeroes(word ^ SCAN_EACH('"')) | scan_zeroes(word ^ SCAN_EACH('\\')) |
           ((word - SCAN_EACH(' ')) & ~word & SCAN_EACH(0x80));
}

/* The first byte that is a quote, a backslash, a control character or not ASCII. */
static inline const unsigned char *scan_plain_by_8(const unsigned char *at)
{
    for (;; at += 8) {
        uint64_t word = scan_load(at);
        uint64_t other = scan_marks(word) | (word & SCAN_EACH(0x80));
        if (other != 0)
            return at + (unsigned)__builtin_ctzll(other) / 8;
    }
}

#if defined __SSE2__ && !defined JSON_SCAN_BY_8
#include <emmintrin.h>

static inline __m128i scan_load_16(const unsigned char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __m128i scan_same(__m128i block, char c)
{
    return _mm_cmpeq_epi8(block, _mm_set1_epi8(c));
}

static inline const unsigned char *scan_space_by_16(const unsigned char *at)
{
    for (;; at += 16) {
        __m128i block = scan_load_16(at);
        __m128i space = _mm_or_si128(_mm_or_si128(scan_same(block, ' '), scan_same(block, '\n')),
                                     _mm_or_si128(scan_same(block, '\r'), scan_same(block, '\t')));
        unsigned other = (unsigned)_mm_movemask_epi8(space) ^ 0xffff;
        if (other != 0)
            return at + __builtin_ctz(other);
    }
}

static inline const unsigned char *scan_plain_by_16(const unsigned char *at)
{
    for (;; at += 16) {
        __m128i block = scan_load_16(at);
        /* signed: below ' ' is what is not ASCII, too */
        __m128i low = _mm_cmplt_epi8(block, _mm_set1_epi8(' '));
        __m128i marks = _mm_or_si128(scan_same(block, '"'), scan_same(block, '\\'));
        unsigned other = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, marks));
        if (other != 0)
            return at + __builtin_ctz(other);
    }
}

#define scan_space_many scan_space_by_16
#define scan_plain scan_plain_by_16
#else
#define scan_space_many scan_space_by_8
#define scan_plain scan_plain_by_8
#endif

/* As scan_space_many, but most often there is none, or one space behind a colon or comma. */
static inline const unsigned char *scan_space(const unsigned char *at)
{
    if (TP_LIKELY(*at > ' '))
        return at;
    if (*at == ' ' && at[1] > ' ')
        return at + 1;
    return scan_space_many(at);
}

#endif
