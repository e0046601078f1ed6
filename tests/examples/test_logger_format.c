/* SPDX-License-Identifier: BSD-2-Clause */
/* The logger of examples/logger as a library: what a line looks like. When it comes out, and what
   is counted, is in test_logger.c. */
#include "logger_fixture.h"

static void log_one_of_each(enum logger_format format)
{
    struct logger *log = open_logger((struct logger_options){.format = format, .no_time = true});
    assert_true(LOGGER_LOG(log, LOGGER_WARN, "a \"b\"\n\x01", LOGGER_STR("word", "plain"),
                           LOGGER_STR("text", "two words=2"), LOGGER_STR("none", ""),
                           LOGGER_INT("least", INT64_MIN), LOGGER_INT("most", INT64_MAX),
                           LOGGER_DOUBLE("half", 0.5), LOGGER_DOUBLE("nan", 0.0 / 0.0),
                           LOGGER_BOOL("yes", true), LOGGER_BOOL("no", false)));
    assert_true(logger_close(log, NULL));
}

static void test_json(void **state)
{
    (void)state;
    log_one_of_each(LOGGER_JSON);
    assert_file(path, "{\"level\":\"warn\",\"msg\":\"a \\\"b\\\"\\n\\u0001\",\"word\":\"plain\","
                      "\"text\":\"two words=2\",\"none\":\"\",\"least\":-9223372036854775808,"
                      "\"most\":9223372036854775807,\"half\":0.5,\"nan\":null,\"yes\":true,"
                      "\"no\":false}\n");
}

static void test_key_value(void **state)
{
    (void)state;
    log_one_of_each(LOGGER_KV);
    assert_file(path, "level=warn msg=\"a \\\"b\\\"\\n\\u0001\" word=plain text=\"two words=2\" "
                      "none=\"\" least=-9223372036854775808 most=9223372036854775807 half=0.5 "
                      "nan=null yes=true no=false\n");
}

static void test_raw(void **state)
{
    (void)state;
    log_one_of_each(LOGGER_RAW);
    assert_file(path, "a \"b\"\\n\x01\n");
}

static void test_utf8(void **state)
{
    /* input, then what JSON makes of it */
    static const char *const cases[][2] = {
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a"},
        {"\xf4\x8f\xbf\xbf\xed\x9f\xbf", "\xf4\x8f\xbf\xbf\xed\x9f\xbf"},
        {"a\xffz", "a\\ufffdz"},
        {"\xc0\xaf", "\\ufffd\\ufffd"},                       /* overlong */
        {"\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd"},            /* overlong */
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},            /* a surrogate */
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* above U+10FFFF */
        {"\xe2\x82", "\\ufffd\\ufffd"},                       /* cut off */
        {"\x7f", "\\u007f"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct logger *log = open_logger((struct logger_options){.no_time = true});
        char expected[128];
        assert_true(log_text(log, cases[i][0]));
        assert_true(logger_close(log, NULL));
        snprintf(expected, sizeof(expected), "{\"level\":\"info\",\"msg\":\"%s\"}\n", cases[i][1]);
        assert_file(path, expected);
        unlink(path);
    }
}

static void test_time(void **state)
{
    static const struct {
        struct timespec moment;
        const char *text;
    } cases[] = {
        {{0, 0}, "1970-01-01T00:00:00.000000Z"},
        {{951782399, 999999999}, "2000-02-28T23:59:59.999999Z"},
        {{951782400, 1000}, "2000-02-29T00:00:00.000001Z"},
        {{951782400, 123456789}, "2000-02-29T00:00:00.123456Z"},
    };
    struct stamp stamp = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[STAMP_BYTES];
        size_t length = stamp_format(&stamp, &cases[i].moment, text);
        text[length] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

/* Lines around the sizes of one, two and many records come out whole. */
static void test_long_lines(void **state)
{
    static const size_t lengths[] = {0,
                                     1,
                                     RECORD_TEXT_BYTES - 1,
                                     RECORD_TEXT_BYTES,
                                     RECORD_TEXT_BYTES + 1,
                                     2 * RECORD_TEXT_BYTES,
                                     SINK_BUFFER_BYTES + 12345};
    char *message = malloc(FILE_BYTES_MAX);
    (void)state;
    assert_non_null(message);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct logger *log = open_logger((struct logger_options){.format = LOGGER_RAW});
        struct logger_stats stats;
        for (size_t at = 0; at < lengths[i]; at++)
            message[at] = (char)('a' + at % 26);
        assert_true(
            logger_log(log, LOGGER_INFO, (struct logger_text){message, lengths[i]}, NULL, 0));
        assert_true(logger_close(log, &stats));
        assert_int_equal(stats.written, 1);
        assert_int_equal(stats.bytes, lengths[i] + 1);
        message[lengths[i]] = '\n';
        message[lengths[i] + 1] = '\0';
        assert_file(path, message);
        unlink(path);
    }
    free(message);
}

static void test_level(void **state)
{
    struct logger *log = open_logger(
        (struct logger_options){.level = LOGGER_WARN, .format = LOGGER_KV, .no_time = true});
    struct logger_stats stats;
    (void)state;
    for (int level = LOGGER_TRACE; level <= LOGGER_ERROR; level++)
        assert_true(logger_log(log, (enum logger_level)level, logger_text("x"), NULL, 0));
    assert_true(logger_close(log, &stats));
    assert_int_equal(stats.filtered, 3);
    assert_int_equal(stats.written, 2);
    assert_file(path, "level=warn msg=x\nlevel=error msg=x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_json), TEST(test_key_value),  TEST(test_raw),   TEST(test_utf8),
        TEST(test_time), TEST(test_long_lines), TEST(test_level),
    };
    return cmocka_run_group_tests_name("examples/logger format", tests, NULL, NULL);
}
