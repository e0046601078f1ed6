/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as text, whatever the locale, appended to a buffer.

   No number is longer than the padding behind a buffer, so it is written behind the contents first,
   and the buffer grows afterwards where that was beyond its capacity: growing copies the padding
   too.

   A double's digits come from whole-number arithmetic where 15 of them suffice, which divides two
   exact doubles and so proves itself; otherwise from libc, which is asked for more and more digits
   until they read back as the same value. Both of its calls are in the thread's locale, whatever
   that is, and digits alone are taken over. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit/kit.h"

enum {
    U64_DIGITS = 20,
    DOUBLE_DIGITS = 17,  /* so many tell any two doubles apart */
    DECIMAL_DIGITS = 15, /* up to so many, different decimals are different doubles */
    EXPONENT_BITS = 11,
    FRACTION_BITS = 52,
    EXPONENT_BIAS = 1023,
    POSITIONAL_MIN = -6, /* exponents of ten that are written without "e" */
    POSITIONAL_MAX = 20
};

/* digits[0].digits[1]... times ten to the exponent; n digits, the last one not 0. */
struct decimal {
    char digits[2 * U64_DIGITS];
    int n, exponent;
};

/* Where a number may be written; NULL: ENOMEM. */
static char *number_begin(tp_bytes *bytes)
{
    if (bytes->data == NULL && tp_bytes_room(bytes, 1) == NULL)
        return NULL;
    return (char *)bytes->data + bytes->len;
}

static bool number_end(tp_bytes *bytes, size_t n)
{
    tpi_assert(n <= TP_BYTES_PADDING);
    if (tp_bytes_room(bytes, n) == NULL)
        return false;
    bytes->len += n;
    return true;
}

/* --- integers --- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Writes U64_DIGITS bytes, of which the first so many as it returns are the number. */
static size_t write_u64(char *to, uint64_t value)
{
    char text[2 * U64_DIGITS] = {0};
    char *at = text + U64_DIGITS;
    for (; value >= 100; value /= 100)
        memcpy(at -= 2, pairs + value % 100 * 2, 2);
    if (value >= 10)
        memcpy(at -= 2, pairs + value * 2, 2);
    else
        *--at = (char)('0' + value);
    memcpy(to, at, U64_DIGITS);
    return (size_t)(text + U64_DIGITS - at);
}

static size_t write_i64(char *to, int64_t value)
{
    if (value >= 0)
        return write_u64(to, (uint64_t)value);
    *to = '-';
    return 1 + write_u64(to + 1, (uint64_t)0 - (uint64_t)value);
}

bool tp_bytes_append_u64(tp_bytes *bytes, uint64_t value)
{
    char *to = number_begin(bytes);
    return to != NULL && number_end(bytes, write_u64(to, value));
}

bool tp_bytes_append_i64(tp_bytes *bytes, int64_t value)
{
    char *to = number_begin(bytes);
    return to != NULL && number_end(bytes, write_i64(to, value));
}

/* --- doubles: the digits --- */

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The exponent of two; EXPONENT_BIAS below zero for subnormals. */
static int binary_exponent(double value)
{
    return (int)(bits_of(value) >> FRACTION_BITS) - EXPONENT_BIAS;
}

static void without_last_zeroes(struct decimal *decimal)
{
    while (decimal->n > 1 && decimal->digits[decimal->n - 1] == '0')
        decimal->n--;
}

/* value = m / 10^places with m below 10^15, if there is such an m. Powers of ten up to 22 and m are
   exact, so their quotient is the double that m / 10^places reads as; and since no two decimals of
   15 digits are one double, it is the shortest. False: outside of where that holds, or more digits
   are needed (*more). */
static bool decimal_short(double value, struct decimal *decimal, bool *more)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int places_max = (int)(sizeof powers / sizeof powers[0]) - 1;
    /* 1233 / 4096 is somewhat less than the logarithm of 2. */
    int places = DECIMAL_DIGITS - 1 - (binary_exponent(value) * 1233 >> 12);
    *more = false;
    if (places < 1 || places > places_max)
        return false;
    if (value * powers[places] >= powers[DECIMAL_DIGITS])
        places--;
    uint64_t m = (uint64_t)(value * powers[places] + 0.5);
    *more = (double)m / powers[places] != value;
    if (*more)
        return false;
    decimal->n = (int)write_u64(decimal->digits, m);
    decimal->exponent = decimal->n - 1 - places;
    without_last_zeroes(decimal);
    return true;
}

/* Adds one to the last digit before the 'e'. False: all are nines. */
static bool increment(char *text)
{
    for (char *at = strchr(text, 'e'); at-- != text;) {
        if (*at == '9')
            *at = '0';
        else if (*at >= '0' && *at < '9')
            return (*at)++, true;
    }
    return false;
}

/* n digits that libc reads back as the value. Halfway between a power of two and the double below
   it is nearer than halfway to the one above: of its two neighbours with n digits the farther one,
   above it, may do where the nearer does not. */
static bool text_of(double value, int n, char *text, size_t bytes)
{
    snprintf(text, bytes, "%.*e", n - 1, value);
    if (n == DOUBLE_DIGITS || strtod(text, NULL) == value)
        return true;
    bool power_of_two = bits_of(value) << (64 - FRACTION_BITS) == 0;
    return power_of_two && increment(text) && strtod(text, NULL) == value;
}

/* A subnormal may need a single digit; n is the fewest that is worth trying. */
static void decimal_by_libc(double value, int n, struct decimal *decimal)
{
    char text[64];
    while (!text_of(value, n, text, sizeof text))
        n++;
    const char *at = text;
    decimal->n = 0;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            decimal->digits[decimal->n++] = *at;
    }
    decimal->exponent = (int)strtol(at + 1, NULL, 10);
    without_last_zeroes(decimal);
}

static void decimal_of(double value, struct decimal *decimal)
{
    bool more;
    if (decimal_short(value, decimal, &more))
        return;
    bool subnormal = bits_of(value) >> FRACTION_BITS == 0;
    decimal_by_libc(value, subnormal ? 1 : more ? DECIMAL_DIGITS + 1 : DECIMAL_DIGITS, decimal);
}

/* --- doubles: the text --- */

static char *write_text(char *to, const char *from, int n)
{
    memcpy(to, from, (size_t)n);
    return to + n;
}

static char *write_zeroes(char *to, int n)
{
    memset(to, '0', (size_t)n);
    return to + n;
}

static char *write_positional(char *to, const struct decimal *decimal)
{
    int whole = decimal->exponent + 1;
    if (whole <= 0) {
        to = write_text(to, "0.", 2);
        to = write_zeroes(to, -whole);
        return write_text(to, decimal->digits, decimal->n);
    }
    if (whole >= decimal->n) {
        to = write_text(to, decimal->digits, decimal->n);
        return write_zeroes(to, whole - decimal->n);
    }
    to = write_text(to, decimal->digits, whole);
    *to++ = '.';
    return write_text(to, decimal->digits + whole, decimal->n - whole);
}

static char *write_scientific(char *to, const struct decimal *decimal)
{
    *to++ = decimal->digits[0];
    if (decimal->n > 1) {
        *to++ = '.';
        to = write_text(to, decimal->digits + 1, decimal->n - 1);
    }
    *to++ = 'e';
    return to + write_i64(to, decimal->exponent);
}

static char *write_double(char *to, double value)
{
    const double whole_max = (double)(UINT64_C(1) << (FRACTION_BITS + 1));
    struct decimal decimal;
    if (isnan(value))
        return write_text(to, "nan", 3);
    if (signbit(value)) {
        *to++ = '-';
        value = -value;
    }
    if (isinf(value))
        return write_text(to, "inf", 3);
    if (value < whole_max && value == (double)(uint64_t)value)
        return to + write_u64(to, (uint64_t)value);
    decimal_of(value, &decimal);
    bool positional = decimal.exponent >= POSITIONAL_MIN && decimal.exponent <= POSITIONAL_MAX;
    return positional ? write_positional(to, &decimal) : write_scientific(to, &decimal);
}

bool tp_bytes_append_double(tp_bytes *bytes, double value)
{
    char *to = number_begin(bytes);
    if (to == NULL)
        return false;
    int saved = errno; /* strtod says ERANGE of a subnormal */
    size_t n = (size_t)(write_double(to, value) - to);
    errno = saved;
    return number_end(bytes, n);
}
