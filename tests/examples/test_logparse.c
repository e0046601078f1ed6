/* SPDX-License-Identifier: BSD-2-Clause */
/* The log parser's formats: what becomes of a line, and why another is refused. Whole files are in
   test_logparse_scan.c, real ones in test_logparse_loghub.c. */
#include "logparse_fixture.h"

static const char head[] = "192.0.2.1 - - [01/Mar/2024:00:00:00 +0000] ";

/* An access line with this request. */
static void parse_request(const char *request)
{
    char text[512];
    snprintf(text, sizeof(text), "%s\"%s\" 200 1", head, request);
    parse(LOG_COMMON, text);
}

static void bad_behind_head(enum log_format format, const char *rest, const char *why)
{
    char text[512];
    snprintf(text, sizeof(text), "%s%s", head, rest);
    assert_bad(format, text, why);
}

static void test_combined(void **state)
{
    (void)state;
    parse(LOG_COMBINED, samples[LOG_COMBINED]);
    assert_field(LOG_HOST, "192.0.2.1");
    assert_no_field(LOG_IDENT);
    assert_field(LOG_USER, "ann");
    assert_field(LOG_TIME, "01/Mar/2024:00:00:00 +0000");
    assert_field(LOG_REQUEST, "GET /a?b=c HTTP/1.1");
    assert_field(LOG_METHOD, "GET");
    assert_field(LOG_PATH, "/a?b=c");
    assert_field(LOG_PROTOCOL, "HTTP/1.1");
    assert_field(LOG_STATUS, "200");
    assert_field(LOG_BYTES, "17");
    assert_int_equal(line.bytes, 17);
    assert_field(LOG_REFERER, "http://example.com/\\\"q\\\"");
    assert_field(LOG_AGENT, "agent \\\\");
}

static void test_common(void **state)
{
    (void)state;
    parse(LOG_COMMON, samples[LOG_COMMON]);
    assert_field(LOG_HOST, "2001:db8::7");
    assert_field(LOG_IDENT, "id");
    assert_no_field(LOG_USER);
    assert_field(LOG_TIME, "29/Feb/2024:23:59:59 -0130");
    assert_field(LOG_PATH, "/a b");
    assert_field(LOG_STATUS, "404");
    assert_no_field(LOG_BYTES);
    assert_int_equal(line.bytes, 0);
    assert_no_field(LOG_REFERER);
}

/* Nothing is copied. */
static void test_fields_are_borrowed(void **state)
{
    (void)state;
    for (unsigned f = 0; f < LOG_FORMATS; f++) {
        size_t n = strlen(samples[f]);
        parse((enum log_format)f, samples[f]);
        for (unsigned i = 0; i < LOG_FIELDS; i++) {
            tp_view field = line.fields[i];
            if (field.data == NULL)
                continue;
            assert_true(field.data >= line_copy && field.data + field.len <= line_copy + n);
        }
    }
}

static void test_line_ends(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof(text), "%s\r", samples[LOG_COMBINED]);
    parse(LOG_COMBINED, text);
    assert_field(LOG_AGENT, "agent \\\\");
    parse(LOG_SYSLOG, "Mar  1 00:00:00 h a: text \t \r");
    assert_field(LOG_CONTENT, "text");
    for (unsigned f = 0; f < LOG_FORMATS; f++) {
        assert_bad((enum log_format)f, "", "nothing in the line");
        assert_bad((enum log_format)f, " \r", "nothing in the line");
        assert_false(log_line_parse((enum log_format)f, (tp_view){0}, &line));
    }
}

static void test_users(void **state)
{
    (void)state;
    parse(LOG_COMMON, "h - ann b [c] d [01/Mar/2024:00:00:00 +0000] \"-\" 408 -");
    assert_field(LOG_USER, "ann b [c] d");
    assert_no_field(LOG_REQUEST);
    parse(LOG_COMMON, "h - [01/Mar/2024:00:00:00 x [01/Mar/2024:00:00:00 -0000] \"\" 408 0");
    assert_field(LOG_USER, "[01/Mar/2024:00:00:00 x");
    assert_field(LOG_REQUEST, "");
    assert_no_field(LOG_PATH);
    assert_bad(LOG_COMMON, "h - [01/Mar/2024:00:00:00 +0000] \"-\" 408 -",
               "no time like [01/Mar/2024:00:00:00 +0000]");
    assert_bad(LOG_COMMON, "h -  [01/Mar/2024:00:00:00 +0000] \"-\" 408 -", "no user");
}

/* A time is one, or it is none: each byte of it is looked at. */
static void test_times(void **state)
{
    static const char no_time[] = "no time like [01/Mar/2024:00:00:00 +0000]";
    char text[] = "h - ann [01/Mar/2024:00:00:00 +0000] \"-\" 408 -";
    (void)state;
    parse(LOG_COMMON, text);
    for (char *at = strchr(text, '['), *last = strchr(text, ']'); at <= last; at++) {
        char byte = *at;
        *at = byte >= '0' && byte <= '9' ? 'x' : '0';
        assert_bad(LOG_COMMON, text, no_time);
        *at = byte;
    }
    assert_bad(LOG_COMMON, "h - ann[01/Mar/2024:00:00:00 +0000] \"-\" 408 -", no_time);
}

static void test_requests(void **state)
{
    (void)state;
    static const char *const others[] = {"-x",    "GET",          "GET ",
                                         " ",     "GET HTTP/1.1", "\\x16\\x03\\x01 / HTTP/1.1",
                                         "a b c", " / HTTP/1.0",  "GET  HTTP/1.1"};
    parse_request("GET /");
    assert_field(LOG_METHOD, "GET");
    assert_field(LOG_PATH, "/");
    assert_no_field(LOG_PROTOCOL);
    parse_request("VERSION-CONTROL /a  b\\\" HTTP/2");
    assert_field(LOG_METHOD, "VERSION-CONTROL");
    assert_field(LOG_PATH, "/a  b\\\"");
    assert_field(LOG_PROTOCOL, "HTTP/2");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        parse_request(others[i]);
        assert_field(LOG_REQUEST, others[i]);
        if (strcmp(others[i], "GET HTTP/1.1") != 0)
            assert_no_field(LOG_PATH);
    }
}

static void test_bad_access(void **state)
{
    (void)state;
    static const enum log_format common = LOG_COMMON;
    assert_bad(common, "host", "no host");
    assert_bad(common, " - - [01/Mar/2024:00:00:00 +0000] \"\" 200 1", "no host");
    assert_bad(common, "host -", "no ident");
    assert_bad(common, "host - - \"GET /\" 200 1", "no time like [01/Mar/2024:00:00:00 +0000]");
    assert_bad(common, "host - - [01/Mar/2024:00:00:00 0000] \"GET /\" 200 1",
               "no time like [01/Mar/2024:00:00:00 +0000]");
    bad_behind_head(common, "GET / 200 1", "no request in quotes");
    bad_behind_head(common, "\"GET / 200 1", "no request in quotes");
    bad_behind_head(common, "\"GET /\\\" 200 1", "no request in quotes");
    bad_behind_head(common, "\"GET /\"", "no status");
    bad_behind_head(common, "\"GET /\"200 1", "no status");
    bad_behind_head(common, "\"GET /\" 20 1", "the status is not three digits");
    bad_behind_head(common, "\"GET /\" 2000 1", "the status is not three digits");
    bad_behind_head(common, "\"GET /\" 2x0 1", "the status is not three digits");
    bad_behind_head(common, "\"GET /\" 200", "no bytes");
    bad_behind_head(common, "\"GET /\" 200 1x", "the bytes are no number");
    bad_behind_head(common, "\"GET /\" 200 12345678901234567890",
                    "the bytes are more than 19 digits");
    bad_behind_head(common, "\"GET /\" 200 1234567890123456789x", "the bytes are no number");
    bad_behind_head(common, "\"GET /\" 200 1 \"-\" \"-\"", "text behind the bytes");
    bad_behind_head(LOG_COMBINED, "\"GET /\" 200 1", "no referer in quotes");
    bad_behind_head(LOG_COMBINED, "\"GET /\" 200 1 \"-\"", "no agent in quotes");
    bad_behind_head(LOG_COMBINED, "\"GET /\" 200 1 \"-\" \"cut", "no agent in quotes");
    bad_behind_head(LOG_COMBINED, "\"GET /\" 200 1 \"-\" \"a\"b\"", "text behind the agent");
    parse(common, "h - - [01/Mar/2024:00:00:00 +0000] \"-\" - 9999999999999999999");
    assert_no_field(LOG_STATUS);
    assert_int_equal(line.bytes, UINT64_C(9999999999999999999));
}

static void test_apache_error(void **state)
{
    (void)state;
    parse(LOG_APACHE_ERROR, samples[LOG_APACHE_ERROR]);
    assert_field(LOG_TIME, "Fri Mar 01 00:00:00.000001 2024");
    assert_field(LOG_MODULE, "core");
    assert_field(LOG_LEVEL, "error");
    assert_field(LOG_PID, "12");
    assert_field(LOG_TID, "34");
    assert_field(LOG_CLIENT, "192.0.2.1:99");
    assert_field(LOG_CONTENT, "[client 192.0.2.1:99] AH00124: no file");
    parse(LOG_APACHE_ERROR, "[Fri Mar  1 00:00:00 2024] [notice] [pid x] caught SIGTERM");
    assert_field(LOG_LEVEL, "notice");
    assert_no_field(LOG_MODULE);
    assert_no_field(LOG_PID);
    assert_no_field(LOG_CLIENT);
    assert_field(LOG_CONTENT, "[pid x] caught SIGTERM");
    parse(LOG_APACHE_ERROR, "[Fri Mar 01 00:00:00 2024] [:error] [pid 7] [client ::1");
    assert_field(LOG_MODULE, "");
    assert_field(LOG_PID, "7");
    assert_no_field(LOG_TID);
    assert_no_field(LOG_CLIENT);
    assert_bad(LOG_APACHE_ERROR, "script not found", "no time like [Fri Mar 01 00:00:00 2024]");
    assert_bad(LOG_APACHE_ERROR, "[Fri Mar 01 00:00:00. 2024] [error] x",
               "no time like [Fri Mar 01 00:00:00 2024]");
    assert_bad(LOG_APACHE_ERROR, "[Fri Mar 01 00:00:00 2024] error",
               "no level like [error] or [core:error]");
    assert_bad(LOG_APACHE_ERROR, "[Fri Mar 01 00:00:00 2024] [core:]",
               "no level like [error] or [core:error]");
    assert_bad(LOG_APACHE_ERROR, "[Fri Mar 01 00:00:00 2024] [error]", "no content");
}

static void test_syslog(void **state)
{
    (void)state;
    parse(LOG_SYSLOG, samples[LOG_SYSLOG]);
    assert_field(LOG_MONTH, "Mar");
    assert_field(LOG_DAY, "1");
    assert_field(LOG_TIME, "00:00:00");
    assert_field(LOG_HOST, "host");
    assert_field(LOG_COMPONENT, "some-daemon(x)");
    assert_field(LOG_PID, "123");
    assert_field(LOG_CONTENT, "it: works");
    parse(LOG_SYSLOG, "Dec 31 23:59:59 2001:db8::1 syslogd 1.4.1: restart.");
    assert_field(LOG_HOST, "2001:db8::1");
    assert_field(LOG_COMPONENT, "syslogd 1.4.1");
    assert_no_field(LOG_PID);
    parse(LOG_SYSLOG, "Dec 31 23:59:59 h last message repeated 2 times");
    assert_no_field(LOG_COMPONENT);
    assert_field(LOG_CONTENT, "last message repeated 2 times");
    parse(LOG_SYSLOG, "Dec 31 23:59:59 h -- root[12]:");
    assert_field(LOG_COMPONENT, "-- root");
    assert_field(LOG_PID, "12");
    assert_field(LOG_CONTENT, "");
    parse(LOG_SYSLOG, "Dec 31 23:59:59 h a]: x::y");
    assert_field(LOG_COMPONENT, "a]");
    assert_field(LOG_CONTENT, "x::y");
    assert_bad(LOG_SYSLOG, "Mrz  1 00:00:00 h a: b", "no month");
    assert_bad(LOG_SYSLOG, "Mar 100 00:00:00 h a: b", "no day of the month");
    assert_bad(LOG_SYSLOG, "Mar  1 0:00:00 h a: b", "no time like 00:00:00");
    assert_bad(LOG_SYSLOG, "Mar  1 00:00:00", "no host");
    assert_bad(LOG_SYSLOG, "Mar  1 00:00:00 h", "no content");
}

static void test_hdfs(void **state)
{
    (void)state;
    parse(LOG_HDFS, samples[LOG_HDFS]);
    assert_field(LOG_DATE, "240301");
    assert_field(LOG_TIME, "000000");
    assert_field(LOG_PID, "148");
    assert_field(LOG_LEVEL, "INFO");
    assert_field(LOG_COMPONENT, "dfs.DataNode$Packet");
    assert_field(LOG_CONTENT, "block blk_-1 of 192.0.2.1:1 ends");
    assert_bad(LOG_HDFS, "24031 000000 1 INFO a: b", "no date of six digits");
    assert_bad(LOG_HDFS, "240301 00000 1 INFO a: b", "no time of six digits");
    assert_bad(LOG_HDFS, "240301 000000 x INFO a: b", "no process number");
    assert_bad(LOG_HDFS, "240301 000000 1 : b", "no level");
    assert_bad(LOG_HDFS, "240301 000000 1 INFO a:b", "no colon behind the component");
    assert_bad(LOG_HDFS, "240301 000000 1 INFO : b", "no component");
}

static void test_zookeeper(void **state)
{
    static const char *const no_id[] = {"a:b@1] -c",  "a:b@1]- c", "a:b@1",  "a:b] - c",
                                        "a:b@c] - d", "a:b@] - d", "1] - d", "] - d"};
    (void)state;
    parse(LOG_ZOOKEEPER, samples[LOG_ZOOKEEPER]);
    assert_field(LOG_DATE, "2024-03-01");
    assert_field(LOG_TIME, "00:00:00,000");
    assert_field(LOG_LEVEL, "WARN");
    assert_field(LOG_NODE, "Peer[myid=1]/0");
    assert_field(LOG_COMPONENT, "0:0:0:2181:Election");
    assert_field(LOG_CLASS, "Election");
    assert_field(LOG_ID, "774");
    assert_field(LOG_CONTENT, "time out: 3200");
    parse(LOG_ZOOKEEPER, "2024-03-01 00:00:00,000 - INFO [a[@1] -b] - c:d@e:F@1] -");
    assert_field(LOG_NODE, "a[@1] -b] - c");
    assert_field(LOG_COMPONENT, "d@e:F");
    assert_field(LOG_CONTENT, "");
    assert_bad(LOG_ZOOKEEPER, "java.io.IOException: x", "no date like 2024-03-01");
    assert_bad(LOG_ZOOKEEPER, "2024-03-01 00:00:00", "no time like 00:00:00,000");
    assert_bad(LOG_ZOOKEEPER, "2024-03-01 00:00:00,000 INFO [a:b@1] - c", "no level");
    assert_bad(LOG_ZOOKEEPER, "2024-03-01 00:00:00,000 - INFO a:b@1] - c",
               "no bracket behind the level");
    for (size_t i = 0; i < sizeof(no_id) / sizeof(no_id[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "2024-03-01 00:00:00,000 - INFO [%s", no_id[i]);
        assert_bad(LOG_ZOOKEEPER, text, "no \"@1] -\" in front of the content");
    }
    assert_bad(LOG_ZOOKEEPER, "2024-03-01 00:00:00,000 - INFO [a@1] - d",
               "no colon in the brackets");
}

static void test_android(void **state)
{
    (void)state;
    parse(LOG_ANDROID, samples[LOG_ANDROID]);
    assert_field(LOG_DATE, "03-01");
    assert_field(LOG_TIME, "00:00:00.000");
    assert_field(LOG_PID, "1702");
    assert_field(LOG_TID, "2395");
    assert_field(LOG_LEVEL, "D");
    assert_field(LOG_COMPONENT, "WindowManager");
    assert_field(LOG_CONTENT, "wtoken={token=1: 2}");
    parse(LOG_ANDROID, "2024-03-01 00:00:00.000123     1     2 E tag  : x");
    assert_field(LOG_DATE, "2024-03-01");
    assert_field(LOG_TIME, "00:00:00.000123");
    assert_field(LOG_COMPONENT, "tag");
    assert_bad(LOG_ANDROID, "--------- beginning of main", "no date like 03-01");
    assert_bad(LOG_ANDROID, "03-01 00:00:00  1 2 D a: b", "no time like 00:00:00.000");
    assert_bad(LOG_ANDROID, "03-01 00:00:00.000  x 2 D a: b", "no process number");
    assert_bad(LOG_ANDROID, "03-01 00:00:00.000  1 x D a: b", "no thread number");
    assert_bad(LOG_ANDROID, "03-01 00:00:00.000  1 2 DD a: b", "the level is not one letter");
    assert_bad(LOG_ANDROID, "03-01 00:00:00.000  1 2 D a", "no colon behind the component");
    assert_bad(LOG_ANDROID, "03-01 00:00:00.000  1 2 D   : b", "no component");
}

/* Zeroes and bytes that are no UTF-8 are text. */
static void test_any_bytes(void **state)
{
    static const char access[] =
        "h - - [01/Mar/2024:00:00:00 +0000] \"GET /\0\xff\xc0 HTTP/1.1\" 200 1";
    static const char syslog[] = "Mar  1 00:00:00 h \0a: \x80\0";
    (void)state;
    assert_true(parse_bytes(LOG_COMMON, access, sizeof(access) - 1));
    assert_true(tp_view_equal(line.fields[LOG_PATH], tp_view_from_mem("/\0\xff\xc0", 4)));
    assert_true(parse_bytes(LOG_SYSLOG, syslog, sizeof(syslog) - 1));
    assert_true(tp_view_equal(line.fields[LOG_COMPONENT], tp_view_from_mem("\0a", 2)));
    assert_true(tp_view_equal(line.fields[LOG_CONTENT], tp_view_from_mem("\x80\0", 2)));
}

static void test_detect(void **state)
{
    char text[4096];
    (void)state;
    for (unsigned f = 0; f < LOG_FORMATS; f++) {
        assert_int_equal(log_format_detect(tp_view_from_str(samples[f])), f);
        snprintf(text, sizeof(text), "no line\n\n%s\r\n%s\nno line", samples[f], samples[f]);
        assert_int_equal(log_format_detect(tp_view_from_str(text)), f);
        assert_int_equal(log_format_named(log_formats[f].name), f);
    }
    snprintf(text, sizeof(text), "%s\n%s\n%s\n", samples[LOG_SYSLOG], samples[LOG_HDFS],
             samples[LOG_HDFS]);
    assert_int_equal(log_format_detect(tp_view_from_str(text)), LOG_HDFS);
    assert_int_equal(log_format_detect(tp_view_from_str("what?\n\n")), LOG_FORMATS);
    assert_int_equal(log_format_detect((tp_view){0}), LOG_FORMATS);
    assert_int_equal(log_format_named("nginx"), LOG_FORMATS);
}

/* Each line cut anywhere, and with any one byte as any other: a sanitizer looks on. What was still
   taken has its fields within the line. */
static void check_fields(size_t n)
{
    for (unsigned i = 0; i < LOG_FIELDS; i++) {
        tp_view field = line.fields[i];
        if (field.data != NULL)
            assert_true(field.data >= line_copy && field.data + field.len <= line_copy + n);
    }
}

static void test_truncations_and_mutations(void **state)
{
    unsigned char text[512];
    (void)state;
    for (unsigned f = 0; f < LOG_FORMATS * LOG_FORMATS; f++) {
        enum log_format format = (enum log_format)(f % LOG_FORMATS);
        size_t n = strlen(samples[f / LOG_FORMATS]);
        memcpy(text, samples[f / LOG_FORMATS], n);
        for (size_t cut = 0; cut <= n; cut++) {
            if (parse_bytes(format, text, cut))
                check_fields(cut);
            else
                assert_non_null(line.why);
        }
        for (size_t at = 0; at < n && f % LOG_FORMATS == f / LOG_FORMATS; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                text[at] = (unsigned char)byte;
                if (parse_bytes(format, text, n))
                    check_fields(n);
                else
                    assert_non_null(line.why);
            }
            text[at] = (unsigned char)samples[f / LOG_FORMATS][at];
        }
    }
}

static int free_line(void **state)
{
    (void)state;
    free(line_copy);
    line_copy = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combined),
        cmocka_unit_test(test_common),
        cmocka_unit_test(test_fields_are_borrowed),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bad_access),
        cmocka_unit_test(test_apache_error),
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_hdfs),
        cmocka_unit_test(test_zookeeper),
        cmocka_unit_test(test_android),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_truncations_and_mutations),
    };
    return cmocka_run_group_tests_name("logparse", tests, NULL, free_line);
}
