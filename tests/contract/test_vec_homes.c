/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors on arenas and on pools: where their memory comes from, when it moves, who gets it back,
   and what fails. */
#include "support.h"

struct wide {
    _Alignas(64) unsigned char bytes[64];
};

TP_VEC_DEFINE(ints, int)
TP_VEC_DEFINE(wides, struct wide)

/* What the compiler must not know, or it would warn of what is tested here. */
static volatile size_t huge = SIZE_MAX;

static void count_up(ints *v, size_t n)
{
    while (v->len < n)
        assert_true(tp_vec_push(v, (int)v->len));
}

static void counts(const ints *v, size_t n)
{
    assert_int_equal(v->len, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(v->data[i], i);
}

/* --- arenas --- */

static tp_arena_stats stats_of(const tp_arena *arena)
{
    tp_arena_stats stats;
    tp_arena_stats_read(arena, &stats);
    return stats;
}

static void on_an_arena_nothing_is_the_heaps(void **state)
{
    (void)state;
    tp_arena *arena = tp_arena_create(&(tp_arena_options){.first = 1 << 20});
    ints v;
    tp_heap_stats before, after;
    assert_non_null(arena);
    assert_non_null(tp_arena_alloc(arena, 1)); /* it has its chunk */
    tp_vec_on_arena(&v, arena);
    tp_heap_stats_read(&before);
    count_up(&v, 20000);
    tp_heap_stats_read(&after);
    assert_int_equal(after.allocations, before.allocations);
    counts(&v, 20000);
    tp_vec_free(&v);
    tp_heap_stats_read(&after);
    assert_int_equal(after.frees, before.frees);
    tp_arena_destroy(arena);
}

static void the_last_of_an_arena_grows_in_place(void **state)
{
    (void)state;
    tp_arena *arena = tp_arena_create(&(tp_arena_options){.first = 1 << 20});
    ints v;
    tp_vec_on_arena(&v, arena);
    assert_true(tp_vec_push(&v, 0));
    int *data = v.data;
    count_up(&v, 50000);
    assert_ptr_equal(v.data, data);
    uint64_t used = stats_of(arena).used;
    assert_in_range(used, 50000 * sizeof(int), 50000 * sizeof(int) * 3 / 2);
    assert_true(tp_vec_resize(&v, 1000));
    assert_true(tp_vec_clip(&v)); /* and shrinks there */
    assert_ptr_equal(v.data, data);
    assert_int_equal(v.cap, 1000);
    assert_true(stats_of(arena).used < used - 100000);
    counts(&v, 1000);
    tp_vec_free(&v); /* all of it goes back, but what ASan keeps between two */
    char *next = tp_arena_alloc(arena, 1);
    assert_in_range(next - (char *)data, 0, support_asan ? 16 : 0);
    count_up(&v, 100); /* still the arena's, behind that */
    int *moved = v.data;
    void *wall = tp_arena_alloc(arena, 16);
    count_up(&v, 10000); /* not the last: it moves, and what it had stays */
    assert_ptr_not_equal(v.data, moved);
    assert_int_equal(moved[99], 99);
    assert_non_null(wall);
    counts(&v, 10000);
    tp_arena_destroy(arena);
}

static void an_arenas_limit_leaves_the_vector_whole(void **state)
{
    (void)state;
    tp_arena *arena = tp_arena_create(&(tp_arena_options){.limit = 100000});
    ints v;
    tp_vec_on_arena(&v, arena);
    while (tp_vec_push(&v, (int)v.len))
        ;
    assert_int_equal(errno, ENOMEM);
    assert_in_range(v.len, 1000, 100000 / sizeof(int));
    ints before = v;
    errno = 0;
    assert_false(tp_vec_reserve(&v, 100000));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_false(tp_vec_reserve(&v, huge / 2));
    assert_int_equal(errno, EOVERFLOW);
    assert_memory_equal(&v, &before, sizeof v);
    counts(&v, v.len);
    tp_arena_reset(arena);
    tp_vec_on_arena(&v, arena);
    count_up(&v, 10);
    counts(&v, 10);
    tp_arena_destroy(arena);
}

static void alignment_on_an_arena(void **state)
{
    (void)state;
    tp_arena *arena = tp_arena_create(NULL);
    wides v;
    struct wide element = {{0}};
    tp_vec_on_arena(&v, arena);
    for (size_t i = 0; i < 500; i++) {
        assert_non_null(tp_arena_alloc(arena, 1));
        element.bytes[0] = (unsigned char)i;
        assert_true(tp_vec_push(&v, element));
        assert_int_equal((uintptr_t)v.data % 64, 0);
    }
    for (size_t i = 0; i < 500; i++)
        assert_int_equal(tp_vec_at(&v, i).bytes[0], i % 256);
    assert_true(tp_vec_resize(&v, 100));
    tp_arena_stats before, after;
    tp_arena_stats_read(arena, &before);
    assert_true(tp_vec_clip(&v)); /* gives back, or does nothing */
    tp_arena_stats_read(arena, &after);
    assert_true(after.used <= before.used);
    assert_int_equal(v.data[99].bytes[0], 99);
    tp_vec_free(&v);
    tp_arena_destroy(arena);
}

/* --- pools --- */

enum { FITS = 100 };

static tp_pool *int_pool(size_t live_max)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.name = "ints", .size = FITS * sizeof(int) + 3, .live_max = live_max});
    assert_non_null(pool);
    return pool;
}

/* Objects of the pool that are in use. */
static uint64_t in_use(tp_pool *pool)
{
    tp_pool_stats stats = support_stats(pool);
    return stats.live - stats.idle;
}

static void the_first_storage_is_an_object(void **state)
{
    (void)state;
    tp_pool *pool = int_pool(0);
    ints v;
    tp_vec_on_pool(&v, pool);
    tp_vec_free(&v);
    assert_int_equal(support_stats(pool).made, 0);
    count_up(&v, 1);
    assert_int_equal(v.cap, FITS); /* whole */
    assert_int_equal(in_use(pool), 1);
    int *object = v.data;
    count_up(&v, FITS);
    assert_true(tp_vec_reserve(&v, FITS));
    assert_ptr_equal(v.data, object);
    tp_vec_free(&v);
    assert_int_equal(in_use(pool), 0);
    count_up(&v, 5); /* the same again, warm */
    assert_int_equal(support_stats(pool).made, 1);
    assert_true(tp_vec_clip(&v)); /* nothing to give back of an object */
    assert_int_equal(v.cap, FITS);
    tp_vec_reset(&v);
    assert_true(tp_vec_clip(&v));
    assert_int_equal(v.cap, 0);
    assert_int_equal(in_use(pool), 0);
    tp_pool_destroy(pool);
}

static void what_outgrows_an_object_is_the_heaps(void **state)
{
    (void)state;
    tp_pool *pool = int_pool(0);
    ints v;
    tp_vec_on_pool(&v, pool);
    count_up(&v, FITS);
    tp_heap_stats before, after;
    tp_heap_stats_read(&before);
    count_up(&v, FITS + 1);
    tp_heap_stats_read(&after);
    assert_int_equal(in_use(pool), 0); /* the object went back */
    assert_int_equal(after.allocations, before.allocations + 1);
    assert_true(v.cap > FITS);
    counts(&v, FITS + 1);
    count_up(&v, 50000);
    counts(&v, 50000);
    assert_true(tp_vec_resize(&v, FITS));
    assert_true(tp_vec_clip(&v)); /* it fits an object again */
    assert_int_equal(v.cap, FITS);
    assert_int_equal(in_use(pool), 1);
    counts(&v, FITS);
    tp_vec_free(&v);
    assert_true(tp_vec_reserve(&v, FITS + 1)); /* never fits one */
    assert_int_equal(in_use(pool), 0);
    tp_vec_free(&v);
    tp_heap_stats_read(&after);
    assert_int_equal(after.frees - before.frees, after.allocations - before.allocations);
    tp_pool_destroy(pool);
}

static void overwrite(void *object, void *context)
{
    (void)context;
    memset(object, 0xee, FITS * sizeof(int));
}

/* What is appended lies in the object that goes back, and is overwritten there. */
static void own_elements_are_followed(void **state)
{
    (void)state;
    tp_pool *pool =
        tp_pool_create(&(tp_pool_options){.size = FITS * sizeof(int), .reset = overwrite});
    ints v;
    tp_vec_on_pool(&v, pool);
    count_up(&v, FITS);
    assert_true(tp_vec_append(&v, v.data + 1, FITS - 1));
    for (size_t i = 0; i < 2 * FITS - 1; i++)
        assert_int_equal(v.data[i], i < FITS ? i : i - FITS + 1);
    tp_vec_free(&v);
    tp_vec_on_pool(&v, pool);
    count_up(&v, FITS);
    assert_true(tp_vec_push(&v, v.data[FITS - 1]));
    assert_int_equal(tp_vec_pop(&v), FITS - 1);
    assert_true(tp_vec_resize(&v, v.cap));
    assert_true(tp_vec_insert(&v, 0, v.data[5]));
    assert_int_equal(v.data[0], 5);
    tp_vec_free(&v);
    tp_pool_destroy(pool);
}

static void a_pool_that_gives_nothing(void **state)
{
    (void)state;
    tp_pool *pool = int_pool(1);
    ints v, other;
    tp_vec_on_pool(&v, pool);
    tp_vec_on_pool(&other, pool);
    count_up(&v, 10);
    errno = 0;
    assert_false(tp_vec_push(&other, 1));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(other.len + other.cap, 0);
    assert_true(tp_vec_reserve(&other, FITS + 1)); /* needs no object */
    count_up(&other, 10);
    ints before = other;
    errno = 0;
    assert_false(tp_vec_clip(&other));
    assert_int_equal(errno, EAGAIN);
    assert_memory_equal(&other, &before, sizeof before);
    counts(&other, 10);
    tp_vec_free(&v);
    assert_true(tp_vec_clip(&other));
    assert_int_equal(in_use(pool), 1);
    before = other;
    assert_false(tp_vec_reserve(&other, huge / 2));
    assert_int_equal(errno, EOVERFLOW);
    assert_false(tp_vec_reserve(&other, huge / 8 - 100));
    assert_int_equal(errno, ENOMEM);
    assert_memory_equal(&other, &before, sizeof before);
    counts(&other, 10);
    tp_vec_free(&other);
    assert_int_equal(in_use(pool), 0);
    tp_pool_destroy(pool);
}

static void *make_nothing(void *context)
{
    (void)context;
    return NULL;
}

static void end_nothing(void *object, void *context)
{
    (void)object;
    (void)context;
}

static void pools_that_cannot_serve(void **state)
{
    (void)state;
    tp_pool *foreign =
        tp_pool_create(&(tp_pool_options){.make = make_nothing, .destruct = end_nothing});
    tp_pool *small = tp_pool_create(&(tp_pool_options){.size = sizeof(int) - 1});
    tp_pool *plain = tp_pool_create(&(tp_pool_options){.size = 1000});
    tp_pool *aligned = tp_pool_create(&(tp_pool_options){.size = 1000, .align = 64});
    tp_pool *unfit[] = {foreign, small, NULL};
    for (size_t i = 0; i < SUPPORT_COUNT(unfit); i++) {
        ints v;
        tp_vec_on_pool(&v, unfit[i]);
        errno = 0;
        assert_false(tp_vec_push(&v, 1));
        assert_int_equal(errno, EINVAL);
        assert_false(tp_vec_reserve(&v, 10000));
        assert_int_equal(errno, EINVAL);
        assert_int_equal(v.len + v.cap, 0);
        tp_vec_free(&v);
    }
    wides v;
    struct wide element = {{7}};
    tp_vec_on_pool(&v, plain);
    assert_false(tp_vec_push(&v, element));
    assert_int_equal(errno, EINVAL);
    tp_vec_on_pool(&v, aligned);
    for (size_t i = 0; i < 30; i++) {
        assert_true(tp_vec_push(&v, element));
        assert_int_equal((uintptr_t)v.data % 64, 0);
        assert_int_equal(in_use(aligned), i < 1000 / 64);
    }
    assert_int_equal(tp_vec_at(&v, 29).bytes[0], 7);
    tp_vec_free(&v);
    ints on_null;
    tp_vec_on_arena(&on_null, NULL);
    assert_false(tp_vec_push(&on_null, 1));
    assert_int_equal(errno, EINVAL);
    tp_pool_destroy(foreign);
    tp_pool_destroy(small);
    tp_pool_destroy(plain);
    tp_pool_destroy(aligned);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_an_arena_nothing_is_the_heaps),
        cmocka_unit_test(the_last_of_an_arena_grows_in_place),
        cmocka_unit_test(an_arenas_limit_leaves_the_vector_whole),
        cmocka_unit_test(alignment_on_an_arena),
        cmocka_unit_test(the_first_storage_is_an_object),
        cmocka_unit_test(what_outgrows_an_object_is_the_heaps),
        cmocka_unit_test(own_elements_are_followed),
        cmocka_unit_test(a_pool_that_gives_nothing),
        cmocka_unit_test(pools_that_cannot_serve),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("vectors' homes", tests, support_modes);
}
