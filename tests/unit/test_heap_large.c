/* SPDX-License-Identifier: BSD-2-Clause */
/* Large objects case by case: resizing in place and by moving, alignment, objects larger than an
   arena, sizes beyond the address space, and the hook that hears of growth. */
#include "heap_help.h"

#define MIB ((size_t)1 << 20)

#if defined(TPI_ADDRESS_SANITIZER)
enum { pages_are_hidden = true };
#else
enum { pages_are_hidden = false };
#endif

static void fill(char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 4096)
        at[i] = (char)(i >> 12) | 1;
}

static bool is_filled(const char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 4096) {
        if (at[i] != ((char)(i >> 12) | 1))
            return false;
    }
    return true;
}

static int everything_is_given_back(void **state)
{
    (void)state;
    tpi_heap_scavenge(0);
    help_check_heap();
    assert_int_equal(tpi_heap_in_use(), 0);
    assert_int_equal(tpi_heap_resident(), 0);
    return 0;
}

static void shrinks_in_place(void **state)
{
    (void)state;
    char *object = tpi_large_alloc(10 * MIB, 16, false);
    fill(object, 10 * MIB);
    assert_ptr_equal(tpi_large_resize(object, 3 * MIB + 1), object);
    assert_int_equal(tpi_heap_in_use(), 3 * MIB + TPI_PAGE_BYTES);
    assert_int_equal(tpi_heap_where(object).bytes, 3 * MIB + TPI_PAGE_BYTES);
    assert_int_equal(tpi_heap_resident(), 10 * MIB);
    assert_true(is_filled(object, 3 * MIB));
    char *tail = tpi_large_alloc(MIB, 16, true);
    assert_ptr_equal(tail, object + 3 * MIB + TPI_PAGE_BYTES);
    assert_true(tail[0] == 0 && tail[MIB - 1] == 0);
    tpi_large_free(tail);
    tpi_large_free(object);
}

static void grows_in_place(void **state)
{
    (void)state;
    char *object = tpi_large_alloc(MIB, 16, false);
    fill(object, MIB);
    assert_ptr_equal(tpi_large_resize(object, 20 * MIB), object);
    assert_true(is_filled(object, MIB));
    fill(object, 20 * MIB);
    assert_ptr_equal(tpi_heap_where(object + 20 * MIB - 1).start, object);
    assert_ptr_equal(tpi_large_resize(object, 20 * MIB), object);
    tpi_large_free(object);
}

/* Moves onto pages that were never touched (by mremap where it is worth it) and onto dirty ones. */
static void moves_with_contents(void **state)
{
    (void)state;
    for (size_t bytes = 40000; bytes < 20 * MIB; bytes *= 3) {
        for (int dirty = 0; dirty < 2; dirty++) {
            char *object = tpi_large_alloc(bytes, 16, false), *wall, *moved, *again;
            wall = tpi_large_alloc(1, 16, false);
            fill(object, bytes);
            if (dirty) {
                char *paint = tpi_large_alloc(3 * bytes, 16, false);
                memset(paint, 0xff, 3 * bytes);
                tpi_large_free(paint);
            }
            moved = tpi_large_resize(object, 2 * bytes);
            assert_ptr_not_equal(moved, object);
            assert_true(is_filled(moved, bytes));
            assert_int_equal(tpi_heap_where(object).allocated, false);
            fill(moved, 2 * bytes);
            assert_true(is_filled(moved, 2 * bytes));
            again = tpi_large_alloc(bytes, 16, true); /* where it was: zero again */
            assert_ptr_equal(again, object);
            for (size_t i = 0; i < bytes; i += 512)
                assert_int_equal(again[i], 0);
            tpi_large_free(again);
            tpi_large_free(wall);
            tpi_large_free(moved);
            tpi_heap_scavenge(0);
        }
    }
}

/* Doubling again and again, as a vector does, with something always in the way. */
static void doubles_many_times(void **state)
{
    (void)state;
    enum { DOUBLINGS = 10 };
    char *walls[DOUBLINGS];
    size_t bytes = 40000;
    char *object = tpi_large_alloc(bytes, 16, false);
    fill(object, bytes);
    for (int i = 0; i < DOUBLINGS; i++) {
        walls[i] = tpi_large_alloc(1, 16, false);
        object = tpi_large_resize(object, 2 * bytes);
        assert_true(is_filled(object, bytes));
        bytes *= 2;
        fill(object, bytes);
    }
    for (int i = 0; i < DOUBLINGS; i++)
        tpi_large_free(walls[i]);
    tpi_large_free(object);
}

static void alignments_up_to_and_beyond_an_arena(void **state)
{
    (void)state;
    for (size_t align = 16; align <= 4 * (size_t)TPI_ARENA_BYTES; align *= 2) {
        char *one = tpi_large_alloc(100, align, false);
        char *two = tpi_large_alloc(70000, align, true);
        assert_non_null(one);
        assert_non_null(two);
        assert_int_equal((uintptr_t)one % align, 0);
        assert_int_equal((uintptr_t)two % align, 0);
        tpi_large_free(one);
        tpi_large_free(two);
    }
}

static void larger_than_an_arena(void **state)
{
    (void)state;
    char *first = tpi_large_alloc(TPI_ARENA_BYTES, 16, false);
    char *object = tpi_large_alloc(200 * MIB, 16, true);
    assert_non_null(object);
    /* This is the first test of all. */
    assert_int_equal(tpi_pageheap.reserved, TPI_ARENA_BYTES + 256 * MIB);
    assert_ptr_equal(tpi_heap_where(first + TPI_ARENA_BYTES - 1).start, first);
    for (size_t i = 0; i < 200 * MIB; i += 5 * MIB) {
        assert_ptr_equal(tpi_heap_where(object + i).start, object);
        assert_int_equal(object[i], 0);
        object[i] = 1;
    }
    tpi_large_free(object);
    help_check_heap();
    /* Its pages serve others, across the boundary of arenas too. */
    assert_ptr_equal(tpi_large_alloc(63 * MIB, 16, false), object);
    char *across = tpi_large_alloc(4 * MIB, 16, true);
    assert_ptr_equal(across, object + 63 * MIB);
    assert_ptr_equal(tpi_heap_where(across + 2 * MIB).start, across);
    for (size_t i = 0; i < 4 * MIB; i += 4096)
        assert_int_equal(across[i], 0);
    help_check_heap();
    void *small;
    char *rest = tpi_large_alloc(61 * MIB - TPI_PAGE_BYTES, 16, false);
    assert_int_equal(tpi_central_alloc(TP_DETAIL_CLASSES - 1, &small, 1), 1);
    assert_int_equal(tp_detail_class_of_address(small), TP_DETAIL_CLASSES - 1);
    assert_int_not_equal((uintptr_t)small / TPI_ARENA_BYTES,
                         tpi_span_end(tpi_span_of((uintptr_t)small)) / TPI_ARENA_BYTES);
    help_check_heap();
    tpi_central_free(&small, 1);
    tpi_large_free(rest);
    tpi_large_free(across);
    tpi_large_free(object);
    tpi_large_free(first);
}

static void refuses_what_no_address_space_holds(void **state)
{
    (void)state;
    const size_t sizes[] = {SIZE_MAX,        SIZE_MAX - 8191, (size_t)PTRDIFF_MAX,
                            (size_t)1 << 47, (size_t)1 << 46, (size_t)1 << 44};
    char *object = tpi_large_alloc(50000, 16, false);
    uint64_t reserved = tpi_pageheap.reserved;
    fill(object, 50000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        assert_null(tpi_large_alloc(sizes[i], 16, false));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(tpi_large_resize(object, sizes[i]));
        assert_int_equal(errno, ENOMEM);
    }
    errno = 0;
    assert_null(tpi_large_alloc(1, (size_t)1 << 63, false));
    assert_int_equal(errno, ENOMEM);
    assert_true(is_filled(object, 50000));
    assert_int_equal(tpi_pageheap.reserved, reserved);
    tpi_large_free(object);
}

/* --- the hook --- */

static unsigned heard;
static uint64_t heard_in_use;

/* No lock is held: this takes all of them. */
static void hear(void)
{
    struct tpi_heap_totals totals;
    tpi_heap_totals(&totals);
    tpi_heap_scavenge(SIZE_MAX);
    heard++;
    heard_in_use = totals.in_use;
}

static void growth_is_announced(void **state)
{
    (void)state;
    void *small, *large, *pages;
    tpi_heap_hooks.grown = hear;
    large = tpi_large_alloc(50000, 16, false);
    assert_int_equal(heard, 1);
    assert_int_equal(heard_in_use, 57344);
    large = tpi_large_resize(large, 60000);
    assert_int_equal(heard, 2);
    pages = tpi_pages_alloc(1);
    assert_int_equal(heard, 3);
    assert_int_equal(tpi_central_alloc(5, &small, 1), 1);
    assert_int_equal(heard, 4);
    tpi_central_free(&small, 1);
    tpi_large_free(large);
    tpi_pages_free(pages);
    assert_int_equal(heard, 4);
    tpi_heap_hooks.grown = NULL;
}

/* Dirty pages are cleared where zeroes are owed, clean ones are left alone. */
static void zeroes_only_what_is_dirty(void **state)
{
    (void)state;
    char *object = tpi_large_alloc(8 * MIB, 16, true);
    memset(object, 0xff, 2 * MIB);
    tpi_large_free(object);
    tpi_heap_scavenge(4 * MIB); /* the far end goes */
    assert_int_equal(tpi_dirty_count((uintptr_t)object, 1024), 512);
    assert_ptr_equal(tpi_large_alloc(8 * MIB, 16, true), object);
    for (size_t i = 0; i < 8 * MIB; i++) {
        if (object[i] != 0)
            fail_msg("byte %zu is not zero", i);
    }
    tpi_large_free(object);
}

/* --- AddressSanitizer sees the heap --- */

static void touch(void *at)
{
    *(volatile char *)at = 1;
}

static void expect_report(void *at)
{
    char said[16384];
    int status;
    help_run_dying(touch, at, said, sizeof said, &status);
    assert_non_null(strstr(said, "AddressSanitizer: use-after-poison"));
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void free_memory_is_hidden(void **state)
{
    (void)state;
    if (!pages_are_hidden)
        skip();
    void *small;
    char *object = tpi_large_alloc(100000, 16, false);
    touch(object + tpi_heap_where(object).bytes - 1);
    expect_report(object + tpi_heap_where(object).bytes); /* free pages behind it */
    assert_ptr_equal(tpi_large_resize(object, 50000), object);
    expect_report(object + 90000);
    tpi_large_free(object);
    expect_report(object);
    assert_int_equal(tpi_central_alloc(9, &small, 1), 1);
    expect_report(small); /* lib/cache shows it when it hands it out */
    tpi_central_free(&small, 1);
    object = tpi_pages_alloc(1);
    touch(object);
    tpi_pages_free(object);
    expect_report(object);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, everything_is_given_back)
    const struct CMUnitTest tests[] = {
        CASE(larger_than_an_arena),
        CASE(zeroes_only_what_is_dirty),
        CASE(shrinks_in_place),
        CASE(grows_in_place),
        CASE(moves_with_contents),
        CASE(doubles_many_times),
        CASE(alignments_up_to_and_beyond_an_arena),
        CASE(refuses_what_no_address_space_holds),
        CASE(growth_is_announced),
        CASE(free_memory_is_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
