/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what happens while another thread collects without a pause. */
#ifndef TESTS_CONTRACT_GC_BESIDE_H
#define TESTS_CONTRACT_GC_BESIDE_H

#include "gc_help.h"

enum { RUN_MS = 400, BALLAST = support_sanitized ? 30000 : 300000 };

/* An object that only one place holds: made on a thread that ends. */
struct made {
    struct gc_node **slot; /* where it goes */
    tp_gc_weak *weak;
    ptrdiff_t inside; /* bytes behind its start */
};

static unsigned stop_collecting;

static inline void *collect_all_the_time(void *argument)
{
    (void)argument;
    while (support_read(&stop_collecting) == 0)
        tp_gc_collect();
    return NULL;
}

/* So that a cycle takes long between the reading of the roots and its end. */
static inline struct gc_node *ballast_make(void)
{
    struct gc_node *list = gc_node_make(0);
    for (uint64_t i = 0; i < BALLAST; i++) {
        struct gc_node *node = gc_node_make(i);
        tp_gc_store(&node->next, list);
        list = node;
    }
    return list;
}

static inline void beside_cycles(void (*step)(void))
{
    struct gc_node *ballast = tp_gc_pin(ballast_make());
    support_set(&stop_collecting, 0);
    pthread_t collector = support_thread(collect_all_the_time, NULL);
    uint64_t cycle = tp_gc_cycle();
    int64_t end_ns = support_now_ns() + RUN_MS * INT64_C(1000000);
    while (support_now_ns() < end_ns || tp_gc_cycle() < cycle + 3)
        step();
    support_set(&stop_collecting, 1);
    tp_gc_blocking_begin();
    support_join(collector);
    tp_gc_blocking_end();
    tp_gc_unpin(ballast);
}

static uint64_t random_state = 88172645463325252u;

static inline size_t below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static inline void let_a_cycle_begin(void)
{
    for (size_t polls = below(5); polls > 0; polls--) {
        int64_t end_ns = support_now_ns() + (int64_t)below(60000);
        while (support_now_ns() < end_ns)
            ;
        tp_gc_safepoint();
    }
}

#endif
