/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation from arenas: sizes, alignment, zeroes, resizing, copies, strings, errors. Marks,
   cleanups and children: test_arena_marks.c; limits: test_arena_limits.c. */
#include <dlfcn.h>

#include "arena_help.h"

enum { SIZES = 70001 };

static void *blocks[SIZES];

/* What the compiler must not know, or it would warn of what is tested here. */
static volatile size_t huge = SIZE_MAX, nothing = 0;

static size_t step(size_t size)
{
    return size < 5000 ? 1 : 131;
}

/* --- sizes --- */

static void every_size_holds_its_contents(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < SIZES; size += step(size)) {
            blocks[size] = arena_take(arena, size);
            assert_int_equal((uintptr_t)blocks[size] % 16, 0);
            arena_mark(blocks[size], size, size);
        }
        for (size_t size = 0; size < SIZES; size += step(size))
            if (!arena_is_marked(blocks[size], size, size))
                fail_msg("%zu bytes at %p were overwritten", size, blocks[size]);
        tp_arena_reset(arena);
    }
    tp_arena_destroy(arena);
}

static void nothing_is_something(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    char *first = arena_take(arena, nothing), *second = arena_take(arena, nothing);
    assert_true(second >= first + 16);
    *first = *second = 1; /* 0 counts as 1 */
    assert_non_null(tp_arena_memdup(arena, NULL, nothing));
    assert_non_null(tp_arena_alloc_zeroed(arena, nothing, 5));
    assert_non_null(tp_arena_alloc_aligned(arena, nothing, 4096));
    tp_arena_destroy(arena);
    tp_arena_destroy(NULL);
}

static void a_chunk_of_its_own_leaves_the_rest_in_use(void **state)
{
    (void)state;
    const size_t pages = 600 * 8192 - ARENA_HEAD;
    tp_arena *arena = arena_new(NULL);
    char *small = arena_take(arena, 16);
    char *large = arena_take(arena, pages);
    arena_mark(large, pages, 7);
    char *next = arena_take(arena, 16);
    if (arena_is_inlined())
        assert_ptr_equal(next, small + 16);
    assert_true(arena_is_marked(large, pages, 7));
    tp_arena_destroy(arena);
}

static void sizes_that_cannot_be_change_nothing(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    arena_take(arena, 100);
    tp_arena_stats before = arena_stats(arena);
    for (size_t less = 0; less < 300; less++) {
        errno = 0;
        assert_null(tp_arena_alloc(arena, huge - less));
        assert_int_equal(errno, ENOMEM);
        assert_null(tp_arena_alloc_aligned(arena, huge - less, 8192));
        assert_null(tp_arena_alloc_aligned(arena, huge / 2 - less, 64));
        assert_null(tp_arena_memdup(arena, "", huge - less));
    }
    for (unsigned shift = 44; shift < 64; shift++) {
        errno = 0;
        assert_null(tp_arena_alloc(arena, (size_t)1 << shift));
        assert_null(tp_arena_alloc(arena, ((size_t)1 << shift) + 1));
        assert_null(tp_arena_alloc(arena, ((size_t)1 << shift) - 1));
        assert_int_equal(errno, ENOMEM);
    }
    errno = 0;
    assert_null(tp_arena_alloc_zeroed(arena, huge / 2, 3));
    assert_int_equal(errno, EOVERFLOW);
    assert_null(tp_arena_alloc_zeroed(arena, 3, huge / 2));
    errno = 0;
    assert_null(tp_arena_alloc_zeroed(arena, huge / 4, 3));
    assert_int_equal(errno, ENOMEM);
    arena_stats_equal(arena_stats(arena), before);
    tp_arena_destroy(arena);
}

/* --- alignment --- */

static void every_alignment(void **state)
{
    (void)state;
    enum { MANY = 4000 };
    tp_arena *arena = arena_new(NULL);
    size_t align = 1;
    for (size_t i = 0; i < MANY; i++, align = align == TP_ARENA_ALIGN_MAX ? 1 : align * 2) {
        size_t size = i * 37 % 3000;
        blocks[i] = tp_arena_alloc_aligned(arena, size, align);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % align, 0);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        arena_mark(blocks[i], size, i);
    }
    for (size_t i = 0; i < MANY; i++)
        assert_true(arena_is_marked(blocks[i], i * 37 % 3000, i));
    for (size_t size = 8000; size < 300000; size += 8000) {
        char *large = tp_arena_alloc_aligned(arena, size, 8192);
        assert_int_equal((uintptr_t)large % 8192, 0);
        memset(large, 1, size);
    }
    tp_arena_destroy(arena);
}

static void what_is_invalid_is_refused(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    static const size_t wrong[] = {0, 3, 12, 24, 8193, 16384, (size_t)1 << 63, SIZE_MAX};
    for (size_t i = 0; i < SUPPORT_COUNT(wrong); i++) {
        errno = 0;
        assert_null(tp_arena_alloc_aligned(arena, 1, wrong[i]));
        assert_int_equal(errno, EINVAL);
    }
    errno = 0;
    assert_int_equal(tp_arena_defer(arena, NULL, arena), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(arena_stats(arena).used, 0);
    tp_arena_destroy(arena);
}

/* --- zeroes --- */

static void zeroes_are_zeroes(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    for (size_t n = 1; n < 30000; n = n * 3 + 1) {
        memset(arena_take(arena, 8 * n + 100), 0xff, 8 * n + 100);
        tp_arena_reset(arena);
        const char *zeroes = tp_arena_alloc_zeroed(arena, n, 8);
        for (size_t i = 0; i < 8 * n; i++)
            assert_int_equal(zeroes[i], 0);
        tp_arena_reset(arena);
    }
    tp_arena_destroy(arena);
}

/* --- resizing --- */

static void the_last_one_is_resized_in_place(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(&(tp_arena_options){.first = 65536});
    char *first = arena_take(arena, 100);
    size_t size = 10;
    char *last = tp_arena_resize(arena, NULL, 0, size), *const place = last;
    arena_mark(last, 10, 1);
    while (size < 30000) {
        size_t more = size + size / 3;
        last = tp_arena_resize(arena, last, size, more);
        assert_ptr_equal(last, place);
        memset(last + size, 2, more - size);
        size = more;
    }
    assert_ptr_equal(tp_arena_resize(arena, last, size, 16), last);
    assert_true(arena_is_marked(last, 10, 1));
    char *next = arena_take(arena, 1);
    assert_in_range((size_t)(next - last), 16, 32); /* what it gave back is used again */
    assert_ptr_equal(tp_arena_resize(arena, first, 100, 50), first);
    assert_ptr_equal(tp_arena_resize(arena, next, 1, 0), next); /* given back whole */
    assert_ptr_equal(arena_take(arena, 1), next);
    tp_arena_destroy(arena);
}

static void another_one_moves_and_the_old_stays(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    char *old = arena_take(arena, 100);
    arena_mark(old, 100, 3);
    arena_take(arena, 1);
    char *fresh = tp_arena_resize(arena, old, 100, 200);
    assert_true(fresh != old);
    assert_true(arena_is_marked(fresh, 100, 3));
    memset(fresh, 0, 200);
    assert_true(arena_is_marked(old, 100, 3));
    errno = 0;
    assert_null(tp_arena_resize(arena, old, 100, huge));
    assert_null(tp_arena_resize(arena, fresh, 200, huge - 15));
    assert_int_equal(errno, ENOMEM);
    assert_true(arena_is_marked(old, 100, 3));
    tp_arena_destroy(arena);
}

/* By a byte at a time through chunks of all kinds. */
static void growing_keeps_what_is_there(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    size_t size = 1;
    char *memory = arena_take(arena, size);
    memory[0] = (char)arena_pattern(9, 0);
    while (size < 300000) {
        size_t more = size + 1 + size / 7;
        memory = tp_arena_resize(arena, memory, size, more);
        assert_non_null(memory);
        for (; size < more; size++)
            memory[size] = (char)arena_pattern(9, size);
        for (size_t i = 0; i < size; i += 1 + size / 100)
            assert_int_equal((unsigned char)memory[i], arena_pattern(9, i));
        if (size % 3 == 0)
            arena_take(arena, 40);
    }
    tp_arena_destroy(arena);
}

/* A mark's place is never bumped again by shrinking what lies before it. */
static void shrinking_leaves_marks_whole(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    char *memory = arena_take(arena, 1000);
    tp_arena_mark mark = tp_arena_save(arena);
    assert_ptr_equal(tp_arena_resize(arena, memory, 1000, 10), memory);
    char *next = arena_take(arena, 10);
    tp_arena_rewind(arena, mark);
    assert_ptr_equal(tp_arena_resize(arena, memory, 10, 5), memory);
    assert_true(next >= memory + 1000 || next < memory);
    tp_arena_destroy(arena);
}

/* --- copies and strings --- */

static void copies_are_copies(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    char text[] = "some text", open[3] = {'a', 'b', 'c'};
    char *copy = tp_arena_strdup(arena, text);
    text[0] = 'S';
    assert_string_equal(copy, "some text");
    assert_string_equal(tp_arena_strdup(arena, ""), "");
    assert_string_equal(tp_arena_strndup(arena, copy, 4), "some");
    assert_string_equal(tp_arena_strndup(arena, copy, 100), "some text");
    assert_string_equal(tp_arena_strndup(arena, copy, huge), "some text");
    assert_string_equal(tp_arena_strndup(arena, copy, 0), "");
    assert_string_equal(tp_arena_strndup(arena, open, 3), "abc");
    assert_memory_equal(tp_arena_memdup(arena, "a\0b", 4), "a\0b", 4);
    tp_arena_destroy(arena);
}

static char *formatted(tp_arena *arena, const char *format, ...) TP_FORMAT(2, 3);

static char *formatted(tp_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = tp_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

/* Every length, so that each fits a window, fits it exactly, or does not. */
static void formatted_strings_of_every_length(void **state)
{
    (void)state;
    enum { LONGEST = 6000 };
    static char text[LONGEST + 1];
    tp_arena *arena = arena_new(NULL);
    memset(text, 'x', LONGEST);
    for (int length = 0; length <= LONGEST; length += length < 300 ? 1 : 17) {
        char *first = tp_arena_printf(arena, "%.*s", length, text);
        char *second = formatted(arena, "%d%s", length, "!");
        assert_non_null(first);
        assert_int_equal(strlen(first), length);
        assert_int_equal(atoi(second), length);
        assert_int_equal(strspn(first, "x"), length);
    }
    tp_arena_reset(arena);
    char *large = tp_arena_printf(arena, "%100000d", 5);
    assert_int_equal(strlen(large), 100000);
    assert_int_equal(large[99999], '5');
    tp_arena_destroy(arena);
}

static void what_fits_a_window_takes_no_more_than_it_needs(void **state)
{
    (void)state;
    arena_skip_unless_inlined();
    for (size_t room = 16; room < 400; room += 16) {
        for (int over = 0; over < 2; over++) {
            tp_arena *arena = arena_new(NULL);
            arena_take(arena, 4096 - ARENA_HEAD - room);
            int length = (int)room - 1 + over;
            char *text = tp_arena_printf(arena, "%0*d", length, 7);
            assert_int_equal(strlen(text), length);
            assert_int_equal(arena_stats(arena).chunks, 1 + over);
            tp_arena_destroy(arena);
        }
    }
}

static void formatting_that_fails_changes_nothing(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    arena_take(arena, 10);
    tp_arena_stats before = arena_stats(arena);
    static const wchar_t wrong[] = {0x12345678, 0};
    errno = 0;
    assert_null(tp_arena_printf(arena, "%ls", wrong));
    assert_int_equal(errno, EILSEQ);
    arena_stats_equal(arena_stats(arena), before);
    tp_arena_destroy(arena);
}

/* --- errno, options, symbols --- */

static void deferred(void *arg)
{
    (void)arg;
    errno = EIO;
}

static void errno_is_kept_by_what_succeeds(void **state)
{
    (void)state;
    errno = 4711;
    tp_arena *arena = arena_new(NULL), *child = tp_arena_child(arena, 0);
    assert_non_null(child);
    char *memory = arena_take(child, 100);
    memory = tp_arena_resize(child, memory, 100, 100000);
    assert_non_null(memory);
    assert_non_null(tp_arena_printf(arena, "%d", 5));
    tp_arena_mark mark = tp_arena_save(arena);
    assert_int_equal(tp_arena_defer(arena, deferred, NULL), 0);
    tp_arena_rewind(arena, mark);
    assert_int_equal(tp_arena_defer(arena, deferred, NULL), 0);
    tp_arena_reset(arena);
    assert_int_equal(tp_arena_defer(arena, deferred, NULL), 0);
    tp_arena_destroy(arena);
    assert_int_equal(errno, 4711);
}

static void options_are_looked_at(void **state)
{
    (void)state;
    errno = 0;
    assert_null(tp_arena_create(&(tp_arena_options){.flags = 2}));
    assert_int_equal(errno, EINVAL);
    assert_null(tp_arena_create(&(tp_arena_options){.flags = TP_ARENA_ROOT | 0x80000000u}));
    static const tp_arena_options good[] = {
        {.name = "root", .flags = TP_ARENA_ROOT},
        {.first = 1},
        {.first = 100},
        {.first = (size_t)1 << 20},
        {.first = SIZE_MAX},
        {.retain = 1},
        {.retain = TP_ARENA_RETAIN_ALL},
        {.limit = SIZE_MAX},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(good); i++) {
        tp_arena *arena = arena_new(&good[i]), *child = tp_arena_child(arena, 0);
        for (int round = 0; round < 3; round++) {
            for (int n = 0; n < 500; n++)
                memset(arena_take(n % 2 != 0 ? arena : child, 99), n, 99);
            tp_arena_reset(child);
        }
        tp_arena_destroy(arena);
    }
}

static void a_new_arena_costs_two_heap_allocations(void **state)
{
    (void)state;
    uint64_t before = heap_allocations();
    tp_arena *arena = arena_new(NULL);
    assert_int_equal(heap_allocations() - before, 1);
    arena_skip_unless_inlined();
    arena_take(arena, 1);
    assert_int_equal(arena_stats(arena).taken, 1);
    tp_arena_destroy(arena);
}

static void the_inlined_calls_are_symbols_too(void **state)
{
    (void)state;
    void *(*alloc)(tp_arena *, size_t);
    void *(*alloc_aligned)(tp_arena *, size_t, size_t);
    *(void **)&alloc = dlsym(RTLD_DEFAULT, "tp_arena_alloc");
    *(void **)&alloc_aligned = dlsym(RTLD_DEFAULT, "tp_arena_alloc_aligned");
    assert_non_null(alloc);
    assert_non_null(alloc_aligned);
    tp_arena *arena = arena_new(NULL);
    char *first = arena_take(arena, 24), *second = alloc(arena, 24);
    assert_in_range((size_t)(second - first), 32, 48);
    assert_int_equal((uintptr_t)alloc_aligned(arena, 10, 256) % 256, 0);
    tp_arena_destroy(arena);
}

/* What was given back is not resized: that place may be another's by now. */
static void what_was_given_back_is_not_resized(void **state)
{
    (void)state;
    tp_arena *arena = tp_arena_create(NULL);
    char *memory = arena_take(arena, 3000);
    uint64_t peak = arena_stats(arena).used;
    memory = tp_arena_resize(arena, memory, 3000, 10);
    assert_int_equal(arena_stats(arena).peak, peak);
    memory = tp_arena_resize(arena, memory, 10, 0);
    memory = tp_arena_resize(arena, memory, 0, 10);
    assert_non_null(memory);
    char *other = arena_take(arena, 10);
    assert_ptr_not_equal(memory, other);
    tp_arena_destroy(arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_holds_its_contents),
        cmocka_unit_test(nothing_is_something),
        cmocka_unit_test(a_chunk_of_its_own_leaves_the_rest_in_use),
        cmocka_unit_test(sizes_that_cannot_be_change_nothing),
        cmocka_unit_test(every_alignment),
        cmocka_unit_test(what_is_invalid_is_refused),
        cmocka_unit_test(zeroes_are_zeroes),
        cmocka_unit_test(the_last_one_is_resized_in_place),
        cmocka_unit_test(what_was_given_back_is_not_resized),
        cmocka_unit_test(another_one_moves_and_the_old_stays),
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(shrinking_leaves_marks_whole),
        cmocka_unit_test(copies_are_copies),
        cmocka_unit_test(formatted_strings_of_every_length),
        cmocka_unit_test(what_fits_a_window_takes_no_more_than_it_needs),
        cmocka_unit_test(formatting_that_fails_changes_nothing),
        cmocka_unit_test(errno_is_kept_by_what_succeeds),
        cmocka_unit_test(options_are_looked_at),
        cmocka_unit_test(a_new_arena_costs_two_heap_allocations),
        cmocka_unit_test(the_inlined_calls_are_symbols_too),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("arena", tests, support_modes);
}
