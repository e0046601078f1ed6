/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers: the grammar of RFC 8259, section 6; integers exact where 64 bits hold them, anything
   else the nearest double, ties to even, whatever the locale.

   Most decimals have at most 19 digits and an exponent near zero: digits * 10^e with digits < 2^64
   and |e| <= 27, where 5^|e| < 2^64 too (Clinger, "How to read floating point numbers accurately",
   1990, makes the same cut at the width of a double). Then whole numbers do it: the product
   digits * 5^e has 128 bits and is exact, and a quotient digits / 5^-e is exact with its remainder,
   which says on which side of a tie it lies. One rounding to 53 bits follows. Such values are far
   from a double's limits: 1e-27 to 1.9e46. All others are strtod's, in the C locale. */
#include "internal.h"
#include "scan.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 uint128;

/* 5^i shifted up until its top bit is set, and what Möller and Granlund ("Improved division by
   invariant integers", 2011) call its reciprocal: (2^128 - 1) / power - 2^64, rounded down. */
static const struct power {
    uint64_t power, reciprocal;
} powers[JSON_EXACT_EXPONENT + 1] = {
#define POWER(power)                                                                               \
    {                                                                                              \
        UINT64_C(power), (uint64_t)(~(uint128)0 / UINT64_C(power))                                 \
    }
    POWER(0x8000000000000000), POWER(0xa000000000000000), POWER(0xc800000000000000),
    POWER(0xfa00000000000000), POWER(0x9c40000000000000), POWER(0xc350000000000000),
    POWER(0xf424000000000000), POWER(0x9896800000000000), POWER(0xbebc200000000000),
    POWER(0xee6b280000000000), POWER(0x9502f90000000000), POWER(0xba43b74000000000),
    POWER(0xe8d4a51000000000), POWER(0x9184e72a00000000), POWER(0xb5e620f480000000),
    POWER(0xe35fa931a0000000), POWER(0x8e1bc9bf04000000), POWER(0xb1a2bc2ec5000000),
    POWER(0xde0b6b3a76400000), POWER(0x8ac7230489e80000), POWER(0xad78ebc5ac620000),
    POWER(0xd8d726b7177a8000), POWER(0x878678326eac9000), POWER(0xa968163f0a57b400),
    POWER(0xd3c21bcecceda100), POWER(0x84595161401484a0), POWER(0xa56fa5b99019a5c8),
    POWER(0xcecb8f27f4200f3a),
#undef POWER
};

/* The double for bits * 2^exponent, or a little more where `more`; bits != 0. In range, as above.
 */
static double round_to_double(uint64_t bits, bool more, int exponent)
{
    int shift = __builtin_clzll(bits);
    uint64_t whole, rest, image;
    double value;
    bits = bits << shift | more;
    whole = bits >> 11;
    rest = bits & 0x7ff;
    /* up above the half, and at it where `whole` is odd */
    whole += rest + (whole & 1) > 0x400;
    /* the top bit of `whole` adds the 1 that the exponent lacks, as does a carry out of it */
    image = ((uint64_t)(exponent - shift + 63 + 1023 - 1) << 52) + whole;
    memcpy(&value, &image, sizeof(value));
    return value;
}

/* (high * 2^64 + low) / divisor->power by two multiplications: Möller and Granlund's algorithm 4.
   What the quotient leaves is *more than nothing.

   Both high and low are 2^63 at most, so that their second correction is never needed. Let B be
   2^64, d the power, k <= d what d * (B + reciprocal) lacks of B * B, and q < B the lower half of
   the estimate. Then the first remainder is (high * k + low * (B - d) + q * d) / B - d, which is
   below d / 2 + (B - d) / 2 + d - d, and B - d is not above d. */
static uint64_t divide(uint64_t high, uint64_t low, const struct power *divisor, bool *more)
{
    uint128 estimate = (uint128)divisor->reciprocal * high + ((uint128)high << 64 | low);
    uint64_t quotient = (uint64_t)(estimate >> 64) + 1;
    uint64_t remainder = low - quotient * divisor->power;
    if (remainder > (uint64_t)estimate) {
        quotient--;
        remainder += divisor->power;
    }
    *more = remainder != 0;
    return quotient;
}

double json_scale(uint64_t digits, int exponent)
{
    int index = exponent < 0 ? -exponent : exponent;
    int shift = __builtin_clzll(digits | 1);
    /* 5^index has floor(index * log2(5)) + 1 bits */
    int power_shift = 63 - ((index * 1217359) >> 19);
    uint128 product;
    bool more;
    if (digits == 0)
        return 0.0;
    digits <<= shift;
    if (exponent < 0) {
        /* halved, so that it is below the divisor; the quotient has 63 or 64 bits */
        uint64_t quotient = divide(digits >> 1, digits << 63, &powers[index], &more);
        return round_to_double(quotient, more, power_shift - shift - 63 - index);
    }
    product = (uint128)digits * powers[index].power;
    more = (uint64_t)product != 0;
    return round_to_double((uint64_t)(product >> 64), more, 64 - shift - power_shift + index);
}

/* --- digits --- */

/* How many bytes at the front are digits. */
static inline unsigned digits_in_front(uint64_t word)
{
    uint64_t value = word ^ SCAN_EACH('0');
    /* a carry may mark bytes above the first that is no digit, never below it */
    uint64_t other = ((value + SCAN_EACH(0x76)) | value) & SCAN_EACH(0x80);
    return other != 0 ? (unsigned)__builtin_ctzll(other) / 8 : 8;
}

/* Eight bytes of 0 to 9 as a number, by pairs, then fours, then all: three multiplications. */
static inline uint64_t eight_digits(uint64_t value)
{
    const uint64_t mask = UINT64_C(0x000000ff000000ff);
    value = value * 10 + (value >> 8);
    return ((value & mask) * (100 + (UINT64_C(1000000) << 32)) +
            (value >> 16 & mask) * (1 + (UINT64_C(10000) << 32))) >>
           32;
}

/* Appends the digits at `at`, any number of them, modulo 2^64; returns what follows. */
static inline const unsigned char *read_digits(const unsigned char *at, uint64_t *digits)
{
    static const uint32_t tens[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    for (;; at += 8) {
        uint64_t word = scan_load(at);
        unsigned n = digits_in_front(word);
        uint64_t value = word ^ SCAN_EACH('0');
        if (n < 8) {
            /* zeroes in front stand for the bytes that are no digits */
            value = value << (56 - 8 * n) << 8;
            *digits = *digits * tens[n] + eight_digits(value);
            return at + n;
        }
        *digits = *digits * 100000000 + eight_digits(value);
    }
}

/* --- numbers --- */

/* A number that was found to be one, by the C library. It must not be a zero without point and
   exponent: of "-0x1" the library would read all. */
static const unsigned char *by_strtod(struct json_reader *in, const unsigned char *at,
                                      const unsigned char *end, struct json_value *value)
{
    struct json_parser *parser = in->parser;
    if (parser->locale == NULL)
        parser->locale = newlocale(LC_ALL_MASK, "C", NULL);
    if (parser->locale == NULL)
        return json_fail(in, at, JSON_FAULT_MEMORY);
    value->head = json_head(JSON_DOUBLE, 0);
    value->real = strtod_l((const char *)at, NULL, parser->locale);
    if (isinf(value->real))
        return json_fail(in, at, JSON_FAULT_RANGE);
    return end;
}

/* An integer whose `n` digits begin at `first`; -0 is a double, which alone has it. */
static const unsigned char *set_integer(struct json_reader *in, const unsigned char *first,
                                        size_t n, uint64_t digits, bool negative,
                                        struct json_value *value)
{
    const uint64_t ten_19 = UINT64_C(10000000000000000000);
    /* of 20 digits below 2e19, those that wrapped are below 2e19 - 2^64 < 1e19 */
    bool whole = n <= 19 || (n == 20 && *first == '1' && digits >= ten_19);
    if (whole && !negative) {
        value->head = json_head(digits <= INT64_MAX ? JSON_INT : JSON_UINT, 0);
        value->natural = digits;
    } else if (whole && digits != 0 && digits <= (uint64_t)INT64_MAX + 1) {
        value->head = json_head(JSON_INT, 0);
        value->natural = 0 - digits;
    } else if (whole && digits == 0) {
        value->head = json_head(JSON_DOUBLE, 0);
        value->real = -0.0;
    } else {
        return by_strtod(in, first - negative, first + n, value);
    }
    return first + n;
}

/* Adds the exponent behind an 'e'; NULL: there is none. What it is cut to is more than any text's
   digits can make up for. */
static const unsigned char *read_exponent(struct json_reader *in, const unsigned char *at,
                                          int64_t *exponent)
{
    bool negative = *at == '-';
    int64_t value = 0;
    at += *at == '-' || *at == '+';
    if (*at < '0' || *at > '9')
        return json_fail(in, at, JSON_FAULT_DIGIT);
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value < INT64_MAX / 100)
            value = value * 10 + (*at - '0');
    }
    *exponent += negative ? -value : value;
    return at;
}

/* Digits between `first` and `end`, those in front of all others that are zero left out. */
static size_t significant(const unsigned char *first, const unsigned char *end, bool point)
{
    size_t n = (size_t)(end - first) - point;
    if (n <= 19)
        return n;
    for (; first < end && (*first == '0' || *first == '.'); first++)
        n -= *first == '0';
    return n;
}

const unsigned char *json_read_number(struct json_reader *in, const unsigned char *at,
                                      struct json_value *value)
{
    const unsigned char *begin = at, *first, *end;
    bool negative = *at == '-', point;
    uint64_t digits = 0;
    int64_t exponent = 0;
    first = at + negative;
    at = read_digits(first, &digits);
    if (TP_UNLIKELY(at == first))
        return json_fail(in, at, JSON_FAULT_DIGIT);
    if (TP_UNLIKELY(*first == '0' && at - first > 1))
        return json_fail(in, first, JSON_FAULT_LEADING_ZERO);
    point = *at == '.';
    if (!point && (*at | 0x20) != 'e')
        return set_integer(in, first, (size_t)(at - first), digits, negative, value);
    if (point) {
        const unsigned char *fraction = at + 1;
        at = read_digits(fraction, &digits);
        if (TP_UNLIKELY(at == fraction))
            return json_fail(in, at, JSON_FAULT_DIGIT);
        exponent = fraction - at;
    }
    end = at;
    if ((*at | 0x20) == 'e' && (at = read_exponent(in, at + 1, &exponent)) == NULL)
        return NULL;
    if (exponent < -JSON_EXACT_EXPONENT || exponent > JSON_EXACT_EXPONENT ||
        significant(first, end, point) > 19)
        return by_strtod(in, begin, at, value);
    value->head = json_head(JSON_DOUBLE, 0);
    value->real = json_scale(digits, (int)exponent);
    if (negative)
        value->real = -value->real;
    return at;
}
