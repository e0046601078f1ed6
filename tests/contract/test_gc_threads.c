/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of the collected heap: attaching and leaving, exit handlers, fork, longjmp. */
#include "fork_help.h"
#include "gc_threads_help.h"

/* --- attaching and leaving --- */

static void attaching_twice_and_leaving_twice_is_once(void **state)
{
    (void)state;
    assert_int_equal(tp_gc_thread_attach(), 0);
    assert_int_equal(tp_gc_thread_attach(), 0);
    tp_gc_thread_detach();
    tp_gc_thread_detach();
    tp_gc_safepoint();
    assert_non_null(make());
    tp_gc_safepoint();
    tp_gc_thread_detach();
    tp_gc_collect();
}

static void *leave_it(void *detach)
{
    (void)make_watched();
    if (detach != NULL)
        tp_gc_thread_detach();
    return NULL;
}

/* Whether what a thread held is alive after its end. */
static void *end_and_look(void *detach)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, leave_it, detach) != 0 || pthread_join(thread, NULL) != 0)
        return &wrong;
    collect_twice(NULL);
    return lived() ? &wrong : NULL;
}

/* Whether by hand or by its end, a thread that left holds nothing. */
static void what_a_thread_held_dies_with_it(void **state)
{
    (void)state;
    assert_true(returns_null_once(end_and_look, NULL));
    assert_true(returns_null_once(end_and_look, &wrong));
}

static void many_threads_come_and_go(void **state)
{
    enum { ROUNDS = 40, AT_ONCE = 8 };
    unsigned stop = 0;
    (void)state;
    wrong = 0;
    pthread_t collector = support_thread(gc_collect_until, &stop);
    for (uintptr_t round = 0; round < ROUNDS; round++) {
        pthread_t threads[AT_ONCE];
        for (uintptr_t i = 0; i < AT_ONCE; i++)
            threads[i] = support_thread(live_shortly, (void *)(round + i));
        for (unsigned i = 0; i < AT_ONCE; i++)
            gc_join(threads[i]);
    }
    support_set(&stop, 1);
    gc_join(collector);
    assert_int_equal(wrong, 0);
}

/* --- exit handlers that allocate --- */

static pthread_key_t exit_key;
static unsigned exit_calls;

/* libc's rounds; in the last ones ThreadSanitizer is not there any more. */
enum { EXIT_ROUNDS = support_tsan ? 2 : 4 };

/* In each round. In late ones it may be told that it is too late. */
static void allocate_at_exit(void *mark)
{
    unsigned round = support_add(&exit_calls, 1) % EXIT_ROUNDS;
    errno = 0;
    struct node *node = tp_gc_alloc(&node_type);
    if (node == NULL && (errno != ENOMEM || round == 0))
        support_add(&wrong, 1);
    if (round + 1 < EXIT_ROUNDS)
        pthread_setspecific(exit_key, mark);
}

static void *allocate_and_end(void *first)
{
    pthread_setspecific(exit_key, &exit_key);
    if (first != NULL && make() == NULL)
        support_add(&wrong, 1);
    return NULL;
}

/* A thread that stayed on the list would keep each cycle from ending. */
static void exit_handlers_may_allocate(void **state)
{
    enum { THREADS = 20 };
    (void)state;
    wrong = exit_calls = 0;
    assert_int_equal(pthread_key_create(&exit_key, allocate_at_exit), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        in_thread(allocate_and_end, i % 2 != 0 ? &wrong : NULL);
        uint64_t cycle = tp_gc_collect();
        assert_true(tp_gc_cycle() >= cycle);
    }
    assert_int_equal(exit_calls, THREADS * EXIT_ROUNDS);
    assert_int_equal(wrong, 0);
    pthread_key_delete(exit_key);
}

/* --- fork and longjmp --- */

/* Allocates and collects, in this thread and in another. */
static void use_in_child(const struct node *list)
{
    for (unsigned round = 0; round < 3; round++) {
        pthread_t thread;
        check(pthread_create(&thread, NULL, live_shortly, NULL) == 0);
        (void)live_shortly(NULL);
        tp_gc_collect();
        gc_join(thread);
    }
    for (uint64_t i = 100; i-- > 0; list = list->next)
        check(list != NULL && list->number == i);
    check(support_read(&wrong) == 0);
}

static void *fork_here(void *nothing)
{
    struct node *list = NULL;
    pid_t child;
    (void)nothing;
    for (uint64_t i = 0; i < 100; i++) {
        struct node *node = make();
        tp_gc_store(&node->next, list);
        node->number = i;
        list = node;
    }
    if (forked(&child)) {
        use_in_child(list); /* the threads beside it are not there */
        _exit(0);
    }
    if (!has_ended_well(child) || list->number != 99)
        support_add(&wrong, 1);
    return NULL;
}

static void *live_until(void *stop)
{
    while (support_read(stop) == 0)
        (void)live_shortly(NULL);
    return NULL;
}

/* Beside threads that allocate and cycles; from the first thread and from another. */
static void a_child_allocates_and_collects(void **state)
{
    pthread_t busy[2];
    unsigned stop = 0;
    (void)state;
    if (support_tsan) /* it cannot follow threads in the child of a threaded process */
        skip();
    wrong = 0;
    busy[0] = support_thread(gc_collect_until, &stop);
    busy[1] = support_thread(live_until, &stop);
    for (unsigned i = 0; i < 3; i++) {
        fork_here(NULL);
        in_thread(fork_here, NULL);
    }
    support_set(&stop, 1);
    for (unsigned i = 0; i < 2; i++)
        gc_join(busy[i]);
    assert_int_equal(wrong, 0);
}

static jmp_buf back;

/* By a variable: a compiler that saw that it never returns would say so. */
static void (*volatile go_deeper)(struct node *parent, int depth);

APART void store_and_jump(struct node *parent, int depth)
{
    struct node *volatile child = make();
    tp_gc_store(&parent->next, (struct node *)child);
    if (depth > 0)
        go_deeper(child, depth - 1);
    else
        longjmp(back, 1);
}

static void longjmp_over_stores_is_safe(void **state)
{
    unsigned stop = 0;
    (void)state;
    pthread_t collector = support_thread(gc_collect_until, &stop);
    struct node *volatile parent = make();
    go_deeper = store_and_jump;
    for (volatile unsigned i = 0; i < 300; i++) {
        if (setjmp(back) == 0)
            store_and_jump(parent, 20);
        unsigned length = 0;
        for (const struct node *node = parent; node != NULL; node = node->next, length++)
            assert_int_equal(node->number, MAGIC);
        assert_int_equal(length, 22);
    }
    support_set(&stop, 1);
    gc_join(collector);
}

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attaching_twice_and_leaving_twice_is_once),
        cmocka_unit_test(what_a_thread_held_dies_with_it),
        cmocka_unit_test(many_threads_come_and_go),
        cmocka_unit_test(exit_handlers_may_allocate),
        cmocka_unit_test(a_child_allocates_and_collects),
        cmocka_unit_test(longjmp_over_stores_is_safe),
    };
    support_start(argv, support_no_scenarios);
    return support_group("gc_threads", tests, support_modes);
}
