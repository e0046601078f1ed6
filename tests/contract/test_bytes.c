/* SPDX-License-Identifier: BSD-2-Clause */
/* Byte buffers and views: contents, capacity, growth, the padding behind the end, errors, no
   allocation in the steady state. Numbers: test_bytes_number.c. Pools: test_bytes_pool.c. */
#include <dlfcn.h>
#include <locale.h>

#include "support.h"

enum { LENGTHS = 600, CAPACITIES = 70000 };

/* What the compiler must not know, or it would warn of what is tested here. */
static volatile size_t all = SIZE_MAX, half = PTRDIFF_MAX;
static volatile unsigned char seen;

static uint64_t allocations(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations;
}

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 7 + (i >> 8) + 3);
}

static void fill(unsigned char *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = pattern(i);
}

/* Whether the buffer holds what fill() wrote, and may be read TP_BYTES_PADDING bytes farther. */
static bool holds(const tp_bytes *bytes, size_t n)
{
    if (bytes->len != n || bytes->cap < n || (bytes->data == NULL && bytes->cap != 0))
        return false;
    for (size_t i = 0; i < n; i++)
        if (bytes->data[i] != pattern(i))
            return false;
    for (size_t i = 0; bytes->data != NULL && i < TP_BYTES_PADDING; i++) {
        seen = bytes->data[n + i];
        seen = bytes->data[bytes->cap + i];
    }
    return true;
}

/* --- contents --- */

static void nothing_is_a_buffer(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    uint64_t before = allocations();
    assert_string_equal(tp_bytes_str(&bytes), "");
    assert_true(tp_bytes_from_mem(&bytes, NULL, 0));
    assert_true(tp_bytes_append(&bytes, NULL, 0));
    assert_true(tp_bytes_from_str(&bytes, ""));
    assert_true(tp_bytes_append_view(&bytes, tp_view_from_bytes(&bytes)));
    assert_true(tp_bytes_reserve(&bytes, 0));
    assert_true(tp_bytes_clip(&bytes));
    tp_bytes_reset(&bytes);
    tp_bytes_free(&bytes);
    assert_null(bytes.data);
    assert_int_equal(allocations(), before);
    assert_true(tp_bytes_printf(&bytes, "%s", ""));
    assert_int_equal(bytes.len, 0);
    tp_bytes_free(&bytes);
}

static void every_length_is_copied(void **state)
{
    (void)state;
    unsigned char *source = malloc(LENGTHS); /* so that a read behind its end is found */
    tp_bytes reused = {0};
    assert_non_null(source);
    for (size_t n = 0; n <= LENGTHS; n++) {
        tp_bytes fresh = {0};
        unsigned char *from = source + LENGTHS - n;
        fill(from, n);
        assert_true(tp_bytes_from_mem(&fresh, from, n));
        assert_true(holds(&fresh, n));
        assert_true(tp_bytes_from_mem(&reused, from, n));
        assert_true(holds(&reused, n));
        tp_bytes_free(&fresh);
        for (size_t first = 0; first <= n; first += 1 + n / 8) {
            tp_bytes_reset(&fresh);
            assert_true(tp_bytes_append(&fresh, from, first));
            assert_true(tp_bytes_append(&fresh, from + first, n - first));
            assert_true(holds(&fresh, n));
        }
        tp_bytes_free(&fresh);
    }
    tp_bytes_free(&reused);
    free(source);
}

static void strings_come_and_go(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    assert_true(tp_bytes_from_str(&bytes, "a string"));
    assert_int_equal(bytes.len, 8);
    assert_string_equal(tp_bytes_str(&bytes), "a string");
    assert_true(tp_bytes_append_str(&bytes, ", and more"));
    assert_true(tp_bytes_append_byte(&bytes, '!'));
    assert_true(tp_bytes_append_view(&bytes, tp_view_from_str(" (view)")));
    assert_string_equal(tp_bytes_str(&bytes), "a string, and more! (view)");
    assert_true(tp_bytes_from_view(&bytes, tp_view_from_mem("12345", 3)));
    assert_string_equal(tp_bytes_str(&bytes), "123");
    tp_bytes_reset(&bytes);
    assert_string_equal(tp_bytes_str(&bytes), "");
    while (bytes.len < bytes.cap) /* a string that fills the buffer has its zero all the same */
        assert_true(tp_bytes_append_byte(&bytes, 'x'));
    assert_int_equal(strlen(tp_bytes_str(&bytes)), bytes.cap);
    tp_bytes_free(&bytes);
}

static void its_own_contents_may_be_the_source(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    for (size_t n = 1; n < 300; n++) {
        tp_bytes_free(&bytes);
        assert_true(tp_bytes_reserve(&bytes, n));
        fill(bytes.data, n);
        bytes.len = n;
        size_t cap = bytes.cap;
        assert_true(tp_bytes_from_mem(&bytes, bytes.data + n / 3, n - n / 3));
        assert_int_equal(bytes.data[0], pattern(n / 3));
        assert_int_equal(bytes.data[bytes.len - 1], pattern(n - 1));
        assert_int_equal(bytes.cap, cap);
        /* Doubled until it has to grow. */
        while (bytes.cap == cap)
            assert_true(tp_bytes_append(&bytes, bytes.data, bytes.len));
        for (size_t i = 0; i < bytes.len; i++)
            assert_int_equal(bytes.data[i], pattern(n / 3 + i % (n - n / 3)));
    }
    tp_bytes_free(&bytes);
}

/* What was there before does not stay: larger memory moves by its pages. */
static void a_source_in_the_buffer_moves_with_it(void **state)
{
    (void)state;
    enum { OFFSET = 20 };
    for (size_t n = 40000; n < 4000000; n *= 3) {
        for (int appended = 0; appended < 2; appended++) {
            tp_bytes bytes = {0}, wall = {0};
            assert_true(tp_bytes_reserve(&bytes, n) && tp_bytes_reserve(&wall, n));
            size_t cap = bytes.cap;
            fill(bytes.data, cap);
            bytes.len = cap;
            if (appended)
                assert_true(tp_bytes_append(&bytes, bytes.data + OFFSET, cap - OFFSET));
            else /* with some of the padding, or it would fit */
                assert_true(tp_bytes_from_mem(&bytes, bytes.data + OFFSET, cap + 20));
            size_t at = appended ? cap : 0;
            for (size_t i = 0; i < cap - OFFSET; i += 7)
                assert_int_equal(bytes.data[at + i], pattern(i + OFFSET));
            tp_bytes_free(&bytes);
            tp_bytes_free(&wall);
        }
    }
}

/* --- memory --- */

static void capacity_is_all_that_the_heap_gave(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < CAPACITIES; cap += cap < 5000 ? 1 : 13) {
        tp_bytes bytes = {0};
        uint64_t before = allocations();
        assert_true(tp_bytes_reserve(&bytes, cap));
        assert_int_equal(allocations(), before + 1);
        assert_int_equal(bytes.cap, tp_heap_good_size(cap + TP_BYTES_PADDING) - TP_BYTES_PADDING);
        assert_int_equal(bytes.cap, tp_heap_usable_size(bytes.data) - TP_BYTES_PADDING);
        fill(bytes.data, bytes.cap);
        bytes.len = bytes.cap;
        assert_true(holds(&bytes, bytes.cap));
        assert_true(tp_bytes_reserve(&bytes, bytes.cap));
        assert_int_equal(allocations(), before + 1);
        tp_bytes_free(&bytes);
    }
}

static void growth_is_by_a_factor(void **state)
{
    (void)state;
    enum { BYTES = 20 << 20, STEP = 100 };
    unsigned char step[STEP];
    tp_bytes bytes = {0};
    unsigned growths = 0;
    fill(step, STEP);
    for (size_t cap = 0; bytes.len < BYTES; cap = bytes.cap) {
        assert_true(tp_bytes_append(&bytes, step, STEP));
        if (bytes.cap == cap)
            continue;
        growths++;
        assert_true(bytes.cap >= cap + cap / 2 && bytes.cap >= 64);
        assert_true(bytes.cap <= 3 * cap || bytes.cap < 1000);
    }
    assert_in_range(growths, 10, 30);
    for (size_t i = 0; i < bytes.len; i += 997)
        assert_int_equal(bytes.data[i], pattern(i % STEP));
    tp_bytes_free(&bytes);
}

static void room_is_for_writing(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    for (size_t n = 0; n < 100000; n = n * 2 + 1) {
        size_t len = bytes.len, cap = bytes.cap;
        unsigned char *room = tp_bytes_room(&bytes, n);
        assert_ptr_equal(room, bytes.data + len);
        assert_int_equal(bytes.len, len);
        assert_true(bytes.cap - len >= n && bytes.cap > len);
        assert_true(bytes.cap == cap || n > cap - len || n == 0);
        memset(room, 'r', n);
        bytes.len += n;
    }
    for (size_t i = 0; i < bytes.len; i++)
        assert_int_equal(bytes.data[i], 'r');
    tp_bytes_free(&bytes);
}

static void clip_gives_the_surplus_back(void **state)
{
    (void)state;
    for (size_t n = 1; n < 300000; n = n * 3 + 1) {
        tp_bytes bytes = {0};
        assert_true(tp_bytes_reserve(&bytes, 1 << 20));
        fill(bytes.data, n);
        bytes.len = n;
        assert_true(tp_bytes_clip(&bytes));
        assert_true(holds(&bytes, n));
        assert_int_equal(bytes.cap + TP_BYTES_PADDING, tp_heap_good_size(n + TP_BYTES_PADDING));
        tp_bytes_reset(&bytes);
        assert_true(tp_bytes_clip(&bytes));
        assert_null(bytes.data);
        assert_int_equal(bytes.cap, 0);
    }
    for (size_t n = 1; n < 4000; n += 13) { /* from slot to slot */
        tp_bytes bytes = {0};
        assert_true(tp_bytes_reserve(&bytes, 4000));
        fill(bytes.data, n);
        bytes.len = n;
        assert_true(tp_bytes_clip(&bytes));
        assert_true(holds(&bytes, n));
        assert_int_equal(bytes.cap + TP_BYTES_PADDING, tp_heap_good_size(n + TP_BYTES_PADDING));
        tp_bytes_free(&bytes);
    }
}

static void the_steady_state_allocates_nothing(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    char text[200];
    memset(text, 't', sizeof text);
    text[199] = '\0';
    assert_true(tp_bytes_reserve(&bytes, 1000));
    uint64_t before = allocations();
    for (size_t i = 0; i < 20000; i++) {
        assert_true(tp_bytes_from_str(&bytes, text + i % 200));
        assert_true(tp_bytes_append(&bytes, text, 100));
        assert_true(tp_bytes_printf(&bytes, "%zu %s", i, text));
        assert_true(tp_bytes_append_u64(&bytes, i * i * i));
        assert_true(tp_bytes_append_double(&bytes, (double)i / 7));
        assert_true(tp_bytes_append_byte(&bytes, '.'));
    }
    assert_int_equal(allocations(), before);
    tp_bytes_free(&bytes);
}

/* --- printf --- */

static void printf_writes_where_there_is_room(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'p', sizeof text);
    for (int n = 0; n < 399; n++) {
        tp_bytes bytes = {0};
        assert_true(tp_bytes_from_str(&bytes, "0123456789"));
        size_t cap = bytes.cap;
        assert_true(tp_bytes_printf(&bytes, "%.*s", n, text));
        assert_int_equal(bytes.len, 10 + n);
        assert_memory_equal(bytes.data, "0123456789", 10);
        assert_memory_equal(bytes.data + 10, text, (size_t)n);
        assert_int_equal(bytes.cap == cap, 10 + (size_t)n <= cap); /* to the last byte */
        tp_bytes_free(&bytes);
    }
}

static void a_failed_printf_changes_nothing(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    const wchar_t bad[] = {0x7fffffff, 0};
    assert_true(tp_bytes_from_str(&bytes, "before"));
    errno = 0;
    assert_false(tp_bytes_printf(&bytes, "%ls", bad));
    assert_int_equal(errno, EILSEQ);
    assert_string_equal(tp_bytes_str(&bytes), "before");
    tp_bytes_free(&bytes);
}

/* --- errors --- */

static void lengths_that_overflow_are_refused(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    unsigned char source[16];
    fill(source, sizeof source);
    const size_t lengths[] = {all, all - 1, all - 5, all - 64, all - 127, half + 1, half, half - 1};
    for (int filled = 0; filled < 2; filled++) {
        for (size_t i = 0; i < SUPPORT_COUNT(lengths); i++) {
            size_t n = lengths[i], len = bytes.len, cap = bytes.cap;
            errno = 0;
            assert_false(tp_bytes_reserve(&bytes, n));
            assert_int_equal(errno, EOVERFLOW);
            errno = 0;
            assert_false(tp_bytes_append(&bytes, source, n));
            assert_int_equal(errno, EOVERFLOW);
            errno = 0;
            assert_false(tp_bytes_from_mem(&bytes, source, n));
            assert_int_equal(errno, EOVERFLOW);
            errno = 0;
            assert_null(tp_bytes_room(&bytes, n));
            assert_int_equal(errno, EOVERFLOW);
            assert_true(holds(&bytes, len));
            assert_int_equal(bytes.cap, cap);
        }
        errno = 0;
        assert_false(tp_bytes_reserve(&bytes, half - TP_BYTES_PADDING));
        assert_int_equal(errno, ENOMEM);
        assert_true(tp_bytes_from_mem(&bytes, source, sizeof source));
    }
    assert_true(holds(&bytes, sizeof source));
    tp_bytes_free(&bytes);
}

/* --- views --- */

static void views_borrow(void **state)
{
    (void)state;
    const char *text = "hello, world";
    tp_view view = tp_view_from_str(text), none = {NULL, 0};
    assert_ptr_equal(view.data, text);
    assert_int_equal(view.len, 12);
    assert_true(tp_view_equal_str(tp_view_slice(view, 7, 12), "world"));
    assert_true(tp_view_equal_str(tp_view_slice(view, 7, 100), "world"));
    assert_true(tp_view_equal_str(tp_view_slice(view, 0, 5), "hello"));
    assert_int_equal(tp_view_slice(view, 5, 3).len, 0);
    assert_int_equal(tp_view_slice(view, 100, 200).len, 0);
    assert_ptr_equal(tp_view_slice(view, 100, 200).data, text + 12);
    assert_null(tp_view_slice(none, 1, 2).data);
    assert_true(tp_view_equal(none, tp_view_slice(view, 3, 3)));
    assert_false(tp_view_equal(view, tp_view_slice(view, 0, 11)));
    assert_false(tp_view_equal_str(view, "hello, World"));
    assert_true(tp_view_equal(view, tp_view_from_mem("hello, world", 12)));
    tp_bytes bytes = {0};
    assert_true(tp_view_equal(tp_view_from_bytes(&bytes), none));
    assert_true(tp_bytes_from_view(&bytes, view));
    assert_ptr_equal(tp_view_from_bytes(&bytes).data, bytes.data);
    assert_true(tp_view_equal(tp_view_from_bytes(&bytes), view));
    tp_bytes_free(&bytes);
}

/* --- who cannot inline --- */

static void inlined_calls_are_symbols_too(void **state)
{
    (void)state;
    static const char *const names[] = {
        "tp_bytes_reset",  "tp_bytes_from_mem",   "tp_bytes_from_str",    "tp_bytes_from_view",
        "tp_bytes_append", "tp_bytes_append_str", "tp_bytes_append_view", "tp_bytes_append_byte",
        "tp_bytes_str",    "tp_view_from_mem",    "tp_view_from_str",     "tp_view_from_bytes",
        "tp_view_slice",   "tp_view_equal",       "tp_view_equal_str"};
    for (size_t i = 0; i < SUPPORT_COUNT(names); i++)
        if (dlsym(RTLD_DEFAULT, names[i]) == NULL)
            fail_msg("the library lacks the symbol %s", names[i]);
    bool (*volatile from_str)(tp_bytes *, const char *) = tp_bytes_from_str;
    assert_ptr_equal((void *)from_str, dlsym(RTLD_DEFAULT, "tp_bytes_from_str"));
    tp_bytes bytes = {0};
    assert_true(from_str(&bytes, "by pointer"));
    assert_string_equal(tp_bytes_str(&bytes), "by pointer");
    tp_bytes_free(&bytes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_buffer),
        cmocka_unit_test(every_length_is_copied),
        cmocka_unit_test(strings_come_and_go),
        cmocka_unit_test(its_own_contents_may_be_the_source),
        cmocka_unit_test(a_source_in_the_buffer_moves_with_it),
        cmocka_unit_test(capacity_is_all_that_the_heap_gave),
        cmocka_unit_test(growth_is_by_a_factor),
        cmocka_unit_test(room_is_for_writing),
        cmocka_unit_test(clip_gives_the_surplus_back),
        cmocka_unit_test(the_steady_state_allocates_nothing),
        cmocka_unit_test(printf_writes_where_there_is_room),
        cmocka_unit_test(a_failed_printf_changes_nothing),
        cmocka_unit_test(lengths_that_overflow_are_refused),
        cmocka_unit_test(views_borrow),
        cmocka_unit_test(inlined_calls_are_symbols_too),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("bytes", tests, support_modes);
}
