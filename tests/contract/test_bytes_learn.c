/* SPDX-License-Identifier: BSD-2-Clause */
/* What pools of buffers learn from the lengths that are put, and what buffers they cut down. Real
   distributions of sizes: test_bytes_sizes.c. */
#include "bytes_fixture.h"

/* --- learning --- */

static void sizes_are_learned(void **state)
{
    (void)state;
    enum { USUAL = 5000, LARGE = 60000 };
    tp_bytes_pool *pool = pool_new(NULL);
    for (unsigned i = 0; i < 2 * LEARNED; i++)
        use(pool, i % 33 == 0 ? LARGE : USUAL); /* 3 in 100 */
    tp_bytes_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.calibrated, 1);
    assert_in_range(stats.first, USUAL, USUAL * 3 / 2);
    assert_in_range(stats.keep, LARGE, LARGE * 3 / 2);
    tp_bytes *out[2] = {get(pool), get(pool)}; /* the second is new */
    assert_int_equal(out[1]->cap, stats.first);
    tp_bytes_put(pool, out[0]);
    tp_bytes_put(pool, out[1]);
    tp_bytes_pool_destroy(pool);
}

static void a_change_of_sizes_is_followed(void **state)
{
    (void)state;
    tp_bytes_pool *pool = pool_new(NULL);
    use_many(pool, 100000, 2 * LEARNED);
    assert_in_range(stats_of(pool).first, 100000, 150000);
    use_many(pool, 300, 10 * LEARNED); /* no cycle meanwhile: what was learned stays */
    assert_in_range(stats_of(pool).first, 100000, 150000);
    for (unsigned i = 0; i < 12; i++) {
        tp_gc_collect();
        use_many(pool, 300, LEARNED + TALLY);
    }
    tp_bytes_pool_stats stats = stats_of(pool);
    assert_in_range(stats.calibrated, 10, 13);
    assert_in_range(stats.first, 300, 500);
    assert_in_range(stats.keep, 300, 500);
    tp_bytes_pool_destroy(pool);
}

static void sizes_are_learned_without_cycles(void **state)
{
    (void)state;
    tp_bytes_pool *pool = pool_new(NULL);
    use_many(pool, 2000, LEARNED + TALLY);
    assert_int_equal(stats_of(pool).calibrated, 1);
    use_many(pool, 50, 8 * RELEARNED);
    assert_in_range(stats_of(pool).calibrated, 8, 9);
    assert_in_range(stats_of(pool).keep, 50, 100);
    tp_bytes_pool_destroy(pool);
}

/* Who resets a buffer before the put says nothing; but one that has grown was needed. */
static void empty_buffers_teach_nothing(void **state)
{
    (void)state;
    need_kept_memory();
    tp_bytes_pool *pool = pool_new(NULL);
    use_many(pool, 0, 4 * LEARNED);
    assert_int_equal(stats_of(pool).calibrated, 0);
    for (unsigned i = 0; i < 4 * LEARNED; i++) {
        tp_bytes *bytes = get(pool);
        assert_non_null(tp_bytes_room(bytes, 20000));
        tp_bytes_reset(bytes);
        if (i % 2 == 0)
            tp_bytes_free(bytes); /* or it would never grow again */
        tp_bytes_put(pool, bytes);
    }
    tp_bytes_pool_stats stats = stats_of(pool);
    assert_true(stats.calibrated >= 1);
    assert_in_range(stats.keep, 10000, 40000);
    tp_bytes_pool_destroy(pool);
}

/* --- strikes --- */

static void one_huge_message_does_not_pin_its_buffer(void **state)
{
    (void)state;
    need_kept_memory();
    tp_bytes_pool *pool = pool_new(NULL);
    use_many(pool, 1000, 2 * LEARNED);
    size_t keep = stats_of(pool).keep;
    assert_true(use(pool, HUGE_BYTES) >= HUGE_BYTES);
    for (unsigned i = 0; i < STRIKES; i++)
        assert_true(use(pool, 1000) >= HUGE_BYTES);
    assert_int_equal(use(pool, 1000), keep);
    tp_bytes_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.struck, STRIKES);
    assert_int_equal(stats.shed, 1);
    tp_bytes_pool_destroy(pool);
}

static void a_use_that_needs_the_memory_clears_the_strikes(void **state)
{
    (void)state;
    need_kept_memory();
    tp_bytes_pool *pool = pool_new(NULL);
    use(pool, HUGE_BYTES);
    for (unsigned i = 0; i < 10; i++) {
        use_many(pool, i % 2 == 0 ? 10 : HUGE_BYTES / 3, STRIKES - 1);
        assert_true(use(pool, HUGE_BYTES / 2 + 10000) >= HUGE_BYTES);
    }
    assert_int_equal(stats_of(pool).struck, 10 * (STRIKES - 1));
    assert_int_equal(stats_of(pool).shed, 0);
    assert_int_equal(stats_of(pool).grown, 1);
    use_many(pool, 0, STRIKES); /* empty ones strike too */
    assert_int_equal(stats_of(pool).shed, 1);
    tp_bytes_pool_destroy(pool);
}

/* Room that was made and not used is no length. */
static void room_alone_teaches_nothing(void **state)
{
    (void)state;
    tp_bytes_pool *pool = pool_new(NULL);
    for (unsigned i = 0; i < 4 * LEARNED; i++) {
        tp_bytes *bytes = tp_bytes_get(pool);
        assert_non_null(bytes);
        assert_true(tp_bytes_reserve(bytes, 1 << 20));
        assert_true(tp_bytes_append(bytes, "0123456789", 10));
        tp_bytes_put(pool, bytes);
    }
    assert_in_range(stats_of(pool).keep, 10, 4096);
    tp_bytes_pool_destroy(pool);
}

static void what_is_kept_is_never_struck(void **state)
{
    (void)state;
    need_kept_memory();
    tp_bytes_pool *pool = pool_new(NULL);
    for (unsigned i = 0; i < 20 * LEARNED; i++)
        use(pool, i % 50 == 0 ? 30000 : 10);
    tp_bytes_pool_stats before = stats_of(pool);
    assert_true(before.keep >= 30000);
    for (unsigned i = 0; i < 20 * LEARNED; i++)
        use(pool, i % 50 == 0 ? 30000 : 10);
    assert_true(stats_of(pool).grown - before.grown <= 1);
    assert_true(stats_of(pool).shed - before.shed <= 1);
    tp_bytes_pool_destroy(pool);
}

static void retain_max_is_never_exceeded(void **state)
{
    (void)state;
    enum { MAX = 9000 };
    tp_bytes_pool *pool = pool_new(&(tp_bytes_pool_options){.retain_max = MAX, .first = 50000});
    assert_int_equal(stats_of(pool).first, good_cap(MAX));
    use_many(pool, 200000, 2 * LEARNED);
    tp_bytes_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.shed, 2 * LEARNED);
    assert_int_equal(stats.first, good_cap(MAX));
    assert_int_equal(stats.keep, good_cap(MAX));
    tp_bytes *bytes = get(pool);
    assert_int_equal(bytes->cap, good_cap(MAX));
    tp_bytes_put(pool, bytes);
    tp_bytes_pool_destroy(pool);
}

static void the_steady_state_allocates_nothing(void **state)
{
    (void)state;
    need_kept_memory();
    tp_heap_stats before, after;
    tp_bytes *out[5];
    tp_bytes_pool *pool = pool_new(NULL);
    for (unsigned round = 0; round < 2; round++) {
        tp_heap_stats_read(&before);
        for (unsigned i = 0; i < 5 * LEARNED; i++) {
            for (unsigned k = 0; k < 5; k++)
                assert_true(tp_bytes_printf(out[k] = get(pool), "%0*d", 900, i));
            for (unsigned k = 0; k < 5; k++)
                tp_bytes_put(pool, out[k]);
        }
        tp_heap_stats_read(&after);
    }
    assert_int_equal(after.allocations, before.allocations);
    tp_bytes_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_learned),
        cmocka_unit_test(a_change_of_sizes_is_followed),
        cmocka_unit_test(sizes_are_learned_without_cycles),
        cmocka_unit_test(empty_buffers_teach_nothing),
        cmocka_unit_test(one_huge_message_does_not_pin_its_buffer),
        cmocka_unit_test(a_use_that_needs_the_memory_clears_the_strikes),
        cmocka_unit_test(room_alone_teaches_nothing),
        cmocka_unit_test(what_is_kept_is_never_struck),
        cmocka_unit_test(retain_max_is_never_exceeded),
        cmocka_unit_test(the_steady_state_allocates_nothing),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("what pools of buffers learn", tests, support_modes);
}
