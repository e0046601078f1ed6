/* SPDX-License-Identifier: BSD-2-Clause */
/* fork beside collected objects: the child has what it could reach, may allocate and collect, start
   threads and fork again, whatever step of a cycle its parent's threads were at.

   A child says on stderr what is wrong and ends; the parent asserts that it ended well. */
#include "gc_help.h"

enum { CHILD_SECONDS = 60, LIVE = 3000, ALLOCATORS = 2 };

static struct gc_node *root;
static unsigned stop, torn;
static tp_pool *pool;    /* of collected objects */
static tp_gc_weak *weak; /* of the root's first node */

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "in the child, %s:%d: %s\n", __FILE__, __LINE__, #condition);          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static bool forked(pid_t *child)
{
    fflush(NULL);
    *child = fork();
    if (*child == 0)
        alarm(CHILD_SECONDS);
    return *child == 0;
}

static bool has_ended_well(pid_t child)
{
    int status = 0;
    bool well = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    if (!well)
        print_message("a child ended with status 0x%x\n", (unsigned)status);
    return well;
}

static void list_make(unsigned n)
{
    tp_gc_store(&root, (struct gc_node *)NULL);
    for (unsigned i = 0; i < n; i++) {
        struct gc_node *node = gc_node_make(i);
        tp_gc_store(&node->next, root);
        tp_gc_store(&root, node);
    }
}

static bool list_is_whole(unsigned n)
{
    const struct gc_node *node = root;
    for (; n-- > 0; node = node->next)
        if (!gc_node_is_whole(node) || node->value != n)
            return false;
    return node == NULL;
}

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

static void *collect(void *nothing)
{
    (void)nothing;
    while (support_read(&stop) == 0)
        tp_gc_collect();
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
    check(list_is_whole(LIVE));
    check(tp_gc_weak_get(weak) == root);
    uint64_t cycles = tp_gc_cycle();
    for (unsigned round = 0; round < 3; round++) {
        allocate_a_while(NULL);
        uint64_t number = tp_gc_collect();
        check(tp_gc_cycle() >= number);
        check(list_is_whole(LIVE));
        check(tp_gc_weak_get(weak) == root);
        void *pooled = tp_pool_get(pool);
        check(pooled != NULL);
        tp_pool_put(pool, pooled);
    }
    check(tp_gc_cycle() >= cycles + 3);
    list_make(LIVE / 2);
    pthread_t thread;
    if (threads) {
        check(pthread_create(&thread, NULL, allocate_a_while, NULL) == 0);
        for (unsigned i = 0; i < 3; i++)
            tp_gc_collect();
        tp_gc_blocking_begin();
        pthread_join(thread, NULL);
        tp_gc_blocking_end();
    }
    tp_gc_collect();
    check(list_is_whole(LIVE / 2));
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
        threads[i] = support_thread(i < ALLOCATORS ? allocate : collect, NULL);
    bool well = true;
    for (unsigned i = 0; i < children && well; i++) {
        pid_t child, grandchild;
        if (forked(&child)) {
            /* In its first cycle, which a second thread asks for, it forks again. */
            if (nested) {
                pthread_t thread = support_thread(allocate_a_while, NULL);
                pthread_t collector = support_thread(collect, NULL);
                if (forked(&grandchild)) {
                    works_in_the_child(false);
                    _exit(0);
                }
                check(has_ended_well(grandchild));
                support_set(&stop, 1);
                tp_gc_blocking_begin();
                support_join(thread);
                support_join(collector);
                tp_gc_blocking_end();
            }
            works_in_the_child(!support_sanitized);
            _exit(0);
        }
        tp_gc_blocking_begin();
        well = has_ended_well(child);
        tp_gc_blocking_end();
        support_sleep_ms(i % 3);
        tp_gc_safepoint();
    }
    support_set(&stop, 1);
    tp_gc_blocking_begin();
    for (unsigned i = 0; i <= ALLOCATORS; i++)
        support_join(threads[i]);
    tp_gc_blocking_end();
    assert_true(well);
    assert_int_equal(support_read(&torn), 0);
    assert_true(list_is_whole(LIVE));
}

static void a_child_works_wherever_the_cycle_was(void **state)
{
    (void)state;
    forks_in_traffic(support_sanitized || support_in_mode() ? 25 : 100, false);
}

static void so_does_a_child_s_child(void **state)
{
    (void)state;
    if (support_sanitized) /* its runtime starts no threads in a child */
        skip();
    forks_in_traffic(support_in_mode() ? 10 : 30, true);
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
    list_make(LIVE);
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
