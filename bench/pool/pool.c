/* SPDX-License-Identifier: BSD-2-Clause */
/* Ours: a pool by its handle, a pool by TP_POOL_DEFINE, the calls that take many, and the heap. */
#include <stdlib.h>
#include <tidepool.h>
#include "loops.h"

struct block_64 {
    uint64_t words[8];
};
struct block_256 {
    uint64_t words[32];
};
struct block_1024 {
    uint64_t words[128];
};

TP_POOL_DEFINE(block_64, struct block_64)
TP_POOL_DEFINE(block_1024, struct block_1024)

BENCH_ALWAYS_INLINE void *handle_get(void *context, size_t size)
{
    (void)size;
    return tp_pool_get(context);
}

BENCH_ALWAYS_INLINE void handle_put(void *context, void *object)
{
    tp_pool_put(context, object);
}

BENCH_ALWAYS_INLINE void handle_get_many(void *context, void **objects, size_t n)
{
    if (__builtin_expect(tp_pool_get_many(context, objects, n) != n, 0))
        bench_fail("tp_pool_get_many: out of memory");
}

BENCH_ALWAYS_INLINE void handle_put_many(void *context, void **objects, size_t n)
{
    tp_pool_put_many(context, objects, n);
}

BENCH_ALWAYS_INLINE void *define_64_get(void *context, size_t size)
{
    (void)context;
    (void)size;
    return block_64_get();
}

BENCH_ALWAYS_INLINE void define_64_put(void *context, void *object)
{
    (void)context;
    block_64_put(object);
}

BENCH_ALWAYS_INLINE void *define_1024_get(void *context, size_t size)
{
    (void)context;
    (void)size;
    return block_1024_get();
}

BENCH_ALWAYS_INLINE void define_1024_put(void *context, void *object)
{
    (void)context;
    block_1024_put(object);
}

BENCH_ALWAYS_INLINE void *heap_get(void *context, size_t size)
{
    (void)context;
    return tp_heap_alloc(size);
}

BENCH_ALWAYS_INLINE void heap_put(void *context, void *object)
{
    (void)context;
    tp_heap_free(object);
}

BENCH_LOOPS(handle, handle_get, handle_put, 0)
BENCH_LOOPS(define_64, define_64_get, define_64_put, 0)
BENCH_LOOPS(define_1024, define_1024_get, define_1024_put, 0)
BENCH_LOOPS(heap_64, heap_get, heap_put, sizeof(struct block_64))
BENCH_LOOPS(heap_256, heap_get, heap_put, sizeof(struct block_256))
BENCH_LOOPS(heap_1024, heap_get, heap_put, sizeof(struct block_1024))

static void handle_many(void *context, uint64_t n)
{
    bench_loop_many(handle_get_many, handle_put_many, context, n);
}

static void *handle_open(const struct bench_subject *self)
{
    tp_pool_options options = {.name = "bench", .size = self->size};
    return bench_must(tp_pool_create(&options), "tp_pool_create");
}

static void *define_64_open(const struct bench_subject *self)
{
    (void)self;
    return block_64_pool();
}

static void *define_1024_open(const struct bench_subject *self)
{
    (void)self;
    return block_1024_pool();
}

static void *heap_open(const struct bench_subject *self)
{
    (void)self;
    return NULL;
}

static uint64_t pool_made(void *context)
{
    tp_pool_stats stats;
    tp_pool_stats_read(context, &stats);
    return stats.made;
}

static void two_cycles(void *context)
{
    (void)context;
    tp_gc_collect();
    tp_gc_collect();
}

#define HANDLE(SIZE)                                                                               \
    {                                                                                              \
        .name = "pool", .size = SIZE, .open = handle_open, .made = pool_made,                      \
        .settle = two_cycles, .many = handle_many, BENCH_LOOPS_OF(handle)                          \
    }
#define DEFINE(SIZE)                                                                               \
    {                                                                                              \
        .name = "pool_define", .size = SIZE, .open = define_##SIZE##_open, .made = pool_made,      \
        .settle = two_cycles, BENCH_LOOPS_OF(define_##SIZE)                                        \
    }
#define HEAP(SIZE)                                                                                 \
    {                                                                                              \
        .name = "heap", .size = SIZE, .open = heap_open, .settle = two_cycles,                     \
        BENCH_LOOPS_OF(heap_##SIZE)                                                                \
    }

static const struct bench_subject subjects[] = {
    HANDLE(64),   HANDLE(256), HANDLE(1024), DEFINE(64),
    DEFINE(1024), HEAP(64),    HEAP(256),    HEAP(1024),
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, subjects, sizeof subjects / sizeof subjects[0]);
}
