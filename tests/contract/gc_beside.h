/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what happens while another thread collects without a pause. */
#ifndef TESTS_CONTRACT_GC_BESIDE_H
#define TESTS_CONTRACT_GC_BESIDE_H

#include "gc_help.h"

enum { RUN_MS = 300, BALLAST = support_sanitized ? 30000 : 300000 };

/* An object that only one place holds: made on a thread that ends. */
struct made {
    struct gc_node **slot; /* where it goes */
    tp_gc_weak *weak;
    ptrdiff_t inside; /* bytes behind its start */
};

/* Calls step(context) for a while, and until a few cycles have gone by. With ballast, of so many
   nodes, a cycle takes long between the reading of the roots and its end. */
static inline void beside_cycles(unsigned ballast, void (*step)(void *context), void *context)
{
    unsigned stop = 0;
    gc_ballast_load(ballast);
    pthread_t collector = support_thread(gc_collect_until, &stop);
    uint64_t cycle = tp_gc_cycle();
    int64_t end_ns = support_now_ns() + gc_less(RUN_MS) * INT64_C(1000000);
    while (support_now_ns() < end_ns || tp_gc_cycle() < cycle + 3)
        step(context);
    support_set(&stop, 1);
    gc_join(collector);
    gc_ballast_drop();
}

/* Some polls, and some time between them: so a cycle gets as far as reading the roots, and perhaps
   no further. */
static inline void let_a_cycle_begin(void)
{
    for (size_t polls = gc_below(5); polls > 0; polls--) {
        int64_t end_ns = support_now_ns() + (int64_t)gc_below(60000);
        while (support_now_ns() < end_ns)
            ;
        tp_gc_safepoint();
    }
}

#endif
