/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole logs through the log parser, as files and as pipes: what comes out does not depend on
   threads and blocks, and no line is lost. The reference is this file's own: it cuts the text at
   newlines, one by one. */
#include "logparse_scan.h"

#include <pthread.h>

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

/* The format is to be found. */
static void scan_pipe(const tp_bytes *text, size_t block_bytes, size_t piece, struct heard *heard)
{
    struct log_options options = {.format = LOG_FORMATS, .threads = 3, .block_bytes = block_bytes};
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
        add_access(&text, 1, 0);
        add(&text, "\n");
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

/* By the first 32 lines, whatever a block's size is, of a file and of a pipe. */
static void test_format_of_any_blocks(void **state)
{
    char *names[] = {path};
    tp_bytes text = {0};
    (void)state;
    for (unsigned i = 0; i < 1500; i++)
        assert_true(tp_bytes_append_byte(&text, 'x'));
    for (unsigned i = 0; i < 6; i++) {
        add(&text, "\n");
        add(&text, samples[i == 0 ? LOG_HDFS : LOG_COMBINED]);
    }
    write_file(&text);
    for (size_t i = 0; i < COUNT(block_sizes); i++) {
        struct log_options options = {
            .format = LOG_FORMATS, .threads = 1, .block_bytes = block_sizes[i]};
        struct heard file = {.truncate_fd = -1}, piped = {.truncate_fd = -1};
        struct log_report report;
        scan(options, names, 1, &file, &report);
        assert_text(&file.problems, "");
        assert_int_equal(report.parsed, 5);
        scan_pipe(&text, block_sizes[i], 1 << 20, &piped);
        assert_same(&piped.lines, &file.lines);
        assert_same(&piped.faults, &file.faults);
        log_report_free(&report);
        hear_nothing(&file);
        hear_nothing(&piped);
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
                                                 : "2 the line is too long 0\n");
            hear_nothing(&heard);
            tp_bytes_free(&text);
        }
    }
}

/* Whatever has been read of it when its length is looked at. */
static void test_longest_line_of_a_file(void **state)
{
    char *names[] = {path};
    (void)state;
    for (size_t longest = 4080; longest < 4110; longest++) {
        struct log_options options = {
            .format = LOG_COMBINED, .threads = 1, .block_bytes = 1, .line_bytes_max = longest};
        struct heard heard = {.truncate_fd = -1};
        struct log_report report;
        tp_bytes text = {0};
        add(&text, samples[LOG_COMBINED]);
        while (text.len < longest + 1)
            assert_true(tp_bytes_append_byte(&text, ' '));
        write_file(&text);
        scan(options, names, 1, &heard, &report);
        assert_text(&heard.faults, "1 the line is too long 0\n");
        log_report_free(&report);
        hear_nothing(&heard);
        tp_bytes_free(&text);
    }
}

/* A stream that ends within a line that is too long leaves the next one whole. */
static void test_two_streams(void **state)
{
    struct log_options options = {
        .format = LOG_COMBINED, .threads = 1, .block_bytes = 10, .line_bytes_max = 400};
    struct heard heard = {.truncate_fd = -1};
    struct log_report report;
    char first[32], second[32], *names[] = {first, second};
    tp_bytes text = {0};
    int ends[2], others[2];
    (void)state;
    add_access(&text, 1, 1000);
    assert_int_equal(pipe(ends) | pipe(others), 0);
    assert_int_equal(write(ends[1], text.data, text.len), text.len);
    assert_int_equal(write(others[1], samples[LOG_COMBINED], strlen(samples[LOG_COMBINED])),
                     strlen(samples[LOG_COMBINED]));
    close(ends[1]);
    close(others[1]);
    snprintf(first, sizeof(first), "/dev/fd/%d", ends[0]);
    snprintf(second, sizeof(second), "/dev/fd/%d", others[0]);
    scan(options, names, 2, &heard, &report);
    assert_text(&heard.faults, "1 the line is too long 0\n");
    assert_int_equal(report.parsed, 1);
    log_report_free(&report);
    hear_nothing(&heard);
    tp_bytes_free(&text);
    close(ends[0]);
    close(others[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_blocks_and_threads), cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_format_of_any_blocks),   cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_longest_line_of_a_file), cmocka_unit_test(test_two_streams),
    };
    return cmocka_run_group_tests_name("logparse_scan", tests, make_path, remove_path);
}
