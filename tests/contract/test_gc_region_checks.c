/* SPDX-License-Identifier: BSD-2-Clause */
/* Between tp_gc_blocking_begin and tp_gc_blocking_end a thread stores no pointer into collected
   memory, whether a cycle runs or not: wbcheck=1 and a checked build notice it each time, and find
   nothing to say of right programs. */
#include "fork_help.h"
#include "gc_help.h"

static struct gc_node *root;

/* --- wrong --- */

static int store_in_region(void)
{
    struct gc_node *node = gc_node_make(1);
    tp_gc_store(&root, node);
    tp_gc_blocking_begin();
    tp_gc_store(&root, node);
    tp_gc_blocking_end();
    return 0;
}

/* The handshakes of a cycle come to the region, and leave it as it was. */
static int store_after_a_cycle_in_region(void)
{
    struct gc_node *node = gc_node_make(1);
    pthread_t thread;
    unsigned stop = 0;
    uint64_t before = tp_gc_cycle();
    if (pthread_create(&thread, NULL, gc_collect_until, &stop) != 0)
        return 1;
    tp_gc_blocking_begin();
    while (tp_gc_cycle() < before + 3)
        support_sleep_ms(1);
    support_set(&stop, 1);
    pthread_join(thread, NULL);
    tp_gc_store(&root, node);
    tp_gc_blocking_end();
    return 0;
}

static void store_it(void *node)
{
    tp_gc_store(&root, (struct gc_node *)node);
}

static void *blocked(void *node)
{
    store_it(node);
    return NULL;
}

static int store_in_call(void)
{
    (void)tp_gc_blocking_call(blocked, gc_node_make(1));
    return 0;
}

static void allocate(int signal)
{
    (void)signal;
    (void)gc_node_make(2);
}

/* While the library waits, too, it is as if in a region: there it is not known which of both. */
static int handler_that_allocates(void)
{
    struct sigaction action = {.sa_handler = allocate};
    (void)gc_node_make(1);
    if (sigaction(SIGUSR1, &action, NULL) != 0)
        return 1;
    tp_gc_blocking_begin();
    (void)raise(SIGUSR1);
    tp_gc_blocking_end();
    return 0;
}

static int shade_in_region(void)
{
    struct gc_node *node = gc_node_make(1);
    tp_gc_blocking_begin();
    tp_gc_shade(node);
    tp_gc_blocking_end();
    return 0;
}

/* --- right --- */

static void *regions_and_stores(void *unused)
{
    struct gc_node *list = NULL;
    for (unsigned i = 0; i < 3000; i++) {
        struct gc_node *node = gc_node_make(i);
        tp_gc_store(&node->next, list);
        list = i % 100 == 99 ? NULL : node;
        tp_gc_blocking_begin();
        tp_gc_blocking_begin();
        tp_gc_blocking_end();
        if (i % 64 == 0)
            support_sleep_ms(1);
        tp_gc_blocking_end();
        if (!gc_node_is_whole(node))
            abort();
    }
    return unused;
}

static void *ends_in_a_region(void *unused)
{
    struct gc_node *node = gc_node_make(1);
    tp_gc_store(&node->next, node);
    tp_gc_blocking_begin();
    pthread_exit(unused);
}

static void new_thread_stores(void *unused)
{
    (void)unused;
    store_it(gc_node_make(3));
}

/* Beside cycles; also a thread that ends in a region, one that comes after it, and a child that was
   forked in a region. */
static int right_in_regions(void)
{
    pthread_t collector, mutators[2];
    unsigned stop = 0;
    if (pthread_create(&collector, NULL, gc_collect_until, &stop) != 0)
        return 1;
    for (unsigned i = 0; i < 2; i++)
        if (pthread_create(&mutators[i], NULL, regions_and_stores, NULL) != 0)
            return 1;
    gc_join(mutators[0]);
    gc_join(mutators[1]);
    gc_join(support_thread(ends_in_a_region, NULL));
    gc_elsewhere(new_thread_stores, NULL);
    support_set(&stop, 1);
    gc_join(collector);
    pid_t child;
    tp_gc_blocking_begin();
    bool in_child = forked(&child);
    tp_gc_blocking_end();
    if (!in_child)
        return has_ended_well(child) && gc_node_is_whole(root) ? 0 : 1;
    store_it(gc_node_make(2));
    tp_gc_collect();
    check(gc_node_is_whole(root));
    _exit(0);
}

static void a_store_in_a_region_is_noticed(void **state)
{
    static const char rule[] = "between tp_gc_blocking_begin and tp_gc_blocking_end";
    static const char *const stores[] = {"store_in_region", "store_after_a_cycle_in_region",
                                         "store_in_call"};
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(stores); i++)
        support_aborts(stores[i], "wbcheck=1", "the collected heap was used", rule);
    support_aborts("shade_in_region", NULL, "the collected heap was used", rule);
    support_aborts("handler_that_allocates", NULL, rule, "or in a signal handler");
}

static void right_programs_hear_nothing(void **state)
{
    (void)state;
    support_passes("right_in_regions", "wbcheck=1");
    support_passes("right_in_regions", "wbcheck=1,service=0");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"store_in_region", store_in_region},
        {"store_after_a_cycle_in_region", store_after_a_cycle_in_region},
        {"store_in_call", store_in_call},
        {"shade_in_region", shade_in_region},
        {"handler_that_allocates", handler_that_allocates},
        {"right_in_regions", right_in_regions},
        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_in_a_region_is_noticed),
        cmocka_unit_test(right_programs_hear_nothing),
    };
    (void)argc;
    if (argv[1] != NULL && tp_gc_root_add(&root, sizeof root) != 0)
        return 1;
    support_start(argv, scenarios);
    return support_group("stores in blocking regions", tests, support_modes);
}
