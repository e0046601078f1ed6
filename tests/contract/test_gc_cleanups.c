/* SPDX-License-Identifier: BSD-2-Clause */
/* Cleanups: each runs once, after its object is gone and not before, with an argument that is
   whole. */
#include <sys/syscall.h>

#include "fork_help.h"
#include "gc_help.h"

static struct gc_node *root;
static tp_gc_cleanup *added;
static unsigned runs;
static long ran_on;

static void count_run(void *arg)
{
    (void)arg;
    ran_on = syscall(SYS_gettid);
    support_add(&runs, 1);
}

static void roots_add(void)
{
    if (tp_gc_root_add(&root, sizeof root) != 0)
        abort();
}

static void make(void *arg)
{
    struct gc_node *node = gc_node_make(7);
    tp_gc_store(&root, node);
    added =
        tp_gc_cleanup_add(node, arg == NULL ? count_run : (void (*)(void *))(uintptr_t)arg, NULL);
}

/* Not attached: this stack, which had objects in its hands, is not searched. Without the service
   thread cleanups run here, and attach it. */
static void collect(void)
{
    tp_gc_thread_detach();
    tp_gc_collect();
}

static void forget(void)
{
    tp_gc_store(&root, (struct gc_node *)NULL);
    support_set(&runs, 0);
}

static void it_runs_once_when_its_object_is_gone(void **state)
{
    (void)state;
    forget();
    gc_elsewhere(make, NULL);
    assert_non_null(added);
    for (unsigned i = 0; i < 3; i++)
        collect();
    assert_int_equal(support_read(&runs), 0);
    forget();
    collect(); /* which returns after the cleanups have run */
    assert_int_equal(support_read(&runs), 1);
    collect();
    assert_int_equal(support_read(&runs), 1);
    const char *mode = getenv("TP_TEST_MODE");
    bool here = mode != NULL && strcmp(mode, "service=0") == 0;
    assert_int_equal(ran_on == syscall(SYS_gettid), here);
}

static void a_cancelled_one_does_not_run(void **state)
{
    (void)state;
    gc_elsewhere(make, NULL);
    tp_gc_cleanup_cancel(added);
    tp_gc_cleanup_cancel(NULL);
    forget();
    collect();
    collect();
    assert_int_equal(support_read(&runs), 0);
}

/* --- arguments --- */

static unsigned whole;

static void check_argument(void *arg)
{
    const struct gc_node *node = arg;
    support_add(&runs, 1);
    support_add(&whole, gc_node_is_whole(node) && gc_node_is_whole(node->next));
}

static void make_with_argument(void *arg)
{
    struct gc_node *node = gc_node_make(1), *argument = gc_node_make(2);
    (void)arg;
    tp_gc_store(&argument->next, gc_node_make(3));
    tp_gc_store(&root, node);
    added = tp_gc_cleanup_add(node, check_argument, argument);
}

static void the_argument_is_kept(void **state)
{
    (void)state;
    forget();
    gc_elsewhere(make_with_argument, NULL);
    for (unsigned i = 0; i < 4; i++)
        collect();
    forget();
    collect();
    assert_int_equal(support_read(&runs), 1);
    assert_int_equal(support_read(&whole), 1);
}

static tp_gc_weak *weak_argument;

static void make_with_known_argument(void *arg)
{
    struct gc_node *argument = gc_node_make(2);
    make(arg);
    tp_gc_cleanup_cancel(added);
    added = tp_gc_cleanup_add(root, count_run, argument);
    weak_argument = tp_gc_weak_make(argument);
}

static void the_argument_goes_with_the_cleanup(void **state)
{
    (void)state;
    gc_elsewhere(make_with_known_argument, NULL);
    collect();
    assert_true(gc_lives(weak_argument));
    tp_gc_cleanup_cancel(added);
    collect();
    assert_false(gc_lives(weak_argument));
    tp_gc_weak_free(weak_argument);
    gc_elsewhere(make_with_known_argument, NULL);
    forget();
    collect();
    assert_int_equal(support_read(&runs), 1);
    collect();
    assert_false(gc_lives(weak_argument));
    tp_gc_weak_free(weak_argument);
}

/* --- what they may do --- */

static uint64_t asked, ran_in;

static void do_much(void *arg)
{
    struct gc_node *node = gc_node_make(9);
    (void)arg;
    for (unsigned i = 0; i < 10000; i++) {
        struct gc_node *next = gc_node_make(i);
        tp_gc_store(&next->next, node);
        node = next;
    }
    tp_gc_store(&root, node);
    ran_in = tp_gc_cycle();
    asked = tp_gc_collect(); /* asks only */
    if (tp_gc_cleanup_add(root, count_run, NULL) != NULL)
        support_add(&runs, 1);
}

static void it_may_allocate_and_collect_and_add_others(void **state)
{
    (void)state;
    forget();
    gc_elsewhere(make, (void *)(uintptr_t)do_much);
    forget();
    collect();
    assert_int_equal(support_read(&runs), 1);
    assert_true(asked > ran_in);
    assert_true(gc_node_is_whole(root));
    assert_int_equal(root->value, 9999);
    forget();
    collect();
    collect();
    assert_int_equal(support_read(&runs), 1);
}

enum { MANY = 5000 };
static struct gc_node *chain;
static unsigned seen[MANY];

static void note(void *arg)
{
    support_add(&seen[(uintptr_t)arg - 1], 1);
}

static void make_many(void *arg)
{
    (void)arg;
    for (uintptr_t i = 0; i < MANY; i++) {
        struct gc_node *node = gc_node_make(i);
        if (tp_gc_cleanup_add(node, note, (void *)(i + 1)) == NULL)
            abort();
        if (i % 2 == 0) {
            tp_gc_store(&node->next, chain);
            tp_gc_store(&chain, node);
        }
    }
}

static void of_many_exactly_those_of_the_dead_run(void **state)
{
    (void)state;
    gc_elsewhere(make_many, NULL);
    collect();
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(support_read(&seen[i]), i % 2);
    tp_gc_store(&chain, (struct gc_node *)NULL);
    collect();
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(support_read(&seen[i]), 1);
}

/* --- refusals --- */

static void refuses(void *object, void (*fn)(void *arg), void *arg)
{
    errno = 0;
    tp_gc_cleanup *cleanup = tp_gc_cleanup_add(object, fn, arg);
    assert_null(cleanup);
    assert_int_equal(errno, EINVAL);
}

static void what_cannot_have_one_is_refused(void **state)
{
    int local;
    struct gc_node *node = gc_node_make(1);
    char *big = tp_gc_alloc_leaf(1 << 20);
    void *explicit = tp_heap_alloc(64);
    (void)state;
    refuses(NULL, count_run, NULL);
    refuses(node, NULL, NULL);
    refuses(&local, count_run, NULL);
    refuses(explicit, count_run, NULL);
    refuses((char *)node + 8, count_run, NULL);
    refuses(big + 4096, count_run, NULL);
    refuses(node, count_run, node);
    refuses(node, count_run, (char *)node + 8); /* it would never run */
    refuses(big, count_run, big + (1 << 20) - 1);
    tp_heap_free(explicit);
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.name = "collected", .size = 64, .flags = TP_POOL_COLLECTED});
    void *pooled = tp_pool_get(pool);
    assert_non_null(pooled);
    refuses(pooled, count_run, NULL);
    tp_pool_put(pool, pooled);
    tp_pool_destroy(pool);
}

/* --- beside cycles --- */

enum { ADDERS = 3, AHEAD_MAX = 2000, READY = 256 };
static unsigned stop, ended, expected, ran, torn;

/* Its argument was reachable by nothing but the cleanup since it was added. */
static void settle(void *arg)
{
    const struct gc_node *node = arg;
    if (!gc_node_is_whole(node) || !gc_node_is_whole(node->next))
        support_add(&torn, 1);
    support_add(&ran, 1);
}

/* Arguments are older than the marking that their cleanup is added in, and then on no stack. */
static void *add_and_forget(void *arg)
{
    struct gc_node *ready[READY] = {NULL};
    (void)arg;
    for (unsigned at = 0; support_read(&stop) == 0; at = (at + 1) % READY) {
        struct gc_node *argument = ready[at];
        ready[at] = gc_node_make(1);
        tp_gc_store(&ready[at]->next, gc_node_make(2));
        if (argument == NULL)
            continue;
        struct gc_node *node = gc_node_make(3);
        tp_gc_cleanup *cleanup = tp_gc_cleanup_add(node, settle, argument);
        if (cleanup == NULL)
            abort();
        if (support_read(&expected) % 8 == 0) {
            tp_gc_cleanup_cancel(cleanup);
            cleanup = tp_gc_cleanup_add(node, settle, argument);
        }
        support_add(&expected, 1);
        if (node->value != 3)
            abort();
        while (support_read(&expected) - support_read(&ran) > AHEAD_MAX)
            gc_sleep_ms(1);
    }
    support_add(&ended, 1);
    return NULL;
}

static void beside_cycles_each_runs_once(void **state)
{
    pthread_t adders[ADDERS];
    (void)state;
    gc_ballast_load(GC_BALLAST);
    for (unsigned i = 0; i < ADDERS; i++)
        adders[i] = support_thread(add_and_forget, NULL);
    for (unsigned i = 0; i < gc_less(200); i++)
        tp_gc_collect();
    support_set(&stop, 1);
    do {
        tp_gc_collect(); /* those who wait for it may go on */
    } while (support_read(&ended) < ADDERS);
    for (unsigned i = 0; i < ADDERS; i++)
        gc_join(adders[i]);
    tp_gc_collect();
    gc_ballast_drop();
    assert_int_equal(support_read(&torn), 0);
    assert_int_equal(support_read(&ran), support_read(&expected));
}

/* --- scenarios --- */

static void complain(void *arg)
{
    (void)arg;
    _exit(3);
}

static int leave_one(void)
{
    gc_elsewhere(make, (void *)(uintptr_t)complain);
    tp_gc_store(&root, (struct gc_node *)NULL);
    return 0;
}

static void none_runs_at_exit(void **state)
{
    (void)state;
    support_passes("leave_one", NULL);
}

static int cancel_twice(void)
{
    roots_add();
    gc_elsewhere(make, NULL);
    tp_gc_cleanup *again = added;
    tp_gc_cleanup_cancel(added);
    tp_gc_cleanup_cancel(again);
    return 0;
}

static int cancel_after(void)
{
    roots_add();
    gc_elsewhere(make, NULL);
    tp_gc_store(&root, (struct gc_node *)NULL);
    tp_gc_collect();
    tp_gc_cleanup_cancel(added);
    return 0;
}

static int cancel_anything(void)
{
    static uint64_t none[8];
    tp_gc_cleanup_cancel((tp_gc_cleanup *)(void *)none);
    return 0;
}

static void cancelling_what_is_none_aborts(void **state)
{
    (void)state;
    support_aborts("cancel_anything", NULL, "tp_gc_cleanup_cancel", "no cleanup");
    if (support_asan)
        skip(); /* it says so first */
    support_aborts("cancel_twice", NULL, "tp_gc_cleanup_cancel", "cancelled before");
    support_aborts("cancel_after", NULL, "tp_gc_cleanup_cancel", "it ran");
}

static bool child_ran;

static void in_child(void *arg)
{
    (void)arg;
    child_ran = true;
}

static int fork_and_collect(void)
{
    pid_t child;
    roots_add();
    gc_elsewhere(make, (void *)(uintptr_t)in_child);
    bool is_child = forked(&child);
    tp_gc_store(&root, (struct gc_node *)NULL);
    tp_gc_collect();
    if (is_child) {
        tp_gc_collect();
        check(child_ran);
        _exit(0);
    }
    return !has_ended_well(child) || !child_ran;
}

static void they_run_in_a_forks_child_too(void **state)
{
    (void)state;
    support_passes("fork_and_collect", NULL);
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {{"leave_one", leave_one},
                                                        {"cancel_twice", cancel_twice},
                                                        {"cancel_after", cancel_after},
                                                        {"cancel_anything", cancel_anything},
                                                        {"fork_and_collect", fork_and_collect},
                                                        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_once_when_its_object_is_gone),
        cmocka_unit_test(a_cancelled_one_does_not_run),
        cmocka_unit_test(the_argument_is_kept),
        cmocka_unit_test(the_argument_goes_with_the_cleanup),
        cmocka_unit_test(it_may_allocate_and_collect_and_add_others),
        cmocka_unit_test(of_many_exactly_those_of_the_dead_run),
        cmocka_unit_test(what_cannot_have_one_is_refused),
        cmocka_unit_test(beside_cycles_each_runs_once),
        cmocka_unit_test(none_runs_at_exit),
        cmocka_unit_test(cancelling_what_is_none_aborts),
        cmocka_unit_test(they_run_in_a_forks_child_too),
    };
    (void)argc;
    support_start(argv, scenarios);
    roots_add();
    if (tp_gc_root_add(&chain, sizeof chain) != 0)
        return 1;
    return support_group("cleanups", tests, gc_modes);
}
