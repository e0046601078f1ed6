/* SPDX-License-Identifier: BSD-2-Clause */
/* Short names for applications, all inlined: they leave no symbol. (Where the analyser wants calls,
   TP_CALLS, two are other names of the library's own symbols.) Each is what its prefixed name is.
   The heap's functions and vectors have no short names: compilers' own headers own vec_*. */
#ifndef TIDEPOOL_SHORT_H
#define TIDEPOOL_SHORT_H

#include <tidepool/arena.h>
#include <tidepool/bytes.h>
#include <tidepool/pool.h>
#include <tidepool/short_gc.h>

/* --- pools --- */

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

/* --- arenas, scratch arenas, pools of arenas --- */

TP_NODISCARD static inline tp_arena *arena_create(const tp_arena_options *options)
{
    return tp_arena_create(options);
}

TP_NODISCARD static inline tp_arena *arena_child(tp_arena *parent, size_t limit)
{
    return tp_arena_child(parent, limit);
}

static inline void arena_destroy(tp_arena *arena)
{
    tp_arena_destroy(arena);
}

static inline void arena_reset(tp_arena *arena)
{
    tp_arena_reset(arena);
}

TP_NODISCARD static inline tp_arena_mark arena_save(tp_arena *arena)
{
    return tp_arena_save(arena);
}

static inline void arena_rewind(tp_arena *arena, tp_arena_mark mark)
{
    tp_arena_rewind(arena, mark);
}

static inline int arena_defer(tp_arena *arena, void (*fn)(void *arg), void *arg)
{
    return tp_arena_defer(arena, fn, arg);
}

TP_NODISCARD TP_ALLOC_SIZE(2) static inline void *arena_alloc(tp_arena *arena, size_t size)
{
    return tp_arena_alloc(arena, size);
}

TP_NODISCARD TP_ALLOC_SIZE(2)
    TP_ALLOC_ALIGN(3) static inline void *arena_alloc_aligned(tp_arena *arena, size_t size,
                                                              size_t align)
{
    return tp_arena_alloc_aligned(arena, size, align);
}

TP_NODISCARD TP_ALLOC_SIZE(2, 3) static inline void *arena_alloc_zeroed(tp_arena *arena, size_t n,
                                                                        size_t size)
{
    return tp_arena_alloc_zeroed(arena, n, size);
}

TP_NODISCARD TP_ALLOC_SIZE(4) static inline void *arena_resize(tp_arena *arena, void *memory,
                                                               size_t old_size, size_t size)
{
    return tp_arena_resize(arena, memory, old_size, size);
}

TP_NODISCARD static inline char *arena_strdup(tp_arena *arena, const char *string)
{
    return tp_arena_strdup(arena, string);
}

TP_NODISCARD static inline char *arena_strndup(tp_arena *arena, const char *string, size_t n)
{
    return tp_arena_strndup(arena, string, n);
}

TP_NODISCARD TP_ALLOC_SIZE(3) static inline void *arena_memdup(tp_arena *arena, const void *memory,
                                                               size_t n)
{
    return tp_arena_memdup(arena, memory, n);
}

TP_NODISCARD TP_FORMAT(2, 3) static inline char *arena_printf(tp_arena *arena, const char *format,
                                                              ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = tp_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

TP_NODISCARD TP_FORMAT(2, 0) static inline char *arena_vprintf(tp_arena *arena, const char *format,
                                                               va_list arguments)
{
    return tp_arena_vprintf(arena, format, arguments);
}

static inline void arena_stats_read(const tp_arena *arena, tp_arena_stats *stats)
{
    tp_arena_stats_read(arena, stats);
}

TP_NODISCARD static inline tp_arena *scratch_begin(tp_arena *conflict)
{
    return tp_scratch_begin(conflict);
}

static inline void scratch_end(tp_arena *scratch)
{
    tp_scratch_end(scratch);
}

TP_NODISCARD static inline tp_arena_pool *arena_pool_create(const tp_arena_options *options)
{
    return tp_arena_pool_create(options);
}

static inline void arena_pool_destroy(tp_arena_pool *pool)
{
    tp_arena_pool_destroy(pool);
}

TP_NODISCARD static inline tp_arena *arena_pool_get(tp_arena_pool *pool)
{
    return tp_arena_pool_get(pool);
}

static inline void arena_pool_put(tp_arena_pool *pool, tp_arena *arena)
{
    tp_arena_pool_put(pool, arena);
}

/* --- byte buffers, views, pools of buffers --- */

static inline bool bytes_reserve(tp_bytes *bytes, size_t cap)
{
    return tp_bytes_reserve(bytes, cap);
}

TP_NODISCARD static inline unsigned char *bytes_room(tp_bytes *bytes, size_t n)
{
    return tp_bytes_room(bytes, n);
}

static inline void bytes_reset(tp_bytes *bytes)
{
    tp_bytes_reset(bytes);
}

static inline bool bytes_clip(tp_bytes *bytes)
{
    return tp_bytes_clip(bytes);
}

static inline void bytes_free(tp_bytes *bytes)
{
    tp_bytes_free(bytes);
}

static inline bool bytes_from_mem(tp_bytes *bytes, const void *memory, size_t n)
{
    return tp_bytes_from_mem(bytes, memory, n);
}

static inline bool bytes_from_str(tp_bytes *bytes, const char *string)
{
    return tp_bytes_from_str(bytes, string);
}

static inline bool bytes_from_view(tp_bytes *bytes, tp_view view)
{
    return tp_bytes_from_view(bytes, view);
}

static inline bool bytes_append(tp_bytes *bytes, const void *memory, size_t n)
{
    return tp_bytes_append(bytes, memory, n);
}

static inline bool bytes_append_str(tp_bytes *bytes, const char *string)
{
    return tp_bytes_append_str(bytes, string);
}

static inline bool bytes_append_view(tp_bytes *bytes, tp_view view)
{
    return tp_bytes_append_view(bytes, view);
}

static inline bool bytes_append_byte(tp_bytes *bytes, unsigned char byte)
{
    return tp_bytes_append_byte(bytes, byte);
}

TP_FORMAT(2, 3) static inline bool bytes_printf(tp_bytes *bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bool done = tp_bytes_vprintf(bytes, format, arguments);
    va_end(arguments);
    return done;
}

TP_FORMAT(2, 0)
static inline bool bytes_vprintf(tp_bytes *bytes, const char *format, va_list arguments)
{
    return tp_bytes_vprintf(bytes, format, arguments);
}

static inline bool bytes_append_i64(tp_bytes *bytes, int64_t value)
{
    return tp_bytes_append_i64(bytes, value);
}

static inline bool bytes_append_u64(tp_bytes *bytes, uint64_t value)
{
    return tp_bytes_append_u64(bytes, value);
}

static inline bool bytes_append_double(tp_bytes *bytes, double value)
{
    return tp_bytes_append_double(bytes, value);
}

static inline const char *bytes_str(tp_bytes *bytes)
{
    return tp_bytes_str(bytes);
}

static inline tp_view view_from_mem(const void *memory, size_t n)
{
    return tp_view_from_mem(memory, n);
}

static inline tp_view view_from_str(const char *string)
{
    return tp_view_from_str(string);
}

static inline tp_view view_from_bytes(const tp_bytes *bytes)
{
    return tp_view_from_bytes(bytes);
}

static inline tp_view view_slice(tp_view view, size_t from, size_t to)
{
    return tp_view_slice(view, from, to);
}

static inline bool view_equal(tp_view a, tp_view b)
{
    return tp_view_equal(a, b);
}

static inline bool view_equal_str(tp_view view, const char *string)
{
    return tp_view_equal_str(view, string);
}

TP_NODISCARD static inline tp_bytes_pool *bytes_pool_create(const tp_bytes_pool_options *options)
{
    return tp_bytes_pool_create(options);
}

static inline void bytes_pool_destroy(tp_bytes_pool *pool)
{
    tp_bytes_pool_destroy(pool);
}

TP_NODISCARD static inline tp_bytes *bytes_get(tp_bytes_pool *pool)
{
    return tp_bytes_get(pool);
}

static inline void bytes_put(tp_bytes_pool *pool, tp_bytes *bytes)
{
    tp_bytes_put(pool, bytes);
}

static inline void bytes_pool_stats_read(tp_bytes_pool *pool, tp_bytes_pool_stats *stats)
{
    tp_bytes_pool_stats_read(pool, stats);
}

#endif
