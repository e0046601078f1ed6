/* SPDX-License-Identifier: BSD-2-Clause */
/* What arenas hold: limits, their children's too, what is kept, what is taken from the heap in the
   steady state, and the figures that say so. */
#define TP_ARENA_AHEAD 1024 /* it changes nothing but time */
#include "arena_help.h"

static size_t until_refused(tp_arena *arena, size_t size)
{
    size_t n = 0;
    void *memory;
    errno = 0;
    while ((memory = tp_arena_alloc(arena, size)) != NULL) {
        memset(memory, (int)n, size);
        n++;
    }
    assert_int_equal(errno, ENOMEM);
    return n;
}

/* --- limits --- */

static void a_limit_is_exact(void **state)
{
    (void)state;
    for (size_t limit = 80; limit < 3000000; limit += limit / 3) {
        size_t most = limit / 16 * 16 - ARENA_HEAD;
        tp_arena *arena = arena_new(&(tp_arena_options){.limit = limit});
        assert_null(tp_arena_alloc(arena, most + 1));
        assert_null(tp_arena_alloc_aligned(arena, most, 32));
        assert_int_equal(arena_stats(arena).held, 0);
        memset(arena_take(arena, most), 1, most);
        assert_in_range(arena_stats(arena).charged, limit - 15, limit);
        assert_int_equal(arena_stats(arena).limit, limit);
        tp_arena_stats before = arena_stats(arena);
        errno = 0;
        assert_null(tp_arena_alloc(arena, 1));
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(tp_arena_defer(arena, free, NULL), -1);
        assert_null(tp_arena_printf(arena, "%d", 1));
        assert_null(tp_arena_strdup(arena, ""));
        arena_stats_equal(arena_stats(arena), before);
        tp_arena_reset(arena);
        assert_non_null(tp_arena_alloc(arena, 1));
        tp_arena_destroy(arena);
    }
    tp_arena *arena = arena_new(&(tp_arena_options){.limit = ARENA_HEAD + 15});
    assert_null(tp_arena_alloc(arena, 1));
    tp_arena_destroy(arena);
}

static void small_ones_fill_a_limit(void **state)
{
    (void)state;
    for (size_t limit = 500; limit < 5000000; limit *= 3) {
        tp_arena *arena = arena_new(&(tp_arena_options){.limit = limit, .name = "full"});
        for (int round = 0; round < 4; round++) {
            size_t bytes = until_refused(arena, 16) * 16;
            assert_true(arena_stats(arena).charged <= limit);
            if (arena_is_inlined())
                assert_in_range(bytes, limit - limit / 4, limit);
            tp_arena_reset(arena);
            bytes = until_refused(arena, 500) * 500;
            assert_true(arena_stats(arena).charged <= limit);
            assert_in_range(bytes, limit < 1000 ? 0 : limit / 3, limit);
            tp_arena_reset(arena);
        }
        tp_arena_destroy(arena);
    }
}

static void children_count_for_all_above(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(&(tp_arena_options){.limit = 100000});
    tp_arena *child = tp_arena_child(arena, 50000), *unbound = tp_arena_child(child, 0);
    tp_arena *loose = tp_arena_child(unbound, 1000000);
    assert_null(tp_arena_alloc(loose, 50000));
    memset(arena_take(loose, 20000), 1, 20000);
    memset(arena_take(unbound, 20000), 1, 20000);
    assert_null(tp_arena_alloc(child, 20000));
    assert_null(tp_arena_alloc(loose, 20000));
    assert_in_range(arena_stats(child).charged, 40000, 50000);
    assert_int_equal(arena_stats(child).held, 0);
    assert_int_equal(arena_stats(arena).charged, arena_stats(child).charged);
    assert_int_equal(arena_stats(unbound).charged,
                     arena_stats(unbound).held + arena_stats(loose).held);
    assert_non_null(tp_arena_alloc(arena, 100000 - 50000 - ARENA_HEAD));
    assert_in_range(arena_stats(arena).charged, 90000, 100000);
    tp_arena_destroy(unbound);
    assert_int_equal(arena_stats(child).charged, 0);
    assert_non_null(tp_arena_alloc(child, 40000));
    assert_null(tp_arena_alloc(arena, 40000));
    tp_arena_destroy(child);
    assert_int_equal(arena_stats(arena).charged, arena_stats(arena).held);
    tp_arena_destroy(arena);
}

static void chunks_are_cut_to_the_limit(void **state)
{
    (void)state;
    arena_skip_unless_inlined();
    tp_arena *arena = arena_new(&(tp_arena_options){.limit = 10000});
    arena_take(arena, 16); /* 4096 */
    arena_take(arena, 4096 - ARENA_HEAD - 16);
    arena_take(arena, 16); /* as much again */
    arena_take(arena, 4096 - ARENA_HEAD - 16);
    assert_int_equal(arena_stats(arena).held, 8192);
    arena_take(arena, 16); /* what is left */
    assert_int_equal(arena_stats(arena).held, 10000);
    tp_arena_destroy(arena);
    arena = arena_new(&(tp_arena_options){.limit = 1000});
    arena_take(arena, 16);
    assert_int_equal(arena_stats(arena).held, 992);
    tp_arena_destroy(arena);
}

/* --- what is kept is no reason to refuse --- */

/* Makes it keep a chunk of about so many bytes: by a rewind, or in an empty arena. */
static void keep(tp_arena *arena, size_t size, bool empty)
{
    if (!empty)
        arena_take(arena, 16);
    tp_arena_mark mark = tp_arena_save(arena);
    memset(arena_take(arena, size), 1, size);
    tp_arena_rewind(arena, mark);
}

static void what_is_kept_is_given_back_before_a_refusal(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * 4 * 4; i++) {
        tp_arena *root = arena_new(&(tp_arena_options){.limit = 200000});
        tp_arena *left = tp_arena_child(root, 0), *right = tp_arena_child(root, 150000);
        tp_arena *all[] = {root, left, right, tp_arena_child(right, 0)};
        tp_arena *keeps = all[i / 4 % 4], *wants = all[i % 4];
        keep(keeps, 100000, i / 16 != 0);
        tp_arena_mark mark = tp_arena_save(keeps);
        char *large = tp_arena_alloc(wants, 120000);
        assert_non_null(large);
        memset(large, 1, 120000);
        assert_true(arena_stats(root).charged <= 200000);
        if (keeps != wants)
            memset(arena_take(keeps, 100), 1, 100);
        tp_arena_rewind(keeps, mark);
        memset(arena_take(keeps, 100), 1, 100);
        tp_arena_destroy(root);
    }
}

static void what_cannot_be_leaves_what_is_kept(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(&(tp_arena_options){.limit = 200000});
    keep(arena, 50000, false);
    tp_arena_stats before = arena_stats(arena);
    assert_null(tp_arena_alloc(arena, 200000));
    arena_stats_equal(arena_stats(arena), before);
    tp_arena_destroy(arena);
}

/* --- retain --- */

static void fill(tp_arena *arena, size_t bytes, unsigned seed)
{
    while (bytes > 0) {
        seed = seed * 1664525u + 1013904223u;
        size_t size = (seed >> 16) % 100 != 0 ? (seed >> 20) % 300 : (seed >> 12) % 60000;
        size = size < bytes ? size : bytes;
        memset(arena_take(arena, size), 1, size);
        bytes -= size;
    }
}

static void no_more_is_kept_than_asked_for(void **state)
{
    (void)state;
    static const size_t retains[] = {1, 300, 4096, 10000, 100000, 0, 3000000, TP_ARENA_RETAIN_ALL};
    for (size_t i = 0; i < SUPPORT_COUNT(retains); i++) {
        size_t retain = retains[i] != 0 ? retains[i] : 1 << 20;
        tp_arena *arena = arena_new(&(tp_arena_options){.retain = retains[i]});
        for (unsigned round = 0; round < 12; round++) {
            fill(arena, round * 300000 % 2000000, round);
            tp_arena_reset(arena);
            assert_true(arena_stats(arena).held <= retain);
            fill(arena, round * 1000, round);
            tp_arena_mark mark = tp_arena_save(arena);
            uint64_t held = arena_stats(arena).held;
            fill(arena, round * 100000, round);
            tp_arena_rewind(arena, mark);
            assert_true(arena_stats(arena).held - held <= retain || retain > SIZE_MAX / 2);
            for (int again = 0; again < 3; again++) {
                tp_arena_reset(arena);
                assert_true(arena_stats(arena).held <= retain);
                arena_take(arena, 10);
            }
        }
        tp_arena_destroy(arena);
    }
}

static void an_empty_chunk_stays(void **state)
{
    (void)state;
    if (support_poisons())
        skip();
    tp_arena *arena = arena_new(NULL);
    for (int i = 0; i < 10; i++) {
        fill(arena, 500000, 1);
        tp_arena_reset(arena);
    }
    assert_in_range(arena_stats(arena).held, 500000, 1 << 20);
    assert_int_equal(arena_stats(arena).chunks, 1);
    tp_arena_destroy(arena);
}

/* --- the steady state takes nothing from the heap --- */

static void by_reset(tp_arena *arena, size_t bytes)
{
    fill(arena, bytes, 3);
    tp_arena_reset(arena);
}

static void by_mark_of_the_empty_arena(tp_arena *arena, size_t bytes)
{
    tp_arena_mark mark = tp_arena_save(arena);
    fill(arena, bytes, 3);
    tp_arena_rewind(arena, mark);
}

static void by_mark_within(tp_arena *arena, size_t bytes)
{
    if (arena_stats(arena).used == 0)
        arena_take(arena, 1000);
    by_mark_of_the_empty_arena(arena, bytes);
}

static void by_nested_marks(tp_arena *arena, size_t bytes)
{
    tp_arena_mark record = tp_arena_save(arena);
    fill(arena, bytes / 4, 5);
    for (int i = 0; i < 5; i++) {
        tp_arena_mark field = tp_arena_save(arena);
        fill(arena, bytes / 4, 7);
        assert_non_null(tp_arena_printf(arena, "%d: %1000d", i, i));
        tp_arena_mark part = tp_arena_save(arena);
        fill(arena, bytes / 4, 9);
        tp_arena_rewind(arena, part);
        fill(arena, bytes / 4, 11);
        tp_arena_rewind(arena, field);
    }
    tp_arena_rewind(arena, record);
}

static void by_large_ones(tp_arena *arena, size_t bytes)
{
    tp_arena_mark mark = tp_arena_save(arena);
    arena_take(arena, 100);
    tp_arena_mark inner = tp_arena_save(arena);
    arena_take(arena, bytes / 2);
    arena_take(arena, 5000);
    arena_take(arena, bytes / 4);
    tp_arena_rewind(arena, inner);
    arena_take(arena, bytes / 5);
    tp_arena_rewind(arena, mark);
}

static void the_steady_state_takes_nothing(void **state)
{
    (void)state;
    static void (*const records[])(tp_arena *, size_t) = {
        by_reset, by_mark_of_the_empty_arena, by_mark_within, by_nested_marks, by_large_ones};
    if (support_poisons())
        skip();
    for (size_t i = 0; i < 2 * SUPPORT_COUNT(records); i++) {
        void (*const record)(tp_arena *, size_t) = records[i / 2];
        for (size_t bytes = 100; bytes < 500000; bytes *= 2) {
            tp_arena *arena = arena_new(&(tp_arena_options){.retain = i % 2 != 0 ? 0 : 1999999});
            for (int warm = 0; warm < 12; warm++)
                record(arena, bytes);
            uint64_t before = heap_allocations();
            for (int more = 0; more < 20; more++)
                record(arena, bytes);
            if (heap_allocations() != before)
                fail_msg("pattern %zu with %zu bytes: %llu heap allocations in 20 records", i / 2,
                         bytes, (unsigned long long)(heap_allocations() - before));
            tp_arena_destroy(arena);
        }
    }
}

/* What may be kept is no multiple of a page, and just enough. */
static void a_chunk_is_not_rounded_beyond_what_may_be_kept(void **state)
{
    (void)state;
    if (support_poisons())
        skip();
    tp_arena *arena = arena_new(&(tp_arena_options){.retain = 1000003});
    for (int i = 0; i < 10; i++)
        by_reset(arena, 700000);
    uint64_t before = heap_allocations();
    by_reset(arena, 700000);
    assert_int_equal(heap_allocations(), before);
    assert_in_range(arena_stats(arena).held, 700000, 1000003);
    tp_arena_destroy(arena);
}

/* --- figures --- */

static void figures_are_right(void **state)
{
    (void)state;
    arena_skip_unless_inlined();
    tp_arena *arena = arena_new(NULL);
    tp_arena_stats stats = arena_stats(arena);
    arena_stats_equal(stats, (tp_arena_stats){0});
    arena_take(arena, 1);
    arena_take(arena, 17);
    stats = arena_stats(arena);
    assert_int_equal(stats.used, 48);
    assert_int_equal(stats.held, 4096);
    assert_int_equal(stats.chunks, 1);
    tp_arena_mark mark = tp_arena_save(arena);
    arena_take(arena, 20000);
    stats = arena_stats(arena);
    assert_in_range(stats.used, 20048, 30000);
    assert_in_range(stats.held, 4096 + 20000 + ARENA_HEAD, 30000);
    assert_int_equal(stats.chunks, 2);
    assert_int_equal(stats.taken, 2);
    assert_int_equal(stats.charged, stats.held);
    uint64_t peak = stats.used;
    assert_int_equal(stats.peak, peak);
    tp_arena_rewind(arena, mark);
    stats = arena_stats(arena);
    assert_int_equal(stats.used, 48);
    assert_int_equal(stats.peak, peak);
    tp_arena_reset(arena);
    arena_take(arena, 100);
    stats = arena_stats(arena);
    assert_int_equal(stats.used, 112);
    assert_int_equal(stats.peak, peak);
    tp_arena_destroy(arena);
}

static void chunks_grow(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    for (int i = 0; i < 1000000; i++)
        arena_take(arena, 16);
    if (!support_poisons())
        assert_in_range(arena_stats(arena).taken, 8, 48);
    tp_arena_destroy(arena);
    arena = arena_new(NULL);
    for (int i = 0; i < 1000; i++)
        arena_take(arena, 10000); /* too large for chunks of their size: they grow all the same */
    assert_in_range(arena_stats(arena).taken, 8, 60);
    tp_arena_destroy(arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_exact),
        cmocka_unit_test(small_ones_fill_a_limit),
        cmocka_unit_test(children_count_for_all_above),
        cmocka_unit_test(chunks_are_cut_to_the_limit),
        cmocka_unit_test(what_is_kept_is_given_back_before_a_refusal),
        cmocka_unit_test(what_cannot_be_leaves_what_is_kept),
        cmocka_unit_test(no_more_is_kept_than_asked_for),
        cmocka_unit_test(an_empty_chunk_stays),
        cmocka_unit_test(the_steady_state_takes_nothing),
        cmocka_unit_test(a_chunk_is_not_rounded_beyond_what_may_be_kept),
        cmocka_unit_test(figures_are_right),
        cmocka_unit_test(chunks_grow),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return cmocka_run_group_tests_name("arena limits", tests, NULL, NULL);
}
