/* SPDX-License-Identifier: BSD-2-Clause */
/* What a collection cycle does to idle objects: the properties of Go's own pool tests, and beyond
   them threads that never call again, bursts, cycles asked for in callbacks and from many threads.
   What starts a cycle: test_cycle_triggers.c. */
#include "support.h"

enum { MANY = 100 };

static unsigned made, destructed;
static void *objects[1000];

static void *counted_make(void *context)
{
    (void)context;
    support_add(&made, 1);
    return malloc(24);
}

static void counted_free(void *object, void *context)
{
    (void)context;
    support_add(&destructed, 1);
    free(object);
}

static tp_pool *counted_pool(void)
{
    support_set(&made, 0);
    support_set(&destructed, 0);
    tp_pool *pool = tp_pool_create(&(tp_pool_options){
        .name = "counted", .make = counted_make, .destruct = counted_free});
    assert_non_null(pool);
    return pool;
}

static void fill(tp_pool *pool, size_t n)
{
    assert_int_equal(tp_pool_get_many(pool, objects, n), n);
    for (size_t i = 0; i < n; i++)
        tp_pool_put(pool, objects[i]);
}

/* --- Go's properties --- */

static void idle_objects_survive_one_cycle_and_are_gone_after_two(void **state)
{
    (void)state;
    tp_pool *pool = counted_pool();
    for (unsigned round = 1; round <= 3; round++) {
        fill(pool, MANY);
        tp_gc_collect();
        assert_int_equal(support_stats(pool).idle, MANY);
        assert_int_equal(support_read(&destructed), (round - 1) * MANY);
        tp_gc_collect();
        assert_int_equal(support_stats(pool).idle, 0);
        assert_int_equal(support_read(&destructed), round * MANY);
    }
    tp_pool_destroy(pool);
}

static void what_survived_a_cycle_is_handed_out(void **state)
{
    (void)state;
    tp_pool *pool = counted_pool();
    fill(pool, MANY);
    tp_gc_collect();
    assert_int_equal(tp_pool_get_many(pool, objects, MANY), MANY);
    assert_int_equal(support_read(&made), MANY);
    tp_gc_collect();
    tp_gc_collect(); /* nobody touches what is in use */
    assert_int_equal(support_read(&destructed), 0);
    tp_pool_put_many(pool, objects, MANY);
    tp_gc_collect(); /* and its age begins with its put */
    assert_int_equal(support_stats(pool).idle, MANY);
    tp_pool_destroy(pool);
    assert_int_equal(support_read(&destructed), MANY);
}

/* Drained or not, after a few cycles nothing is kept. */
static void pools_retain_nothing(bool drain)
{
    tp_pool *pool = counted_pool();
    fill(pool, 1000);
    if (drain) {
        assert_int_equal(tp_pool_get_many(pool, objects, 1000), 1000);
        tp_pool_put_many(pool, objects, 1000);
    }
    for (unsigned i = 0; i < 2; i++)
        tp_gc_collect();
    assert_int_equal(support_read(&destructed), 1000);
    assert_int_equal(support_stats(pool).live, 0);
    tp_pool_destroy(pool);
}

static void drained_and_undrained_pools_retain_nothing(void **state)
{
    (void)state;
    pools_retain_nothing(false);
    pools_retain_nothing(true);
}

/* --- bursts --- */

static void after_a_burst_what_is_used_stays_and_the_rest_dies(void **state)
{
    (void)state;
    tp_pool *pool = counted_pool();
    fill(pool, MANY);
    for (unsigned cycle = 1; cycle <= 30; cycle++) {
        tp_gc_collect();
        tp_pool_put(pool, tp_pool_get(pool));
        assert_int_equal(support_read(&made), MANY); /* each get was a hit */
        uint64_t idle = support_stats(pool).idle;
        assert_true(idle >= 1);
        if (cycle >= 4 && idle > 5)
            fail_msg("after %u cycles %u are idle still", cycle, (unsigned)idle);
    }
    tp_pool_destroy(pool);
}

/* --- threads that never call again --- */

static struct {
    tp_pool *pool;
    struct support_gate gate;
    unsigned ready, stop;
} silent = {.gate = SUPPORT_GATE_INIT};

static void leave_idle_objects(void)
{
    void *mine[MANY], *memory[MANY];
    size_t n = tp_pool_get_many(silent.pool, mine, MANY);
    for (size_t i = 0; i < n; i++)
        tp_pool_put(silent.pool, mine[i]);
    for (size_t i = 0; i < MANY; i++)
        memory[i] = tp_heap_alloc(1024);
    for (size_t i = 0; i < MANY; i++)
        tp_heap_free(memory[i]);
    support_add(&silent.ready, 1);
}

static void *blocks_for_ever(void *unused)
{
    leave_idle_objects();
    support_gate_wait(&silent.gate);
    return unused;
}

static void *computes_for_ever(void *unused)
{
    leave_idle_objects();
    while (support_read(&silent.stop) == 0)
        ;
    return unused;
}

static void threads_that_never_call_again_keep_nothing(void **state)
{
    (void)state;
    silent.pool = counted_pool();
    pthread_t blocked = support_thread(blocks_for_ever, NULL);
    pthread_t computing = support_thread(computes_for_ever, NULL);
    support_until(support_read(&silent.ready) == 2);
    uint64_t idle = support_stats(silent.pool).idle;
    assert_true(idle >= MANY);
    tp_gc_collect();
    assert_int_equal(support_stats(silent.pool).idle, idle);
    tp_gc_collect();
    assert_int_equal(support_stats(silent.pool).idle, 0);
    assert_int_equal(support_read(&destructed), support_read(&made));
    tp_gc_collect();
    support_set(&silent.stop, 1);
    support_gate_open(&silent.gate);
    support_join(blocked);
    support_join(computing);
    tp_pool_destroy(silent.pool);
}

static void idle_heap_caches_are_cleared_too(void **state)
{
    enum { BLOCKS = 1000, BYTES = 4096 };
    struct tp_heap_stats before, full, after;
    (void)state;
    tp_gc_collect();
    tp_gc_collect();
    tp_heap_stats_read(&before);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_non_null(objects[i] = tp_heap_alloc(BYTES));
    tp_heap_stats_read(&full);
    assert_true(full.in_use >= before.in_use + (uint64_t)BLOCKS * BYTES);
    for (unsigned i = 0; i < BLOCKS; i++)
        tp_heap_free(objects[i]);
    tp_gc_collect();
    tp_gc_collect();
    tp_heap_stats_read(&after);
    assert_true(after.in_use <= before.in_use + 512 * 1024); /* what magazines lie in stays */
}

/* --- the cycles' numbers --- */

static void each_collect_is_a_cycle_that_began_after_the_call(void **state)
{
    (void)state;
    uint64_t last = tp_gc_cycle();
    for (unsigned i = 0; i < 20; i++) {
        uint64_t number = tp_gc_collect();
        assert_int_equal(number, last + 1);
        assert_int_equal(tp_gc_cycle(), number);
        last = number;
    }
}

static unsigned wrong_numbers;

static void *collects_many_times(void *unused)
{
    uint64_t last = 0;
    for (unsigned i = 0; i < 50; i++) {
        uint64_t before = tp_gc_cycle();
        uint64_t number = tp_gc_collect();
        uint64_t after = tp_gc_cycle();
        if (number <= before || after < number || number <= last)
            support_add(&wrong_numbers, 1);
        last = number;
    }
    return unused;
}

static void many_threads_may_collect_at_once(void **state)
{
    pthread_t threads[4];
    (void)state;
    uint64_t before = tp_gc_cycle();
    for (unsigned i = 0; i < 4; i++)
        threads[i] = support_thread(collects_many_times, NULL);
    for (unsigned i = 0; i < 4; i++)
        support_join(threads[i]);
    assert_int_equal(support_read(&wrong_numbers), 0);
    uint64_t cycles = tp_gc_cycle() - before;
    assert_in_range(cycles, 50, 200); /* who asks at the same time shares a cycle */
}

/* --- from callbacks --- */

static uint64_t asked_number;
static tp_pool *other_pool;
static unsigned callbacks;

static void ask_for_everything(void)
{
    uint64_t number = tp_gc_collect();
    __atomic_store_n(&asked_number, number, __ATOMIC_SEQ_CST);
    tp_pool_trim(other_pool);
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 8});
    tp_pool_put(pool, tp_pool_get(pool));
    tp_pool_destroy(pool);
    tp_heap_free(tp_heap_alloc(100));
    support_add(&callbacks, 1);
}

static int asking_construct(void *object, void *context)
{
    (void)object;
    (void)context;
    ask_for_everything();
    return 0;
}

static void asking_callback(void *object, void *context)
{
    (void)object;
    (void)context;
    ask_for_everything();
}

static bool asking_keep(const void *object, void *context)
{
    (void)object;
    (void)context;
    ask_for_everything();
    return true;
}

static void callbacks_may_ask_for_cycles_and_more(void **state)
{
    (void)state;
    other_pool = counted_pool();
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64,
                                                      .construct = asking_construct,
                                                      .reset = asking_callback,
                                                      .keep = asking_keep,
                                                      .destruct = asking_callback});
    assert_non_null(pool);
    for (unsigned round = 0; round < 3; round++) {
        fill(pool, 10);
        fill(other_pool, 10);
        tp_gc_collect();
        tp_gc_collect();
        tp_pool_trim(pool);
    }
    fill(pool, 10);
    tp_pool_destroy(pool);
    assert_true(support_read(&callbacks) >= 40 + 40 + 40);
    tp_pool_put(other_pool, tp_pool_get(other_pool)); /* without a thread: a slow path does it */
    tp_pool_trim(other_pool);
    support_until(tp_gc_cycle() >= __atomic_load_n(&asked_number, __ATOMIC_SEQ_CST));
    tp_pool_destroy(other_pool);
}

static struct support_gate slow_gate = SUPPORT_GATE_INIT;
static unsigned slow_destructs;

static void slow_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    support_add(&slow_destructs, 1);
    support_gate_wait(&slow_gate);
}

static void *collects_once(void *unused)
{
    tp_gc_collect();
    tp_gc_collect();
    return unused;
}

static void *collects_and_says(void *number)
{
    *(uint64_t *)number = tp_gc_collect();
    return NULL;
}

/* While a cycle is busy with a slow destruct, gets and puts go on, in the same pool too; and who
   asks for a cycle gets one that begins later. */
static void a_slow_destruct_holds_no_get_or_put_up(void **state)
{
    uint64_t number = 0;
    (void)state;
    tp_pool *pool =
        tp_pool_create(&(tp_pool_options){.size = 64, .destruct = slow_destruct});
    assert_non_null(pool);
    fill(pool, 10);
    pthread_t collector = support_thread(collects_once, NULL);
    support_until(support_read(&slow_destructs) == 1);
    uint64_t running = tp_gc_cycle() + 1;
    pthread_t other = support_thread(collects_and_says, &number);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(tp_pool_get_many(pool, objects, 500), 500);
        tp_pool_put_many(pool, objects, 500);
        tp_heap_free(tp_heap_alloc(64));
    }
    support_sleep_ms(20); /* the other one has asked by now, or this shows nothing */
    assert_int_equal(support_read(&slow_destructs), 1);
    support_gate_open(&slow_gate);
    support_join(collector);
    support_join(other);
    assert_true(number > running);
    tp_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_objects_survive_one_cycle_and_are_gone_after_two),
        cmocka_unit_test(what_survived_a_cycle_is_handed_out),
        cmocka_unit_test(drained_and_undrained_pools_retain_nothing),
        cmocka_unit_test(after_a_burst_what_is_used_stays_and_the_rest_dies),
        cmocka_unit_test(threads_that_never_call_again_keep_nothing),
        cmocka_unit_test(idle_heap_caches_are_cleared_too),
        cmocka_unit_test(each_collect_is_a_cycle_that_began_after_the_call),
        cmocka_unit_test(many_threads_may_collect_at_once),
        cmocka_unit_test(callbacks_may_ask_for_cycles_and_more),
        cmocka_unit_test(a_slow_destruct_holds_no_get_or_put_up),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("cycle", tests, support_modes);
}
