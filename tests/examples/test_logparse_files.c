/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that the log parser reads, and what goes wrong with them: several, none, one that becomes
   shorter, an output that fails. Memory follows the keys, not the lines. */
#include "logparse_scan.h"

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

/* The first few of a table are the same, however few are asked for. */
static void test_the_first_few(void **state)
{
    static const size_t tops[] = {1, 2, 5, 39, 40, 41, 1000};
    char *names[] = {path};
    struct heard heard = {.truncate_fd = -1};
    struct log_options options = {.format = LOG_COMBINED, .threads = 2, .block_bytes = 4096};
    tp_bytes text = {0};
    (void)state;
    random_state = 7;
    for (unsigned i = 0; i < 500; i++) {
        add_access(&text, 100, 0);
        add(&text, "\n");
    }
    write_file(&text);
    struct log_report all;
    scan(options, names, 1, &heard, &all);
    for (size_t i = 0; i < COUNT(tops); i++) {
        struct log_report few;
        options.top = tops[i];
        scan(options, names, 1, &heard, &few);
        for (unsigned t = 0; t < LOG_TABLES; t++) {
            assert_int_equal(few.tables[t].len, all.tables[t].len);
            for (size_t row = 0; row < few.tables[t].len && row < tops[i]; row++)
                assert_true(
                    tp_view_equal(few.tables[t].data[row]->key, all.tables[t].data[row]->key));
        }
        log_report_free(&few);
    }
    assert_int_equal(all.tables[LOG_BY_PATH].len, 40);
    log_report_free(&all);
    hear_nothing(&heard);
    tp_bytes_free(&text);
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

/* That is told once, however much of it is missing. */
static void shrink(unsigned threads)
{
    char *names[] = {path}, wanted[128];
    struct log_options options = {.format = LOG_COMBINED, .threads = threads, .block_bytes = 4096};
    struct heard heard = {.truncate_fd = -1};
    struct log_report report;
    tp_bytes text = {0};
    FILE *file;
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
    snprintf(wanted, sizeof(wanted), "%s: it became shorter meanwhile\n", path);
    assert_text(&heard.problems, wanted);
    log_report_free(&report);
    hear_nothing(&heard);
    tp_bytes_free(&text);
}

static void test_file_that_shrinks(void **state)
{
    (void)state;
    shrink(1);
    shrink(4);
}

/* The line that there was no memory for is not counted, and those in front of it are. */
static void test_no_memory(void **state)
{
    char *names[] = {path}, wanted[128];
    struct log_options options = {.format = LOG_COMBINED, .threads = 1, .block_bytes = 500};
    struct heard heard = {.truncate_fd = -1, .no_memory_at = 9};
    struct log_report report;
    tp_bytes text = {0};
    (void)state;
    add(&text, "no line\n");
    for (unsigned i = 0; i < 50; i++) {
        add_access(&text, 1, 0);
        add(&text, "\n");
    }
    write_file(&text);
    scan(options, names, 1, &heard, &report);
    assert_true(report.failed);
    assert_int_equal(report.parsed, 8);
    assert_int_equal(report.bad, 1);
    snprintf(wanted, sizeof(wanted), "%s: no memory for its lines\n", path);
    assert_text(&heard.problems, wanted);
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
    assert_text(&heard.problems, "standard output: No space left on device\n");
    log_report_free(&report);
    hear_nothing(&heard);
    tp_bytes_free(&text);
}

/* The same without lines and faults: nobody takes turns. */
static void scan_quietly(struct log_options options, char *name, struct log_report *report)
{
    struct log_listener listener = {.tell = hear_problem};
    options.listener = &listener;
    assert_true(log_scan(&options, &name, 1, report));
    assert_false(report->failed);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_files),          cmocka_unit_test(test_the_first_few),
        cmocka_unit_test(test_nothing_and_no_format),  cmocka_unit_test(test_file_that_shrinks),
        cmocka_unit_test(test_write_that_fails),       cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_allocation_per_line),
    };
    return cmocka_run_group_tests_name("logparse_files", tests, make_path, remove_path);
}
