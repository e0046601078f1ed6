/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole logs through the log parser: what comes out does not depend on threads, blocks, or whether
   it was a file or a pipe; no line is lost; memory follows the keys, not the lines. The reference
   is this file's own: it cuts the text at newlines, one by one. */
#include "logparse_fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>
#include "logparse/print.h"
#include "logparse/scan.h"

#define LONGEST 3000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a scan said: lines' cells, faults, and problems, in the order that they were told. */
struct heard {
    tp_bytes lines, faults, problems;
    int truncate_fd; /* where >= 0: the file is cut as the first line is heard */
    bool write_fails;
};

static char path[64];

/* --- listening --- */

static bool hear_line(void *context, enum log_format format, const struct log_line *heard_line,
                      tp_bytes *out)
{
    struct heard *heard = context;
    if (heard->truncate_fd >= 0)
        assert_int_equal(ftruncate(heard->truncate_fd, 10), 0);
    return print_cells(out, format, heard_line);
}

static bool hear_block(void *context, tp_view out)
{
    struct heard *heard = context;
    if (heard->write_fails) {
        errno = ENOSPC;
        return false;
    }
    return tp_bytes_append_view(&heard->lines, out);
}

/* Where a line that is too long was cut may differ. */
static void hear_fault(void *context, const struct log_fault *fault)
{
    struct heard *heard = context;
    assert_true(tp_bytes_printf(&heard->faults, "%" PRIu64 " %s %zu\n", fault->number, fault->why,
                                fault->text.len > LONGEST ? LONGEST + 1 : fault->text.len));
}

static void hear_problem(void *context, const char *name, const char *problem)
{
    struct heard *heard = context;
    assert_true(tp_bytes_printf(&heard->problems, "%s: %s\n", name, problem));
}

static void hear_nothing(struct heard *heard)
{
    tp_bytes_free(&heard->lines);
    tp_bytes_free(&heard->faults);
    tp_bytes_free(&heard->problems);
}

/* Scans the names with a listener; the report is the caller's. */
static void scan(struct log_options options, char *const *names, size_t n, struct heard *heard,
                 struct log_report *report)
{
    struct log_listener listener = {heard, hear_line, hear_block, hear_fault, hear_problem};
    options.listener = &listener;
    options.line_bytes_max = LONGEST;
    assert_true(log_scan(&options, names, n, report));
    assert_int_equal(report->lines, report->parsed + report->bad);
}

/* The same without lines and faults: nobody takes turns. */
static void scan_quietly(struct log_options options, char *name, struct log_report *report)
{
    struct log_listener listener = {.tell = hear_problem};
    options.listener = &listener;
    assert_true(log_scan(&options, &name, 1, report));
    assert_false(report->failed);
}

static void assert_same(const tp_bytes *a, const tp_bytes *b)
{
    assert_int_equal(a->len, b->len);
    if (a->len != 0)
        assert_memory_equal(a->data, b->data, a->len);
}

static void assert_text(tp_bytes *bytes, const char *wanted)
{
    assert_string_equal(tp_bytes_str(bytes), wanted);
}

/* --- logs that are made up --- */

static uint64_t random_state;

static unsigned below(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

static void add(tp_bytes *text, const char *more)
{
    assert_true(tp_bytes_append_str(text, more));
}

static void add_access(tp_bytes *text, unsigned hosts, unsigned pad)
{
    assert_true(tp_bytes_printf(text,
                                "192.0.2.%u - - [01/Mar/2024:00:00:00 +0000] \"GET /%u HTTP/1.1\" "
                                "%u %u \"-\" \"%0*u\"",
                                below(hosts), below(40), 200 + below(4) * 100, below(5000),
                                (int)pad + 1, 0));
}

/* Lines of all kinds and lengths, some of them no lines of the format, some too long. */
static void add_mixture(tp_bytes *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned kind = below(20);
        if (kind == 0)
            add(text, samples[LOG_HDFS]);
        else if (kind == 1)
            assert_true(tp_bytes_append(text, "\0\xff", 2));
        else if (kind > 2)
            add_access(text, 30, kind == 3 ? below(2 * LONGEST) : below(40));
        if (i + 1 < n)
            add(text, kind == 4 ? "\r\n" : "\n");
    }
}

static void write_file(const tp_bytes *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
    assert_int_equal(fclose(file), 0);
}

/* --- the reference --- */

static void refer(const tp_bytes *text, struct heard *heard)
{
    size_t at = 0, number = 0;
    while (at < text->len) {
        const unsigned char *newline = memchr(text->data + at, '\n', text->len - at);
        size_t end = newline != NULL ? (size_t)(newline - text->data) : text->len;
        tp_view view = tp_view_from_mem(text->data + at, end - at);
        struct log_fault fault = {"", ++number, "the line is too long", view};
        if (view.len > LONGEST || !log_line_parse(LOG_COMBINED, view, &line)) {
            fault.why = view.len > LONGEST ? fault.why : line.why;
            hear_fault(heard, &fault);
        } else {
            assert_true(print_cells(&heard->lines, LOG_COMBINED, &line));
        }
        at = end + 1;
    }
}

/* --- tests --- */

static const size_t block_sizes[] = {1, 2, 100, 4096, 0};

static void test_any_blocks_and_threads(void **state)
{
    char *names[] = {path};
    tp_bytes text = {0};
    (void)state;
    random_state = 1;
    for (unsigned round = 0; round < 20; round++) {
        struct heard wanted = {.truncate_fd = -1};
        tp_bytes_reset(&text);
        add_access(&text, 1, 0);
        add(&text, "\n");
        add_mixture(&text, round * 5);
        if (round % 3 == 0)
            add(&text, "\n");
        write_file(&text);
        refer(&text, &wanted);
        for (size_t i = 0; i < COUNT(block_sizes) * 2; i++) {
            struct log_options options = {.format = LOG_FORMATS, .threads = i % 2 == 0 ? 1 : 4};
            struct heard heard = {.truncate_fd = -1};
            struct log_report report;
            options.block_bytes = block_sizes[i / 2];
            if (options.block_bytes < 100)
                options.format = LOG_COMBINED;
            scan(options, names, 1, &heard, &report);
            assert_text(&heard.problems, "");
            assert_same(&heard.lines, &wanted.lines);
            assert_same(&heard.faults, &wanted.faults);
            assert_int_equal(report.bytes, text.len);
            log_report_free(&report);
            hear_nothing(&heard);
        }
        hear_nothing(&wanted);
    }
    tp_bytes_free(&text);
}

struct feed {
    int fd;
    const tp_bytes *text;
    size_t piece;
};

static void *feed_pipe(void *argument)
{
    const struct feed *feed = argument;
    for (size_t at = 0; at < feed->text->len;) {
        size_t n = feed->text->len - at < feed->piece ? feed->text->len - at : feed->piece;
        ssize_t written = write(feed->fd, feed->text->data + at, n);
        assert_true(written > 0);
        at += (size_t)written;
    }
    close(feed->fd);
    return NULL;
}

static void scan_pipe(const tp_bytes *text, size_t block_bytes, size_t piece, struct heard *heard)
{
    struct log_options options = {.format = LOG_COMBINED, .threads = 3, .block_bytes = block_bytes};
    struct log_report report;
    struct feed feed = {.text = text, .piece = piece};
    char name[32], *names[] = {name};
    pthread_t thread;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    feed.fd = ends[1];
    snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
    assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &feed), 0);
    scan(options, names, 1, heard, &report);
    assert_int_equal(report.bytes, text->len);
    assert_false(report.failed);
    pthread_join(thread, NULL);
    close(ends[0]);
    log_report_free(&report);
}

static void test_pipes(void **state)
{
    tp_bytes text = {0};
    (void)state;
    random_state = 2;
    for (unsigned round = 0; round < 30; round++) {
        struct heard wanted = {.truncate_fd = -1}, heard = {.truncate_fd = -1};
        tp_bytes_reset(&text);
        add_mixture(&text, round * 4);
        refer(&text, &wanted);
        scan_pipe(&text, block_sizes[round % COUNT(block_sizes)], 1 + below(3000), &heard);
        assert_same(&heard.lines, &wanted.lines);
        assert_same(&heard.faults, &wanted.faults);
        hear_nothing(&wanted);
        hear_nothing(&heard);
    }
    tp_bytes_free(&text);
}

static void test_longest_line(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        for (size_t i = 0; i < COUNT(block_sizes); i++) {
            struct heard heard = {.truncate_fd = -1};
            tp_bytes text = {0};
            size_t before;
            add(&text, samples[LOG_COMBINED]);
            add(&text, "\n");
            before = text.len;
            add_access(&text, 1, 1000);
            assert_true(tp_bytes_append_byte(&text, '"'));
            while (text.len - before < LONGEST + more)
                assert_true(tp_bytes_append_byte(&text, ' '));
            add(&text, "\n");
            add(&text, samples[LOG_COMBINED]);
            scan_pipe(&text, block_sizes[i], 1 << 20, &heard);
            /* the quote too many is what is wrong with it while it is short enough */
            assert_text(&heard.faults, more == 0 ? "2 text behind the agent 3000\n"
                                                 : "2 the line is too long 3001\n");
            hear_nothing(&heard);
            tp_bytes_free(&text);
        }
    }
}

/* Formats, line numbers and faults are each file's own. */
static void test_several_files(void **state)
{
    char other[80], none[80], *names[] = {path, none, other, path};
    tp_bytes text = {0};
    struct heard heard = {.truncate_fd = -1};
    struct log_options options = {.format = LOG_FORMATS, .threads = 2, .block_bytes = 200};
    struct log_report report;
    FILE *file;
    (void)state;
    snprintf(other, sizeof(other), "%s.other", path);
    snprintf(none, sizeof(none), "%s.none", path);
    file = fopen(other, "wb");
    assert_non_null(file);
    fprintf(file, "%s\n\n%s", samples[LOG_SYSLOG], samples[LOG_SYSLOG]);
    assert_int_equal(fclose(file), 0);
    add(&text, samples[LOG_COMBINED]);
    add(&text, "\nx");
    write_file(&text);
    scan(options, names, COUNT(names), &heard, &report);
    assert_int_equal(report.lines, 7);
    assert_int_equal(report.bad, 3);
    assert_true(report.failed);
    assert_text(&heard.faults, "2 no host 1\n2 nothing in the line 0\n2 no host 1\n");
    assert_non_null(strstr(tp_bytes_str(&heard.problems), ".none: No such file"));
    assert_int_equal(report.tables[LOG_BY_COMPONENT].len, 1);
    assert_int_equal(report.tables[LOG_BY_COMPONENT].data[0]->lines, 2);
    assert_int_equal(report.tables[LOG_BY_STATUS].data[0]->lines, 2);
    assert_int_equal(report.tables[LOG_BY_FAULT].len, 2);
    log_report_free(&report);
    hear_nothing(&heard);
    tp_bytes_free(&text);
    unlink(other);
}

static void test_nothing_and_no_format(void **state)
{
    char null[] = "/dev/null", *names[] = {path, null};
    struct log_options options = {.format = LOG_FORMATS, .threads = 2};
    struct heard heard = {.truncate_fd = -1};
    struct log_report report;
    tp_bytes text = {0};
    (void)state;
    write_file(&text);
    scan(options, names, 2, &heard, &report);
    assert_false(report.failed);
    assert_int_equal(report.lines, 0);
    log_report_free(&report);
    add(&text, "what is this?\n");
    write_file(&text);
    scan(options, names, 2, &heard, &report);
    assert_true(report.failed);
    assert_non_null(strstr(tp_bytes_str(&heard.problems), "no known format"));
    log_report_free(&report);
    hear_nothing(&heard);
    tp_bytes_free(&text);
}

static void test_file_that_shrinks(void **state)
{
    char *names[] = {path};
    struct log_options options = {.format = LOG_COMBINED, .threads = 1, .block_bytes = 4096};
    struct heard heard = {.truncate_fd = -1};
    struct log_report report;
    tp_bytes text = {0};
    FILE *file;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        add_access(&text, 1, 0);
        add(&text, "\n");
    }
    write_file(&text);
    file = fopen(path, "r+b");
    assert_non_null(file);
    heard.truncate_fd = fileno(file);
    scan(options, names, 1, &heard, &report);
    fclose(file);
    assert_true(report.failed);
    assert_true(report.parsed > 0 && report.parsed < 1000);
    assert_non_null(strstr(tp_bytes_str(&heard.problems), "became shorter"));
    log_report_free(&report);
    hear_nothing(&heard);
    tp_bytes_free(&text);
}

static void test_write_that_fails(void **state)
{
    char *names[] = {path};
    struct log_options options = {.format = LOG_COMBINED, .threads = 4, .block_bytes = 500};
    struct heard heard = {.truncate_fd = -1, .write_fails = true};
    struct log_report report;
    tp_bytes text = {0};
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        add_access(&text, 1, 0);
        add(&text, "\n");
    }
    write_file(&text);
    scan(options, names, 1, &heard, &report);
    assert_true(report.failed);
    assert_true(report.parsed < 100);
    assert_text(&heard.problems, "output: No space left on device\n");
    log_report_free(&report);
    hear_nothing(&heard);
    tp_bytes_free(&text);
}

/* What a scan of the file allocates from the heap. */
static uint64_t allocations(unsigned threads, uint64_t *lines)
{
    struct log_options options = {.format = LOG_COMBINED, .threads = threads, .block_bytes = 4096};
    tp_heap_stats before, after;
    struct log_report report;
    tp_heap_stats_read(&before);
    scan_quietly(options, path, &report);
    *lines = report.lines;
    assert_int_equal(report.resizes, 0);
    log_report_free(&report);
    tp_heap_stats_read(&after);
    return after.allocations - before.allocations;
}

/* Ten times the lines, no more keys: not one allocation more a thread than chunks and maps need. */
static void test_no_allocation_per_line(void **state)
{
    tp_bytes text = {0};
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        uint64_t few, many, few_lines, many_lines;
        random_state = 3;
        tp_bytes_reset(&text);
        for (unsigned i = 0; i < 50000; i++) {
            add_access(&text, 30, 0);
            add(&text, "\n");
            if (i == 4999) {
                write_file(&text);
                few = allocations(threads, &few_lines);
            }
        }
        write_file(&text);
        many = allocations(threads, &many_lines);
        assert_int_equal(few_lines, 5000);
        assert_int_equal(many_lines, 50000);
        /* with several threads it is chance which of them meet all keys in the short log */
        if (threads == 1)
            assert_int_equal(many, few);
        assert_true(many < 40 * threads);
    }
    tp_bytes_free(&text);
}

static int make_path(void **state)
{
    int fd;
    (void)state;
    snprintf(path, sizeof(path), "/tmp/tp-test-logparse-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    free(line_copy);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_blocks_and_threads),
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_several_files),
        cmocka_unit_test(test_nothing_and_no_format),
        cmocka_unit_test(test_file_that_shrinks),
        cmocka_unit_test(test_write_that_fails),
        cmocka_unit_test(test_no_allocation_per_line),
    };
    return cmocka_run_group_tests_name("logparse_scan", tests, make_path, remove_path);
}
