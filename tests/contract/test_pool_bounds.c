/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds and stock: idle_max, live_max, get_many and put_many, reserve, trim, what is left of a
   destroyed pool, and how many pools there may be. Waiting at live_max: test_wait.c. */
#include "support.h"

static unsigned made, destructed;
static unsigned make_fails_after = UINT32_MAX;

static void *counted_make(void *context)
{
    (void)context;
    return support_add(&made, 1) < make_fails_after ? malloc(16) : NULL;
}

static void counted_free(void *object, void *context)
{
    (void)context;
    support_add(&destructed, 1);
    free(object);
}

static void counted_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    support_add(&destructed, 1);
}

static int setup(void **state)
{
    (void)state;
    support_set(&made, 0);
    support_set(&destructed, 0);
    make_fails_after = UINT32_MAX;
    return 0;
}

static tp_pool *created(const tp_pool_options *options)
{
    tp_pool *pool = tp_pool_create(options);
    assert_non_null(pool);
    return pool;
}

static void *objects[20000];

static void get_n(tp_pool *pool, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_non_null(objects[i] = tp_pool_get(pool));
}

static void put_n(tp_pool *pool, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tp_pool_put(pool, objects[i]);
}

/* --- idle_max --- */

static void idle_max_is_kept_exactly(size_t size, size_t bound, bool many)
{
    tp_pool *pool = created(&(tp_pool_options){
        .size = size, .destruct = counted_destruct, .idle_max = bound});
    support_set(&destructed, 0);
    for (unsigned round = 0; round < 3; round++) {
        get_n(pool, bound * 2 + 5);
        if (many)
            tp_pool_put_many(pool, objects, bound * 2 + 5);
        else
            put_n(pool, bound * 2 + 5);
        tp_pool_stats stats = support_stats(pool);
        if (stats.idle != bound || stats.live != bound)
            fail_msg("%zu bytes, idle_max %zu, round %u: %zu are idle, %zu live", size, bound,
                     round, (size_t)stats.idle, (size_t)stats.live);
        assert_int_equal(stats.dropped, (round + 1) * (bound + 5));
        assert_int_equal(support_read(&destructed), stats.dropped);
    }
    tp_pool_destroy(pool);
}

static void one_thread_keeps_exactly_idle_max(void **state)
{
    static const size_t sizes[] = {16, 1024, 1500, 4096, 8192, 40000};
    static const size_t bounds[] = {1, 2, 5, 6, 7, 30, 61, 62, 63, 124, 125, 300};
    (void)state;
    for (size_t s = 0; s < SUPPORT_COUNT(sizes); s++)
        for (size_t b = 0; b < SUPPORT_COUNT(bounds); b++) {
            idle_max_is_kept_exactly(sizes[s], bounds[b], false);
            idle_max_is_kept_exactly(sizes[s], bounds[b], true);
        }
}

static void idle_max_holds_again_after_cycles(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 64, .idle_max = 40});
    for (unsigned round = 0; round < 10; round++) {
        get_n(pool, 100);
        put_n(pool, 60);
        tp_gc_collect();
        assert_true(support_stats(pool).idle <= 40);
        put_n(pool, 0);
        for (size_t i = 60; i < 100; i++)
            tp_pool_put(pool, objects[i]);
        assert_int_equal(support_stats(pool).idle, 40);
        tp_gc_collect();
        tp_gc_collect();
        assert_int_equal(support_stats(pool).idle, 0);
    }
    tp_pool_destroy(pool);
}

enum { BOUND_THREADS = 4, BOUND_BATCH = 50, BOUND_IDLE = 70 };

static void *bound_traffic(void *argument)
{
    tp_pool *pool = argument;
    void *mine[BOUND_BATCH];
    for (unsigned round = 0; round < 200; round++) {
        size_t n = tp_pool_get_many(pool, mine, BOUND_BATCH);
        tp_pool_put_many(pool, mine, n);
    }
    return NULL;
}

static void many_threads_keep_no_more_than_idle_max(void **state)
{
    pthread_t threads[BOUND_THREADS];
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 64, .idle_max = BOUND_IDLE});
    for (unsigned i = 0; i < BOUND_THREADS; i++)
        threads[i] = support_thread(bound_traffic, pool);
    for (unsigned i = 0; i < BOUND_THREADS; i++)
        support_join(threads[i]);
    assert_true(support_stats(pool).idle <= BOUND_IDLE);
    get_n(pool, 200); /* whatever the threads held of the budget has come back */
    put_n(pool, 200);
    assert_int_equal(support_stats(pool).idle, BOUND_IDLE);
    tp_pool_destroy(pool);
}

/* --- live_max --- */

static void live_max_refuses_with_eagain(void **state)
{
    (void)state;
    tp_pool *pool =
        created(&(tp_pool_options){.size = 64, .destruct = counted_destruct, .live_max = 5});
    get_n(pool, 5);
    for (uint64_t refused = 1; refused <= 3; refused++) {
        errno = 0;
        assert_null(tp_pool_get(pool));
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(support_stats(pool).refused, refused);
    }
    assert_int_equal(support_stats(pool).live, 5);
    tp_pool_put(pool, objects[4]);
    assert_non_null(objects[4] = tp_pool_get(pool));
    put_n(pool, 5);
    tp_pool_trim(pool); /* what is dropped makes room again */
    assert_int_equal(support_stats(pool).live, 0);
    get_n(pool, 5);
    assert_null(tp_pool_get(pool));
    put_n(pool, 5);
    tp_pool_destroy(pool);
    assert_int_equal(support_read(&destructed), 10);
}

static void live_max_counts_what_idle_max_dropped(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 64, .live_max = 20, .idle_max = 3});
    for (unsigned round = 0; round < 5; round++) {
        get_n(pool, 20);
        assert_null(tp_pool_get(pool));
        put_n(pool, 20);
        assert_int_equal(support_stats(pool).live, 3);
    }
    tp_pool_destroy(pool);
}

/* --- many --- */

static void get_many_gets_what_there_is(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 64, .live_max = 150});
    assert_int_equal(tp_pool_get_many(pool, objects, 0), 0);
    errno = 0;
    assert_int_equal(tp_pool_get_many(pool, objects, 1000), 150);
    assert_int_equal(errno, EAGAIN);
    for (unsigned i = 0; i < 150; i++) /* all are different, and whole */
        memset(objects[i], (int)i, 64);
    for (unsigned i = 0; i < 150; i++)
        assert_int_equal(((unsigned char *)objects[i])[63], i);
    tp_pool_put_many(pool, objects + 1, 149);
    errno = 0;
    assert_int_equal(tp_pool_get_many(pool, objects + 1, 150), 149);
    assert_int_equal(errno, EAGAIN);
    tp_pool_put_many(pool, objects, 150);
    assert_int_equal(support_stats(pool).idle, 150);
    tp_pool_destroy(pool);
}

static void many_of_every_size_keep_their_identity(void **state)
{
    static const size_t sizes[] = {8, 1024, 2048, 4096, 8192, 32768, 100000};
    (void)state;
    for (size_t s = 0; s < SUPPORT_COUNT(sizes); s++) {
        tp_pool *pool = created(&(tp_pool_options){.size = sizes[s]});
        for (size_t n = 1; n <= 200; n = n * 2 + 1) {
            assert_int_equal(tp_pool_get_many(pool, objects, n), n);
            for (size_t i = 0; i < n; i++)
                memcpy(objects[i], &i, sizeof i);
            for (size_t i = 0; i < n; i++)
                assert_memory_equal(objects[i], &i, sizeof i);
            tp_pool_put_many(pool, objects, n);
            assert_int_equal(support_stats(pool).idle, support_stats(pool).live);
        }
        tp_pool_destroy(pool);
    }
}

/* --- reserve --- */

static void reserve_fills_ahead(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.make = counted_make, .destruct = counted_free});
    assert_int_equal(tp_pool_reserve(pool, 0), 0);
    assert_int_equal(tp_pool_reserve(pool, 300), 300);
    assert_int_equal(support_read(&made), 300);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.idle, 300);
    assert_int_equal(stats.gets + stats.puts, 0);
    get_n(pool, 300);
    assert_int_equal(support_read(&made), 300);
    assert_int_equal(support_stats(pool).hits, 300);
    put_n(pool, 10);
    assert_int_equal(tp_pool_reserve(pool, 10), 10); /* these are there already */
    assert_int_equal(tp_pool_reserve(pool, 4), 4);
    assert_int_equal(support_read(&made), 300);
    assert_int_equal(tp_pool_reserve(pool, 12), 12);
    assert_int_equal(support_read(&made), 302);
    for (size_t i = 10; i < 300; i++)
        tp_pool_put(pool, objects[i]);
    tp_pool_destroy(pool);
    assert_int_equal(support_read(&destructed), 302);
}

static void reserve_says_what_stopped_it(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 64, .live_max = 10});
    errno = 0;
    assert_int_equal(tp_pool_reserve(pool, 100), 10);
    assert_int_equal(errno, EAGAIN);
    tp_pool_destroy(pool);

    pool = created(&(tp_pool_options){.size = 64, .destruct = counted_destruct, .idle_max = 7});
    errno = 0;
    assert_int_equal(tp_pool_reserve(pool, 100), 7);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(support_stats(pool).live, 7);
    tp_pool_destroy(pool);

    make_fails_after = 70;
    support_set(&destructed, 0);
    pool = created(&(tp_pool_options){.make = counted_make, .destruct = counted_free});
    errno = 0;
    assert_int_equal(tp_pool_reserve(pool, 100), 70);
    assert_int_equal(errno, ENOMEM);
    tp_pool_destroy(pool);
    assert_int_equal(support_read(&destructed), 70);
}

static void what_is_reserved_dies_in_two_cycles(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 64, .destruct = counted_destruct});
    assert_int_equal(tp_pool_reserve(pool, 100), 100);
    tp_gc_collect();
    assert_int_equal(support_stats(pool).idle, 100);
    tp_gc_collect();
    assert_int_equal(support_stats(pool).idle, 0);
    assert_int_equal(support_read(&destructed), 100);
    tp_pool_destroy(pool);
}

/* A thread keeps few objects that are large, after quiet cycles too. */
static void magazines_of_large_objects_stay_small(void **state)
{
    static const size_t sizes[] = {16, 5000, 20000, 65536};
    (void)state;
    uint64_t last = UINT64_MAX;
    for (size_t s = 0; s < SUPPORT_COUNT(sizes); s++) {
        tp_pool *pool = created(&(tp_pool_options){.size = sizes[s]});
        uint64_t capacity = support_stats(pool).capacity;
        assert_in_range(capacity, 1, 62);
        assert_true(capacity < last);
        for (unsigned cycle = 0; cycle < 5; cycle++) {
            tp_pool_put(pool, tp_pool_get(pool));
            tp_gc_collect();
            assert_int_equal(support_stats(pool).capacity, capacity);
        }
        last = capacity;
        tp_pool_destroy(pool);
    }
    assert_int_equal(last, 1);
}

/* --- trim --- */

static tp_pool *held_pool;
static unsigned held;

static void *hold_idle(void *gate)
{
    void *mine[100];
    size_t n = tp_pool_get_many(held_pool, mine, 100);
    tp_pool_put_many(held_pool, mine, n);
    support_add(&held, 1);
    support_gate_wait(gate);
    return NULL;
}

static void trim_drops_what_every_thread_holds(void **state)
{
    struct support_gate gate = SUPPORT_GATE_INIT;
    pthread_t threads[2];
    (void)state;
    held_pool = created(&(tp_pool_options){.size = 64, .destruct = counted_destruct});
    support_set(&held, 0);
    get_n(held_pool, 210);
    for (unsigned i = 0; i < 2; i++)
        threads[i] = support_thread(hold_idle, &gate);
    support_until(support_read(&held) == 2);
    put_n(held_pool, 200);
    tp_gc_collect(); /* some are victims by now */
    for (size_t i = 200; i < 210; i++)
        tp_pool_put(held_pool, objects[i]);
    tp_pool_stats stats = support_stats(held_pool);
    assert_int_equal(stats.idle, stats.made);
    tp_pool_trim(held_pool);
    assert_int_equal(support_read(&destructed), stats.made);
    assert_int_equal(support_stats(held_pool).live, 0);
    tp_pool_trim(held_pool);
    support_gate_open(&gate);
    support_join(threads[0]);
    support_join(threads[1]);
    tp_pool_destroy(held_pool);
    assert_int_equal(support_read(&destructed), stats.made);
}

/* --- destroyed pools --- */

static void a_destroyed_pool_lingers_until_its_last_put(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){
        .name = "lingering", .make = counted_make, .destruct = counted_free});
    get_n(pool, 100);
    for (size_t i = 40; i < 100; i++)
        tp_pool_put(pool, objects[i]);
    tp_pool_destroy(pool);
    assert_int_equal(support_read(&destructed), 60);
    for (unsigned i = 0; i < 20; i++) {
        tp_pool_put(pool, objects[i]);
        assert_int_equal(support_read(&destructed), 61 + i);
    }
    tp_gc_collect(); /* which has nothing to do with what is in use */
    assert_int_equal(support_read(&destructed), 80);
    tp_pool_put_many(pool, objects + 20, 20);
    assert_int_equal(support_read(&destructed), 100);
    assert_int_equal(support_read(&made), 100);
}

static tp_pool *all_pools[TP_POOLS_MAX];

static void more_pools_are_refused(void)
{
    errno = 0;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 8});
    assert_null(pool);
    assert_int_equal(errno, EAGAIN);
}

/* Destroys some pools, every other one while an object of its own is in use. */
static void destroy_some(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        void *object = tp_pool_get(all_pools[i]);
        assert_non_null(object);
        if (i % 2 == 0)
            tp_pool_put(all_pools[i], object);
        tp_pool_destroy(all_pools[i]);
        if (i % 2 != 0)
            tp_pool_put(all_pools[i], object);
    }
}

static void as_many_pools_as_promised_and_no_more(void **state)
{
    (void)state;
    if (support_in_mode())
        skip(); /* once is enough: it takes long */
    for (size_t i = 0; i < TP_POOLS_MAX; i++)
        if ((all_pools[i] = tp_pool_create(&(tp_pool_options){.size = 8})) == NULL)
            fail_msg("pool number %zu: %s", i, strerror(errno));
    more_pools_are_refused();
    destroy_some(1000, 1100);
    tp_gc_collect();
    for (size_t i = 1000; i < 1100; i++) {
        all_pools[i] = created(&(tp_pool_options){.size = 8});
        assert_non_null(objects[0] = tp_pool_get(all_pools[i]));
        tp_pool_put(all_pools[i], objects[0]);
        tp_pool_stats stats = support_stats(all_pools[i]); /* not its predecessor's */
        assert_int_equal(stats.gets, 1);
        assert_int_equal(stats.idle, 1);
    }
    more_pools_are_refused();
    for (size_t i = 0; i < TP_POOLS_MAX; i++)
        tp_pool_destroy(all_pools[i]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_thread_keeps_exactly_idle_max, setup),
        cmocka_unit_test_setup(idle_max_holds_again_after_cycles, setup),
        cmocka_unit_test_setup(many_threads_keep_no_more_than_idle_max, setup),
        cmocka_unit_test_setup(live_max_refuses_with_eagain, setup),
        cmocka_unit_test_setup(live_max_counts_what_idle_max_dropped, setup),
        cmocka_unit_test_setup(get_many_gets_what_there_is, setup),
        cmocka_unit_test_setup(many_of_every_size_keep_their_identity, setup),
        cmocka_unit_test_setup(reserve_fills_ahead, setup),
        cmocka_unit_test_setup(reserve_says_what_stopped_it, setup),
        cmocka_unit_test_setup(what_is_reserved_dies_in_two_cycles, setup),
        cmocka_unit_test_setup(magazines_of_large_objects_stay_small, setup),
        cmocka_unit_test_setup(trim_drops_what_every_thread_holds, setup),
        cmocka_unit_test_setup(a_destroyed_pool_lingers_until_its_last_put, setup),
        cmocka_unit_test_setup(as_many_pools_as_promised_and_no_more, setup),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("pool bounds", tests, support_modes);
}
