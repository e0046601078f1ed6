/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of examples/json: exact integers, and doubles held against strtod, at random and where
   rounding is hardest. The seed is printed; TP_TEST_SEED gives it, TP_TEST_NUMBERS how many. */
#include "json_fixture.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>
#include "json/internal.h"

/* How many random numbers: a few seconds' worth. */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define NUMBERS 2000000
#else
#define NUMBERS 10000000
#endif

static uint64_t seed;

static uint64_t random_word(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* The number that a text of a number alone is. */
static struct json_value read_number(struct fixture *f, const char *text)
{
    struct json_value value = {0};
    unsigned char *copy = padded(text, strlen(text));
    struct json_reader in = {&f->parser, f->arena, copy, copy + strlen(text)};
    const unsigned char *end = json_read_number(&in, copy, &value);
    if (end != copy + strlen(text))
        fail_msg("%s: not read to its end", text);
    free(copy);
    return value;
}

static void check_double(struct fixture *f, const char *text)
{
    struct json_value value = read_number(f, text);
    double wanted = strtod(text, NULL);
    if (json_type(&value) != JSON_DOUBLE || bits_of(value.real) != bits_of(wanted))
        fail_msg("%s: %a, strtod has %a", text, value.real, wanted);
}

static void test_integers(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
        uint64_t bits;
    } cases[] = {
        {"0", JSON_INT, 0},
        {"7", JSON_INT, 7},
        {"-1", JSON_INT, UINT64_MAX},
        {"12345678", JSON_INT, 12345678},
        {"123456789", JSON_INT, 123456789},
        {"-1234567890123456", JSON_INT, 0 - UINT64_C(1234567890123456)},
        {"9223372036854775807", JSON_INT, INT64_MAX},
        {"9223372036854775808", JSON_UINT, (uint64_t)INT64_MAX + 1},
        {"-9223372036854775808", JSON_INT, (uint64_t)INT64_MAX + 1},
        {"10000000000000000000", JSON_UINT, UINT64_C(10000000000000000000)},
        {"18446744073709551615", JSON_UINT, UINT64_MAX},
    };
    static const char *const doubles[] = {
        "-0",
        "18446744073709551616",
        "-9223372036854775809",
        "19999999999999999999",
        "20000000000000000000",
        "28446744073709551615",
        "99999999999999999999",
        "100000000000000000000",
        "-18446744073709551615",
        "123456789012345678901234567890",
    };
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_value value = read_number(&f, cases[i].text);
        assert_int_equal(json_type(&value), cases[i].type);
        assert_true(value.natural == cases[i].bits);
    }
    for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++)
        check_double(&f, doubles[i]);
    fixture_end(&f);
}

static void test_doubles(void **state)
{
    static const char *const cases[] = {"0.0",
                                        "-0.0",
                                        "0e0",
                                        "0e400",
                                        "-0E-400",
                                        "0.000",
                                        "1.0",
                                        "-1.5",
                                        "1e0",
                                        "1E+2",
                                        "1e-2",
                                        "0.1",
                                        "123.456e-7",
                                        "1e22",
                                        "1e23",
                                        "1e27",
                                        "1e28",
                                        "1e-27",
                                        "1e-28",
                                        "9007199254740993.0",
                                        "9007199254740995.0",
                                        "9007199254740992.5",
                                        "4503599627370496.5",
                                        "18446744073709551615.0",
                                        "18446744073709551615e27",
                                        "18446744073709551615e-27",
                                        "0.00000000000000000001234567890123456789",
                                        "1234567890123456789012.5e-3",
                                        "1.7976931348623157e308",
                                        "1.7976931348623158e308",
                                        "2.2250738585072011e-308",
                                        "5e-324",
                                        "2e-324",
                                        "3e-324",
                                        "1e-400",
                                        "2.4703282292062327208e-324",
                                        "0.500000000000000166533453693773481063544750213623046875",
                                        "8.5e0000000000000000000001",
                                        "1e-00000000000000000000000000005",
                                        "6.02214076e+23"};
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_double(&f, cases[i]);
    assert_null(parse_str(&f, "1e309"));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_RANGE);
    assert_null(parse_str(&f, "[-1.7976931348623159e308]"));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_RANGE);
    assert_int_equal(f.parser.error.offset, 1);
    assert_null(parse_str(&f, "1e99999999999999999999"));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_RANGE);
    fixture_end(&f);
}

/* What one part of a number takes away, another gives back. */
static void test_long(void **state)
{
    static const struct {
        int zeroes;
        const char *rest;
    } cases[] = {
        {9990, "1e9991"},
        {9990, "1e100001"},
        {100000, "1e100002"},
        {65535, "1e-65536"},
        {300, "17e310"},
        {25, "123456789e30"},
        {1, "12345678901234567890"},
        {17, "999999e-9"},
        {99999, "25e000099999"},
    };
    struct fixture f;
    char *text = malloc(200000);
    (void)state;
    assert_non_null(text);
    fixture_begin(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sprintf(text, "0.%0*d%s", cases[i].zeroes, 0, cases[i].rest);
        if (isinf(strtod(text, NULL)))
            assert_null(parse_str(&f, text));
        else
            check_double(&f, text);
        /* and with digits in front of the point */
        sprintf(text, "1%0*d.0e-%d", cases[i].zeroes, 0, cases[i].zeroes);
        check_double(&f, text);
    }
    free(text);
    fixture_end(&f);
}

/* --- against strtod --- */

/* 1 to 20 digits, a point somewhere, an exponent that is mostly small. */
static void random_decimal(char *text)
{
    uint64_t word = random_word();
    unsigned n = 1 + (unsigned)(word % 20), point = (unsigned)(word >> 8) % (n + 1);
    char digits[32];
    size_t length = 0;
    snprintf(digits, sizeof(digits), "%019" PRIu64 "%u",
             random_word() % UINT64_C(10000000000000000000), (unsigned)(word >> 20) % 10);
    if (point > 1 && digits[0] == '0')
        digits[0] = '7';
    for (unsigned i = 0; i < n; i++) {
        if (i == point)
            length += (size_t)sprintf(text + length, i == 0 ? "0." : ".");
        text[length++] = digits[i];
    }
    text[length] = '\0';
    if (word >> 62 == 0)
        sprintf(text + length, "e%d", (int)((word >> 44) % 640) - 330);
    else if (word >> 62 == 1 || point == n)
        sprintf(text + length, "e%d", (int)((word >> 44) % 60) - 30);
}

/* A double, written with about as many digits as tell it from its neighbours. */
static void random_double(char *text)
{
    uint64_t bits = random_word();
    double value;
    if (bits % 4 != 0) /* most of an everyday size */
        bits = (bits & ~(UINT64_C(0x7ff) << 52)) | ((bits >> 52 & 0x3f) + 1023 - 32) << 52;
    memcpy(&value, &bits, sizeof(value));
    sprintf(text, "%.*e", 14 + (int)(random_word() % 5), isfinite(value) ? value : 0.5);
}

/* The middle between two doubles, cut to 17 to 20 digits: as near to a tie as so many digits come.
   A long double has the middle itself. */
static void random_middle(char *text)
{
    uint64_t word = random_word();
    uint64_t middle = (word >> 11 | UINT64_C(1) << 52) * 2 + 1;
    int exponent = (int)(word % 120) - 60 - 53;
    sprintf(text, "%.*Le", 16 + (int)(random_word() % 4), ldexpl((long double)middle, exponent));
}

/* A tie: an odd number of 54 bits over a power of two, or one that has 54 bits once its exponent's
   fives are in it. Or the number above it, or that below. */
static void random_tie(char *text)
{
    static const unsigned fives[] = {1, 5, 25, 125, 625};
    uint64_t word = random_word(), odd = (word >> 10 | UINT64_C(1) << 53) | 1;
    unsigned power = (unsigned)(word % 5);
    uint64_t off = random_word() % 3 - 1;
    if (word / 5 % 2 == 0)
        sprintf(text, "%" PRIu64 "e-%u", odd * fives[power] + off, power);
    else
        sprintf(text, "%" PRIu64 "e%u", (odd / fives[power] | 1) + off, power);
}

/* Any of 64 bits, and any exponent that is near zero. */
static void random_scaled(char *text)
{
    uint64_t word = random_word();
    sprintf(text, "%" PRIu64 "e%d", random_word() >> word % 64, (int)(word / 64 % 57) - 28);
}

static void test_random(void **state)
{
    static void (*const makers[])(char *text) = {random_decimal, random_double, random_middle,
                                                 random_tie, random_scaled};
    const char *count = getenv("TP_TEST_NUMBERS"), *given = getenv("TP_TEST_SEED");
    uint64_t n = count != NULL ? strtoull(count, NULL, 10) : NUMBERS;
    unsigned char text[256 + TP_BYTES_PADDING];
    struct fixture f;
    (void)state;
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TP_TEST_SEED=%" PRIu64 "\n", seed);
    fixture_begin(&f);
    for (uint64_t i = 0; i < n; i++) {
        struct json_value value = {0};
        struct json_reader in = {&f.parser, f.arena, text, text + 256};
        double wanted;
        makers[i % 5]((char *)text);
        wanted = strtod((char *)text, NULL);
        if (isinf(wanted) != (json_read_number(&in, text, &value) == NULL))
            fail_msg("%s: accepted or not, strtod has %a", text, wanted);
        if (!isinf(wanted) && bits_of(value.real) != bits_of(wanted))
            fail_msg("%s: %a, strtod has %a", text, value.real, wanted);
    }
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
