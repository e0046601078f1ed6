/* SPDX-License-Identifier: BSD-2-Clause */
/* fork in the midst of drops: what the parent's thread had doomed and not yet destructed, the child
   drops or hands out when it needs the room, whoever began it (a cycle, a trim, the end of a pool)
   and however it asks for an object; and a destruct that forks goes on in the child. */
#include "fork_help.h"

enum { N = 4 };

static void *objects[100];

/* --- a thread that is stopped in its first destruct --- */

static struct {
    struct support_gate gate;
    tp_pool *pool;
    pthread_t thread;
    unsigned begun;
    bool gated;
} drop;

static void gated_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    support_add(&drop.begun, 1);
    if (drop.gated)
        support_gate_wait(&drop.gate);
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

static void *destroys(void *pool)
{
    tp_pool_destroy(pool);
    return NULL;
}

/* All N objects of the pool, which may have no more, are doomed, and the first is in its destruct.
   The caches of the size classes are empty: the next allocation has to fetch some. */
static void drop_begin(void *(*how)(void *), void (*destruct)(void *, void *))
{
    drop.pool = tp_pool_create(&(tp_pool_options){
        .name = "drop", .size = 64, .live_max = N, .destruct = destruct});
    assert_non_null(drop.pool);
    assert_int_equal(tp_pool_get_many(drop.pool, objects, N), N);
    collects_twice(NULL);
    tp_pool_put_many(drop.pool, objects, N);
    drop.gate = (struct support_gate)SUPPORT_GATE_INIT;
    drop.gated = true;
    support_set(&drop.begun, 0);
    drop.thread = support_thread(how, drop.pool);
    support_until(support_read(&drop.begun) == 1);
}

static void drop_end(void)
{
    support_gate_open(&drop.gate);
    support_join(drop.thread);
    assert_int_equal(support_read(&drop.begun), N);
    if (drop.pool != NULL)
        tp_pool_destroy(drop.pool);
}

/* --- the child needs the room --- */

static void *waits(tp_pool *pool)
{
    void *object = tp_pool_get_wait(pool, -1);
    check(object != NULL);
    return object;
}

static void *tries(tp_pool *pool)
{
    return tp_pool_get(pool);
}

static void the_child_gets_all(void *(*how)(void *), void *(*get)(tp_pool *pool))
{
    pid_t child;
    drop_begin(how, gated_destruct);
    if (forked(&child)) {
        drop.gated = false;
        for (unsigned i = 0; i < N; i++) {
            /* A drop may be under way here as well, on the child's service thread. */
            while ((objects[i] = get(drop.pool)) == NULL)
                support_sleep_ms(1);
            memset(objects[i], 7, 64);
        }
        check(tp_pool_get(drop.pool) == NULL && errno == EAGAIN);
        tp_pool_stats stats = support_stats(drop.pool);
        check(stats.live == N && stats.made == N + stats.dropped);
        check(stats.dropped >= 1 && stats.dropped == support_read(&drop.begun));
        tp_pool_put_many(drop.pool, objects, N);
        tp_pool_destroy(drop.pool);
        check(support_read(&drop.begun) == N + stats.dropped);
        _exit(0);
    }
    bool well = has_ended_well(child);
    drop_end();
    assert_true(well);
}

static void the_child_of_a_cycle_has_room(void **state)
{
    (void)state;
    the_child_gets_all(collects_twice, tries);
    the_child_gets_all(collects_twice, waits);
}

static void the_child_of_a_trim_has_room(void **state)
{
    (void)state;
    the_child_gets_all(trims, tries);
    the_child_gets_all(trims, waits);
}

/* The pool is gone in the child as well: the next one takes its place. */
static void the_child_of_a_destruction_ends_the_pool(void **state)
{
    pid_t child;
    (void)state;
    drop_begin(destroys, gated_destruct);
    if (forked(&child)) {
        drop.gated = false;
        tp_gc_collect();
        check(support_read(&drop.begun) == N);
        tp_pool *next = tp_pool_create(&(tp_pool_options){.size = 64});
        check(next == drop.pool);
        void *object = tp_pool_get(next);
        check(object != NULL);
        tp_pool_put(next, object);
        tp_pool_destroy(next);
        _exit(0);
    }
    bool well = has_ended_well(child);
    drop.pool = NULL;
    drop_end();
    assert_true(well);
}

/* --- its first call creates a static pool, and the destruct of what is left another --- */

TP_POOL_DEFINE(called_first, uint64_t)
TP_POOL_DEFINE(used_in_a_destruct, uint64_t)

static void static_destruct(void *object, void *context)
{
    gated_destruct(object, context);
    if (!drop.gated)
        used_in_a_destruct_put(used_in_a_destruct_get());
}

static void the_child_may_create_a_static_pool_first(void **state)
{
    pid_t child;
    (void)state;
    drop_begin(trims, static_destruct);
    if (forked(&child)) {
        drop.gated = false;
        uint64_t *object = called_first_get();
        check(object != NULL);
        called_first_put(object);
        tp_pool_trim(drop.pool);
        check(support_read(&drop.begun) == N);
        check(support_stats(used_in_a_destruct_pool()).gets == N - 1);
        _exit(0);
    }
    bool well = has_ended_well(child);
    drop_end();
    assert_true(well);
}

/* --- a destruct forks, and goes on in the child --- */

enum { MANY = 100, FORK_AT = 20 };

static pid_t destructs_child = -1;

static void forking_destruct(void *object, void *context)
{
    (void)object;
    (void)context;
    if (support_add(&drop.begun, 1) + 1 == FORK_AT)
        (void)forked(&destructs_child);
}

/* With service=0: the thread that asks does the drops, and is in the child. Both processes find the
   same. */
static int goes_on(void)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.size = 64, .live_max = MANY, .destruct = forking_destruct});
    check(pool != NULL && tp_pool_get_many(pool, objects, MANY) == MANY);
    tp_pool_put_many(pool, objects, MANY);
    tp_pool_trim(pool);
    check(support_read(&drop.begun) == MANY);
    tp_pool_stats stats = support_stats(pool);
    check(stats.live == 0 && stats.idle == 0 && stats.dropped == MANY);
    check(tp_pool_get_many(pool, objects, MANY) == MANY);
    for (size_t i = 0; i < MANY; i++) {
        check(objects[i] != NULL);
        for (size_t j = 0; j < i; j++)
            check(objects[i] != objects[j]);
    }
    tp_pool_put_many(pool, objects, MANY);
    collects_twice(NULL);
    check(support_read(&drop.begun) == 2 * MANY);
    tp_pool_destroy(pool);
    check(tp_pool_create(&(tp_pool_options){.size = 64}) == pool);
    if (destructs_child == 0)
        _exit(0);
    return has_ended_well(destructs_child) ? 0 : 1;
}

static void a_destruct_that_forks_goes_on(void **state)
{
    (void)state;
    support_passes("goes_on", "service=0");
}

/* --- the same on the service thread: the child's other threads wait for it --- */

static struct {
    tp_pool *pool, *other;
    pid_t child;
} service;

static void *needs_the_work_done(void *unused)
{
    check(tp_gc_collect() <= tp_gc_cycle());
    tp_pool_trim(service.pool);
    check(support_read(&drop.begun) == MANY);
    check(support_stats(service.pool).live == 0);
    tp_pool_destroy(service.other);
    _exit(0);
    return unused;
}

static void service_forks(void *object, void *context)
{
    pthread_t thread;
    (void)object;
    (void)context;
    if (support_add(&drop.begun, 1) + 1 != FORK_AT)
        return;
    if (!forked(&service.child))
        return;
    service.other = tp_pool_create(&(tp_pool_options){.size = 64}); /* starts a service thread */
    check(service.other != NULL);
    check(pthread_create(&thread, NULL, needs_the_work_done, NULL) == 0);
    support_sleep_ms(20); /* both find work that this one is at */
    tp_gc_collect();      /* asks */
}

static void a_service_thread_that_forks_goes_on(void **state)
{
    (void)state;
    if (support_tsan)
        skip(); /* it takes a thread of the child for one of the parent's that has the same id */
    support_set(&drop.begun, 0);
    service.pool = tp_pool_create(&(tp_pool_options){.size = 64, .destruct = service_forks});
    assert_non_null(service.pool);
    assert_int_equal(tp_pool_get_many(service.pool, objects, MANY), MANY);
    tp_pool_put_many(service.pool, objects, MANY);
    tp_pool_trim(service.pool);
    while (service.child == 0)
        pause(); /* service=0: this is the child; its other thread ends it */
    assert_int_equal(support_read(&drop.begun), MANY);
    assert_true(has_ended_well(service.child));
    tp_pool_destroy(service.pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_of_a_cycle_has_room),
        cmocka_unit_test(the_child_of_a_trim_has_room),
        cmocka_unit_test(the_child_of_a_destruction_ends_the_pool),
        cmocka_unit_test(the_child_may_create_a_static_pool_first),
        cmocka_unit_test(a_destruct_that_forks_goes_on),
        cmocka_unit_test(a_service_thread_that_forks_goes_on),
    };
    const struct support_scenario scenarios[] = {
        {"goes_on", goes_on},
        {NULL, NULL},
    };
    (void)argc;
    if (support_tsan && getenv("TP_TEST_STARTED") == NULL)
        support_options_add("service=0"); /* the child's service thread is such a thread too */
    support_start(argv, scenarios);
    return support_group("fork_drops", tests, support_modes);
}
