/* SPDX-License-Identifier: BSD-2-Clause */
/* The loops that are timed: one text, into which each subject's get and put are inlined.

   In every iteration the object's first word is written, and a compiler fence stands after each get
   and each put: without it a compiler would merge the yardstick's put with its next get. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include "ring.h"
#include "subjects.h"

typedef void *bench_get(void *context, size_t size);
typedef void bench_put(void *context, void *object);
typedef void bench_get_many(void *context, void **objects, size_t n);
typedef void bench_put_many(void *context, void **objects, size_t n);

BENCH_ALWAYS_INLINE void bench_touch(void *object, uint64_t value)
{
    *(uint64_t *)object = value;
    bench_fence(object);
}

BENCH_ALWAYS_INLINE void bench_loop_pair(bench_get get, bench_put put, size_t size, void *context,
                                         uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        void *object = get(context, size);
        bench_touch(object, i);
        put(context, object);
        bench_barrier();
    }
}

BENCH_ALWAYS_INLINE void bench_loop_batch(bench_get get, bench_put put, size_t size, void *context,
                                          uint64_t n)
{
    void *objects[BENCH_BATCH];
    for (uint64_t i = 0; i < n; i += BENCH_BATCH) {
        for (unsigned j = 0; j < BENCH_BATCH; j++) {
            objects[j] = get(context, size);
            bench_touch(objects[j], i);
        }
        for (unsigned j = 0; j < BENCH_BATCH; j++) {
            put(context, objects[j]);
            bench_barrier();
        }
    }
}

BENCH_ALWAYS_INLINE void bench_loop_many(bench_get_many get_many, bench_put_many put_many,
                                         void *context, uint64_t n)
{
    void *objects[BENCH_BATCH];
    for (uint64_t i = 0; i < n; i += BENCH_BATCH) {
        get_many(context, objects, BENCH_BATCH);
        for (unsigned j = 0; j < BENCH_BATCH; j++)
            bench_touch(objects[j], i);
        put_many(context, objects, BENCH_BATCH);
        bench_barrier();
    }
}

BENCH_ALWAYS_INLINE void bench_loop_produce(bench_get get, size_t size, void *context, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        void *object = get(context, size);
        bench_touch(object, i);
        bench_ring_push(&bench_ring_there, object);
    }
}

BENCH_ALWAYS_INLINE void bench_loop_consume(bench_put put, void *context, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        void *object = bench_ring_pop(&bench_ring_there);
        sum += *(uint64_t *)object;
        bench_fence(object);
        put(context, object);
        bench_barrier();
    }
    __asm__ volatile("" : : "r"(sum));
}

/* A subject need not name all of its loops in its table row. */
#define BENCH_STAMPED __attribute__((unused)) static

/* Stamps the single-call loops out for one subject; BENCH_LOOPS_OF names them in its table row. */
#define BENCH_LOOPS(NAME, GET, PUT, SIZE)                                                          \
    BENCH_STAMPED void NAME##_pair(void *context, uint64_t n)                                      \
    {                                                                                              \
        bench_loop_pair(GET, PUT, SIZE, context, n);                                               \
    }                                                                                              \
    BENCH_STAMPED void NAME##_batch(void *context, uint64_t n)                                     \
    {                                                                                              \
        bench_loop_batch(GET, PUT, SIZE, context, n);                                              \
    }                                                                                              \
    BENCH_STAMPED void NAME##_produce(void *context, uint64_t n)                                   \
    {                                                                                              \
        bench_loop_produce(GET, SIZE, context, n);                                                 \
    }                                                                                              \
    BENCH_STAMPED void NAME##_consume(void *context, uint64_t n)                                   \
    {                                                                                              \
        bench_loop_consume(PUT, context, n);                                                       \
    }                                                                                              \
    BENCH_STAMPED void *NAME##_burst_get(void *context)                                            \
    {                                                                                              \
        return GET(context, SIZE);                                                                 \
    }                                                                                              \
    BENCH_STAMPED void NAME##_burst_put(void *context, void *object)                               \
    {                                                                                              \
        PUT(context, object);                                                                      \
    }

#define BENCH_LOOPS_OF(NAME)                                                                       \
    .pair = NAME##_pair, .batch = NAME##_batch, .produce = NAME##_produce,                         \
    .consume = NAME##_consume, .burst_get = NAME##_burst_get, .burst_put = NAME##_burst_put

#endif
