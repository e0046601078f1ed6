/* SPDX-License-Identifier: BSD-2-Clause */
/* The word counter of examples/maps: its counts against a slow count, and that the sized one asks
   the heap for nothing while it counts; the command's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "maps/words.h"

static tp_heap_stats heap_now(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats;
}

/* How often `word` is in the text, as a word. */
static uint64_t count_slowly(tp_view text, tp_view word)
{
    struct words one;
    uint64_t n = 0;
    for (size_t at = 0; at + word.len <= text.len; at++) {
        tp_view from = tp_view_slice(text, at > 0 ? at - 1 : 0, at + word.len + 1);
        if (memcmp(text.data + at, word.data, word.len) != 0)
            continue;
        assert_true(words_init(&one, 0)); /* alone with its neighbours, is it still that word? */
        assert_true(words_count(&one, from));
        for (size_t i = 0; i < one.all.len; i++)
            n += tp_view_equal(one.all.data[i].text, word) &&
                 one.all.data[i].text.data == text.data + at;
        words_free(&one);
    }
    return n;
}

static void words_are_counted(void **state)
{
    (void)state;
    tp_view text = tp_view_from_str("the tide, the Tide; \xc3\xa9t\xc3\xa9-2026 tide2 a,a a\tthe");
    const char *expected[] = {"a", "the", "2026", "Tide", "tide", "tide2", "\xc3\xa9t\xc3\xa9"};
    const uint64_t counts[] = {3, 3, 1, 1, 1, 1, 1};
    const size_t distinct[] = {0, 7, 8};
    for (size_t d = 0; d < 3; d++) {
        struct words words;
        assert_true(words_init(&words, distinct[d]));
        assert_true(words_count(&words, text));
        assert_int_equal(words.total, 11);
        assert_true(tp_view_equal_str(words.all.data[0].text, "the")); /* as they came */
        words_sort(&words);
        assert_int_equal(words.all.len, 7);
        for (size_t i = 0; i < 7; i++) {
            assert_true(tp_view_equal_str(words.all.data[i].text, expected[i]));
            assert_int_equal(words.all.data[i].count, counts[i]);
        }
        words_free(&words);
    }
}

/* `distinct` words, each as often as its number modulo 5, and one more time. */
static tp_bytes text_of(size_t distinct)
{
    tp_bytes text = {0};
    for (size_t i = 0; i < distinct; i++)
        for (size_t n = 0; n <= i % 5; n++)
            assert_true(tp_bytes_printf(&text, "w%zu ", i));
    return text;
}

static void the_sized_one_allocates_nothing(void **state)
{
    (void)state;
    for (size_t distinct = 1; distinct < 40000; distinct = distinct * 4 + 3) {
        struct words words;
        tp_bytes text = text_of(distinct);
        tp_heap_stats before = heap_now();
        assert_true(words_init(&words, distinct));
        assert_int_equal(heap_now().allocations, before.allocations + 2);
        assert_true(words_count(&words, tp_view_from_bytes(&text)));
        assert_int_equal(heap_now().allocations, before.allocations + 2);
        assert_int_equal(words.all.len, distinct);
        for (size_t i = 0; i < distinct; i++)
            assert_int_equal(words.all.data[i].count, i % 5 + 1);
        assert_true(words_count(&words, tp_view_from_str("w0 w0")));
        errno = 0;
        assert_false(words_count(&words, tp_view_from_str("w0 another"))); /* it is full */
        assert_int_equal(errno, ENOSPC);
        assert_int_equal(words.all.data[0].count, 4);
        words_free(&words);
        tp_bytes_free(&text);
    }
}

static void the_unsized_one_grows(void **state)
{
    (void)state;
    struct words words;
    tp_bytes text = text_of(5000);
    tp_heap_stats before = heap_now();
    assert_true(words_init(&words, 0));
    assert_true(words_count(&words, tp_view_from_bytes(&text)));
    assert_true(heap_now().allocations >= before.allocations + 20);
    assert_int_equal(words.all.len, 5000);
    words_free(&words);
    tp_bytes_free(&text);
}

static void long_words_are_refused(void **state)
{
    (void)state;
    struct words words;
    char *longest = malloc(65537);
    assert_non_null(longest);
    memset(longest, 'x', 65537);
    assert_true(words_init(&words, 10));
    assert_true(words_count(&words, tp_view_from_mem(longest, 65535)));
    errno = 0;
    assert_false(words_count(&words, tp_view_from_mem(longest, 65536)));
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(words.all.len, 1);
    words_free(&words);
    free(longest);
}

static tp_bytes read_file(const char *path)
{
    tp_bytes text = {0};
    FILE *file = fopen(path, "rb");
    char block[4096];
    size_t n;
    while (file != NULL && (n = fread(block, 1, sizeof block, file)) > 0)
        assert_true(tp_bytes_append(&text, block, n));
    if (file != NULL)
        fclose(file);
    return text;
}

static void real_text(void **state)
{
    (void)state;
    const char *folder = getenv("TP_DATA_DIR");
    char name[4096];
    snprintf(name, sizeof name, "%s/json/twitter.json", folder != NULL ? folder : TP_TEST_DATA_DIR);
    tp_bytes text = read_file(name);
    if (text.len == 0) {
        print_message("no %s: skipped\n", name);
        skip();
    }
    struct words sized, grown;
    tp_view view = tp_view_from_bytes(&text);
    assert_true(words_init(&sized, 10000));
    assert_true(words_init(&grown, 0));
    assert_true(words_count(&sized, view));
    assert_true(words_count(&grown, view));
    words_sort(&sized);
    words_sort(&grown);
    assert_int_equal(sized.total, grown.total);
    assert_int_equal(sized.all.len, grown.all.len);
    for (size_t i = 0; i < sized.all.len; i++) {
        assert_true(tp_view_equal(sized.all.data[i].text, grown.all.data[i].text));
        assert_int_equal(sized.all.data[i].count, grown.all.data[i].count);
        if (i % 97 == 0)
            assert_int_equal(sized.all.data[i].count, count_slowly(view, sized.all.data[i].text));
    }
    words_free(&sized);
    words_free(&grown);
    tp_bytes_free(&text);
}

/* The command's output; *status as pclose gives it. */
static tp_bytes output_of(const char *command, int *status)
{
    tp_bytes text = {0};
    char block[4096];
    size_t n;
    fflush(NULL);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while ((n = fread(block, 1, sizeof block, pipe)) > 0)
        assert_true(tp_bytes_append(&text, block, n));
    *status = pclose(pipe);
    return text;
}

static void the_command(void **state)
{
    (void)state;
    int status;
    unsigned long all, counting, bytes;
    tp_bytes out = output_of("echo b a b | " TP_TEST_MAPS " --distinct=2", &status);
    const char *text = tp_bytes_str(&out);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "       2  b\n       1  a\n3 words, 2 different\n"));
    const char *sized = strstr(text, "\nsized");
    assert_non_null(sized);
    assert_int_equal(sscanf(sized, " sized %lu %lu %lu", &all, &counting, &bytes), 3);
    assert_int_equal(all, 2);
    assert_int_equal(counting, 0);
    tp_bytes_free(&out);
    out = output_of("echo b a b | " TP_TEST_MAPS " --distinct=1 2>&1", &status);
    assert_int_equal(status, 1 << 8);
    assert_non_null(strstr(tp_bytes_str(&out), "more than 1 different words"));
    tp_bytes_free(&out);
    const char *wrong[] = {"--distinct=0", "--distinct=x", "--distinct=1073741825", "--top", "a b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char command[1024];
        snprintf(command, sizeof command, TP_TEST_MAPS " %s 2>&1", wrong[i]);
        out = output_of(command, &status);
        assert_int_equal(status, 2 << 8);
        assert_non_null(strstr(tp_bytes_str(&out), "usage: tp-maps"));
        tp_bytes_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_counted),
        cmocka_unit_test(the_sized_one_allocates_nothing),
        cmocka_unit_test(the_unsized_one_grows),
        cmocka_unit_test(long_words_are_refused),
        cmocka_unit_test(real_text),
        cmocka_unit_test(the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
