/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of arenas: arenas come empty and warm, cleanups run on the thread that puts, idle ones go
   by cycles, a pool may end before its arenas, and what is put wrongly aborts. */
#include "arena_help.h"

static tp_arena_pool *pool_new(const tp_arena_options *options)
{
    tp_arena_pool *pool = tp_arena_pool_create(options);
    assert_non_null(pool);
    return pool;
}

static tp_arena *got(tp_arena_pool *pool)
{
    tp_arena *arena = tp_arena_pool_get(pool);
    assert_non_null(arena);
    return arena;
}

static void arenas_come_back_empty_and_warm(void **state)
{
    (void)state;
    tp_arena_pool *pool = pool_new(&(tp_arena_options){.name = "requests", .limit = 1000000});
    for (int request = 0; request < 100; request++) {
        tp_arena *arena = got(pool);
        assert_int_equal(arena_stats(arena).used, 0);
        assert_int_equal(arena_stats(arena).limit, 1000000);
        if (request > 0 && !support_poisons())
            assert_in_range(arena_stats(arena).held, 1, 1000000);
        for (int i = 0; i < 100; i++)
            memset(arena_take(arena, 500), request, 500);
        tp_arena *second = got(pool);
        assert_ptr_not_equal(second, arena);
        memset(arena_take(second, 3000), 1, 3000);
        tp_arena_pool_put(pool, second);
        tp_arena_pool_put(pool, arena);
    }
    tp_arena_pool_put(pool, NULL);
    tp_arena_pool_destroy(pool);
    tp_arena_pool_destroy(NULL);
}

static void the_steady_state_takes_nothing(void **state)
{
    (void)state;
    if (support_poisons())
        skip();
    tp_arena_pool *pool = pool_new(NULL);
    uint64_t before = 0;
    for (int request = 0; request < 50; request++) {
        tp_arena *arena = got(pool);
        for (int i = 0; i < 100; i++)
            memset(arena_take(arena, 700), request, 700);
        tp_arena_pool_put(pool, arena);
        if (request == 10)
            before = heap_allocations();
    }
    assert_int_equal(heap_allocations(), before);
    tp_arena_pool_destroy(pool);
}

static pthread_t cleaned_on;
static unsigned cleaned;

static void clean(void *arg)
{
    (void)arg;
    cleaned_on = pthread_self();
    cleaned++;
}

static void cleanups_run_when_it_is_put(void **state)
{
    (void)state;
    tp_arena_pool *pool = pool_new(NULL);
    for (unsigned i = 1; i < 20; i++) {
        tp_arena *arena = got(pool);
        assert_int_equal(tp_arena_defer(arena, clean, NULL), 0);
        tp_arena *child = tp_arena_child(arena, 0);
        assert_int_equal(tp_arena_defer(child, clean, NULL), 0);
        assert_int_equal(cleaned, 2 * (i - 1));
        errno = 17;
        tp_arena_pool_put(pool, arena);
        assert_int_equal(errno, 17);
        assert_int_equal(cleaned, 2 * i);
        assert_true(pthread_equal(cleaned_on, pthread_self()));
    }
    tp_arena_pool_destroy(pool);
    assert_int_equal(cleaned, 38);
}

static uint64_t heap_in_use(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.in_use;
}

static void idle_arenas_go_with_cycles(void **state)
{
    (void)state;
    if (support_poisons())
        skip(); /* what was rewound is not given back at once */
    enum { MANY = 60 };
    tp_arena *arenas[MANY];
    tp_arena_pool *pool = pool_new(NULL);
    for (int i = 0; i < MANY; i++) {
        arenas[i] = got(pool);
        arena_take(arenas[i], 500000);
    }
    for (int i = 0; i < MANY; i++)
        tp_arena_pool_put(pool, arenas[i]);
    assert_true(heap_in_use() > MANY * 500000);
    for (int i = 0; i < 3; i++)
        tp_gc_collect();
    assert_true(heap_in_use() < MANY * 500000 / 2);
    tp_arena *arena = got(pool);
    arena_take(arena, 100);
    tp_arena_pool_put(pool, arena);
    tp_arena_pool_destroy(pool);
}

static void a_pool_may_end_before_its_arenas(void **state)
{
    (void)state;
    tp_arena_pool *pool = pool_new(&(tp_arena_options){.name = "short"});
    tp_arena *first = got(pool), *second = got(pool);
    tp_arena_pool_put(pool, got(pool));
    unsigned before = cleaned;
    assert_int_equal(tp_arena_defer(first, clean, NULL), 0);
    tp_arena_pool_destroy(pool);
    assert_int_equal(cleaned, before);
    memset(arena_take(first, 1000), 1, 1000);
    tp_arena_pool_put(pool, first);
    assert_int_equal(cleaned, before + 1);
    memset(arena_take(second, 100000), 1, 100000);
    tp_arena_pool_put(pool, second);
}

static void options_are_looked_at(void **state)
{
    (void)state;
    errno = 0;
    assert_null(tp_arena_pool_create(&(tp_arena_options){.flags = 8}));
    assert_int_equal(errno, EINVAL);
    tp_arena_pool_destroy(pool_new(&(tp_arena_options){.flags = TP_ARENA_ROOT}));
}

/* --- threads: arenas are got on one and put on another --- */

enum { THREADS = 4, REQUESTS = 2000 };

static tp_arena_pool *shared;
static tp_arena *mailbox[8];
static unsigned wrong, served;

static void clean_anywhere(void *arg)
{
    support_add(arg, 1);
}

static void *serve(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (int i = 0; i < REQUESTS; i++) {
        tp_arena *arena = tp_arena_pool_get(shared);
        seed = seed * 1664525u + 1013904223u;
        if (arena == NULL) {
            support_add(&wrong, 1);
            break;
        }
        unsigned *memory = tp_arena_alloc(arena, (seed >> 16) % 20000 + sizeof *memory);
        if (memory == NULL || tp_arena_defer(arena, clean_anywhere, &served) != 0)
            support_add(&wrong, 1);
        else
            *memory = seed;
        arena = __atomic_exchange_n(&mailbox[seed >> 29], arena, __ATOMIC_SEQ_CST);
        if (arena != NULL)
            tp_arena_pool_put(shared, arena);
    }
    return NULL;
}

static void threads_pass_arenas_on(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    shared = pool_new(&(tp_arena_options){.retain = 10000});
    for (uintptr_t i = 0; i < THREADS; i++)
        threads[i] = support_thread(serve, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        support_join(threads[i]);
    for (size_t i = 0; i < SUPPORT_COUNT(mailbox); i++)
        tp_arena_pool_put(shared, mailbox[i]);
    assert_int_equal(support_read(&wrong), 0);
    assert_int_equal(support_read(&served), THREADS * REQUESTS);
    tp_arena_pool_destroy(shared);
}

/* --- what aborts --- */

static int put_twice(void)
{
    tp_arena_pool *pool = tp_arena_pool_create(&(tp_arena_options){.name = "the name"});
    tp_arena *arena = tp_arena_pool_get(pool);
    tp_arena_pool_put(pool, arena);
    tp_arena_pool_put(pool, arena);
    return 0;
}

static int put_of_a_plain_arena(void)
{
    tp_arena_pool *pool = tp_arena_pool_create(&(tp_arena_options){.name = "the name"});
    tp_arena_pool_put(pool, tp_arena_create(NULL));
    return 0;
}

static int put_into_another_pool(void)
{
    tp_arena_pool *pool = tp_arena_pool_create(&(tp_arena_options){.name = "the name"});
    tp_arena_pool *other = tp_arena_pool_create(NULL);
    tp_arena_pool_put(pool, tp_arena_pool_get(other));
    return 0;
}

static int destroy_of_a_pooled_arena(void)
{
    tp_arena_pool *pool = tp_arena_pool_create(&(tp_arena_options){.name = "the name"});
    tp_arena_destroy(tp_arena_pool_get(pool));
    return 0;
}

static const struct support_scenario scenarios[] = {
    {"put_twice", put_twice},
    {"put_of_a_plain_arena", put_of_a_plain_arena},
    {"put_into_another_pool", put_into_another_pool},
    {"destroy_of_a_pooled_arena", destroy_of_a_pooled_arena},
    {NULL, NULL},
};

static void what_is_put_wrongly_aborts(void **state)
{
    (void)state;
    support_aborts("put_twice", NULL, "was put before", "'the name'");
    support_aborts("put_twice", "poolcheck=1", "was put before", "'the name'");
    support_aborts("put_of_a_plain_arena", NULL, "is not of pool", "'the name'");
    support_aborts("put_into_another_pool", NULL, "is not of pool", "'the name'");
    support_aborts("destroy_of_a_pooled_arena", NULL, "tp_arena_pool_put", "'the name'");
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"service=0", "poolcheck=1",
                                        support_sanitized ? NULL : "rseq=off", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arenas_come_back_empty_and_warm),
        cmocka_unit_test(the_steady_state_takes_nothing),
        cmocka_unit_test(cleanups_run_when_it_is_put),
        cmocka_unit_test(idle_arenas_go_with_cycles),
        cmocka_unit_test(a_pool_may_end_before_its_arenas),
        cmocka_unit_test(options_are_looked_at),
        cmocka_unit_test(threads_pass_arenas_on),
        cmocka_unit_test(what_is_put_wrongly_aborts),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("arena pool", tests, modes);
}
