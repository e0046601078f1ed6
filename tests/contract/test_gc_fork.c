/* SPDX-License-Identifier: BSD-2-Clause */
/* fork beside collected objects: the child has what it could reach, may allocate and collect, start
   threads and fork again, whatever step of a cycle its parent's threads were at. */
#include "fork_help.h"
#include "gc_help.h"

enum { LIVE = 3000, ALLOCATORS = 2 };

static struct gc_node *root;
static unsigned stop, torn;
static tp_pool *pool;    /* of collected objects */
static tp_gc_weak *weak; /* of the root's first node */

/* Short-lived lists, some of their nodes by way of the pool. */
static void *allocate(void *nothing)
{
    (void)nothing;
    struct gc_node *list = NULL;
    unsigned n = 0;
    while (support_read(&stop) == 0) {
        struct gc_node *node = gc_node_make(n++);
        tp_gc_store(&node->next, list);
        list = node;
        if (n % 64 == 0) {
            for (const struct gc_node *each = list; each != NULL; each = each->next)
                if (!gc_node_is_whole(each))
                    support_add(&torn, 1);
            list = NULL;
        }
        void *pooled = tp_pool_get(pool);
        tp_pool_put(pool, pooled);
    }
    return NULL;
}

static void *allocate_a_while(void *nothing)
{
    for (unsigned i = 0; i < 20000; i++)
        gc_node_make(i);
    return nothing;
}

/* What a child may do. */
static void works_in_the_child(bool threads)
{
    check(gc_list_is_whole(root, LIVE));
    check(tp_gc_weak_get(weak) == root);
    uint64_t cycles = tp_gc_cycle();
    for (unsigned round = 0; round < 3; round++) {
        allocate_a_while(NULL);
        uint64_t number = tp_gc_collect();
        check(tp_gc_cycle() >= number);
        check(gc_list_is_whole(root, LIVE));
        check(tp_gc_weak_get(weak) == root);
        void *pooled = tp_pool_get(pool);
        check(pooled != NULL);
        tp_pool_put(pool, pooled);
    }
    check(tp_gc_cycle() >= cycles + 3);
    gc_list_make(&root, LIVE / 2);
    pthread_t thread;
    if (threads) {
        check(pthread_create(&thread, NULL, allocate_a_while, NULL) == 0);
        for (unsigned i = 0; i < 3; i++)
            tp_gc_collect();
        check(gc_join_result(thread) == NULL);
    }
    tp_gc_collect();
    check(gc_list_is_whole(root, LIVE / 2));
    tp_memstats stats;
    tp_memstats_read(&stats);
    check(stats.frees <= stats.mallocs);
}

/* --- beside allocation and cycles --- */

static void forks_in_traffic(unsigned children, bool nested)
{
    pthread_t threads[ALLOCATORS + 1];
    support_set(&stop, 0);
    for (unsigned i = 0; i <= ALLOCATORS; i++)
        threads[i] = support_thread(i < ALLOCATORS ? allocate : gc_collect_until, &stop);
    bool well = true;
    for (unsigned i = 0; i < children && well; i++) {
        pid_t child, grandchild;
        if (forked(&child)) {
            /* In its first cycle, which a second thread asks for, it forks again. */
            if (nested) {
                pthread_t thread = support_thread(allocate_a_while, NULL);
                pthread_t collector = support_thread(gc_collect_until, &stop);
                if (forked(&grandchild)) {
                    works_in_the_child(false);
                    _exit(0);
                }
                check(has_ended_well(grandchild));
                support_set(&stop, 1);
                gc_join(thread);
                gc_join(collector);
            }
            works_in_the_child(!support_sanitized);
            _exit(0);
        }
        well = has_ended_well(child);
        gc_sleep_ms(i % 3);
    }
    support_set(&stop, 1);
    for (unsigned i = 0; i <= ALLOCATORS; i++)
        gc_join(threads[i]);
    assert_true(well);
    assert_int_equal(support_read(&torn), 0);
    assert_true(gc_list_is_whole(root, LIVE));
}

static void a_child_works_wherever_the_cycle_was(void **state)
{
    (void)state;
    forks_in_traffic(gc_less(100), false);
}

static void so_does_a_child_s_child(void **state)
{
    (void)state;
    if (support_sanitized) /* its runtime starts no threads in a child */
        skip();
    if (support_emulated()) {
        print_message("beside a thread that begins or ends, qemu forks with its lock held\n");
        skip();
    }
    forks_in_traffic(gc_less(40), true);
}

/* --- within a cycle's callback --- */

static unsigned callbacks;

static void destruct_forks(void *object, void *context)
{
    pid_t child;
    (void)object, (void)context;
    if (support_add(&callbacks, 1) != 0)
        return;
    if (forked(&child)) {
        gc_node_make(1);
        return; /* the child's only thread is the collecting one, in the midst of a cycle */
    }
    if (!has_ended_well(child))
        support_add(&torn, 1);
}

static int fork_in_a_destruct(void)
{
    pid_t self = getpid();
    tp_pool *other = tp_pool_create(&(tp_pool_options){.size = 64, .destruct = destruct_forks});
    tp_pool_put(other, tp_pool_get(other));
    gc_node_make(1);
    tp_gc_collect();
    tp_gc_collect(); /* drops it; with service=0 on this thread, which comes back here in the child
                      */
    if (getpid() != self)
        works_in_the_child(false);
    return support_read(&torn) != 0 || support_read(&callbacks) == 0;
}

static void cleanup_forks(void *arg)
{
    destruct_forks(NULL, arg);
}

static void forget_one(void *nothing)
{
    (void)nothing;
    if (tp_gc_cleanup_add(gc_node_make(1), cleanup_forks, NULL) == NULL)
        abort();
}

static int fork_in_a_cleanup(void)
{
    pid_t self = getpid();
    gc_elsewhere(forget_one, NULL);
    tp_gc_collect();
    tp_gc_collect();
    if (getpid() != self)
        works_in_the_child(false);
    return support_read(&torn) != 0 || support_read(&callbacks) == 0;
}

static int with_state(int (*run)(void))
{
    if (tp_gc_root_add(&root, sizeof root) != 0)
        return 1;
    gc_list_make(&root, LIVE);
    weak = tp_gc_weak_make(root);
    pool = tp_pool_create(&(tp_pool_options){
        .size = sizeof(struct gc_node), .gc_type = &gc_node_type, .flags = TP_POOL_COLLECTED});
    return weak == NULL || pool == NULL ? 1 : run();
}

static int in_a_destruct(void)
{
    return with_state(fork_in_a_destruct);
}

static int in_a_cleanup(void)
{
    return with_state(fork_in_a_cleanup);
}

/* With the service thread the child would end with it, in the midst of the callback: there is
   nobody to return to. */
static void a_callback_may_fork(void **state)
{
    (void)state;
    support_passes("in_a_destruct", "service=0");
    support_passes("in_a_cleanup", "service=0");
}

static int nothing_more(void)
{
    return 0;
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"in_a_destruct", in_a_destruct}, {"in_a_cleanup", in_a_cleanup}, {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_works_wherever_the_cycle_was),
        cmocka_unit_test(so_does_a_child_s_child),
        cmocka_unit_test(a_callback_may_fork),
    };
    (void)argc;
    support_start(argv, scenarios);
    if (with_state(nothing_more) != 0)
        return 1;
    return support_group("fork and the collector", tests, gc_modes);
}
