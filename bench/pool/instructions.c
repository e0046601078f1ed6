/* SPDX-License-Identifier: BSD-2-Clause */
/* Does N times what its first argument says, on one thread, for bench/check-instructions to count
   instructions: with two values of N the start and the end cancel out, and what is left is exact.
   The loops are those of `make bench`, or as short, so a count includes the loop and the touch of
   the object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidepool.h>
#include "loops.h"

struct block {
    uint64_t words[8];
};

TP_POOL_DEFINE(block, struct block)

BENCH_ALWAYS_INLINE void *handle_get(void *context, size_t size)
{
    (void)size;
    return tp_pool_get(context);
}

BENCH_ALWAYS_INLINE void handle_put(void *context, void *object)
{
    tp_pool_put(context, object);
}

BENCH_ALWAYS_INLINE void *define_get(void *context, size_t size)
{
    (void)context;
    (void)size;
    return block_get();
}

BENCH_ALWAYS_INLINE void define_put(void *context, void *object)
{
    (void)context;
    block_put(object);
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

BENCH_ALWAYS_INLINE void many_get(void *context, void **objects, size_t n)
{
    if (tp_pool_get_many(context, objects, n) != n)
        bench_fail("tp_pool_get_many: out of memory");
}

BENCH_ALWAYS_INLINE void many_put(void *context, void **objects, size_t n)
{
    tp_pool_put_many(context, objects, n);
}

BENCH_LOOPS(handle, handle_get, handle_put, 0)
BENCH_LOOPS(define, define_get, define_put, 0)
BENCH_LOOPS(heap_64, heap_get, heap_put, 64)
BENCH_LOOPS(heap_1024, heap_get, heap_put, 1024)

static void many(void *context, uint64_t n)
{
    bench_loop_many(many_get, many_put, context, n);
}

/* A number that the compiler knows nothing of. */
BENCH_ALWAYS_INLINE size_t opaque(size_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n;
}

/* One allocation of 64 bytes, from a window of our own: under Valgrind the library closes an
   arena's, so that each allocation is a call and can be looked at. */
static void one_alloc(void *context, uint64_t n)
{
    static _Alignas(16) char memory[BENCH_BATCH * 64];
    struct tp_detail_arena_window window = {.end = memory + sizeof memory};
    tp_arena *arena = (tp_arena *)(void *)&window;
    (void)context;
    for (uint64_t i = 0; i < n; i += BENCH_BATCH) {
        window.next = memory;
        for (unsigned j = 0; j < BENCH_BATCH; j++) {
            void *object = tp_arena_alloc(arena, opaque(64));
            if (object == NULL)
                bench_fail("tp_arena_alloc: out of memory");
            bench_touch(object, i);
        }
    }
}

/* One collected object of 64 bytes, from a run of our own: what the collector hands out next, and
   when it has to be asked, are not the inlined path's. */
static void one_collected(void *context, uint64_t n)
{
    static _Alignas(16) char memory[BENCH_BATCH * 64];
    static struct tp_gc_type type = {.single = (uint64_t)64 << 32 | 1};
    struct tp_detail_gc_run *before = tp_detail_gc_self.runs, runs[2] = {{0, 0}, {0, 0}};
    (void)context;
    runs[1].end = (uintptr_t)memory + sizeof memory;
    tp_detail_gc_self.runs = runs;
    for (uint64_t i = 0; i < n; i += BENCH_BATCH) {
        runs[1].next = (uintptr_t)memory;
        for (unsigned j = 0; j < BENCH_BATCH; j++) {
            void *object = tp_gc_alloc(&type);
            if (object == NULL)
                bench_fail("tp_gc_alloc: out of memory");
            bench_touch(object, i);
        }
    }
    tp_detail_gc_self.runs = before;
}

/* One store of a pointer while no cycle runs. */
static void one_store(void *context, uint64_t n)
{
    static void *slots[BENCH_BATCH];
    for (uint64_t i = 0; i < n; i++)
        tp_gc_store(&slots[i % BENCH_BATCH], context);
}

/* One push into a vector with room, which is a local variable. */
static void one_push(void *context, uint64_t n)
{
    tp_vec(int) items = {0};
    (void)context;
    if (!tp_vec_reserve(&items, BENCH_BATCH))
        bench_fail("tp_vec_reserve: out of memory");
    for (uint64_t i = 0; i < n; i += BENCH_BATCH) {
        tp_vec_reset(&items);
        for (unsigned j = 0; j < BENCH_BATCH; j++)
            if (!tp_vec_push(&items, (int)opaque(j)))
                bench_fail("tp_vec_push: out of memory");
        bench_fence(items.data);
    }
}

/* A copy of 64 bytes into a buffer that has room. */
static void one_copy(void *context, uint64_t n)
{
    static const char text[64];
    tp_bytes bytes = {0};
    (void)context;
    for (uint64_t i = 0; i < n; i++) {
        if (!tp_bytes_from_mem(&bytes, text, opaque(sizeof text)))
            bench_fail("tp_bytes_from_mem: out of memory");
        bench_fence(&bytes);
    }
}

static const struct {
    const char *name;
    bench_loop *loop;
} modes[] = {
    {"handle_pair", handle_pair},
    {"handle_batch", handle_batch},
    {"define_pair", define_pair},
    {"define_batch", define_batch},
    {"many", many},
    {"heap_64_pair", heap_64_pair},
    {"heap_64_batch", heap_64_batch},
    {"heap_1024_pair", heap_1024_pair},
    {"arena_alloc", one_alloc},
    {"gc_alloc", one_collected},
    {"gc_store", one_store},
    {"vec_push", one_push},
    {"bytes_from_mem", one_copy},
};

int main(int argc, char **argv)
{
    tp_pool_options options = {.name = "instructions", .size = sizeof(struct block)};
    uint64_t n;
    void *pool;
    bench_begin(argv[0]);
    if (argc < 3)
        bench_fail("usage: MODE N");
    n = strtoull(argv[2], NULL, 10);
    pool = bench_must(tp_pool_create(&options), "tp_pool_create");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, argv[1]) == 0) {
            modes[i].loop(pool, n - n % BENCH_BATCH);
            return BENCH_OPTIMISED ? 0 : 3;
        }
    bench_fail("no mode %s", argv[1]);
}
