/* SPDX-License-Identifier: BSD-2-Clause */
/* Short names for applications, all inlined: they leave no symbol. (Where the analyser wants calls,
   TP_CALLS, two are other names of the library's own symbols.) */
#ifndef TIDEPOOL_SHORT_H
#define TIDEPOOL_SHORT_H

#include <tidepool/gc.h>
#include <tidepool/pool.h>

TP_NODISCARD static inline tp_pool *pool_create(const tp_pool_options *options)
{
    return tp_pool_create(options);
}

static inline void pool_destroy(tp_pool *pool)
{
    tp_pool_destroy(pool);
}

#ifdef TP_CALLS
void pool_put(tp_pool *pool, void *object) __asm__("tp_pool_put");
TP_NODISCARD TP_FREED_BY(pool_put, 2) void *pool_get(tp_pool *pool) __asm__("tp_pool_get");
#else
static inline void pool_put(tp_pool *pool, void *object)
{
    tp_pool_put(pool, object);
}

TP_NODISCARD static inline void *pool_get(tp_pool *pool)
{
    return tp_pool_get(pool);
}
#endif

TP_NODISCARD static inline void *pool_get_wait(tp_pool *pool, int64_t timeout_ns)
{
    return tp_pool_get_wait(pool, timeout_ns);
}

static inline size_t pool_get_many(tp_pool *pool, void **objects, size_t n)
{
    return tp_pool_get_many(pool, objects, n);
}

static inline void pool_put_many(tp_pool *pool, void **objects, size_t n)
{
    tp_pool_put_many(pool, objects, n);
}

static inline size_t pool_reserve(tp_pool *pool, size_t n)
{
    return tp_pool_reserve(pool, n);
}

static inline void pool_trim(tp_pool *pool)
{
    tp_pool_trim(pool);
}

static inline void pool_stats_read(tp_pool *pool, tp_pool_stats *stats)
{
    tp_pool_stats_read(pool, stats);
}

static inline uint64_t gc_collect(void)
{
    return tp_gc_collect();
}

static inline uint64_t gc_cycle(void)
{
    return tp_gc_cycle();
}

static inline int gc_percent_set(int percent)
{
    return tp_gc_percent_set(percent);
}

static inline int64_t gc_memory_limit_set(int64_t bytes)
{
    return tp_gc_memory_limit_set(bytes);
}

#endif
