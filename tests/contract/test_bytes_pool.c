/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of buffers: what a get gives, bounds, lives that end in another order than usual, threads,
   fork, misuse. What pools learn: test_bytes_learn.c. */
#include "bytes_fixture.h"
#include "fork_help.h"

/* --- get and put --- */

static void a_new_buffer_has_the_first_size(void **state)
{
    (void)state;
    tp_bytes_pool *pool = pool_new(NULL);
    assert_int_equal(use(pool, 1), good_cap(FIRST));
    assert_int_equal(stats_of(pool).first, good_cap(FIRST));
    assert_int_equal(stats_of(pool).keep, good_cap(KEEP));
    tp_bytes_pool_destroy(pool);
    pool = pool_new(&(tp_bytes_pool_options){.name = "large", .first = 10000});
    assert_int_equal(use(pool, 1), good_cap(10000));
    assert_int_equal(stats_of(pool).keep, good_cap(10000));
    tp_bytes_pool_destroy(pool);
}

static void a_buffer_comes_back_warm(void **state)
{
    (void)state;
    need_kept_memory();
    tp_bytes_pool *pool = pool_new(NULL);
    tp_bytes *bytes = get(pool);
    assert_true(tp_bytes_reserve(bytes, 3000));
    unsigned char *data = bytes->data;
    assert_true(tp_bytes_from_str(bytes, "contents"));
    tp_bytes_put(pool, bytes);
    assert_ptr_equal(get(pool), bytes);
    assert_ptr_equal(bytes->data, data);
    assert_true(bytes->cap >= 3000);
    tp_bytes_put(pool, bytes);
    tp_bytes_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.gets, 2);
    assert_int_equal(stats.puts, 2);
    assert_int_equal(stats.grown, 1);
    assert_int_equal(stats.live, 1);
    assert_int_equal(stats.idle, 1);
    tp_bytes_pool_destroy(pool);
}

static void put_ignores_null_and_keeps_errno(void **state)
{
    (void)state;
    tp_bytes_pool *pool = pool_new(&(tp_bytes_pool_options){.retain_max = 1000});
    tp_bytes *bytes = get(pool);
    assert_true(tp_bytes_reserve(bytes, 100000));
    errno = 12345;
    tp_bytes_put(pool, NULL);
    tp_bytes_put(pool, bytes);
    assert_int_equal(errno, 12345);
    assert_int_equal(stats_of(pool).puts, 1);
    tp_bytes_pool_destroy(NULL);
    tp_bytes_pool_destroy(pool);
}

/* tp_bytes_free on a pool's buffer, and taking its memory over, do no harm. */
static void a_buffer_may_be_put_without_its_memory(void **state)
{
    (void)state;
    tp_bytes_pool *pool = pool_new(NULL);
    tp_bytes *bytes = get(pool);
    tp_bytes_free(bytes);
    tp_bytes_put(pool, bytes);
    bytes = get(pool);
    assert_true(tp_bytes_from_str(bytes, "taken over"));
    tp_bytes taken = *bytes;
    *bytes = (tp_bytes){0};
    tp_bytes_put(pool, bytes);
    bytes = get(pool);
    assert_ptr_not_equal(bytes->data, taken.data);
    assert_int_equal(bytes->cap, good_cap(FIRST));
    assert_string_equal(tp_bytes_str(&taken), "taken over");
    tp_bytes_free(&taken);
    tp_bytes_put(pool, bytes);
    tp_bytes_pool_destroy(pool);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    errno = 0;
    assert_null(tp_bytes_pool_create(&(tp_bytes_pool_options){.first = SIZE_MAX}));
    assert_int_equal(errno, EOVERFLOW);
    tp_bytes_pool *pool = pool_new(&(tp_bytes_pool_options){.retain_max = SIZE_MAX});
    use(pool, 100000);
    tp_bytes_pool_destroy(pool);
}

static void idle_max_is_a_bound(void **state)
{
    (void)state;
    tp_bytes *buffers[10];
    tp_bytes_pool *pool = pool_new(&(tp_bytes_pool_options){.idle_max = 3});
    for (unsigned i = 0; i < 10; i++)
        buffers[i] = get(pool);
    for (unsigned i = 0; i < 10; i++)
        tp_bytes_put(pool, buffers[i]);
    assert_in_range(stats_of(pool).idle, 1, 3);
    assert_int_equal(stats_of(pool).live, stats_of(pool).idle);
    tp_bytes_pool_destroy(pool);
}

/* --- lives --- */

static void buffers_may_be_put_after_the_pool_was_destroyed(void **state)
{
    (void)state;
    tp_heap_stats before, after;
    enum { OUT = 300 };
    tp_bytes *out[OUT];
    for (unsigned round = 0; round < 4; round++) {
        if (round == 1) /* what stays of a first pool is there */
            tp_heap_stats_read(&before);
        tp_bytes_pool *pool = pool_new(&(tp_bytes_pool_options){.name = "lingers"});
        for (unsigned i = 0; i < OUT; i++)
            assert_true(tp_bytes_printf(out[i] = get(pool), "buffer %u", i));
        for (unsigned i = 0; i < OUT / 3; i++)
            tp_bytes_put(pool, out[i]);
        tp_bytes_pool_destroy(pool);
        errno = 0;
        assert_null(tp_bytes_get(pool));
        assert_int_equal(errno, EINVAL);
        for (unsigned i = OUT / 3; i < OUT; i++) {
            char expected[32];
            snprintf(expected, sizeof expected, "buffer %u", i);
            assert_string_equal(tp_bytes_str(out[i]), expected);
            tp_bytes_put(pool, out[i]);
        }
        tp_gc_collect();
        tp_gc_collect();
    }
    tp_heap_stats_read(&after);
    assert_int_equal(after.allocations - after.frees, before.allocations - before.frees);
}

static void *puts_what_it_is_given(void *argument)
{
    void **given = argument;
    tp_bytes_put(given[0], given[1]);
    return tp_bytes_get(given[0]);
}

static void buffers_travel_between_threads(void **state)
{
    (void)state;
    tp_bytes_pool *pool = pool_new(NULL);
    for (unsigned i = 0; i < 50; i++) {
        void *given[2] = {pool, get(pool)}, *back;
        assert_true(tp_bytes_printf(given[1], "%u", i));
        assert_int_equal(pthread_join(support_thread(puts_what_it_is_given, given), &back), 0);
        assert_non_null(back);
        tp_bytes_put(pool, back);
    }
    assert_int_equal(stats_of(pool).gets, 100);
    assert_int_equal(stats_of(pool).puts, 100);
    tp_bytes_pool_destroy(pool);
}

static void a_child_has_a_pool_of_its_own(void **state)
{
    pid_t child;
    (void)state;
    tp_bytes_pool *pool = pool_new(NULL);
    tp_bytes *held = get(pool);
    assert_true(tp_bytes_from_str(held, "of both"));
    use_many(pool, 700, 100);
    if (forked(&child)) {
        check(strcmp(tp_bytes_str(held), "of both") == 0);
        tp_bytes_put(pool, held);
        for (unsigned i = 0; i < 3 * LEARNED; i++) {
            tp_bytes *bytes = tp_bytes_get(pool);
            check(bytes != NULL && tp_bytes_printf(bytes, "%1000u", i));
            tp_bytes_put(pool, bytes);
        }
        check(stats_of(pool).calibrated > 0);
        tp_bytes_pool_destroy(pool);
        _exit(0);
    }
    ended_well(child);
    assert_string_equal(tp_bytes_str(held), "of both");
    tp_bytes_put(pool, held);
    tp_bytes_pool_destroy(pool);
}

/* --- misuse --- */

static int put_twice(void)
{
    tp_bytes_pool *pool = tp_bytes_pool_create(&(tp_bytes_pool_options){.name = "herring"});
    tp_bytes *bytes = tp_bytes_get(pool), *volatile again = bytes;
    tp_bytes_put(pool, bytes);
    tp_bytes_put(pool, again);
    return 0;
}

static int put_into_another(void)
{
    tp_bytes_pool *pool = tp_bytes_pool_create(&(tp_bytes_pool_options){.name = "herring"});
    tp_bytes_pool *other = tp_bytes_pool_create(&(tp_bytes_pool_options){.name = "salmon"});
    tp_bytes_put(pool, tp_bytes_get(other));
    return 0;
}

static int put_one_of_nobody(void)
{
    struct {
        tp_bytes bytes;
        char behind[256]; /* a smaller object would be a read behind its end */
    } own = {0};
    tp_bytes *volatile bytes = &own.bytes;
    tp_bytes_put(tp_bytes_pool_create(&(tp_bytes_pool_options){.name = "herring"}), bytes);
    return 0;
}

static int get_of_null(void)
{
    tp_bytes_pool *volatile none = NULL;
    return tp_bytes_get(none) != NULL;
}

static const struct support_scenario scenarios[] = {
    {"put twice", put_twice},
    {"put into another", put_into_another},
    {"put one of nobody", put_one_of_nobody},
    {"get of null", get_of_null},
    {NULL, NULL},
};

static void misuse_aborts(void **state)
{
    (void)state;
    support_aborts("put into another", NULL, "tp_bytes_put", "'herring'");
    support_aborts("put one of nobody", NULL, "tp_bytes_put", "'herring'");
    support_aborts("get of null", NULL, "tp_bytes_get", "NULL");
    if (support_asan)
        print_message("a second put is ASan's to find\n");
    else
        support_aborts("put twice", NULL, "tp_bytes_put", "'herring'");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_has_the_first_size),
        cmocka_unit_test(a_buffer_comes_back_warm),
        cmocka_unit_test(put_ignores_null_and_keeps_errno),
        cmocka_unit_test(a_buffer_may_be_put_without_its_memory),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(idle_max_is_a_bound),
        cmocka_unit_test(buffers_may_be_put_after_the_pool_was_destroyed),
        cmocka_unit_test(buffers_travel_between_threads),
        cmocka_unit_test(a_child_has_a_pool_of_its_own),
        cmocka_unit_test(misuse_aborts),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("pools of buffers", tests, support_modes);
}
