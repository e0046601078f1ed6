/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for the tests of the log parser, each parsed from a block of just its size, so that a
   sanitizer sees a byte too far. Each test program includes this once. */
#ifndef TESTS_EXAMPLES_LOGPARSE_FIXTURE_H
#define TESTS_EXAMPLES_LOGPARSE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "logparse/logparse.h"

/* Of the last line that was parsed. */
static struct log_line line;
static unsigned char *line_copy;

/* A line of each format. */
static const char *const samples[LOG_FORMATS] = {
    [LOG_COMBINED] = "192.0.2.1 - ann [01/Mar/2024:00:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 17 "
                     "\"http://example.com/\\\"q\\\"\" \"agent \\\\\"",
    [LOG_COMMON] = "2001:db8::7 id - [29/Feb/2024:23:59:59 -0130] \"POST /a b HTTP/1.0\" 404 -",
    [LOG_APACHE_ERROR] = "[Fri Mar 01 00:00:00.000001 2024] [core:error] [pid 12:tid 34] "
                         "[client 192.0.2.1:99] AH00124: no file",
    [LOG_SYSLOG] = "Mar  1 00:00:00 host some-daemon(x)[123]: it: works",
    [LOG_HDFS] = "240301 000000 148 INFO dfs.DataNode$Packet: block blk_-1 of 192.0.2.1:1 ends",
    [LOG_ZOOKEEPER] = "2024-03-01 00:00:00,000 - WARN  [Peer[myid=1]/0:0:0:0:2181:Election@774] - "
                      "time out: 3200",
    [LOG_ANDROID] = "03-01 00:00:00.000  1702  2395 D WindowManager: wtoken={token=1: 2}",
};

static inline bool parse_bytes(enum log_format format, const void *text, size_t n)
{
    free(line_copy);
    line_copy = malloc(n != 0 ? n : 1);
    assert_non_null(line_copy);
    memcpy(line_copy, text, n);
    return log_line_parse(format, tp_view_from_mem(line_copy, n), &line);
}

static inline void parse(enum log_format format, const char *text)
{
    if (!parse_bytes(format, text, strlen(text)))
        fail_msg("%s: %s: %s", log_formats[format].name, text, line.why);
}

static inline void assert_field(enum log_field field, const char *wanted)
{
    tp_view got = line.fields[field];
    if (got.data == NULL || !tp_view_equal_str(got, wanted))
        fail_msg("%s: '%.*s', wanted '%s'", log_field_names[field], (int)got.len,
                 got.data != NULL ? (const char *)got.data : "(none)", wanted);
}

static inline void assert_no_field(enum log_field field)
{
    assert_null(line.fields[field].data);
}

static inline void assert_bad(enum log_format format, const char *text, const char *why)
{
    if (parse_bytes(format, text, strlen(text)))
        fail_msg("%s took: %s", log_formats[format].name, text);
    assert_string_equal(line.why, why);
}

#endif
