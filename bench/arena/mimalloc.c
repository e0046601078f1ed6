/* SPDX-License-Identifier: BSD-2-Clause */
/* mimalloc's heaps as arenas: mi_heap_malloc, and mi_heap_destroy for all of them at once. */
#include <mimalloc.h>
#include "loop.h"

static mi_heap_t *heap;

BENCH_ALWAYS_INLINE void *heap_alloc(void *context, size_t size)
{
    (void)context;
    return mi_heap_malloc(heap, size);
}

static void heap_new(void)
{
    heap = bench_must(mi_heap_new(), "mi_heap_new");
}

BENCH_ALWAYS_INLINE void heap_reset(void *context)
{
    (void)context;
    mi_heap_destroy(heap);
    heap_new();
}

static void heaps(void *context, uint64_t n)
{
    arena_loop(heap_alloc, heap_reset, context, n);
}

/* Its calls are not malloc's, and would not be counted as such. */
static struct bench_cost heap_cost(void *context)
{
    struct bench_cost cost = {1, (ARENA_SIZE_MIN + ARENA_SIZE_MAX) / 2};
    (void)context;
    return cost;
}

static void *heap_open(struct bench_case *self)
{
    arena_prepare(self);
    heap_new();
    return NULL;
}

static const struct bench_case cases[] = {
    {.measurement = "arena",
     .subject = "mi_heap",
     .open = heap_open,
     .loop = heaps,
     .cost = heap_cost},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
