/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that come, go and hand objects to each other: what an exiting thread leaves behind, what
   may be called after the library's exit handler ran, and that every object has one owner. */
#include "support.h"

#include <limits.h>

static void *objects[4096];

static tp_pool *plain_pool(void)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64});
    assert_non_null(pool);
    return pool;
}

/* --- exit --- */

static void *leaves_idle(void *pool)
{
    void *mine[300];
    size_t n = tp_pool_get_many(pool, mine, 300);
    for (size_t i = 0; i < n; i++)
        tp_pool_put(pool, mine[i]);
    return NULL;
}

static void an_exiting_thread_leaves_its_objects_to_others(void **state)
{
    (void)state;
    tp_pool *pool = plain_pool();
    support_join(support_thread(leaves_idle, pool));
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.idle, 300);
    assert_int_equal(stats.puts, 300);
    assert_int_equal(tp_pool_get_many(pool, objects, 300), 300);
    assert_int_equal(support_stats(pool).made, 300);
    tp_pool_put_many(pool, objects, 300);
    tp_pool_destroy(pool);
}

static void what_an_exiting_thread_leaves_ages_on(void **state)
{
    (void)state;
    tp_pool *pool = plain_pool();
    support_join(support_thread(leaves_idle, pool));
    tp_gc_collect();
    assert_int_equal(support_stats(pool).idle, 300);
    tp_gc_collect();
    assert_int_equal(support_stats(pool).live, 0);
    tp_pool_destroy(pool);
}

/* --- ten thousand threads --- */

enum { AT_ONCE = 8, THREADS = 10000, WARM_UP = 400 };

static void *small_life(void *pool)
{
    void *mine[40];
    size_t n = tp_pool_get_many(pool, mine, 40);
    for (size_t i = 0; i < n; i++)
        tp_pool_put(pool, mine[i]);
    for (size_t i = 0; i < 40; i++)
        mine[i] = tp_heap_alloc((size_t)16 << i % 8);
    for (size_t i = 0; i < 40; i++)
        tp_heap_free(mine[i]);
    return NULL;
}

static void run_threads(tp_pool *pool, unsigned n)
{
    pthread_t threads[AT_ONCE];
    for (unsigned done = 0; done < n; done += AT_ONCE) {
        for (unsigned i = 0; i < AT_ONCE; i++)
            threads[i] = support_thread(small_life, pool);
        for (unsigned i = 0; i < AT_ONCE; i++)
            support_join(threads[i]);
    }
}

static void ten_thousand_threads_come_and_go_without_growth(void **state)
{
    struct tp_heap_stats before, after;
    (void)state;
    tp_pool *pool = plain_pool();
    run_threads(pool, WARM_UP);
    tp_heap_stats_read(&before);
    uint64_t resident = support_resident_bytes();
    run_threads(pool, support_sanitized || support_in_mode() ? THREADS / 10 : THREADS);
    tp_heap_stats_read(&after);
    assert_true(after.metadata <= before.metadata + 300 * 1024); /* a chunk of magazines */
    assert_true(after.in_use <= before.in_use + 1024 * 1024);
    /* Sanitizers and emulators keep something for each thread that there was. */
    assert_true(support_sanitized || support_emulated() ||
                support_resident_bytes() <= resident + 2 * 1024 * 1024);
    assert_true(support_stats(pool).live <= 40 * AT_ONCE * 3);
    tp_pool_destroy(pool);
}

/* --- exit handlers --- */

static struct {
    pthread_key_t key;
    tp_pool *pool;
    unsigned runs, wrong;
} exits;

/* Runs after the library's own handler: its key is the older one. And once more each time that it
   sets its key again, as often as libc lets it. */
static void exit_handler(void *object)
{
    void *more[10];
    if (support_add(&exits.runs, 1) % PTHREAD_DESTRUCTOR_ITERATIONS + 1 <
        PTHREAD_DESTRUCTOR_ITERATIONS)
        pthread_setspecific(exits.key, tp_pool_get(exits.pool));
    memset(object, 3, 64);
    tp_pool_put(exits.pool, object);
    size_t n = tp_pool_get_many(exits.pool, more, 10);
    if (n != 10)
        support_add(&exits.wrong, 1);
    tp_pool_put_many(exits.pool, more, n);
    void *memory = tp_heap_alloc(500);
    if (memory == NULL)
        support_add(&exits.wrong, 1);
    tp_heap_free(tp_heap_realloc(memory, 5000));
}

static void *exits_with_an_object(void *unused)
{
    pthread_setspecific(exits.key, tp_pool_get(exits.pool));
    tp_pool_put(exits.pool, tp_pool_get(exits.pool));
    return unused;
}

/* A thread whose first call of all is in an exit handler. */
static void *exits_untouched(void *object)
{
    pthread_setspecific(exits.key, object);
    return NULL;
}

static void exit_handlers_may_get_and_put(void **state)
{
    (void)state;
    exits.pool = plain_pool();
    assert_int_equal(pthread_key_create(&exits.key, exit_handler), 0);
    for (unsigned i = 0; i < 20; i++) {
        support_join(support_thread(exits_with_an_object, NULL));
        support_join(support_thread(exits_untouched, tp_pool_get(exits.pool)));
    }
    assert_int_equal(support_read(&exits.wrong), 0);
    assert_int_equal(support_read(&exits.runs), 40 * PTHREAD_DESTRUCTOR_ITERATIONS);
    tp_pool_stats stats = support_stats(exits.pool);
    assert_int_equal(stats.idle, stats.live); /* everything came back */
    assert_int_equal(stats.gets, stats.puts);
    tp_gc_collect();
    tp_gc_collect();
    assert_int_equal(support_stats(exits.pool).live, 0);
    pthread_key_delete(exits.key);
    tp_pool_destroy(exits.pool);
}

/* An exiting thread's record goes to the next thread while its exit handlers still run. */
static struct {
    pthread_key_t key;
    tp_pool *pool;
    struct support_gate exiting, taken_over, done;
    void *first, *again, *of_handler;
} heir;

static void handler_beside_an_heir(void *object)
{
    tp_pool_put(heir.pool, object);
    support_gate_open(&heir.exiting);
    support_gate_wait(&heir.taken_over);
    heir.of_handler = tp_pool_get(heir.pool);
    support_gate_open(&heir.done);
}

static void *exits_slowly(void *unused)
{
    void *object = tp_pool_get(heir.pool);
    for (unsigned i = 0; i < 10; i++)
        tp_pool_put(heir.pool, tp_pool_get(heir.pool));
    pthread_setspecific(heir.key, object);
    return unused;
}

static void *takes_over(void *unused)
{
    heir.first = tp_pool_get(heir.pool);
    for (unsigned i = 0; i < 10; i++) {
        tp_pool_put(heir.pool, heir.first);
        heir.first = tp_pool_get(heir.pool);
    }
    tp_pool_put(heir.pool, heir.first);
    support_gate_open(&heir.taken_over);
    support_gate_wait(&heir.done);
    heir.again = tp_pool_get(heir.pool);
    return unused;
}

static void an_exiting_thread_and_its_heir_share_nothing(void **state)
{
    (void)state;
    heir.pool = plain_pool();
    heir.exiting = heir.taken_over = heir.done = (struct support_gate)SUPPORT_GATE_INIT;
    assert_int_equal(pthread_key_create(&heir.key, handler_beside_an_heir), 0);
    pthread_t exiting = support_thread(exits_slowly, NULL);
    support_gate_wait(&heir.exiting);
    pthread_t next = support_thread(takes_over, NULL);
    support_join(exiting);
    support_join(next);
    assert_non_null(heir.of_handler);
    assert_ptr_not_equal(heir.of_handler, heir.again);
    assert_ptr_equal(heir.again, heir.first); /* it was in the heir's own magazine all the time */
    tp_pool_put(heir.pool, heir.of_handler);
    tp_pool_put(heir.pool, heir.again);
    pthread_key_delete(heir.key);
    tp_pool_destroy(heir.pool);
}

/* --- one producer, nine consumers: each item once --- */

enum { CONSUMERS = 9, ITEMS = 200000 };

static struct {
    uint64_t items[ITEMS];
    unsigned seen[ITEMS];
    unsigned count; /* of the items that are used: fewer where each is watched */
    unsigned taken, wrong, dropped;
    tp_pool *pool;
} relay;

static __thread uint64_t *next_item; /* set in the producer alone */

static void *relay_make(void *context)
{
    (void)context;
    return next_item == NULL ? NULL : next_item++;
}

static void relay_destruct(void *object, void *context)
{
    (void)context;
    (void)object;
    support_add(&relay.dropped, 1);
}

static void *consume(void *unused)
{
    while (support_read(&relay.taken) < relay.count) {
        uint64_t *item = tp_pool_get(relay.pool);
        if (item == NULL) {
            sched_yield();
            continue;
        }
        uint64_t index = (uint64_t)(item - relay.items);
        if (index >= relay.count || *item != index || support_add(&relay.seen[index], 1) != 0)
            support_add(&relay.wrong, 1);
        support_add(&relay.taken, 1);
    }
    return unused;
}

/* Ends: a thread's loaded magazine is nobody else's while it may come back. */
static void *produce(void *unused)
{
    next_item = relay.items;
    for (uint64_t i = 0; i < relay.count; i++) {
        uint64_t *item = tp_pool_get(relay.pool);
        if (item != &relay.items[i])
            support_add(&relay.wrong, 1);
        relay.items[i] = i;
    }
    next_item = NULL;
    for (uint64_t i = 0; i < relay.count; i++)
        tp_pool_put(relay.pool, &relay.items[i]);
    return unused;
}

static void one_producer_and_nine_consumers_see_each_item_once(void **state)
{
    pthread_t consumers[CONSUMERS];
    (void)state;
    relay.count = support_sanitized || support_poisons() ? ITEMS / 10 : ITEMS;
    relay.pool =
        tp_pool_create(&(tp_pool_options){.make = relay_make, .destruct = relay_destruct});
    assert_non_null(relay.pool);
    pthread_t producer = support_thread(produce, NULL);
    for (unsigned i = 0; i < CONSUMERS; i++)
        consumers[i] = support_thread(consume, NULL);
    support_join(producer);
    for (unsigned i = 0; i < CONSUMERS; i++)
        support_join(consumers[i]);
    assert_int_equal(support_read(&relay.wrong), 0);
    assert_int_equal(support_read(&relay.taken), relay.count);
    assert_int_equal(support_stats(relay.pool).idle, 0);
    for (uint64_t i = 0; i < relay.count; i++)
        tp_pool_put(relay.pool, &relay.items[i]);
    tp_pool_destroy(relay.pool);
    assert_int_equal(support_read(&relay.dropped), relay.count);
}

/* --- memory of one thread freed by another, and one owner each --- */

enum { ROUNDS = 3000, BATCH = 16 };

static struct {
    tp_pool *pool;
    unsigned wrong;
} mixed;

struct owned {
    pthread_t owner;
    unsigned claims;
};

static int owned_construct(void *object, void *context)
{
    (void)context;
    ((struct owned *)object)->claims = 0;
    return 0;
}

static void *claims_and_puts(void *unused)
{
    struct owned *mine[BATCH];
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = round % BATCH + 1;
        if (tp_pool_get_many(mixed.pool, (void **)mine, n) != n)
            support_add(&mixed.wrong, 1);
        for (size_t i = 0; i < n; i++) {
            if (support_add(&mine[i]->claims, 1) != 0)
                support_add(&mixed.wrong, 1);
            mine[i]->owner = pthread_self();
        }
        if (round % 16 == 0)
            sched_yield();
        for (size_t i = 0; i < n; i++) {
            if (!pthread_equal(mine[i]->owner, pthread_self()))
                support_add(&mixed.wrong, 1);
            support_add(&mine[i]->claims, (unsigned)-1);
            tp_pool_put(mixed.pool, mine[i]);
        }
    }
    return unused;
}

static void every_object_has_one_owner_under_cycles_and_trims(void **state)
{
    pthread_t threads[4];
    (void)state;
    mixed.pool = tp_pool_create(
        &(tp_pool_options){.size = sizeof(struct owned), .construct = owned_construct});
    assert_non_null(mixed.pool);
    for (unsigned i = 0; i < 4; i++)
        threads[i] = support_thread(claims_and_puts, NULL);
    for (unsigned i = 0; i < 40; i++) {
        tp_gc_collect();
        tp_pool_trim(mixed.pool);
        support_join(support_thread(leaves_idle, mixed.pool));
    }
    for (unsigned i = 0; i < 4; i++)
        support_join(threads[i]);
    assert_int_equal(support_read(&mixed.wrong), 0);
    tp_pool_stats stats = support_stats(mixed.pool);
    assert_int_equal(stats.gets, stats.puts);
    assert_int_equal(stats.live, stats.idle);
    assert_int_equal(stats.made, stats.dropped + stats.live);
    tp_pool_destroy(mixed.pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exiting_thread_leaves_its_objects_to_others),
        cmocka_unit_test(what_an_exiting_thread_leaves_ages_on),
        cmocka_unit_test(ten_thousand_threads_come_and_go_without_growth),
        cmocka_unit_test(exit_handlers_may_get_and_put),
        cmocka_unit_test(an_exiting_thread_and_its_heir_share_nothing),
        cmocka_unit_test(one_producer_and_nine_consumers_see_each_item_once),
        cmocka_unit_test(every_object_has_one_owner_under_cycles_and_trims),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("threads", tests, support_modes);
}
