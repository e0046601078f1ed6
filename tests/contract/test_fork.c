/* SPDX-License-Identifier: BSD-2-Clause */
/* fork: the child has one thread, every idle object that the parent had, and a library that works,
   whatever the parent's other threads were doing. */
#include "fork_help.h"

static void *objects[2000];

static tp_pool *pool_of(const tp_pool_options *options)
{
    tp_pool *pool = tp_pool_create(options);
    assert_non_null(pool);
    return pool;
}

/* All that a program does with the library, in the child. */
static void works_in_the_child(tp_pool *pool)
{
    void *mine[200];
    for (unsigned round = 0; round < 3; round++) {
        size_t n = tp_pool_get_many(pool, mine, 200);
        check(n == 200);
        for (size_t i = 0; i < n; i++)
            memset(mine[i], (int)i, 64);
        for (size_t i = 0; i < n; i++)
            tp_pool_put(pool, mine[i]);
        for (size_t i = 0; i < 200; i++) {
            mine[i] = tp_heap_alloc(i * 17);
            check(mine[i] != NULL);
            memset(mine[i], (int)i, i * 17);
        }
        for (size_t i = 0; i < 200; i++)
            tp_heap_free(mine[i]);
        check(tp_gc_collect() <= tp_gc_cycle());
    }
    tp_pool_trim(pool);
    tp_heap_trim();
    tp_pool *other = tp_pool_create(&(tp_pool_options){.size = 100});
    check(other != NULL);
    mine[0] = tp_pool_get(other);
    tp_pool_destroy(other);
    tp_pool_put(other, mine[0]);
}

/* --- quiet --- */

static struct {
    tp_pool *pool;
    struct support_gate gate;
    unsigned ready;
} idlers = {.gate = SUPPORT_GATE_INIT};

static void *holds_idle(void *unused)
{
    void *mine[100];
    size_t n = tp_pool_get_many(idlers.pool, mine, 100);
    support_add(&idlers.ready, 1);
    support_until(support_read(&idlers.ready) >= 3); /* so that all have objects of their own */
    for (size_t i = 0; i < n; i++)
        tp_pool_put(idlers.pool, mine[i]);
    support_add(&idlers.ready, 1);
    support_gate_wait(&idlers.gate);
    return unused;
}

static void the_child_keeps_every_idle_object(void **state)
{
    pthread_t threads[3];
    pid_t child;
    (void)state;
    idlers.pool = pool_of(&(tp_pool_options){.size = 64});
    for (unsigned i = 0; i < 3; i++)
        threads[i] = support_thread(holds_idle, NULL);
    support_until(support_read(&idlers.ready) == 6);
    assert_int_equal(tp_pool_get_many(idlers.pool, objects, 400), 400);
    tp_pool_put_many(idlers.pool, objects, 400);
    tp_pool_stats before = support_stats(idlers.pool);
    assert_int_equal(before.idle, before.live);
    if (forked(&child)) {
        tp_pool_stats stats;
        tp_pool_stats_read(idlers.pool, &stats);
        check(stats.idle == before.idle && stats.live == before.live);
        check(stats.gets == before.gets && stats.puts == before.puts);
        check(tp_pool_get_many(idlers.pool, objects, before.idle) == before.idle);
        tp_pool_stats_read(idlers.pool, &stats);
        check(stats.made == before.made); /* also what other threads' magazines held */
        tp_pool_put_many(idlers.pool, objects, before.idle);
        works_in_the_child(idlers.pool);
        tp_pool_stats_read(idlers.pool, &stats);
        check(stats.live == 0);
        _exit(0);
    }
    ended_well(child);
    assert_int_equal(support_stats(idlers.pool).idle, before.idle);
    support_gate_open(&idlers.gate);
    for (unsigned i = 0; i < 3; i++)
        support_join(threads[i]);
    tp_pool_destroy(idlers.pool);
}

/* --- in the midst of traffic --- */

static struct {
    tp_pool *pool, *bounded;
    unsigned stop, wrong;
} traffic;

static void *makes_traffic(void *unused)
{
    void *mine[70];
    for (unsigned round = 0; support_read(&traffic.stop) == 0; round++) {
        size_t n = tp_pool_get_many(traffic.pool, mine, round % 70 + 1);
        for (size_t i = 0; i < n; i++)
            memset(mine[i], 0x41, 64);
        for (size_t i = 0; i < n; i++)
            tp_pool_put(traffic.pool, mine[i]);
        void *bounded = tp_pool_get_wait(traffic.bounded, 1000000);
        tp_pool_put(traffic.bounded, bounded);
        mine[0] = tp_heap_alloc(round % 50000);
        mine[1] = tp_heap_realloc(tp_heap_alloc(100), round % 3000);
        tp_heap_free(mine[0]);
        tp_heap_free(mine[1]);
        if (round % 50 == 0) {
            tp_pool *brief = tp_pool_create(&(tp_pool_options){.name = "brief", .size = 32});
            tp_pool_put(brief, tp_pool_get(brief));
            tp_pool_destroy(brief);
        }
    }
    return unused;
}

static void *makes_cycles(void *unused)
{
    while (support_read(&traffic.stop) == 0) {
        tp_gc_collect();
        tp_pool_trim(traffic.pool);
    }
    return unused;
}

static void in_a_child(unsigned depth)
{
    pid_t child;
    works_in_the_child(traffic.pool);
    if (depth > 0) {
        if (forked(&child)) {
            in_a_child(depth - 1);
            _exit(0);
        }
        check(has_ended_well(child));
        works_in_the_child(traffic.pool);
    }
    tp_pool_destroy(traffic.pool);
}

static void *makes_some_traffic(void *unused)
{
    works_in_the_child(traffic.pool);
    return unused;
}

static void a_fork_in_the_midst_of_traffic(void **state)
{
    pthread_t threads[4];
    unsigned failed = 0;
    (void)state;
    traffic.pool = pool_of(&(tp_pool_options){.name = "traffic", .size = 64});
    traffic.bounded = pool_of(&(tp_pool_options){.name = "bounded", .size = 64, .live_max = 2});
    for (unsigned i = 0; i < 4; i++)
        threads[i] = support_thread(i < 3 ? makes_traffic : makes_cycles, NULL);
    for (unsigned i = 0; i < (support_sanitized ? 20u : 100u); i++) {
        pid_t child;
        if (forked(&child)) {
            in_a_child(i % 10 == 0 ? 2 : 0);
            _exit(0);
        }
        failed += !has_ended_well(child);
    }
    support_set(&traffic.stop, 1);
    for (unsigned i = 0; i < 4; i++)
        support_join(threads[i]);
    assert_int_equal(failed, 0);
    tp_pool_stats stats = support_stats(traffic.pool);
    assert_int_equal(stats.gets, stats.puts);
    assert_int_equal(stats.live, stats.idle);
    tp_pool_destroy(traffic.pool);
    tp_pool_destroy(traffic.bounded);
}

static void the_child_may_have_threads_of_its_own(void **state)
{
    pid_t child;
    (void)state;
    if (support_tsan)
        skip(); /* it takes a thread of the child for one of the parent's that has the same id */
    traffic.pool = pool_of(&(tp_pool_options){.size = 64});
    tp_pool_put(traffic.pool, tp_pool_get(traffic.pool));
    if (forked(&child)) {
        pthread_t threads[3];
        for (unsigned i = 0; i < 3; i++)
            check(pthread_create(&threads[i], NULL, makes_some_traffic, NULL) == 0);
        for (unsigned i = 0; i < 3; i++)
            check(pthread_join(threads[i], NULL) == 0);
        works_in_the_child(traffic.pool);
        _exit(0);
    }
    ended_well(child);
    tp_pool_destroy(traffic.pool);
}

/* --- in the midst of a drop --- */

static struct {
    struct support_gate gate;
    unsigned begun;
    bool gated;
} drops = {.gate = SUPPORT_GATE_INIT};

static void counted_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    if (support_add(&drops.begun, 1) == 19 && drops.gated)
        support_gate_wait(&drops.gate);
}

static void *trims(void *pool)
{
    tp_pool_trim(pool);
    return NULL;
}

/* The parent's service thread is in the 20th of 300 destructs: the child does the other 280, and
   counts all as dropped. */
static void each_object_is_destructed_once_in_the_child_too(void **state)
{
    enum { N = 300, IDLE_MAX = 400 };
    pid_t child;
    (void)state;
    tp_pool *pool = pool_of(&(tp_pool_options){
        .size = 64, .destruct = counted_destruct, .live_max = N, .idle_max = IDLE_MAX});
    assert_int_equal(tp_pool_get_many(pool, objects, N), N);
    tp_pool_put_many(pool, objects, N);
    drops.gated = true;
    pthread_t trimmer = support_thread(trims, pool);
    support_until(support_read(&drops.begun) == 20);
    if (forked(&child)) {
        tp_pool_stats stats;
        drops.gated = false;
        tp_pool_trim(pool);
        check(support_read(&drops.begun) == N);
        tp_pool_stats_read(pool, &stats);
        check(stats.live == 0 && stats.dropped == N && stats.idle == 0);
        check(tp_pool_get_many(pool, objects, N) == N); /* live_max has room for all */
        check(tp_pool_get(pool) == NULL && errno == EAGAIN);
        tp_pool_put_many(pool, objects, N);
        tp_pool_destroy(pool);
        check(support_read(&drops.begun) == 2 * N);
        _exit(0);
    }
    support_gate_open(&drops.gate);
    support_join(trimmer);
    ended_well(child);
    assert_int_equal(support_read(&drops.begun), N);
    tp_pool_destroy(pool);
}

/* idle_max is the bound in such a child as well. */
static void bounds_hold_in_the_child_of_a_drop(void **state)
{
    enum { N = 100 };
    pid_t child;
    (void)state;
    drops.gate = (struct support_gate)SUPPORT_GATE_INIT;
    support_set(&drops.begun, 0);
    tp_pool *pool = pool_of(
        &(tp_pool_options){.size = 64, .destruct = counted_destruct, .idle_max = N});
    assert_int_equal(tp_pool_get_many(pool, objects, 3 * N), 3 * N);
    tp_pool_put_many(pool, objects, N);
    pthread_t trimmer = support_thread(trims, pool);
    support_until(support_read(&drops.begun) == 20);
    if (forked(&child)) {
        tp_pool_stats stats;
        drops.gated = false;
        tp_pool_trim(pool);
        tp_pool_put_many(pool, objects + N, 2 * N);
        tp_pool_stats_read(pool, &stats);
        check(stats.idle == N);
        _exit(0);
    }
    support_gate_open(&drops.gate);
    support_join(trimmer);
    ended_well(child);
    tp_pool_put_many(pool, objects + N, 2 * N);
    tp_pool_destroy(pool);
}

/* --- waiters --- */

static void *waits(void *pool)
{
    void *object = tp_pool_get_wait(pool, -1);
    tp_pool_put(pool, object);
    return NULL;
}

static void nobody_waits_in_the_child(void **state)
{
    pid_t child;
    (void)state;
    tp_pool *pool = pool_of(&(tp_pool_options){.size = 64, .live_max = 1});
    void *object = tp_pool_get(pool);
    assert_non_null(object);
    pthread_t waiter = support_thread(waits, pool);
    support_until(support_stats(pool).waiting == 1);
    if (forked(&child)) {
        tp_pool_stats stats;
        tp_pool_stats_read(pool, &stats);
        check(stats.waiting == 0);
        tp_pool_put(pool, object);
        check(tp_pool_get(pool) == object);
        check(tp_pool_get_wait(pool, 1000000) == NULL && errno == EAGAIN);
        tp_pool_put(pool, object);
        tp_pool_trim(pool);
        tp_pool_destroy(pool);
        _exit(0);
    }
    ended_well(child);
    tp_pool_put(pool, object);
    support_join(waiter);
    tp_pool_destroy(pool);
}

/* --- from a callback --- */

static pid_t callbacks_child;

static void forking_destruct(void *object, void *context)
{
    (void)object;
    if (callbacks_child != 0)
        return;
    if (forked(&callbacks_child)) {
        callbacks_child = -1;
        tp_pool *pool = *(tp_pool **)context;
        tp_pool_put(pool, tp_pool_get(pool));
        tp_gc_collect(); /* from a callback still: it asks, and does not wait */
        tp_heap_free(tp_heap_alloc(100));
        _exit(0);
    }
}

static void a_callback_may_fork(void **state)
{
    static tp_pool *pool;
    (void)state;
    pool = pool_of(&(tp_pool_options){
        .size = 64, .destruct = forking_destruct, .context = (void *)&pool});
    assert_int_equal(tp_pool_get_many(pool, objects, 10), 10);
    tp_pool_put_many(pool, objects, 10);
    tp_pool_trim(pool);
    ended_well(callbacks_child);
    tp_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_keeps_every_idle_object),
        cmocka_unit_test(a_fork_in_the_midst_of_traffic),
        cmocka_unit_test(the_child_may_have_threads_of_its_own),
        cmocka_unit_test(each_object_is_destructed_once_in_the_child_too),
        cmocka_unit_test(bounds_hold_in_the_child_of_a_drop),
        cmocka_unit_test(nobody_waits_in_the_child),
        cmocka_unit_test(a_callback_may_fork),
    };
    (void)argc;
    /* A service thread that starts in a child: TSan takes it for one of the parent's, and ASan's
       allocator may have been locked when the child's child was forked. */
    if (support_sanitized && getenv("TP_TEST_STARTED") == NULL)
        support_options_add("service=0");
    support_start(argv, support_no_scenarios);
    return support_group("fork", tests, support_modes);
}
