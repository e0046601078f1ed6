/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting at live_max: time limits, and everything that must wake a waiter or spare it the wait:
   puts, drops, trims, destruction, and what is idle in another thread, asleep or computing. */
#include "support.h"

enum { OBJECTS_MAX = 64, WAITERS_MAX = 16 };

static void *objects[OBJECTS_MAX];

static tp_pool *bounded(size_t live_max)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64, .live_max = live_max});
    assert_non_null(pool);
    return pool;
}

static void get_all(tp_pool *pool, size_t n)
{
    assert_int_equal(tp_pool_get_many(pool, objects, n), n);
}

/* --- a waiter in a thread of its own --- */

struct waiter {
    tp_pool *pool;
    int64_t timeout_ns;
    bool puts_back;
    void *object;
    int error;
    pthread_t thread;
};

static void *wait_for_one(void *argument)
{
    struct waiter *waiter = argument;
    errno = 0;
    waiter->object = tp_pool_get_wait(waiter->pool, waiter->timeout_ns);
    waiter->error = errno;
    if (waiter->object != NULL)
        memset(waiter->object, 0x77, 64);
    if (waiter->object != NULL && waiter->puts_back)
        tp_pool_put(waiter->pool, waiter->object);
    return NULL;
}

static void wait_start(struct waiter *waiter, tp_pool *pool, int64_t timeout_ns)
{
    *waiter = (struct waiter){.pool = pool, .timeout_ns = timeout_ns};
    waiter->thread = support_thread(wait_for_one, waiter);
}

static void waiting_is(tp_pool *pool, uint64_t n)
{
    support_until(support_stats(pool).waiting == n);
}

/* --- time --- */

static void a_wait_ends_when_its_time_is_over(void **state)
{
    static const int64_t times_ns[] = {0, 1, 1000, 3000000, 50000000};
    (void)state;
    tp_pool *pool = bounded(1);
    get_all(pool, 1);
    for (size_t i = 0; i < SUPPORT_COUNT(times_ns); i++) {
        int64_t start = support_now_ns();
        errno = 0;
        assert_null(tp_pool_get_wait(pool, times_ns[i]));
        assert_int_equal(errno, EAGAIN);
        int64_t took = support_now_ns() - start;
        assert_true(took >= times_ns[i]);
        assert_true(took < times_ns[i] + 5 * SUPPORT_SECOND);
    }
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.waits, SUPPORT_COUNT(times_ns) - 1); /* 0 does not sleep */
    assert_true(stats.refused >= SUPPORT_COUNT(times_ns));
    tp_pool_put(pool, objects[0]);
    assert_ptr_equal(tp_pool_get_wait(pool, 0), objects[0]); /* what is there needs no time */
    tp_pool_put(pool, objects[0]);
    tp_pool_destroy(pool);
}

static void a_wait_without_a_bound_is_a_get(void **state)
{
    (void)state;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64});
    assert_non_null(pool);
    void *object = tp_pool_get_wait(pool, -1);
    assert_non_null(object);
    memset(object, 1, 64);
    tp_pool_put(pool, object);
    assert_int_equal(support_stats(pool).waits, 0);
    tp_pool_destroy(pool);
}

/* --- wakes --- */

static void a_put_wakes_with(int64_t timeout_ns)
{
    struct waiter waiter;
    tp_pool *pool = bounded(2);
    get_all(pool, 2);
    wait_start(&waiter, pool, timeout_ns);
    waiting_is(pool, 1);
    support_sleep_ms(5);
    assert_int_equal(support_stats(pool).waiting, 1);
    tp_pool_put(pool, objects[1]);
    support_join(waiter.thread);
    assert_ptr_equal(waiter.object, objects[1]);
    assert_int_equal(support_stats(pool).waiting, 0);
    tp_pool_put(pool, waiter.object);
    tp_pool_put(pool, objects[0]);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.gets, 3);
    assert_int_equal(stats.puts, 3);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.idle, 2);
    tp_pool_destroy(pool);
}

static void a_put_wakes_a_waiter(void **state)
{
    (void)state;
    a_put_wakes_with(-1);
    a_put_wakes_with(INT64_MIN);
    a_put_wakes_with(INT64_MAX);
    a_put_wakes_with(60 * SUPPORT_SECOND);
}

static bool never_keep(const void *object, void *context)
{
    (void)object;
    (void)context;
    return false;
}

static void a_drop_wakes_a_waiter(void **state)
{
    struct waiter waiter;
    (void)state;
    tp_pool *pool =
        tp_pool_create(&(tp_pool_options){.size = 64, .live_max = 1, .keep = never_keep});
    assert_non_null(pool);
    get_all(pool, 1);
    wait_start(&waiter, pool, -1);
    waiting_is(pool, 1);
    tp_pool_put(pool, objects[0]); /* dropped: there is room for a new one */
    support_join(waiter.thread);
    assert_non_null(waiter.object);
    assert_int_equal(support_stats(pool).made, 2);
    tp_pool_put(pool, waiter.object);
    tp_pool_destroy(pool);
}

static struct support_gate destruct_gate;
static unsigned destructs;

static void gated_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    support_add(&destructs, 1);
    support_gate_wait(&destruct_gate);
}

static void *trims(void *pool)
{
    tp_pool_trim(pool);
    return NULL;
}

static void *collects_twice(void *unused)
{
    tp_gc_collect();
    tp_gc_collect();
    return unused;
}

/* All objects are doomed, and none destructed yet: a waiter must sleep until one is. */
static void the_end_of_drops_wakes(void *(*drops)(void *))
{
    struct waiter waiter;
    destruct_gate = (struct support_gate)SUPPORT_GATE_INIT;
    support_set(&destructs, 0);
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.size = 64, .live_max = 3, .destruct = gated_destruct});
    assert_non_null(pool);
    get_all(pool, 3);
    tp_pool_put_many(pool, objects, 3);
    pthread_t dropper = support_thread(drops, pool);
    support_until(support_read(&destructs) == 1);
    wait_start(&waiter, pool, -1);
    waiting_is(pool, 1);
    support_gate_open(&destruct_gate);
    support_join(waiter.thread);
    support_join(dropper);
    assert_non_null(waiter.object);
    assert_int_equal(support_stats(pool).made, 4);
    tp_pool_put(pool, waiter.object);
    tp_pool_destroy(pool);
    assert_int_equal(support_read(&destructs), 4);
}

static void a_trim_wakes_a_waiter(void **state)
{
    (void)state;
    the_end_of_drops_wakes(trims);
}

static void a_cycle_wakes_a_waiter(void **state)
{
    (void)state;
    the_end_of_drops_wakes(collects_twice);
}

static void destroy_wakes_all_with_einval(void **state)
{
    struct waiter waiters[3];
    (void)state;
    tp_pool *pool = bounded(1);
    get_all(pool, 1);
    for (unsigned i = 0; i < 3; i++)
        wait_start(&waiters[i], pool, i == 0 ? 60 * SUPPORT_SECOND : -1);
    waiting_is(pool, 3);
    tp_pool_destroy(pool);
    for (unsigned i = 0; i < 3; i++) {
        support_join(waiters[i].thread);
        assert_null(waiters[i].object);
        assert_int_equal(waiters[i].error, EINVAL);
    }
    tp_pool_put(pool, objects[0]);
}

/* A wait is no place to be cancelled at: the waiter would go with the pool's lock. */
static void *waits_and_is_cancelled(void *argument)
{
    struct waiter *waiter = argument;
    waiter->object = tp_pool_get_wait(waiter->pool, -1);
    tp_pool_put(waiter->pool, waiter->object);
    while (waiter->object != NULL)
        pthread_testcancel();
    return NULL;
}

static void a_cancelled_waiter_leaves_a_pool_that_works(void **state)
{
    void *result = NULL;
    (void)state;
    tp_pool *pool = bounded(1);
    get_all(pool, 1);
    struct waiter waiter = {.pool = pool};
    waiter.thread = support_thread(waits_and_is_cancelled, &waiter);
    waiting_is(pool, 1);
    assert_int_equal(pthread_cancel(waiter.thread), 0);
    support_sleep_ms(5);
    assert_int_equal(support_stats(pool).waiting, 1);
    tp_pool_put(pool, objects[0]);
    assert_int_equal(pthread_join(waiter.thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_ptr_equal(waiter.object, objects[0]);
    assert_int_equal(support_stats(pool).waiting, 0);
    get_all(pool, 1);
    assert_null(tp_pool_get_wait(pool, 1000));
    tp_pool_put(pool, objects[0]);
    tp_pool_destroy(pool);
}

/* --- many waiters --- */

static void each_of_many_waiters_gets_one(bool puts_back, size_t live_max, bool put_many)
{
    struct waiter waiters[WAITERS_MAX];
    tp_pool *pool = bounded(live_max);
    get_all(pool, live_max);
    for (unsigned i = 0; i < WAITERS_MAX; i++) {
        waiters[i] = (struct waiter){.pool = pool, .timeout_ns = -1, .puts_back = puts_back};
        waiters[i].thread = support_thread(wait_for_one, &waiters[i]);
    }
    waiting_is(pool, WAITERS_MAX);
    if (put_many)
        tp_pool_put_many(pool, objects, live_max);
    for (size_t i = 0; i < live_max && !put_many; i++)
        tp_pool_put(pool, objects[i]);
    for (unsigned i = 0; i < WAITERS_MAX; i++)
        support_join(waiters[i].thread);
    for (unsigned i = 0; i < WAITERS_MAX; i++) {
        assert_non_null(waiters[i].object);
        for (unsigned j = 0; j < i && !puts_back; j++)
            assert_ptr_not_equal(waiters[i].object, waiters[j].object);
        if (!puts_back)
            tp_pool_put(pool, waiters[i].object);
    }
    tp_pool_stats stats = support_stats(pool);
    if (stats.made != live_max || stats.idle != live_max || stats.dropped != 0)
        fail_msg("live_max %zu: %zu made, %zu idle, %zu dropped, %zu gets, %zu puts", live_max,
                 (size_t)stats.made, (size_t)stats.idle, (size_t)stats.dropped,
                 (size_t)stats.gets, (size_t)stats.puts);
    assert_int_equal(stats.hits, WAITERS_MAX);
    assert_true(stats.waits <= WAITERS_MAX); /* one may be served before it falls asleep */
    tp_pool_destroy(pool);
}

static void many_waiters_get_one_each(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        each_of_many_waiters_gets_one(false, WAITERS_MAX, false);
        each_of_many_waiters_gets_one(false, WAITERS_MAX, true);
        each_of_many_waiters_gets_one(true, 1, false);
        each_of_many_waiters_gets_one(true, 3, true);
    }
}

static unsigned traffic_wrong, traffic_owned;

static void *waits_and_puts(void *pool)
{
    for (unsigned i = 0; i < 500; i++) {
        void *object = tp_pool_get_wait(pool, -1);
        if (object == NULL || support_add(&traffic_owned, 1) >= 3)
            support_add(&traffic_wrong, 1);
        if (i % 64 == 0)
            support_sleep_ms(1);
        support_add(&traffic_owned, (unsigned)-1);
        tp_pool_put(pool, object);
    }
    return NULL;
}

static void traffic_of_waiters_never_stops_nor_exceeds_the_bound(void **state)
{
    pthread_t threads[8];
    (void)state;
    tp_pool *pool = bounded(3);
    for (unsigned i = 0; i < 8; i++)
        threads[i] = support_thread(waits_and_puts, pool);
    for (unsigned i = 0; i < 20; i++) {
        tp_gc_collect();
        tp_pool_trim(pool);
    }
    for (unsigned i = 0; i < 8; i++)
        support_join(threads[i]);
    assert_int_equal(support_read(&traffic_wrong), 0);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.gets, 8 * 500);
    assert_int_equal(stats.puts, 8 * 500);
    assert_true(stats.live <= 3);
    tp_pool_destroy(pool);
}

/* --- idle in another thread --- */

static struct {
    tp_pool *pool;
    struct support_gate gate;
    unsigned computes, ready, stop;
} holder;

static void *holds_idle(void *unused)
{
    void *mine[8];
    size_t n = tp_pool_get_many(holder.pool, mine, 8);
    for (size_t i = 0; i < n; i++)
        tp_pool_put(holder.pool, mine[i]);
    support_add(&holder.ready, 1);
    while (holder.computes != 0 && support_read(&holder.stop) == 0)
        ;
    support_gate_wait(&holder.gate);
    return unused;
}

/* All 8 objects are idle in one thread that never calls again; then another wants them. */
static void another_threads_idle_objects_are_found(bool computes, bool by_wait, bool as_victims)
{
    holder.pool = bounded(8);
    holder.gate = (struct support_gate)SUPPORT_GATE_INIT;
    holder.computes = computes;
    support_set(&holder.ready, 0);
    support_set(&holder.stop, 0);
    pthread_t thread = support_thread(holds_idle, NULL);
    support_until(support_read(&holder.ready) == 1);
    if (as_victims)
        tp_gc_collect();
    for (unsigned i = 0; i < 8; i++) {
        objects[i] =
            by_wait ? tp_pool_get_wait(holder.pool, -1) : tp_pool_get(holder.pool);
        assert_non_null(objects[i]);
        memset(objects[i], 2, 64);
    }
    assert_null(tp_pool_get(holder.pool));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(support_stats(holder.pool).made, 8);
    support_set(&holder.stop, 1);
    support_gate_open(&holder.gate);
    support_join(thread);
    tp_pool_put_many(holder.pool, objects, 8);
    tp_pool_destroy(holder.pool);
}

static void a_sleeping_threads_idle_objects_stand_before_eagain(void **state)
{
    (void)state;
    another_threads_idle_objects_are_found(false, false, false);
    another_threads_idle_objects_are_found(false, false, true);
}

static void a_computing_threads_idle_objects_stand_before_eagain(void **state)
{
    (void)state;
    another_threads_idle_objects_are_found(true, false, false);
    another_threads_idle_objects_are_found(true, false, true);
}

static void idle_objects_of_other_threads_satisfy_a_waiter(void **state)
{
    (void)state;
    another_threads_idle_objects_are_found(false, true, false);
    another_threads_idle_objects_are_found(true, true, false);
    another_threads_idle_objects_are_found(true, true, true);
}

/* The putting thread's fast path was open before: its next put must not stay with it. */
static void *puts_when_told(void *argument)
{
    void *mine = tp_pool_get(holder.pool);
    for (unsigned i = 0; i < 100; i++) {
        tp_pool_put(holder.pool, mine);
        mine = tp_pool_get(holder.pool);
    }
    support_add(&holder.ready, 1);
    support_gate_wait(argument);
    tp_pool_put(holder.pool, mine);
    while (support_read(&holder.stop) == 0)
        ; /* and it never comes back to the library */
    return NULL;
}

static void the_last_put_of_a_computing_thread_wakes_a_waiter(void **state)
{
    struct waiter waiter;
    struct support_gate gate = SUPPORT_GATE_INIT;
    (void)state;
    holder.pool = bounded(1);
    support_set(&holder.ready, 0);
    support_set(&holder.stop, 0);
    pthread_t thread = support_thread(puts_when_told, &gate);
    support_until(support_read(&holder.ready) == 1);
    wait_start(&waiter, holder.pool, 60 * SUPPORT_SECOND);
    waiting_is(holder.pool, 1);
    support_gate_open(&gate);
    support_join(waiter.thread);
    assert_non_null(waiter.object);
    support_set(&holder.stop, 1);
    support_join(thread);
    tp_pool_put(holder.pool, waiter.object);
    tp_pool_destroy(holder.pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_when_its_time_is_over),
        cmocka_unit_test(a_wait_without_a_bound_is_a_get),
        cmocka_unit_test(a_put_wakes_a_waiter),
        cmocka_unit_test(a_drop_wakes_a_waiter),
        cmocka_unit_test(a_trim_wakes_a_waiter),
        cmocka_unit_test(a_cycle_wakes_a_waiter),
        cmocka_unit_test(destroy_wakes_all_with_einval),
        cmocka_unit_test(a_cancelled_waiter_leaves_a_pool_that_works),
        cmocka_unit_test(many_waiters_get_one_each),
        cmocka_unit_test(traffic_of_waiters_never_stops_nor_exceeds_the_bound),
        cmocka_unit_test(a_sleeping_threads_idle_objects_stand_before_eagain),
        cmocka_unit_test(a_computing_threads_idle_objects_stand_before_eagain),
        cmocka_unit_test(idle_objects_of_other_threads_satisfy_a_waiter),
        cmocka_unit_test(the_last_put_of_a_computing_thread_wakes_a_waiter),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("wait", tests, support_modes);
}
