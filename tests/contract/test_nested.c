/* SPDX-License-Identifier: BSD-2-Clause */
/* Callbacks that call the library again, in other pools and in their own, that wait and fork within
   a wait, and that are cancelled: counts, waiters and bounds are right afterwards. */
#include "fork_help.h"

enum { MANY = 200 };

static void *objects[MANY];

static tp_pool *pool_of(const tp_pool_options *options)
{
    tp_pool *pool = tp_pool_create(options);
    assert_non_null(pool);
    return pool;
}

static void *just_make(void *context)
{
    (void)context;
    return malloc(64);
}

static void just_free(void *object, void *context)
{
    (void)context;
    free(object);
}

static bool never_keep(const void *object, void *context)
{
    (void)object;
    (void)context;
    return false;
}

/* --- each callback uses the library as a whole --- */

static struct {
    tp_pool *other;
    unsigned calls, wrong;
} inner;

static void use_the_library(void)
{
    void *two[2];
    support_add(&inner.calls, 1);
    if (tp_pool_get_many(inner.other, two, 2) != 2)
        support_add(&inner.wrong, 1);
    tp_pool_put_many(inner.other, two, 2);
    tp_pool *brief = tp_pool_create(&(tp_pool_options){.name = "brief", .size = 40});
    void *object = tp_pool_get_wait(brief, 1000);
    if (object == NULL || tp_pool_reserve(brief, 3) != 3)
        support_add(&inner.wrong, 1);
    tp_pool_trim(brief);
    tp_pool_destroy(brief);
    tp_pool_put(brief, object);
    void *memory = tp_heap_realloc(tp_heap_alloc(100), 3000);
    if (memory == NULL || tp_gc_collect() == 0)
        support_add(&inner.wrong, 1);
    tp_heap_free(memory);
}

static void *using_make(void *context)
{
    (void)context;
    use_the_library();
    return malloc(64);
}

static int using_construct(void *object, void *context)
{
    (void)object;
    (void)context;
    use_the_library();
    return 0;
}

static void using_reset(void *object, void *context)
{
    (void)object;
    (void)context;
    use_the_library();
}

static bool using_keep(const void *object, void *context)
{
    (void)context;
    use_the_library();
    return ((uintptr_t)object >> 6) % 4 != 0;
}

static void using_destruct(void *object, void *context)
{
    use_the_library();
    free(object);
    (void)context;
}

static void callbacks_may_call_everything(void **state)
{
    (void)state;
    inner.other = pool_of(&(tp_pool_options){.size = 100});
    tp_pool *pool = pool_of(&(tp_pool_options){.make = using_make,
                                               .construct = using_construct,
                                               .reset = using_reset,
                                               .keep = using_keep,
                                               .destruct = using_destruct});
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(tp_pool_get_many(pool, objects, 30), 30);
        tp_pool_put_many(pool, objects, 30);
        tp_gc_collect();
    }
    tp_pool_trim(pool);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.live, 0);
    assert_int_equal(stats.made, stats.dropped);
    assert_int_equal(stats.gets, 90);
    assert_int_equal(stats.puts, 90);
    tp_pool_destroy(pool);
    assert_true(support_read(&inner.calls) >= 90);
    assert_int_equal(support_read(&inner.wrong), 0);
    tp_gc_collect(); /* what the callbacks asked for has been done */
    stats = support_stats(inner.other);
    assert_int_equal(stats.gets, stats.puts);
    assert_int_equal(stats.live, stats.idle);
    tp_pool_destroy(inner.other);
}

/* --- what a callback asks for, and cannot wait for, is done before somebody waits for it --- */

static void *trimming_make(void *pool)
{
    tp_pool_trim(pool);
    return malloc(64);
}

static void a_wait_sees_to_what_a_callback_asked_for(void **state)
{
    (void)state;
    tp_pool *bounded = pool_of(&(tp_pool_options){.size = 64, .live_max = 1});
    tp_pool *asking = pool_of(&(tp_pool_options){
        .make = trimming_make, .destruct = just_free, .context = bounded});
    void *object = tp_pool_get(bounded);
    assert_non_null(object);
    tp_pool_put(bounded, object);
    void *made = tp_pool_get_wait(asking, SUPPORT_SECOND);
    assert_non_null(made);
    object = tp_pool_get_wait(bounded, SUPPORT_UNTIL_S * SUPPORT_SECOND);
    assert_non_null(object);
    tp_pool_put(bounded, object);
    tp_pool_put(asking, made);
    tp_pool_destroy(asking);
    tp_pool_destroy(bounded);
}

/* --- waits within waits, and a fork in the innermost --- */

static struct {
    tp_pool *outer, *inner;
    unsigned forks, forked;
    unsigned waiting_within; /* of the outer pool, in its second make, after the fork */
    pid_t child;
    void *object;
} waits;

static void *waiting_make(void *context)
{
    (void)context;
    if (support_read(&waits.forks) == 0)
        return malloc(64);
    support_set(&waits.forks, 0);
    if (tp_pool_get(waits.inner) != NULL || tp_pool_get_wait(waits.inner, 1000000) != NULL)
        return NULL; /* it is at its bound: both look, and the second sleeps */
    (void)forked(&waits.child);
    support_set(&waits.forked, 1);
    waits.waiting_within = (unsigned)support_stats(waits.outer).waiting;
    return malloc(64);
}

static void *puts_late(void *pool)
{
    support_until(support_stats(pool).waiting == 1);
    support_set(&waits.forks, 1);
    tp_pool_put(pool, waits.object); /* dropped: the waiter makes another */
    support_until(support_read(&waits.forked) == 1); /* or TSan's child would miss its join */
    return NULL;
}

/* In both processes: what went wrong, or 0. */
static int after_the_wait(void *object)
{
    if (object == NULL || waits.waiting_within != 1)
        return __LINE__;
    if (support_stats(waits.outer).waiting != 0 || support_stats(waits.inner).waiting != 0)
        return __LINE__;
    tp_pool_put(waits.outer, object);
    object = tp_pool_get_wait(waits.outer, 1000);
    if (object == NULL || support_stats(waits.outer).live != 1)
        return __LINE__;
    tp_pool_destroy(waits.outer);
    tp_pool *lingers = tp_pool_create(&(tp_pool_options){.size = 64});
    if (lingers == waits.outer)
        return __LINE__;
    tp_pool_destroy(lingers);
    tp_pool_put(waits.outer, object); /* its last: now it is gone, and its place free */
    tp_gc_collect();
    tp_pool *next = tp_pool_create(&(tp_pool_options){.size = 64});
    tp_pool_destroy(next);
    return next == waits.outer ? 0 : __LINE__;
}

static void waits_nest_and_fork(void **state)
{
    (void)state;
    waits.outer = pool_of(&(tp_pool_options){
        .make = waiting_make, .destruct = just_free, .keep = never_keep, .live_max = 1});
    waits.inner = pool_of(&(tp_pool_options){.size = 64, .live_max = 1});
    void *kept = tp_pool_get(waits.inner);
    waits.object = tp_pool_get(waits.outer);
    assert_non_null(waits.object);
    pthread_t putter = support_thread(puts_late, waits.outer);
    int line = after_the_wait(tp_pool_get_wait(waits.outer, -1));
    if (waits.child == 0) {
        if (line != 0)
            fprintf(stderr, "in the child, %s:%d\n", __FILE__, line);
        _exit(line != 0);
    }
    support_join(putter);
    assert_int_equal(line, 0);
    ended_well(waits.child);
    tp_pool_put(waits.inner, kept);
    tp_pool_destroy(waits.inner);
}

/* --- a thread is cancelled in a callback: not before it is out of the library --- */

static struct {
    unsigned in_callback, go_on, finished;
} cancel;

/* A callback that is slow once, at cancellation points. */
static void be_cancelled(void)
{
    if (support_add(&cancel.in_callback, 1) != 0)
        return;
    while (support_read(&cancel.go_on) == 0)
        support_sleep_ms(1);
    pthread_testcancel();
    support_add(&cancel.finished, 1);
}

static void *cancelled_make(void *context)
{
    (void)context;
    be_cancelled();
    return malloc(64);
}

static int cancelled_construct(void *object, void *context)
{
    (void)object;
    (void)context;
    be_cancelled();
    return 0;
}

static void cancelled_destruct(void *object, void *context)
{
    be_cancelled();
    just_free(object, context);
}

static void *gets_and_puts(void *pool)
{
    tp_pool_put(pool, tp_pool_get_wait(pool, -1));
    tp_pool_trim(pool);
    for (;;)
        pthread_testcancel();
    return NULL;
}

static void a_cancelled_thread_leaves_a_pool_that_works(const tp_pool_options *options)
{
    void *result = NULL;
    tp_pool *pool = pool_of(options);
    memset(&cancel, 0, sizeof cancel);
    pthread_t thread = support_thread(gets_and_puts, pool);
    support_until(support_read(&cancel.in_callback) == 1);
    assert_int_equal(pthread_cancel(thread), 0);
    support_sleep_ms(5);
    support_set(&cancel.go_on, 1);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED); /* what it asked for itself, it got */
    assert_int_equal(support_read(&cancel.finished), 1);
    tp_gc_collect();
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.live, 0);
    assert_int_equal(stats.waiting, 0);
    void *object = tp_pool_get(pool);
    assert_non_null(object);
    assert_null(tp_pool_get_wait(pool, 1000));
    tp_pool_put(pool, object);
    tp_pool_destroy(pool);
}

static void no_thread_is_cancelled_in_a_callback(void **state)
{
    (void)state;
    a_cancelled_thread_leaves_a_pool_that_works(
        &(tp_pool_options){.make = cancelled_make, .destruct = just_free, .live_max = 1});
    a_cancelled_thread_leaves_a_pool_that_works(&(tp_pool_options){
        .size = 64, .construct = cancelled_construct, .live_max = 1});
    a_cancelled_thread_leaves_a_pool_that_works(&(tp_pool_options){
        .make = just_make, .destruct = cancelled_destruct, .live_max = 1});
    a_cancelled_thread_leaves_a_pool_that_works(&(tp_pool_options){
        .make = just_make, .destruct = cancelled_destruct, .keep = never_keep,
        .live_max = 1});
}

/* The same in a wait's make, with room that comes while it sleeps. */
static unsigned makes;

static void *cancelled_second_make(void *context)
{
    (void)context;
    if (support_add(&makes, 1) == 1)
        be_cancelled();
    return malloc(64);
}

static void no_thread_is_cancelled_in_a_waits_callback(void **state)
{
    void *result = NULL;
    (void)state;
    memset(&cancel, 0, sizeof cancel);
    tp_pool *pool = pool_of(&(tp_pool_options){
        .make = cancelled_second_make, .destruct = just_free, .keep = never_keep, .live_max = 1});
    void *object = tp_pool_get(pool);
    pthread_t thread = support_thread(gets_and_puts, pool);
    support_until(support_stats(pool).waiting == 1);
    tp_pool_put(pool, object);
    support_until(support_read(&cancel.in_callback) == 1);
    assert_int_equal(pthread_cancel(thread), 0);
    support_sleep_ms(5);
    support_set(&cancel.go_on, 1);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(support_stats(pool).waiting, 0);
    assert_int_equal(support_stats(pool).live, 0);
    tp_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_may_call_everything),
        cmocka_unit_test(a_wait_sees_to_what_a_callback_asked_for),
        cmocka_unit_test(waits_nest_and_fork),
        cmocka_unit_test(no_thread_is_cancelled_in_a_callback),
        cmocka_unit_test(no_thread_is_cancelled_in_a_waits_callback),
    };
    (void)argc;
    if (support_tsan && getenv("TP_TEST_STARTED") == NULL)
        support_options_add("service=0"); /* a fork's child starts no thread there */
    support_start(argv, support_no_scenarios);
    return support_group("nested", tests, support_modes);
}
