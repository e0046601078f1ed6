/* SPDX-License-Identifier: BSD-2-Clause */
/* One producer's way to one consumer: a ring of pointers whose two sides publish their indexes once
   per BENCH_BATCH objects, so that the shared lines move once per batch and not once per object.
   Whoever moves a multiple of BENCH_BATCH objects leaves nothing unpublished behind.

   Each side's fields stand on lines of their own; only head and tail are read by the other side. */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include <stdatomic.h>
#include <stdint.h>
#include "subjects.h"

struct bench_ring {
    _Alignas(128) atomic_ullong head; /* published by the producer (release), for pop's acquire */
    _Alignas(128) atomic_ullong tail; /* published by the consumer (release), for push's acquire */
    _Alignas(128) uint64_t push_next; /* the producer's own */
    uint64_t push_limit;
    _Alignas(128) uint64_t pop_next; /* the consumer's own */
    uint64_t pop_limit;
    _Alignas(128) void *slots[BENCH_RING_SLOTS];
};

/* From producer to consumer, and the other way for the speed of light. */
extern struct bench_ring bench_ring_there, bench_ring_back;

/* Spins until the other side has published; returns the new limit. */
uint64_t bench_ring_wait(const atomic_ullong *published, uint64_t past, uint64_t slack);

BENCH_ALWAYS_INLINE void bench_ring_push(struct bench_ring *ring, void *object)
{
    uint64_t next = ring->push_next;
    if (__builtin_expect(next == ring->push_limit, 0))
        ring->push_limit = bench_ring_wait(&ring->tail, next, BENCH_RING_SLOTS);
    ring->slots[next % BENCH_RING_SLOTS] = object;
    ring->push_next = ++next;
    if (next % BENCH_BATCH == 0)
        atomic_store_explicit(&ring->head, next, memory_order_release);
}

BENCH_ALWAYS_INLINE void *bench_ring_pop(struct bench_ring *ring)
{
    uint64_t next = ring->pop_next;
    void *object;
    if (__builtin_expect(next == ring->pop_limit, 0))
        ring->pop_limit = bench_ring_wait(&ring->head, next, 0);
    object = ring->slots[next % BENCH_RING_SLOTS];
    ring->pop_next = ++next;
    if (next % BENCH_BATCH == 0)
        atomic_store_explicit(&ring->tail, next, memory_order_release);
    return object;
}

#endif
