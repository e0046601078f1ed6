/* SPDX-License-Identifier: BSD-2-Clause */
/* Byte buffers that strings are copied into without allocating, borrowed views, and pools of
   buffers that learn how large they should be; by their prefixed names.

   A buffer is a plain struct: {0} is an empty one, data[0..len) is its contents, and behind them 64
   more bytes may be read (not written; their values are unspecified) wherever data is not NULL, for
   readers that take whole vectors. It keeps the memory it has: reset and from_* reuse it. It grows
   to twice its capacity, by half from 256 KiB on, or to what is needed where that is more, rounded
   up to what the heap would give anyway. A buffer is used by one thread at a time. Calls that may
   grow return false (or NULL) and errno ENOMEM, or EOVERFLOW where a length overflows, and leave
   the buffer as it was. Not for signal handlers. */
#ifndef TIDEPOOL_BYTES_H
#define TIDEPOOL_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tidepool/attrs.h>

TP_BEGIN_DECLS

/* Bytes that may be read behind the end of a buffer. */
#define TP_BYTES_PADDING 64

typedef struct tp_bytes {
    unsigned char *data; /* the buffer's own; NULL until it first grows */
    size_t len, cap;     /* bytes: in use; before it must grow */
} tp_bytes;

/* Bytes that somebody else owns. They must outlive the view and not change under it. */
typedef struct tp_view {
    const unsigned char *data;
    size_t len; /* bytes */
} tp_view;

/* What the inlined calls fall back on: more than there is room for, or nothing. Not for
   applications. */
TP_API bool tp_detail_bytes_set(tp_bytes *bytes, const void *memory, size_t n);
TP_API bool tp_detail_bytes_append(tp_bytes *bytes, const void *memory, size_t n);

/* Inlined where they can be, and symbols of the library for where they cannot: in other languages,
   by dlsym, as pointers. The library defines this otherwise where it emits them. */
#ifndef TP_DETAIL_BYTES_INLINE
#define TP_DETAIL_BYTES_INLINE extern inline __attribute__((gnu_inline))
#endif

struct tp_detail_bytes_16 {
    unsigned char byte[16];
};

/* memmove of n bytes, not 0; up to 64 of them, as most strings have, without a call. What is taken
   from both ends overlaps in between, and all of it is loaded before the first store. A compiler
   that knew the source's size, or what n can be, would warn of the branches that do not fit. */
TP_API TP_DETAIL_BYTES_INLINE void tp_detail_bytes_copy(unsigned char *to, const void *memory,
                                                        size_t n)
{
    const unsigned char *from = (const unsigned char *)memory;
    if (to == NULL)
        __builtin_unreachable(); /* no room without memory, which an analyser does not see */
    if (__builtin_constant_p(n)) {
        memmove(to, from, n);
        return;
    }
    __asm__("" : "+r"(from));
    if (n > 64) {
        __asm__("" : "+r"(n));
        memmove(to, from, n);
    } else if (n >= 16) {
        struct tp_detail_bytes_16 first, second, third, last;
        memcpy(&first, from, 16);
        memcpy(&last, from + n - 16, 16);
        if (n > 32) {
            memcpy(&second, from + 16, 16);
            memcpy(&third, from + n - 32, 16);
            memcpy(to + 16, &second, 16);
            memcpy(to + n - 32, &third, 16);
        }
        memcpy(to, &first, 16);
        memcpy(to + n - 16, &last, 16);
    } else if (n >= 8) {
        uint64_t first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + n - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + n - 8, &last, 8);
    } else if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + n - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + n - 4, &last, 4);
    } else {
        unsigned char first = from[0], middle = from[n / 2], last = from[n - 1];
        to[0] = first;
        to[n / 2] = middle;
        to[n - 1] = last;
    }
}

/* --- buffers --- */

/* Room for `cap` bytes in all, made by one allocation; the contents stay. */
TP_API bool tp_bytes_reserve(tp_bytes *bytes, size_t cap);

/* Where n bytes may be written behind the contents (0 counts as 1), the buffer grown for them as by
   an append. What was written there is taken over by adding to len; it is lost otherwise. */
TP_API TP_NODISCARD unsigned char *tp_bytes_room(tp_bytes *bytes, size_t n);

/* Length 0; the memory is kept. */
TP_API TP_DETAIL_BYTES_INLINE void tp_bytes_reset(tp_bytes *bytes)
{
    bytes->len = 0;
}

/* Gives the surplus back: capacity as near to the length as the heap goes, {0} for length 0. False
   only for want of memory to move to: nothing changed. */
TP_API bool tp_bytes_clip(tp_bytes *bytes);

/* Gives the memory back; the buffer is {0}, and may be used again. */
TP_API void tp_bytes_free(tp_bytes *bytes);

/* Replaces the contents by n bytes at `memory`, which may lie in the buffer. */
TP_API TP_DETAIL_BYTES_INLINE bool tp_bytes_from_mem(tp_bytes *bytes, const void *memory, size_t n)
{
    if (TP_UNLIKELY(n - 1 >= bytes->cap)) /* 0 too */
        return tp_detail_bytes_set(bytes, memory, n);
    bytes->len = n;
    tp_detail_bytes_copy(bytes->data, memory, n);
    return true;
}

/* The same for a string, without its final zero. The loads stand before strlen, whose last branch
   is often mispredicted: behind it they would be waited for. */
TP_API TP_DETAIL_BYTES_INLINE bool tp_bytes_from_str(tp_bytes *bytes, const char *string)
{
    unsigned char *data = bytes->data;
    size_t cap = bytes->cap, n = strlen(string);
    if (TP_UNLIKELY(n - 1 >= cap))
        return tp_detail_bytes_set(bytes, string, n);
    bytes->len = n;
    tp_detail_bytes_copy(data, string, n);
    return true;
}

TP_API TP_DETAIL_BYTES_INLINE bool tp_bytes_from_view(tp_bytes *bytes, tp_view view)
{
    return tp_bytes_from_mem(bytes, view.data, view.len);
}

/* Appends n bytes, which may be part of the contents. */
TP_API TP_DETAIL_BYTES_INLINE bool tp_bytes_append(tp_bytes *bytes, const void *memory, size_t n)
{
    size_t len = bytes->len;
    if (TP_UNLIKELY(n - 1 >= bytes->cap - len))
        return tp_detail_bytes_append(bytes, memory, n);
    bytes->len = len + n;
    tp_detail_bytes_copy(bytes->data + len, memory, n);
    return true;
}

TP_API TP_DETAIL_BYTES_INLINE bool tp_bytes_append_str(tp_bytes *bytes, const char *string)
{
    return tp_bytes_append(bytes, string, strlen(string));
}

TP_API TP_DETAIL_BYTES_INLINE bool tp_bytes_append_view(tp_bytes *bytes, tp_view view)
{
    return tp_bytes_append(bytes, view.data, view.len);
}

TP_API TP_DETAIL_BYTES_INLINE bool tp_bytes_append_byte(tp_bytes *bytes, unsigned char byte)
{
    size_t len = bytes->len;
    if (TP_UNLIKELY(len == bytes->cap)) {
        unsigned char copy = byte;
        return tp_detail_bytes_append(bytes, &copy, 1);
    }
    bytes->len = len + 1;
    bytes->data[len] = byte;
    return true;
}

/* Appends as printf formats, in the thread's locale. The arguments must not lie in the buffer.
   errno also what vsnprintf gave. */
TP_API TP_FORMAT(2, 3) bool tp_bytes_printf(tp_bytes *bytes, const char *format, ...);
TP_API TP_FORMAT(2, 0) bool tp_bytes_vprintf(tp_bytes *bytes, const char *format,
                                             va_list arguments);

/* Append a number in decimal, whatever the locale. */
TP_API bool tp_bytes_append_i64(tp_bytes *bytes, int64_t value);
TP_API bool tp_bytes_append_u64(tp_bytes *bytes, uint64_t value);

/* Appends a double in the fewest digits that strtod reads back as the same value (where floating
   point rounds to nearest, as it does unless fesetround was called); of several such
   numbers the nearest. From 1e-6 to below 1e21 without an exponent: "1", "-0", "0.1", "0.000001",
   "123456789012345680000". Beyond, one digit before the point, and an exponent without "+" or
   zeroes in front: "1e21", "1.5e-7", "5e-324". Otherwise "nan", "inf" or "-inf". At most 25 bytes.
   It is what JSON wants, and JavaScript prints, but for the missing "+" and for these three. */
TP_API bool tp_bytes_append_double(tp_bytes *bytes, double value);

/* The contents as a string: a zero is written behind them (it is no part of them). The buffer's,
   until it changes. "" for {0}. */
TP_API TP_DETAIL_BYTES_INLINE const char *tp_bytes_str(tp_bytes *bytes)
{
    if (bytes->data == NULL)
        return "";
    bytes->data[bytes->len] = 0;
    return (const char *)bytes->data;
}

/* --- views --- */

TP_API TP_DETAIL_BYTES_INLINE tp_view tp_view_from_mem(const void *memory, size_t n)
{
    tp_view view;
    view.data = (const unsigned char *)memory;
    view.len = n;
    return view;
}

TP_API TP_DETAIL_BYTES_INLINE tp_view tp_view_from_str(const char *string)
{
    return tp_view_from_mem(string, strlen(string));
}

TP_API TP_DETAIL_BYTES_INLINE tp_view tp_view_from_bytes(const tp_bytes *bytes)
{
    return tp_view_from_mem(bytes->data, bytes->len);
}

/* The part [from, to) of a view, cut to what there is. */
TP_API TP_DETAIL_BYTES_INLINE tp_view tp_view_slice(tp_view view, size_t from, size_t to)
{
    if (to > view.len)
        to = view.len;
    if (from > to)
        from = to;
    return tp_view_from_mem(view.data == NULL ? NULL : view.data + from, to - from);
}

TP_API TP_DETAIL_BYTES_INLINE bool tp_view_equal(tp_view a, tp_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

TP_API TP_DETAIL_BYTES_INLINE bool tp_view_equal_str(tp_view view, const char *string)
{
    return tp_view_equal(view, tp_view_from_str(string));
}

/* --- pools of buffers --- */

typedef struct tp_bytes_pool tp_bytes_pool;

typedef struct tp_bytes_pool_options {
    const char *name;  /* in stats; copied; may be NULL */
    size_t first;      /* bytes of a new buffer until sizes are learned; 0: 256 */
    size_t retain_max; /* bytes, rounded up to a good size: more is never kept; 0: no bound */
    size_t idle_max;   /* bound on idle buffers, 0: none */
} tp_bytes_pool_options;

typedef struct tp_bytes_pool_stats {
    uint64_t gets, puts; /* counts, since the pool was created */
    uint64_t grown;      /* count: puts of a buffer that had to grow while it was out */
    uint64_t struck;     /* count: puts that gave a buffer a strike */
    uint64_t shed;       /* count: buffers that were cut down, for strikes or retain_max */
    uint64_t calibrated; /* count: how often sizes were learned */
    uint64_t first;      /* bytes: what a new buffer gets now */
    uint64_t keep;       /* bytes: a buffer up to this size is kept without question */
    uint64_t idle, live; /* buffers now */
} tp_bytes_pool_stats;

/* A pool of buffers. NULL options: the defaults. It learns: the lengths that buffers are put with
   are counted, and once a collection cycle, and every 16384 puts, `first` (of 75% of them) and
   `keep` (of 99%) follow; older puts count a quarter each time. A put of a buffer with more
   capacity than `keep`, of which less than half was used, is a strike; after four in a row the
   buffer is cut down to `keep`. So one huge message does not pin a buffer. The caller's until
   tp_bytes_pool_destroy. NULL and errno: EOVERFLOW (first), or as tp_pool_create. Any thread. */
TP_API TP_NODISCARD tp_bytes_pool *tp_bytes_pool_create(const tp_bytes_pool_options *options);

/* Gives back what is idle. Buffers that are out may still be put: the pool lingers until the last
   one was. NULL is ignored. No get may run at the same time or begin later. */
TP_API void tp_bytes_pool_destroy(tp_bytes_pool *pool);

/* Takes a buffer back that came from this pool; its contents are lost. Put it as it is: its length
   is what the pool learns from. Aborts where it is another pool's or was put before, as far as that
   can be told. NULL is ignored. Keeps errno. Any thread. */
TP_API void tp_bytes_put(tp_bytes_pool *pool, tp_bytes *bytes);

/* A buffer of length 0 with some capacity, the caller's until tp_bytes_put. NULL and errno ENOMEM,
   or EINVAL after tp_bytes_pool_destroy. Any thread. tp_bytes_free on it gives its memory back, but
   not the buffer, which is still to be put. It must not be copied, unless it is set to {0}
   afterwards: then the copy owns the memory. */
TP_API TP_NODISCARD TP_FREED_BY(tp_bytes_put, 2) tp_bytes *tp_bytes_get(tp_bytes_pool *pool);

/* Fills *stats. Any thread. */
TP_API void tp_bytes_pool_stats_read(tp_bytes_pool *pool, tp_bytes_pool_stats *stats);

TP_END_DECLS

#endif
