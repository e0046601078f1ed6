/* SPDX-License-Identifier: BSD-2-Clause */
/* The log parser's counting and printing: maps that are sized, too small, met by keys with the same
   hash, and merged; text with bytes that may not stand as they are. */
#include "logparse_fixture.h"

#include "logparse/counts.h"
#include "logparse/print.h"
#include "logparse/text.h"

/* --- counts --- */

static void add_numbers(struct log_counts *counts, unsigned from, unsigned to)
{
    char key[40];
    for (unsigned i = from; i < to; i++) {
        snprintf(key, sizeof(key), "%0*u", (int)(i % 30), i);
        assert_true(log_counts_add(counts, tp_view_from_str(key), i));
    }
}

/* The sum of keys' numbers shows that each is there once; lines and bytes are those of `times`
   additions. Of 64 bits, no two hashes of so few keys are the same. */
static void assert_numbers(struct log_counts *counts, unsigned n, uint64_t times)
{
    log_count_vec list = {0};
    uint64_t sum = 0;
    assert_int_equal(counts->n, n);
    assert_true(log_counts_list(counts, &list));
    assert_int_equal(list.len, n);
    for (size_t i = 0; i < list.len; i++) {
        uint64_t number = 0;
        for (size_t at = 0; at < list.data[i]->key.len; at++)
            number = number * 10 + (uint64_t)(list.data[i]->key.data[at] - '0');
        assert_true(number < n);
        assert_null(list.data[i]->next);
        assert_int_equal(list.data[i]->lines, times);
        assert_int_equal(list.data[i]->bytes, times * number);
        sum += number;
    }
    assert_int_equal(sum, (uint64_t)n * (n - 1) / 2);
    tp_vec_free(&list);
}

static void test_sized_and_too_small(void **state)
{
    static const unsigned sizes[] = {1, 2, 3, 7, 64, 1000, 4096, 50000};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        tp_arena *arena = tp_arena_create(NULL);
        struct log_counts sized, small;
        tp_heap_stats before, after;
        assert_non_null(arena);
        log_counts_init(&sized, arena, sizes[i], i);
        log_counts_init(&small, arena, 1, i);
        add_numbers(&sized, 0, sizes[i]);
        tp_heap_stats_read(&before);
        add_numbers(&sized, 0, sizes[i]);
        tp_heap_stats_read(&after);
        assert_int_equal(after.allocations, before.allocations);
        assert_int_equal(sized.resizes, 0);
        assert_numbers(&sized, sizes[i], 2);
        add_numbers(&small, 0, sizes[i]);
        assert_true(sizes[i] < 3 || small.resizes > 0);
        assert_numbers(&small, sizes[i], 1);
        log_counts_free(&sized);
        log_counts_free(&small);
        tp_arena_destroy(arena);
    }
}

static void test_merge(void **state)
{
    tp_arena *one = tp_arena_create(NULL), *other = tp_arena_create(NULL);
    struct log_counts into, from, none;
    (void)state;
    assert_true(one != NULL && other != NULL);
    log_counts_init(&into, one, 100, 7);
    log_counts_init(&from, other, 100, 7);
    log_counts_init(&none, other, 100, 7);
    assert_true(log_counts_merge(&into, &none));
    assert_int_equal(into.n, 0);
    add_numbers(&into, 0, 60);
    add_numbers(&from, 30, 100);
    add_numbers(&from, 0, 30);
    add_numbers(&from, 60, 100);
    assert_true(log_counts_merge(&into, &from));
    assert_numbers(&into, 100, 2);
    log_counts_free(&from);
    assert_true(log_counts_merge(&none, &into));
    assert_numbers(&none, 100, 2);
    assert_int_equal(none.resizes, 0);
    log_counts_free(&into);
    log_counts_free(&none);
    tp_arena_destroy(other);
    tp_arena_destroy(one);
}

/* The hash's own step, to find keys of 24 bytes that have the same one: whatever the first word is,
   a second one that undoes it leaves nothing of both. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void make_twin(uint64_t first, uint64_t seed, unsigned char key[24])
{
    uint64_t begin = seed ^ (24 * UINT64_C(0xd1b54a32d192ed2d));
    uint64_t second = fold(begin ^ first, UINT64_C(0x9e3779b97f4a7c55));
    memcpy(key, &first, 8);
    memcpy(key + 8, &second, 8);
    memcpy(key + 16, "the same", 8);
}

static void test_same_hash(void **state)
{
    tp_arena *arena = tp_arena_create(NULL);
    struct log_counts counts, other;
    log_count_vec list = {0};
    unsigned char key[24];
    (void)state;
    assert_non_null(arena);
    log_counts_init(&counts, arena, 2, 99);
    log_counts_init(&other, arena, 2, 99);
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t first = 0; first < 10; first++) {
            make_twin(first, 99, key);
            assert_true(log_counts_add(&counts, tp_view_from_mem(key, 24), first));
            if (first % 2 == 0)
                assert_true(log_counts_add(&other, tp_view_from_mem(key, 24), first));
        }
    }
    make_twin(10, 99, key);
    assert_true(log_counts_add(&other, tp_view_from_mem(key, 24), 10));
    assert_int_equal(counts.n, 10);
    /* or they were no twins: ten keys do not fit in a map for two */
    assert_int_equal(counts.resizes, 0);
    assert_true(log_counts_merge(&counts, &other));
    assert_int_equal(counts.n, 11);
    assert_int_equal(counts.resizes, 0);
    assert_true(log_counts_list(&counts, &list));
    assert_int_equal(list.len, 11);
    for (size_t i = 0; i < list.len; i++) {
        uint64_t first, lines;
        memcpy(&first, list.data[i]->key.data, sizeof(first));
        lines = first == 10 ? 1 : first % 2 == 0 ? 6 : 3;
        assert_int_equal(list.data[i]->lines, lines);
        assert_int_equal(list.data[i]->bytes, lines * first);
    }
    tp_vec_free(&list);
    log_counts_free(&counts);
    log_counts_free(&other);
    tp_arena_destroy(arena);
}

/* Bytes are added up as far as 64 bits go. */
static void test_most_bytes(void **state)
{
    tp_arena *arena = tp_arena_create(NULL);
    struct log_counts into, from;
    (void)state;
    assert_non_null(arena);
    log_counts_init(&into, arena, 4, 7);
    log_counts_init(&from, arena, 4, 7);
    assert_true(log_counts_add(&into, tp_view_from_str("a"), UINT64_MAX - 1));
    assert_true(log_counts_add(&into, tp_view_from_str("a"), 1));
    assert_int_equal(into.last->bytes, UINT64_MAX);
    assert_true(log_counts_add(&into, tp_view_from_str("a"), 9));
    assert_int_equal(into.last->bytes, UINT64_MAX);
    assert_true(log_counts_add(&into, tp_view_from_str("b"), 3));
    assert_true(log_counts_add(&from, tp_view_from_str("b"), UINT64_MAX - 2));
    assert_true(log_counts_merge(&into, &from));
    assert_int_equal(into.last->bytes, UINT64_MAX);
    log_counts_free(&into);
    log_counts_free(&from);
    tp_arena_destroy(arena);
}

/* Longer than the 16 bits in which ck keeps lengths, and none at all. */
static void test_long_and_empty_keys(void **state)
{
    enum { LONG = 65536 + 10 };
    tp_arena *arena = tp_arena_create(NULL);
    unsigned char *key = malloc(LONG);
    struct log_counts counts;
    (void)state;
    assert_true(arena != NULL && key != NULL);
    memset(key, 'x', LONG);
    log_counts_init(&counts, arena, 4, 0);
    for (unsigned round = 0; round < 2; round++) {
        assert_true(log_counts_add(&counts, tp_view_from_mem(key, LONG), 1));
        assert_true(log_counts_add(&counts, tp_view_from_mem(key, 10), 1));
        assert_true(log_counts_add(&counts, tp_view_from_mem(key, LONG - 1), 1));
        assert_true(log_counts_add(&counts, tp_view_from_mem(key, 0), 1));
    }
    assert_int_equal(counts.n, 4);
    log_counts_free(&counts);
    tp_arena_destroy(arena);
    free(key);
}

/* --- text --- */

typedef bool write_text(tp_bytes *out, tp_view text);

static void assert_written(write_text *write, const char *text, size_t n, const char *wanted)
{
    tp_bytes out = {0};
    unsigned char *copy = malloc(n + 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    assert_true(write(&out, tp_view_from_mem(copy, n)));
    assert_string_equal(tp_bytes_str(&out), wanted);
    tp_bytes_free(&out);
    free(copy);
}

static void test_escapes(void **state)
{
    static const char text[] = "a\t\"\\\n\r\0\x1b\x7f\xc3\xa9\xff\xe2\x82\xac\xf0\x9f\x92\xa9/";
    static const char c1[] = "\xc2\x80[\xc2\x9b"
                             "2J\xc2\x9f\xc2\xa0\xc3\x9b\xc2";
    static const struct {
        const char *bytes;
        unsigned n_bad; /* replaced */
    } invalid[] = {{"\x80", 1},
                   {"\xc1\x81", 2},
                   {"\xc3", 1},
                   {"\xe0\x9f\xbf", 3},
                   {"\xed\xa0\x80", 3},
                   {"\xe2\x82", 2},
                   {"\xf0\x8f\xbf\xbf", 4},
                   {"\xf4\x90\x80\x80", 4},
                   {"\xf5\x80\x80\x80", 4}};
    (void)state;
    assert_written(text_shown, text, sizeof(text) - 1,
                   "a\\t\"\\\\n\\r\\x00\\x1b\\x7f\xc3\xa9\\xff\xe2\x82\xac\xf0\x9f\x92\xa9/");
    assert_written(text_cell, text, sizeof(text) - 1,
                   "a\\t\"\\\\\\n\\r\\x00\\x1b\\x7f\xc3\xa9\\xff\xe2\x82\xac\xf0\x9f\x92\xa9/");
    assert_written(text_json, text, sizeof(text) - 1,
                   "\"a\\t\\\"\\\\\\n\\r\\u0000\\u001b\\u007f\xc3\xa9\\ufffd\xe2\x82\xac"
                   "\xf0\x9f\x92\xa9/\"");
    assert_written(text_json, "", 0, "\"\"");
    assert_written(text_shown, c1, sizeof(c1) - 1,
                   "\\xc2\\x80[\\xc2\\x9b2J\\xc2\\x9f\xc2\xa0\xc3\x9b\\xc2");
    assert_written(text_cell, c1, sizeof(c1) - 1,
                   "\\xc2\\x80[\\xc2\\x9b2J\\xc2\\x9f\xc2\xa0\xc3\x9b\\xc2");
    assert_written(text_json, c1, sizeof(c1) - 1,
                   "\"\\u0080[\\u009b2J\\u009f\xc2\xa0\xc3\x9b\\ufffd\"");
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        char wanted[32] = "\"";
        for (unsigned bad = 0; bad < invalid[i].n_bad; bad++)
            strcat(wanted, "\\ufffd");
        strcat(wanted, "\"");
        assert_written(text_json, invalid[i].bytes, strlen(invalid[i].bytes), wanted);
    }
}

static void test_lines(void **state)
{
    tp_bytes out = {0};
    (void)state;
    parse(LOG_COMBINED, samples[LOG_COMBINED]);
    assert_true(print_cells(&out, LOG_COMBINED, &line));
    assert_string_equal(tp_bytes_str(&out),
                        "192.0.2.1\t\tann\t01/Mar/2024:00:00:00 +0000\tGET /a?b=c HTTP/1.1\tGET\t"
                        "/a?b=c\tHTTP/1.1\t200\t17\thttp://example.com/\\\\\"q\\\\\"\tagent "
                        "\\\\\\\\\n");
    tp_bytes_reset(&out);
    parse(LOG_COMMON, "h - - [01/Mar/2024:00:00:00 +0000] \"x\" 007 -");
    assert_true(print_object(&out, LOG_COMMON, &line));
    assert_string_equal(tp_bytes_str(&out),
                        "{\"host\":\"h\",\"time\":\"01/Mar/2024:00:00:00 +0000\","
                        "\"request\":\"x\",\"status\":7}\n");
    tp_bytes_reset(&out);
    parse(LOG_HDFS, samples[LOG_HDFS]);
    assert_true(print_object(&out, LOG_HDFS, &line));
    assert_string_equal(tp_bytes_str(&out),
                        "{\"date\":\"240301\",\"time\":\"000000\",\"pid\":\"148\",\"level\":"
                        "\"INFO\",\"component\":\"dfs.DataNode$Packet\",\"content\":\"block blk_-1 "
                        "of 192.0.2.1:1 ends\"}\n");
    tp_bytes_free(&out);
}

static void test_faults(void **state)
{
    char text[2000];
    struct log_fault fault = {"f", 12, "why", tp_view_from_str("a\tb")};
    tp_bytes out = {0};
    (void)state;
    assert_true(print_fault(&out, &fault));
    assert_string_equal(tp_bytes_str(&out), "f:12: why: a\\tb\n");
    memset(text, 'x', sizeof(text));
    fault.text = tp_view_from_mem(text, sizeof(text));
    tp_bytes_reset(&out);
    assert_true(print_fault(&out, &fault));
    assert_int_equal(out.len, strlen("f:12: why: ") + 1000 + strlen("...\n"));
    tp_bytes_free(&out);
}

static void test_tables(void **state)
{
    struct log_count counts[] = {{tp_view_from_str("a\"\n"), 3, 12, 0, NULL},
                                 {tp_view_from_str("b"), 2, UINT64_MAX, 0, NULL}};
    struct log_report report = {.lines = 6, .parsed = 5, .bad = 1, .bytes = 99};
    tp_bytes out = {0};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_true(tp_vec_push(&report.tables[LOG_BY_PATH], &counts[i]));
    assert_true(print_tables(&out, &report, 2));
    assert_string_equal(tp_bytes_str(&out), "6 lines = 5 parsed + 1 bad\n\n"
                                            "       lines           bytes  path (2 of 2)\n"
                                            "           3              12  a\"\\n\n"
                                            "           2 18446744073709551615  b\n");
    tp_bytes_reset(&out);
    assert_true(print_json(&out, &report, 9));
    assert_string_equal(
        tp_bytes_str(&out),
        "{\"lines\":6,\"parsed\":5,\"bad\":1,\"bytes\":99,\"keys\":{\"path\":2}}\n"
        "{\"table\":\"path\",\"key\":\"a\\\"\\n\",\"lines\":3,\"bytes\":12}\n"
        "{\"table\":\"path\",\"key\":\"b\",\"lines\":2,\"bytes\":18446744073709551615}\n");
    tp_vec_free(&report.tables[LOG_BY_PATH]);
    tp_bytes_free(&out);
}

static int free_line(void **state)
{
    (void)state;
    free(line_copy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sized_and_too_small),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_same_hash),
        cmocka_unit_test(test_most_bytes),
        cmocka_unit_test(test_long_and_empty_keys),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests_name("logparse_report", tests, NULL, free_line);
}
