/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers appended to buffers: the text that each must have, what the fewest digits are, locales.
   The seed is printed, and taken from TP_TEST_SEED if set. TP_DATA_DIR is the folder of real
   inputs. */
#include <ctype.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>

#include "support.h"

enum { RANDOMS = support_sanitized ? 100000 : 1000000, TEXT_MAX = 64 };

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static const char *text_of(double value)
{
    static tp_bytes bytes;
    tp_bytes_reset(&bytes);
    assert_true(tp_bytes_append_double(&bytes, value));
    assert_true(bytes.len <= 25);
    return tp_bytes_str(&bytes);
}

/* --- integers --- */

static void integers_are_as_printf_writes_them(void **state)
{
    (void)state;
    char expected[TEXT_MAX];
    tp_bytes bytes = {0};
    for (unsigned i = 0; i < RANDOMS / 10; i++) {
        uint64_t value = next_random() >> next_random() % 64;
        value += i % 3 - 1; /* around powers of two too, 0 and all ones among them */
        tp_bytes_reset(&bytes);
        assert_true(tp_bytes_append_u64(&bytes, value));
        assert_true(tp_bytes_append_byte(&bytes, ' '));
        assert_true(tp_bytes_append_i64(&bytes, (int64_t)value));
        snprintf(expected, sizeof expected, "%" PRIu64 " %" PRId64, value, (int64_t)value);
        assert_string_equal(tp_bytes_str(&bytes), expected);
    }
    tp_bytes_reset(&bytes);
    assert_true(tp_bytes_append_u64(&bytes, UINT64_MAX));
    assert_true(tp_bytes_append_i64(&bytes, INT64_MIN));
    assert_true(tp_bytes_append_i64(&bytes, 0));
    for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
        assert_true(tp_bytes_append_u64(&bytes, power - 1));
        assert_true(tp_bytes_append_i64(&bytes, -(int64_t)power));
    }
    assert_memory_equal(bytes.data,
                        "18446744073709551615-9223372036854775808"
                        "0"
                        "0-19-1099-100",
                        53);
    tp_bytes_free(&bytes);
}

/* Wherever in a buffer's capacity the number comes to lie. */
static void numbers_grow_the_buffer_where_they_must(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    assert_true(tp_bytes_append_u64(&bytes, 7));
    assert_string_equal(tp_bytes_str(&bytes), "7");
    for (size_t free_bytes = 0; free_bytes < 40; free_bytes++) {
        tp_bytes_free(&bytes);
        assert_true(tp_bytes_reserve(&bytes, 100));
        size_t cap = bytes.cap;
        bytes.len = cap - free_bytes;
        memset(bytes.data, '-', bytes.len);
        assert_true(tp_bytes_append_double(&bytes, -2.2250738585072014e-308));
        assert_int_equal(bytes.cap == cap, free_bytes >= 24);
        assert_int_equal(bytes.len, cap - free_bytes + 24);
        assert_memory_equal(bytes.data + cap - free_bytes, "-2.2250738585072014e-308", 24);
        assert_int_equal(bytes.data[cap - free_bytes - 1], '-');
    }
    tp_bytes_free(&bytes);
}

/* --- doubles --- */

static const struct {
    double value;
    const char *text;
} known[] = {
    {0.0, "0"},
    {-0.0, "-0"},
    {1.0, "1"},
    {-1.0, "-1"},
    {0.1, "0.1"},
    {0.3, "0.3"},
    {0.1 + 0.2, "0.30000000000000004"},
    {-1.5, "-1.5"},
    {3.14, "3.14"},
    {100.0, "100"},
    {123456.789, "123456.789"},
    {1e-6, "0.000001"},
    {1.5e-6, "0.0000015"},
    {1e-7, "1e-7"},
    {1.5e-7, "1.5e-7"},
    {1e15, "1000000000000000"},
    {1e15 + 0.5, "1000000000000000.5"},
    {9007199254740991.0, "9007199254740991"},
    {9007199254740992.0, "9007199254740992"},
    {9007199254740994.0, "9007199254740994"},
    {123456789012345680000.0, "123456789012345680000"},
    {1e20, "100000000000000000000"},
    {999999999999999900000.0, "999999999999999900000"},
    {1e21, "1e21"},
    {1.5e21, "1.5e21"},
    {1e100, "1e100"},
    {1e23, "1e23"},
    {5e-324, "5e-324"},
    {1e-323, "1e-323"},
    {2.5e-323, "2.5e-323"},
    {2.225073858507201e-308, "2.225073858507201e-308"},
    {DBL_MIN, "2.2250738585072014e-308"},
    {DBL_MAX, "1.7976931348623157e308"},
    {-DBL_MAX, "-1.7976931348623157e308"},
    {0x1p-44, "5.684341886080802e-14"}, /* 16 digits, and not the nearest 16 */
    {0x1p-1022 - 0x1p-1074, "2.225073858507201e-308"},
    {299792458.0 / 7, "42827494"},
    {65.613616999999977, "65.61361699999998"},
    {INFINITY, "inf"},
    {-INFINITY, "-inf"},
    {NAN, "nan"},
};

static void known_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(known); i++)
        assert_string_equal(text_of(known[i].value), known[i].text);
}

/* The digits from the first that is not 0 to the last that is not. */
static size_t digits_of(const char *text, char *digits)
{
    size_t n = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (isdigit((unsigned char)*text) && (n > 0 || *text != '0'))
            digits[n++] = *text;
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    return n;
}

/* With one digit less libc cannot do it, nor with other digits, if they are the nearest. Only above
   a power of two, where the doubles below are closer, may a neighbour of the nearest do. */
static void check(double value)
{
    char ours[TEXT_MAX], less[TEXT_MAX], same[TEXT_MAX], digits[TEXT_MAX], expected[TEXT_MAX];
    int exponent;
    snprintf(ours, sizeof ours, "%s", text_of(value));
    if (memcmp(&value, &(double){strtod(ours, NULL)}, sizeof value) != 0)
        fail_msg("%a was written as %s, which is %a", value, ours, strtod(ours, NULL));
    size_t n = digits_of(ours, digits);
    if (n > 1) {
        snprintf(less, sizeof less, "%.*e", (int)n - 2, value);
        if (strtod(less, NULL) == value)
            fail_msg("%a was written as %s, but %s is shorter", value, ours, less);
    }
    snprintf(same, sizeof same, "%.*e", (int)n - 1, value);
    digits_of(same, expected);
    if (fabs(frexp(value, &exponent)) != 0.5 && strcmp(digits, expected) != 0)
        fail_msg("%a was written as %s, but %s is nearer", value, ours, same);
}

static void random_doubles_have_the_fewest_digits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RANDOMS; i++) {
        uint64_t bits = next_random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            check(value);
    }
}

static void doubles_with_few_bits_or_digits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RANDOMS / 5; i++) {
        uint64_t bits = next_random() >> (12 + next_random() % 50); /* subnormals */
        double value;
        memcpy(&value, &bits, sizeof value);
        check(value);
        check((double)(next_random() % 1000000000000000) / pow(10, (double)(next_random() % 23)));
        check((double)(int64_t)next_random() / (double)(UINT64_C(1) << next_random() % 63));
    }
}

static void doubles_beside_powers(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double power = ldexp(1, exponent);
        check(power);
        check(-power);
        check(nextafter(power, 0) == 0 ? power : nextafter(power, 0));
        check(nextafter(power, INFINITY));
    }
    for (int exponent = -323; exponent < 309; exponent++) {
        char text[TEXT_MAX];
        snprintf(text, sizeof text, "1e%d", exponent);
        double power = strtod(text, NULL);
        check(power);
        check(nextafter(power, 0) == 0 ? power : nextafter(power, 0));
        check(nextafter(power, INFINITY));
    }
}

static void errno_is_kept(void **state)
{
    (void)state;
    errno = 12345;
    assert_string_equal(text_of(5e-324), "5e-324");
    assert_int_equal(errno, 12345);
}

/* --- locales --- */

/* Selects a locale that writes a comma; it makes one where the machine has none. */
static bool comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "de_DE.utf8"};
    char folder[] = "/tmp/tidepool-locale-XXXXXX", command[256];
    for (size_t i = 0; i < SUPPORT_COUNT(names); i++)
        if (setlocale(LC_ALL, names[i]) != NULL)
            return true;
    if (mkdtemp(folder) == NULL)
        return false;
    snprintf(command, sizeof command, "localedef -c -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1",
             folder, folder);
    bool made = system(command) == 0;
    setenv("LOCPATH", folder, 1);
    made = made && setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 && made;
}

static void the_locale_does_not_matter(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    if (!comma_locale()) {
        print_message("no locale with a comma, and no localedef to make one\n");
        skip();
    }
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
    tp_bytes bytes = {0};
    for (size_t i = 0; i < SUPPORT_COUNT(known); i++)
        assert_string_equal(text_of(known[i].value), known[i].text);
    assert_true(tp_bytes_append_i64(&bytes, -1234567));
    assert_string_equal(tp_bytes_str(&bytes), "-1234567");
    tp_bytes_reset(&bytes);
    assert_true(tp_bytes_printf(&bytes, "%.1f", 0.5)); /* as the thread's locale says */
    assert_string_equal(tp_bytes_str(&bytes), "0,5");
    tp_bytes_free(&bytes);
    setlocale(LC_ALL, "C");
}

/* --- real inputs: numbers that must come back as they were --- */

static unsigned check_numbers(char *text)
{
    unsigned numbers = 0;
    for (; *text != '\0'; text++) {
        size_t n = strspn(text, "-+.eE0123456789");
        if (n == 0 || (!isdigit((unsigned char)*text) && *text != '-'))
            continue;
        char after = text[n];
        text[n] = '\0';
        check(strtod(text, NULL));
        bool whole = strpbrk(text, ".eE") == NULL || strcmp(text + n - 2, ".0") == 0;
        if (!whole)
            assert_string_equal(text_of(strtod(text, NULL)), text);
        text[n] = after;
        text += n - 1;
        numbers++;
    }
    return numbers;
}

static void numbers_of_files_come_back(void **state)
{
    (void)state;
    const char *folder = getenv("TP_DATA_DIR");
    char path[1024], text[256];
    unsigned numbers = 0;
    for (int i = 1; i <= 27; i++) {
        snprintf(path, sizeof path, "%s/json/roundtrip/roundtrip%02d.json",
                 folder != NULL ? folder : TP_TEST_DATA_DIR, i);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        numbers += check_numbers(text);
        fclose(file);
    }
    if (numbers == 0) {
        print_message("no folder of real inputs\n");
        skip();
    }
    assert_true(numbers >= 10);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_as_printf_writes_them),
        cmocka_unit_test(numbers_grow_the_buffer_where_they_must),
        cmocka_unit_test(known_doubles),
        cmocka_unit_test(random_doubles_have_the_fewest_digits),
        cmocka_unit_test(doubles_with_few_bits_or_digits),
        cmocka_unit_test(doubles_beside_powers),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(the_locale_does_not_matter),
        cmocka_unit_test(numbers_of_files_come_back),
    };
    static const char *const modes[] = {NULL}; /* nothing here depends on them */
    (void)argc;
    support_start(argv, support_no_scenarios);
    const char *seed = getenv("TP_TEST_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)support_now_ns();
    print_message("TP_TEST_SEED=%" PRIu64 "\n", random_state);
    random_state |= 1;
    return support_group("bytes: numbers", tests, modes);
}
