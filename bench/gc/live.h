/* SPDX-License-Identifier: BSD-2-Clause */
/* A large live heap: a table of nodes of 48 bytes that point at each other at random, in which
   threads set pointers and replace nodes, while cycles run or do not.

   A subject's file defines struct live, of two words `link`, SUBJECT_NEW and SUBJECT_SET as trees.h
   wants them, and SUBJECT_TABLE(n): n pointers to struct live, NULL. */
#ifndef BENCH_GC_LIVE_H
#define BENCH_GC_LIVE_H

#include "subject.h"

#define LIVE_OPERATIONS_PER_ALLOC 4u

BENCH_ALWAYS_INLINE uint64_t live_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* A number below n. */
BENCH_ALWAYS_INLINE uint64_t live_below(uint64_t *seed, uint64_t n)
{
    return (uint64_t)((unsigned __int128)live_random(seed) * n >> 64);
}

static void live_build(struct bench_live *live)
{
    uint64_t seed = 0x9e3779b97f4a7c15u;
    live->table = SUBJECT_TABLE(live->nodes);
    for (uint64_t i = 0; i < live->nodes; i++) {
        struct live *node = SUBJECT_NEW(live);
        SUBJECT_SET(&live->table[i], node);
    }
    for (uint64_t i = 0; i < live->nodes; i++)
        for (unsigned j = 0; j < 2; j++)
            SUBJECT_SET(&live->table[i]->link[j], live->table[live_below(&seed, live->nodes)]);
}

/* One operation, timed: a pointer is set, or a node takes another's place and points at a third. */
static void live_step(struct bench_live_thread *thread, enum bench_phase phase)
{
    struct bench_live *live = thread->live;
    uint64_t random = live_random(&thread->seed);
    struct live **slot = &live->table[live_below(&thread->seed, live->nodes)];
    struct live *other = live->table[live_below(&thread->seed, live->nodes)], *node = *slot;
    if (random % LIVE_OPERATIONS_PER_ALLOC != 0) {
        bench_look_from_here(&thread->stores[phase]);
        SUBJECT_SET(&node->link[random >> 63], other);
        bench_look(&thread->stores[phase]);
        return;
    }
    bench_look_from_here(&thread->allocs[phase]);
    node = SUBJECT_NEW(live);
    bench_look(&thread->allocs[phase]);
    SUBJECT_SET(&node->link[0], other);
    SUBJECT_SET(slot, node);
}

static void live_mutate(struct bench_live_thread *thread)
{
    int phase;
    while ((phase = atomic_load_explicit(&thread->live->phase, memory_order_relaxed)) != BENCH_STOP)
        live_step(thread, (enum bench_phase)phase);
}

#endif
