/* SPDX-License-Identifier: BSD-2-Clause */
/* One pool and one thread: what creation refuses, what get and put do with objects and errno, when
   each callback runs, what the counters say. Bounds, reserve and trim: test_pool_bounds.c. */
#include "support.h"

/* --- what the callbacks were asked to do, and did --- */

struct tally {
    unsigned made, constructed, kept, reset, destructed;
    int construct_says;
    bool keep_says;
    char order[16]; /* k, r: keep and reset as they came */
};

static void *tally_make(void *context)
{
    struct tally *tally = context;
    tally->made++;
    return malloc(32);
}

static void tally_free(void *object, void *context)
{
    struct tally *tally = context;
    tally->destructed++;
    free(object);
}

static int tally_construct(void *object, void *context)
{
    struct tally *tally = context;
    memset(object, 0x5c, 32);
    if (tally->construct_says == 0)
        tally->constructed++;
    errno = ENXIO; /* what a callback leaves in errno is its own affair */
    return tally->construct_says;
}

static void tally_order(struct tally *tally, char what)
{
    size_t n = strlen(tally->order);
    if (n + 1 < sizeof tally->order)
        tally->order[n] = what;
}

static bool tally_keep(const void *object, void *context)
{
    struct tally *tally = context;
    assert_non_null(object);
    tally->kept++;
    tally_order(tally, 'k');
    errno = ENXIO;
    return tally->keep_says;
}

static void tally_reset(void *object, void *context)
{
    struct tally *tally = context;
    memset(object, 0, 32);
    tally->reset++;
    tally_order(tally, 'r');
    errno = ENXIO;
}

static void tally_destruct(void *object, void *context)
{
    struct tally *tally = context;
    assert_non_null(object);
    tally->destructed++;
}

static tp_pool *created(const tp_pool_options *options)
{
    tp_pool *pool = tp_pool_create(options);
    assert_non_null(pool);
    return pool;
}

static void *got(tp_pool *pool)
{
    void *object = tp_pool_get(pool);
    assert_non_null(object);
    return object;
}

/* --- creation --- */

static void refuses(const tp_pool_options *options, int error)
{
    errno = 0;
    tp_pool *pool = tp_pool_create(options);
    assert_null(pool);
    assert_int_equal(errno, error);
}

static void creation_refuses_what_contradicts_itself(void **state)
{
    (void)state;
    refuses(NULL, EINVAL);
    refuses(&(tp_pool_options){.name = "no size, no make"}, EINVAL);
    refuses(&(tp_pool_options){.make = tally_make}, EINVAL);
    refuses(&(tp_pool_options){.make = tally_make, .destruct = tally_free, .size = 8}, EINVAL);
    refuses(&(tp_pool_options){.size = 8, .align = 3}, EINVAL);
    refuses(&(tp_pool_options){.size = 8, .align = 24}, EINVAL);
    refuses(&(tp_pool_options){.make = tally_make, .destruct = tally_free, .align = 7}, EINVAL);
    refuses(&(tp_pool_options){.size = 8, .flags = 1u << 31}, EINVAL);
}

static void creation_refuses_sizes_beyond_the_address_space(void **state)
{
    (void)state;
    refuses(&(tp_pool_options){.size = SIZE_MAX}, EOVERFLOW);
    refuses(&(tp_pool_options){.size = (size_t)PTRDIFF_MAX + 1}, EOVERFLOW);
    refuses(&(tp_pool_options){.size = 8, .align = ((size_t)PTRDIFF_MAX + 1)}, EOVERFLOW);
}

static void a_size_that_no_machine_has_is_enomem_at_get(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = PTRDIFF_MAX});
    errno = 0;
    assert_null(tp_pool_get(pool));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(support_stats(pool).live, 0);
    tp_pool_destroy(pool);
}

static void options_and_name_are_copied(void **state)
{
    (void)state;
    char name[] = "short-lived";
    struct tally tally = {.keep_says = true};
    tp_pool_options options = {
        .name = name, .size = 32, .reset = tally_reset, .context = &tally, .idle_max = 3};
    tp_pool *pool = created(&options);
    memset(name, 'x', sizeof name - 1);
    memset(&options, 0xff, sizeof options);
    tp_pool_put(pool, got(pool));
    assert_int_equal(tally.reset, 1);
    tp_pool_destroy(pool);
    tp_pool_destroy(NULL);
}

/* --- get and put --- */

static void a_get_makes_only_on_a_miss(void **state)
{
    (void)state;
    struct tally tally = {0};
    tp_pool *pool = created(
        &(tp_pool_options){.make = tally_make, .destruct = tally_free, .context = &tally});
    void *first = got(pool), *second = got(pool);
    assert_int_equal(tally.made, 2);
    assert_ptr_not_equal(first, second);
    tp_pool_put(pool, first);
    assert_ptr_equal(got(pool), first);
    assert_int_equal(tally.made, 2);
    void *third = got(pool);
    assert_int_equal(tally.made, 3);
    tp_pool_put(pool, first);
    tp_pool_put(pool, second);
    tp_pool_put(pool, third);
    tp_pool_destroy(pool);
    assert_int_equal(tally.destructed, 3);
}

static void null_is_ignored(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 8});
    void *objects[3] = {NULL, got(pool), NULL};
    tp_pool_put(pool, NULL);
    tp_pool_put_many(pool, objects, 3);
    tp_pool_put_many(pool, objects, 0);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.puts, 1);
    assert_int_equal(stats.idle, 1);
    tp_pool_destroy(pool);
}

static void objects_come_as_they_were_put(void **state)
{
    (void)state;
    struct tally tally = {0};
    /* With destruct and without construct even a checked build may not overwrite them. */
    tp_pool *pool = created(
        &(tp_pool_options){.size = 200, .destruct = tally_destruct, .context = &tally});
    unsigned char *object = got(pool);
    for (unsigned i = 0; i < 200; i++)
        object[i] = (unsigned char)(i * 7);
    tp_pool_put(pool, object);
    assert_ptr_equal(got(pool), object);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(object[i], (unsigned char)(i * 7));
    tp_pool_put(pool, object);
    tp_pool_destroy(pool);
}

static void objects_are_aligned_as_asked(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 16384; align *= 2) {
        for (size_t size = 1; size <= 100000; size = size * 3 + 1) {
            tp_pool *pool = created(&(tp_pool_options){.size = size, .align = align});
            unsigned char *objects[3];
            for (unsigned i = 0; i < 3; i++) {
                objects[i] = got(pool);
                assert_int_equal((uintptr_t)objects[i] % (align > 16 ? align : 16), 0);
                memset(objects[i], (int)i, size);
            }
            for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(objects[i][0], i);
                assert_int_equal(objects[i][size - 1], i);
                tp_pool_put(pool, objects[i]);
            }
            tp_pool_destroy(pool);
        }
    }
}

static void put_keeps_errno(void **state)
{
    (void)state;
    struct tally tally = {.keep_says = true};
    tp_pool *pool = created(&(tp_pool_options){.size = 32,
                                               .construct = tally_construct,
                                               .keep = tally_keep,
                                               .reset = tally_reset,
                                               .context = &tally,
                                               .idle_max = 2});
    void *objects[8];
    assert_int_equal(tp_pool_get_many(pool, objects, 8), 8);
    errno = EDOM;
    tp_pool_put(pool, objects[0]);
    assert_int_equal(errno, EDOM);
    tally.keep_says = false;
    tp_pool_put(pool, objects[1]);
    assert_int_equal(errno, EDOM);
    tally.keep_says = true;
    tp_pool_put_many(pool, objects + 2, 6); /* beyond idle_max too */
    assert_int_equal(errno, EDOM);
    tp_pool_put(pool, NULL);
    assert_int_equal(errno, EDOM);
    tp_pool_destroy(pool);
}

/* --- callbacks --- */

static void construct_says_why_a_get_failed(void **state)
{
    (void)state;
    struct tally tally = {.construct_says = -EPERM};
    tp_pool *pool = created(&(tp_pool_options){.size = 32,
                                               .construct = tally_construct,
                                               .destruct = tally_destruct,
                                               .context = &tally,
                                               .live_max = 1});
    errno = 0;
    assert_null(tp_pool_get(pool));
    assert_int_equal(errno, EPERM);
    assert_int_equal(tally.destructed, 0); /* what was not constructed is not destructed */
    assert_null(tp_pool_get_wait(pool, 1000));
    assert_int_equal(errno, EPERM);
    tally.construct_says = 0;
    void *object = got(pool); /* its place within live_max was given back */
    tp_pool_put(pool, object);
    tp_pool_destroy(pool);
    assert_int_equal(tally.constructed, tally.destructed);
}

static void *make_nothing(void *context)
{
    (void)context;
    return NULL;
}

static void make_that_fails_is_enomem(void **state)
{
    (void)state;
    struct tally tally = {0};
    tp_pool *pool = created(&(tp_pool_options){
        .make = make_nothing, .destruct = tally_free, .context = &tally, .live_max = 1});
    for (unsigned i = 0; i < 3; i++) {
        errno = 0;
        assert_null(tp_pool_get(pool));
        assert_int_equal(errno, ENOMEM);
    }
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.live, 0);
    assert_int_equal(stats.made, 0);
    assert_int_equal(stats.gets, 0);
    tp_pool_destroy(pool);
    assert_int_equal(tally.destructed, 0);
}

static void made_objects_are_constructed_too(void **state)
{
    (void)state;
    struct tally tally = {.construct_says = -EBUSY};
    tp_pool *pool = created(&(tp_pool_options){.make = tally_make,
                                               .construct = tally_construct,
                                               .destruct = tally_free,
                                               .context = &tally});
    errno = 0;
    assert_null(tp_pool_get(pool));
    assert_int_equal(errno, EBUSY);
    assert_int_equal(tally.made, tally.destructed); /* only destruct can free it */
    tally.construct_says = 0;
    unsigned char *object = got(pool);
    assert_int_equal(object[31], 0x5c);
    tp_pool_put(pool, object);
    tp_pool_destroy(pool);
    assert_int_equal(tally.made, tally.destructed);
}

static void keep_runs_before_reset_and_may_refuse(void **state)
{
    (void)state;
    struct tally tally = {.keep_says = true};
    tp_pool *pool = created(&(tp_pool_options){.size = 32,
                                               .keep = tally_keep,
                                               .reset = tally_reset,
                                               .destruct = tally_destruct,
                                               .context = &tally});
    void *object = got(pool);
    tp_pool_put(pool, object);
    assert_string_equal(tally.order, "kr");
    object = got(pool);
    tally.keep_says = false;
    tp_pool_put(pool, object);
    assert_string_equal(tally.order, "krk"); /* what is not kept is not reset */
    assert_int_equal(tally.destructed, 1);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.live, 0);
    assert_int_equal(stats.idle, 0);
    assert_int_equal(stats.dropped, 1);
    assert_int_equal(stats.puts, 2);
    tp_pool_destroy(pool);
    assert_int_equal(tally.destructed, 1);
}

static void reset_runs_on_every_put(void **state)
{
    (void)state;
    struct tally tally = {.keep_says = true};
    tp_pool *pool =
        created(&(tp_pool_options){.size = 32, .reset = tally_reset, .context = &tally});
    void *objects[100];
    for (unsigned round = 1; round <= 3; round++) {
        assert_int_equal(tp_pool_get_many(pool, objects, 100), 100);
        for (unsigned i = 0; i < 50; i++)
            tp_pool_put(pool, objects[i]);
        tp_pool_put_many(pool, objects + 50, 50);
        assert_int_equal(tally.reset, round * 100);
    }
    tp_pool_destroy(pool);
}

static void destruct_runs_once_an_object(void **state)
{
    (void)state;
    struct tally tally = {0};
    void *objects[300];
    tp_pool *pool = created(&(tp_pool_options){
        .make = tally_make, .destruct = tally_free, .context = &tally, .idle_max = 100});
    assert_int_equal(tp_pool_get_many(pool, objects, 300), 300);
    tp_pool_put_many(pool, objects, 200); /* half of them over the bound */
    assert_int_equal(tally.destructed, 100);
    tp_gc_collect();
    assert_int_equal(tally.destructed, 100);
    tp_gc_collect();
    assert_int_equal(tally.destructed, 200);
    tp_pool_put_many(pool, objects + 200, 100);
    tp_pool_trim(pool);
    assert_int_equal(tally.destructed, 300);
    tp_pool_destroy(pool);
    assert_int_equal(tally.destructed, tally.made);
}

/* --- counters --- */

static void identities_hold(tp_pool *pool, uint64_t in_use)
{
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.gets, stats.hits + stats.misses);
    assert_int_equal(stats.live, stats.idle + in_use);
    assert_int_equal(stats.made - stats.dropped, stats.live);
    assert_int_equal(stats.gets - stats.puts, in_use);
    assert_true(stats.capacity >= 1);
    assert_int_equal(stats.waiting, 0);
}

static void counters_agree_with_each_other(void **state)
{
    (void)state;
    void *objects[500];
    tp_pool *pool = created(&(tp_pool_options){.size = 48, .idle_max = 250});
    uint64_t in_use = 0;
    for (unsigned round = 0; round < 20; round++) {
        size_t n = 25 * (round % 20) + 3;
        assert_int_equal(tp_pool_get_many(pool, objects, n), n);
        identities_hold(pool, n);
        for (size_t i = 0; i < n / 2; i++)
            tp_pool_put(pool, objects[i]);
        identities_hold(pool, n - n / 2);
        if (round % 7 == 3)
            tp_gc_collect();
        if (round % 7 == 5)
            tp_pool_trim(pool);
        tp_pool_put_many(pool, objects + n / 2, n - n / 2);
        in_use += n;
        identities_hold(pool, 0);
        assert_int_equal(support_stats(pool).gets, in_use);
    }
    tp_pool_destroy(pool);
}

static void hits_and_misses_are_counted(void **state)
{
    (void)state;
    tp_pool *pool = created(&(tp_pool_options){.size = 48});
    void *objects[10];
    assert_int_equal(tp_pool_get_many(pool, objects, 10), 10);
    tp_pool_put_many(pool, objects, 10);
    assert_int_equal(tp_pool_get_many(pool, objects, 4), 4);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.misses, 10);
    assert_int_equal(stats.hits, 4);
    assert_int_equal(stats.made, 10);
    assert_int_equal(stats.idle, 6);
    tp_pool_put_many(pool, objects, 4);
    tp_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creation_refuses_what_contradicts_itself),
        cmocka_unit_test(creation_refuses_sizes_beyond_the_address_space),
        cmocka_unit_test(a_size_that_no_machine_has_is_enomem_at_get),
        cmocka_unit_test(options_and_name_are_copied),
        cmocka_unit_test(a_get_makes_only_on_a_miss),
        cmocka_unit_test(null_is_ignored),
        cmocka_unit_test(objects_come_as_they_were_put),
        cmocka_unit_test(objects_are_aligned_as_asked),
        cmocka_unit_test(put_keeps_errno),
        cmocka_unit_test(construct_says_why_a_get_failed),
        cmocka_unit_test(make_that_fails_is_enomem),
        cmocka_unit_test(made_objects_are_constructed_too),
        cmocka_unit_test(keep_runs_before_reset_and_may_refuse),
        cmocka_unit_test(reset_runs_on_every_put),
        cmocka_unit_test(destruct_runs_once_an_object),
        cmocka_unit_test(counters_agree_with_each_other),
        cmocka_unit_test(hits_and_misses_are_counted),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("pool", tests, support_modes);
}
