/* SPDX-License-Identifier: BSD-2-Clause */
/* Short names of collection cycles, the collected heap and statistics; <tidepool/short.h> includes
   it and says what short names are. */
#ifndef TIDEPOOL_SHORT_GC_H
#define TIDEPOOL_SHORT_GC_H

#include <tidepool/gc.h>
#include <tidepool/stats.h>

/* --- collection cycles --- */

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

/* --- the collected heap --- */

#ifdef TP_CALLS
TP_NODISCARD void *gc_alloc(const tp_gc_type *type) __asm__("tp_gc_alloc");
#else
TP_NODISCARD static inline void *gc_alloc(const tp_gc_type *type)
{
    return tp_gc_alloc(type);
}
#endif

TP_NODISCARD static inline void *gc_alloc_array(const tp_gc_type *type, size_t n)
{
    return tp_gc_alloc_array(type, n);
}

TP_NODISCARD static inline void *gc_alloc_flex(const tp_gc_type *type, size_t n)
{
    return tp_gc_alloc_flex(type, n);
}

TP_NODISCARD static inline void *gc_alloc_leaf(size_t size)
{
    return tp_gc_alloc_leaf(size);
}

TP_NODISCARD static inline void *gc_alloc_conservative(size_t size)
{
    return tp_gc_alloc_conservative(size);
}

/* Generic in the slot's type: so these are macros. */
#define gc_store(slot, value) tp_gc_store(slot, value)
#define gc_cas(slot, old, value) tp_gc_cas(slot, old, value)
#define gc_exchange(slot, value) tp_gc_exchange(slot, value)
#define gc_move(dst, src, n) tp_gc_move(dst, src, n)

static inline void gc_edit_begin(void *object)
{
    tp_gc_edit_begin(object);
}

static inline void gc_edit_end(void *object)
{
    tp_gc_edit_end(object);
}

static inline void gc_shade(void *object)
{
    tp_gc_shade(object);
}

static inline void *gc_pin(void *object)
{
    return tp_gc_pin(object);
}

static inline void gc_unpin(void *object)
{
    tp_gc_unpin(object);
}

static inline int gc_root_add(void *base, size_t bytes)
{
    return tp_gc_root_add(base, bytes);
}

static inline int gc_root_remove(void *base)
{
    return tp_gc_root_remove(base);
}

static inline int gc_thread_attach(void)
{
    return tp_gc_thread_attach();
}

static inline void gc_thread_detach(void)
{
    tp_gc_thread_detach();
}

static inline void gc_safepoint(void)
{
    tp_gc_safepoint();
}

TP_ALWAYS_INLINE void gc_blocking_begin(void) /* its caller's frame is what counts */
{
    tp_gc_blocking_begin();
}

static inline void gc_blocking_end(void)
{
    tp_gc_blocking_end();
}

static inline void *gc_blocking_call(void *(*fn)(void *arg), void *arg)
{
    return tp_gc_blocking_call(fn, arg);
}

static inline int gc_stack_add(void *base, size_t bytes)
{
    return tp_gc_stack_add(base, bytes);
}

static inline int gc_stack_remove(void *base)
{
    return tp_gc_stack_remove(base);
}

TP_NODISCARD static inline tp_gc_cleanup *gc_cleanup_add(void *object, void (*fn)(void *arg),
                                                         void *arg)
{
    return tp_gc_cleanup_add(object, fn, arg);
}

static inline void gc_cleanup_cancel(tp_gc_cleanup *cleanup)
{
    tp_gc_cleanup_cancel(cleanup);
}

TP_NODISCARD static inline tp_gc_weak *gc_weak_make(void *object)
{
    return tp_gc_weak_make(object);
}

TP_NODISCARD static inline void *gc_weak_get(tp_gc_weak *weak)
{
    return tp_gc_weak_get(weak);
}

static inline void gc_weak_free(tp_gc_weak *weak)
{
    tp_gc_weak_free(weak);
}

/* --- statistics --- */

static inline void memstats_read(tp_memstats *stats)
{
    tp_memstats_read(stats);
}

static inline int memstats_print(FILE *stream)
{
    return tp_memstats_print(stream);
}

#endif
