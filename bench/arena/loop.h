/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop that arenas are timed in: one text, into which each subject's calls are inlined.

   `size` allocations (1e3, 1e6) of 16 to 128 bytes, each one's first word written, then a reset; an
   operation is one allocation with its share of the reset. The sizes are drawn beforehand, from a
   fixed seed, and few enough to stay in the first-level cache.

   Each program includes this once: what is static here is the program's. */
#ifndef BENCH_ARENA_LOOP_H
#define BENCH_ARENA_LOOP_H

#include "../harness/cases.h"

#define ARENA_SIZES 4096u
#define ARENA_SIZE_MIN 16u
#define ARENA_SIZE_MAX 128u

static uint8_t arena_sizes[ARENA_SIZES];
static uint64_t arena_step; /* allocations a reset */

typedef void *arena_alloc(void *context, size_t size);
typedef void arena_reset(void *context);

BENCH_ALWAYS_INLINE void arena_loop(arena_alloc alloc, arena_reset reset, void *context, uint64_t n)
{
    uint64_t step = arena_step;
    for (uint64_t done = 0; done < n; done += step) {
        for (uint64_t i = 0; i < step; i++) {
            uint64_t *object = alloc(context, arena_sizes[i % ARENA_SIZES]);
            *object = i;
            bench_fence(object);
        }
        reset(context);
        bench_barrier();
    }
}

/* The seed's sizes, and how many a reset the case wants. */
static inline void arena_prepare(struct bench_case *self)
{
    uint32_t state = 1;
    for (unsigned i = 0; i < ARENA_SIZES; i++) {
        state = state * 1664525u + 1013904223u;
        arena_sizes[i] =
            (uint8_t)(ARENA_SIZE_MIN + (state >> 16) % (ARENA_SIZE_MAX - ARENA_SIZE_MIN + 1));
    }
    self->step = arena_step = bench_case_number(self);
}

/* Enough for the allocations of one reset, each with `overhead` bytes beside it. */
static inline size_t arena_bytes_max(size_t overhead)
{
    return arena_step * (ARENA_SIZE_MAX + overhead);
}

#endif
