/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardsticks: the same work with nothing left out that could be left out.

   sol      pop and push on a thread-local array of pointers, inlined, initial-exec TLS; no lock, no
            other thread, no bounds but the loop's own.
   return   for producer and consumer: the consumer hands each object back through a second ring,
            and the producer takes it from there; nothing is allocated. */
#include <stdlib.h>
#include "loops.h"

#define SLOTS 64u

static __thread struct {
    uint64_t level;
    void *slots[SLOTS];
} sol __attribute__((tls_model("initial-exec")));

/* Every thread's array starts half full: neither 32 gets nor 32 puts leave it. */
static void fill(size_t size)
{
    for (sol.level = 0; sol.level < BENCH_BATCH; sol.level++)
        sol.slots[sol.level] = bench_must(aligned_alloc(64, size), "memory");
}

BENCH_ALWAYS_INLINE void *sol_get(void *context, size_t size)
{
    (void)context;
    (void)size;
    return sol.slots[--sol.level];
}

BENCH_ALWAYS_INLINE void sol_put(void *context, void *object)
{
    (void)context;
    sol.slots[sol.level++] = object;
}

BENCH_ALWAYS_INLINE void *return_get(void *context, size_t size)
{
    (void)context;
    (void)size;
    return bench_ring_pop(&bench_ring_back);
}

BENCH_ALWAYS_INLINE void return_put(void *context, void *object)
{
    (void)context;
    bench_ring_push(&bench_ring_back, object);
}

BENCH_LOOPS(sol, sol_get, sol_put, 0)
BENCH_LOOPS(return, return_get, return_put, 0)

static size_t sol_size;

static void sol_enter(void)
{
    fill(sol_size);
}

static void *sol_open(const struct bench_subject *self)
{
    sol_size = self->size;
    fill(sol_size);
    return NULL;
}

static void *return_open(const struct bench_subject *self)
{
    for (unsigned i = 0; i < BENCH_RING_SLOTS; i++)
        bench_ring_push(&bench_ring_back, bench_must(aligned_alloc(64, self->size), "memory"));
    return NULL;
}

#define SOL(SIZE)                                                                                  \
    {                                                                                              \
        .name = "sol", .size = SIZE, .open = sol_open, .enter = sol_enter, .made = bench_made,     \
        .pair = sol_pair, .batch = sol_batch                                                       \
    }
#define RETURN(SIZE)                                                                               \
    {                                                                                              \
        .name = "return", .size = SIZE, .open = return_open, .made = bench_made,                   \
        .produce = return_produce, .consume = return_consume                                       \
    }

static const struct bench_subject subjects[] = {SOL(64), SOL(1024), RETURN(64), RETURN(1024)};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, subjects, sizeof subjects / sizeof subjects[0]);
}
