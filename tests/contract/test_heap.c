/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap's public functions: contents, alignment, zeroes, sizes, errors, realloc, large objects,
   frees on other threads, giving memory back. What must abort: test_heap_abuse.c. */
#include "support.h"

enum { SIZES = 70001, MANY = 2000 };

static void *blocks[SIZES];

/* What the compiler must not know, or it would warn of what is tested here. */
static volatile size_t huge = SIZE_MAX, nothing = 0, three = 3;

/* A pattern by size and place, written and compared at the ends and here and there between. */
static unsigned char pattern(size_t size, size_t i)
{
    return (unsigned char)(size * 31 + i * 7 + (i >> 8));
}

static size_t stride(size_t size)
{
    return size < 512 ? 1 : 61;
}

static void mark(void *memory, size_t size)
{
    unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i += stride(size))
        bytes[i] = pattern(size, i);
    if (size > 0)
        bytes[size - 1] = pattern(size, size - 1);
}

/* The first `checked` bytes of what was marked as `size`; false where one is different. */
static bool is_marked(const void *memory, size_t size, size_t checked)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < checked; i += stride(size))
        if (bytes[i] != pattern(size, i))
            return false;
    return checked < size || size == 0 || bytes[size - 1] == pattern(size, size - 1);
}

/* --- every size --- */

static void every_size_holds_its_contents(void **state)
{
    (void)state;
    for (size_t size = 0; size < SIZES; size += size < 5000 ? 1 : 13) {
        blocks[size] = tp_heap_alloc(size);
        assert_non_null(blocks[size]);
        assert_int_equal((uintptr_t)blocks[size] % 16, 0);
        mark(blocks[size], size);
    }
    for (size_t size = 0; size < SIZES; size += size < 5000 ? 1 : 13) {
        if (!is_marked(blocks[size], size, size))
            fail_msg("%zu bytes at %p were overwritten", size, blocks[size]);
        tp_heap_free(blocks[size]);
    }
}

static void good_size_is_usable_size(void **state)
{
    (void)state;
    assert_int_equal(tp_heap_usable_size(NULL), 0);
    size_t last = 0;
    for (size_t size = 0; size < SIZES; size += size < 40000 ? 1 : 17) {
        void *memory = tp_heap_alloc(size);
        size_t good = tp_heap_good_size(size), usable = tp_heap_usable_size(memory);
        if (good != usable || good < size || good < last || tp_heap_good_size(good) != good)
            fail_msg("%zu bytes: good size %zu after %zu, usable size %zu", size, good, last,
                     usable);
        memset(memory, 0xaa, usable);
        tp_heap_free(memory);
        last = good;
    }
    size_t guard = support_poisons() ? 64 : 0; /* a checked build keeps some bytes behind */
    for (size_t size = 64; size <= TP_HEAP_SMALL_MAX; size++) /* little is wasted */
        assert_true(tp_heap_good_size(size) - size <= size / 4 + guard);
}

static void neighbours_do_not_overlap(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 40000; size = size * 2 + 3) {
        size_t usable = tp_heap_good_size(size);
        for (size_t i = 0; i < 200; i++) {
            assert_non_null(blocks[i] = tp_heap_alloc(size));
            memset(blocks[i], (int)i, usable);
        }
        for (size_t i = 0; i < 200; i++) {
            const unsigned char *bytes = blocks[i];
            assert_int_equal(bytes[0], (unsigned char)i);
            assert_int_equal(bytes[usable / 2], (unsigned char)i);
            assert_int_equal(bytes[usable - 1], (unsigned char)i);
            tp_heap_free(blocks[i]);
        }
    }
}

/* --- alignment, zeroes, errors --- */

static void alignment_is_as_asked(void **state)
{
    (void)state;
    for (size_t align = 1; align <= (size_t)1 << 21; align *= 2)
        for (size_t size = 0; size <= 100000; size = size * 3 + 1) {
            void *memory = tp_heap_alloc_aligned(align, size);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % (align < 16 ? 16 : align), 0);
            assert_true(tp_heap_usable_size(memory) >= size);
            mark(memory, size);
            memory = tp_heap_realloc(memory, size + 1);
            assert_non_null(memory);
            assert_true(is_marked(memory, size, size));
            tp_heap_free(memory);
        }
}

static void zeroed_memory_is_zero_when_used_again_too(void **state)
{
    static const size_t sizes[] = {1, 16, 100, 1000, 8192, 32768, 32769, 100000, 3000000};
    (void)state;
    for (unsigned round = 0; round < 3; round++)
        for (size_t s = 0; s < SUPPORT_COUNT(sizes); s++) {
            for (size_t i = 0; i < 10; i++) {
                unsigned char *bytes = blocks[i] = tp_heap_alloc_zeroed(1, sizes[s]);
                assert_non_null(bytes);
                for (size_t j = 0; j < sizes[s]; j++)
                    if (bytes[j] != 0)
                        fail_msg("%zu bytes: byte %zu is %d", sizes[s], j, bytes[j]);
            }
            for (size_t i = 0; i < 10; i++) {
                memset(blocks[i], 0xff, tp_heap_usable_size(blocks[i]));
                tp_heap_free(blocks[i]);
            }
        }
    void *empty = tp_heap_alloc_zeroed(0, 100);
    assert_non_null(empty);
    tp_heap_free(empty);
}

static void fails_with(const void *memory, int error)
{
    assert_null(memory);
    assert_int_equal(errno, error);
    errno = 0;
}

static void errors_say_what_is_wrong(void **state)
{
    (void)state;
    errno = 0;
    fails_with(tp_heap_alloc(huge), ENOMEM);
    fails_with(tp_heap_alloc(huge / 2), ENOMEM);
    fails_with(tp_heap_alloc((size_t)1 << 47), ENOMEM);
    fails_with(tp_heap_alloc_zeroed(huge / 2, 3), EOVERFLOW);
    fails_with(tp_heap_alloc_zeroed(3, huge / 2), EOVERFLOW);
    fails_with(tp_heap_alloc_zeroed(huge, 1), ENOMEM);
    fails_with(tp_heap_alloc_aligned(nothing, 8), EINVAL);
    fails_with(tp_heap_alloc_aligned(three, 8), EINVAL);
    fails_with(tp_heap_alloc_aligned(huge, 8), EINVAL);
    fails_with(tp_heap_alloc_aligned(huge / 2 + 1, 8), ENOMEM);
    fails_with(tp_heap_alloc_aligned(64, huge - 10), ENOMEM);
    fails_with(tp_heap_alloc_aligned(4096, huge - 10), ENOMEM);
    fails_with(tp_heap_alloc_aligned(1 << 20, huge - 10), ENOMEM);
    assert_true(tp_heap_good_size(huge) == SIZE_MAX);
}

static void a_failed_realloc_leaves_the_memory_as_it_was(void **state)
{
    static const size_t sizes[] = {8, 500, 32768, 200000};
    (void)state;
    for (size_t s = 0; s < SUPPORT_COUNT(sizes); s++) {
        void *memory = tp_heap_alloc(sizes[s]);
        assert_non_null(memory);
        mark(memory, sizes[s]);
        errno = 0;
        fails_with(tp_heap_realloc(memory, huge), ENOMEM);
        fails_with(tp_heap_realloc(memory, (size_t)1 << 50), ENOMEM);
        assert_true(is_marked(memory, sizes[s], sizes[s]));
        tp_heap_free(memory);
    }
}

static void free_keeps_errno_and_ignores_null(void **state)
{
    (void)state;
    void *small = tp_heap_alloc(10), *large = tp_heap_alloc(1000000);
    errno = EDOM;
    tp_heap_free(NULL);
    tp_heap_free(small);
    tp_heap_free(large);
    assert_int_equal(errno, EDOM);
}

/* --- realloc --- */

static void realloc_keeps_what_fits(void **state)
{
    static const size_t sizes[] = {0,    1,     15,    16,    17,     100,    1000,   4096,
                                   8192, 20000, 32768, 32769, 100000, 300000, 2000000};
    (void)state;
    for (size_t from = 0; from < SUPPORT_COUNT(sizes); from++)
        for (size_t to = 0; to < SUPPORT_COUNT(sizes); to++) {
            void *memory = tp_heap_alloc(sizes[from]);
            mark(memory, sizes[from]);
            memory = tp_heap_realloc(memory, sizes[to]);
            assert_non_null(memory);
            assert_true(tp_heap_usable_size(memory) >= sizes[to]);
            size_t kept = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            if (!is_marked(memory, sizes[from], kept))
                fail_msg("from %zu to %zu bytes: contents changed", sizes[from], sizes[to]);
            mark(memory, sizes[to]);
            tp_heap_free(memory);
        }
}

static void realloc_stays_in_place_while_the_slot_holds_it(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 32768; size = size * 3 / 2 + 1) {
        void *memory = tp_heap_alloc(size);
        size_t usable = tp_heap_usable_size(memory);
        assert_ptr_equal(tp_heap_realloc(memory, usable), memory);
        assert_ptr_equal(tp_heap_realloc(memory, size), memory);
        tp_heap_free(memory);
    }
    void *memory = tp_heap_realloc(NULL, 100);
    assert_non_null(memory);
    tp_heap_free(memory);
}

static void shrunk_memory_is_given_back(void **state)
{
    struct tp_heap_stats before, after;
    (void)state;
    void *memory = tp_heap_alloc(64 << 20);
    assert_non_null(memory);
    mark(memory, 100000);
    tp_heap_stats_read(&before);
    memory = tp_heap_realloc(memory, 100000);
    tp_heap_stats_read(&after);
    assert_true(is_marked(memory, 100000, 100000));
    assert_true(after.in_use + (60 << 20) <= before.in_use);
    tp_heap_free(memory);
}

/* A byte in each MiB of 512: growing to 1 GiB must not touch the pages between. */
static void large_memory_grows_by_moving_pages(void **state)
{
    enum { MIB = 1 << 20, OLD = 512, NEW = 1024 };
    (void)state;
    unsigned char *memory = tp_heap_alloc((size_t)OLD * MIB);
    void *fence = tp_heap_alloc(MIB); /* so that it cannot grow where it is */
    assert_non_null(memory);
    assert_non_null(fence);
    for (size_t i = 0; i < OLD; i++)
        memory[i * MIB + i] = (unsigned char)i;
    uint64_t resident = support_resident_bytes();
    memory = tp_heap_realloc(memory, (size_t)NEW * MIB);
    assert_non_null(memory);
    assert_true(support_sanitized || support_resident_bytes() <= resident + 32 * MIB);
    for (size_t i = 0; i < OLD; i++)
        assert_int_equal(memory[i * MIB + i], (unsigned char)i);
    memory[(size_t)NEW * MIB - 1] = 1;
    tp_heap_free(memory);
    tp_heap_free(fence);
    tp_heap_trim();
}

/* --- giving back --- */

static void trim_gives_idle_pages_back(void **state)
{
    struct tp_heap_stats stats;
    enum { BLOCKS = 64, BYTES = 1 << 20 };
    (void)state;
    tp_heap_trim();
    uint64_t start = support_resident_bytes();
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_non_null(blocks[i] = tp_heap_alloc(BYTES));
        memset(blocks[i], 1, BYTES);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        tp_heap_free(blocks[i]);
    tp_heap_stats_read(&stats);
    uint64_t idle = stats.idle;
    assert_true(tp_heap_trim() >= idle);
    tp_heap_stats_read(&stats);
    assert_int_equal(stats.idle, 0);
    assert_true(support_sanitized || support_resident_bytes() <= start + 4 * BYTES);
    assert_true(stats.reserved >= stats.in_use + stats.idle);
}

static void counters_follow_allocations_and_frees(void **state)
{
    struct tp_heap_stats before, during, after;
    uint64_t bytes = 0;
    (void)state;
    tp_heap_stats_read(&before);
    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = tp_heap_alloc(i * 50);
        bytes += tp_heap_good_size(i * 50);
    }
    tp_heap_stats_read(&during);
    for (size_t i = 0; i < MANY; i++)
        tp_heap_free(blocks[i]);
    tp_heap_stats_read(&after);
    assert_int_equal(during.allocations - before.allocations, MANY);
    assert_true(during.allocated - before.allocated >= bytes);
    assert_true(during.allocated - before.allocated <= bytes + (uint64_t)MANY * 16); /* guards */
    assert_int_equal(after.allocated, during.allocated);
    assert_int_equal(during.frees, before.frees);
    assert_int_equal(after.frees - before.frees, MANY);
    assert_int_equal(after.allocations, during.allocations);
    assert_true(during.in_use >= before.in_use + (uint64_t)MANY * MANY / 2 * 50 / 2);
}

static void what_a_large_object_grows_by_counts(void **state)
{
    struct tp_heap_stats before, after;
    (void)state;
    tp_heap_stats_read(&before);
    char *memory = tp_heap_alloc(100000);
    assert_non_null(memory);
    memory = tp_heap_realloc(memory, 1000000);
    assert_non_null(memory);
    memory = tp_heap_realloc(memory, 500000);
    assert_non_null(memory);
    tp_heap_stats_read(&after);
    assert_int_equal(after.allocated - before.allocated, tp_heap_good_size(1000000));
    assert_int_equal(after.allocations - before.allocations, 1);
    tp_heap_free(memory);
}

/* --- frees on other threads --- */

static void *frees_all(void *unused)
{
    for (size_t i = 0; i < 20000; i++)
        tp_heap_free(blocks[i]);
    return unused;
}

static void what_other_threads_free_is_used_again(void **state)
{
    struct tp_heap_stats early, late;
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i < 20000; i++) {
            assert_non_null(blocks[i] = tp_heap_alloc(i % 300));
            memset(blocks[i], 1, i % 300);
        }
        if (round == 3)
            tp_heap_stats_read(&early);
        if (round == 19)
            tp_heap_stats_read(&late);
        support_join(support_thread(frees_all, NULL));
    }
    assert_true(late.in_use <= early.in_use + (1 << 20));
}

static unsigned racing_wrong;

static void *allocates_and_frees(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    void *mine[64] = {NULL};
    size_t sizes[64] = {0};
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned at = seed >> 16 & 63;
        if (mine[at] != NULL && !is_marked(mine[at], sizes[at], sizes[at]))
            support_add(&racing_wrong, 1);
        tp_heap_free(mine[at]);
        sizes[at] = (seed >> 8 & 255) * ((seed >> 22 & 7) == 0 ? 200 : 3);
        mine[at] = tp_heap_alloc(sizes[at]);
        if (mine[at] == NULL)
            support_add(&racing_wrong, 1);
        else
            mark(mine[at], sizes[at]);
    }
    for (unsigned at = 0; at < 64; at++)
        tp_heap_free(mine[at]);
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (uintptr_t i = 0; i < 4; i++)
        threads[i] = support_thread(allocates_and_frees, (void *)(i + 1));
    for (unsigned i = 0; i < 10; i++) {
        tp_gc_collect();
        tp_heap_trim();
    }
    for (unsigned i = 0; i < 4; i++)
        support_join(threads[i]);
    assert_int_equal(support_read(&racing_wrong), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_holds_its_contents),
        cmocka_unit_test(good_size_is_usable_size),
        cmocka_unit_test(neighbours_do_not_overlap),
        cmocka_unit_test(alignment_is_as_asked),
        cmocka_unit_test(zeroed_memory_is_zero_when_used_again_too),
        cmocka_unit_test(errors_say_what_is_wrong),
        cmocka_unit_test(a_failed_realloc_leaves_the_memory_as_it_was),
        cmocka_unit_test(free_keeps_errno_and_ignores_null),
        cmocka_unit_test(realloc_keeps_what_fits),
        cmocka_unit_test(realloc_stays_in_place_while_the_slot_holds_it),
        cmocka_unit_test(shrunk_memory_is_given_back),
        cmocka_unit_test(large_memory_grows_by_moving_pages),
        cmocka_unit_test(trim_gives_idle_pages_back),
        cmocka_unit_test(counters_follow_allocations_and_frees),
        cmocka_unit_test(what_a_large_object_grows_by_counts),
        cmocka_unit_test(what_other_threads_free_is_used_again),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("heap", tests, support_modes);
}
