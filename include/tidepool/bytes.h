/* SPDX-License-Identifier: BSD-2-Clause */
/* Byte buffers that strings are copied into without allocating, borrowed views, and pools of
   buffers that learn how large they should be; by their prefixed names.

   A buffer is a plain struct: {0} is an empty one, data[0..len) is its contents, and behind them 64
   more bytes may be read (not written; their values are unspecified) wherever data is not NULL, for
   readers that take whole vectors. It grows by the heap's good sizes and keeps what it has: reset
   and from_* reuse it. A buffer is used by one thread at a time. Growing calls return false and
   errno ENOMEM, or EOVERFLOW where a length overflows, and leave the buffer as it was. */
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

/* What the inlined calls fall back on. Not for applications. */
TP_API bool tp_detail_bytes_grow(tp_bytes *bytes, size_t more); /* cap >= len + more */
TP_API bool tp_detail_bytes_set(tp_bytes *bytes, const void *memory, size_t n);

/* --- buffers --- */

/* Room for `cap` bytes in all, made by one allocation; the contents stay. */
TP_API bool tp_bytes_reserve(tp_bytes *bytes, size_t cap);

/* Length 0; the memory is kept. */
static inline void tp_bytes_reset(tp_bytes *bytes)
{
    bytes->len = 0;
}

/* Gives the memory back; the buffer is {0}, and may be used again. */
TP_API void tp_bytes_free(tp_bytes *bytes);

/* Replaces the contents by n bytes at `memory`, which may lie in the buffer. */
static inline bool tp_bytes_from_mem(tp_bytes *bytes, const void *memory, size_t n)
{
    if (TP_UNLIKELY(n > bytes->cap))
        return tp_detail_bytes_set(bytes, memory, n);
    bytes->len = n;
    if (n != 0)
        memmove(bytes->data, memory, n);
    return true;
}

/* The same for a string, without its final zero. */
static inline bool tp_bytes_from_str(tp_bytes *bytes, const char *string)
{
    return tp_bytes_from_mem(bytes, string, strlen(string));
}

static inline bool tp_bytes_from_view(tp_bytes *bytes, tp_view view)
{
    return tp_bytes_from_mem(bytes, view.data, view.len);
}

/* Appends n bytes, which must not lie in the buffer. */
static inline bool tp_bytes_append(tp_bytes *bytes, const void *memory, size_t n)
{
    if (TP_UNLIKELY(n > bytes->cap - bytes->len) && !tp_detail_bytes_grow(bytes, n))
        return false;
    if (n != 0)
        memcpy(bytes->data + bytes->len, memory, n);
    bytes->len += n;
    return true;
}

static inline bool tp_bytes_append_str(tp_bytes *bytes, const char *string)
{
    return tp_bytes_append(bytes, string, strlen(string));
}

static inline bool tp_bytes_append_view(tp_bytes *bytes, tp_view view)
{
    return tp_bytes_append(bytes, view.data, view.len);
}

static inline bool tp_bytes_append_byte(tp_bytes *bytes, unsigned char byte)
{
    if (TP_UNLIKELY(bytes->len == bytes->cap) && !tp_detail_bytes_grow(bytes, 1))
        return false;
    bytes->data[bytes->len++] = byte;
    return true;
}

/* Appends as printf formats, in the thread's locale. errno also what vsnprintf gave. */
TP_API TP_FORMAT(2, 3) bool tp_bytes_printf(tp_bytes *bytes, const char *format, ...);
TP_API TP_FORMAT(2, 0)
bool tp_bytes_vprintf(tp_bytes *bytes, const char *format, va_list arguments);

/* Append a number in decimal, whatever the locale. A double is written with the fewest digits that
   read back as the same value, as JSON and Go's strconv do ("1", "0.1", "1e+100" is "1e100"), or as
   "nan", "inf", "-inf". */
TP_API bool tp_bytes_append_i64(tp_bytes *bytes, int64_t value);
TP_API bool tp_bytes_append_u64(tp_bytes *bytes, uint64_t value);
TP_API bool tp_bytes_append_double(tp_bytes *bytes, double value);

/* The contents as a string: a zero is written behind them (it is no part of them). The buffer's,
   until it changes. "" for {0}. */
static inline const char *tp_bytes_str(tp_bytes *bytes)
{
    if (bytes->data == NULL)
        return "";
    bytes->data[bytes->len] = 0;
    return (const char *)bytes->data;
}

/* --- views --- */

static inline tp_view tp_view_from_mem(const void *memory, size_t n)
{
    tp_view view;
    view.data = (const unsigned char *)memory;
    view.len = n;
    return view;
}

static inline tp_view tp_view_from_str(const char *string)
{
    return tp_view_from_mem(string, strlen(string));
}

static inline tp_view tp_view_from_bytes(const tp_bytes *bytes)
{
    return tp_view_from_mem(bytes->data, bytes->len);
}

/* The part [from, to) of a view, cut to what there is. */
static inline tp_view tp_view_slice(tp_view view, size_t from, size_t to)
{
    if (to > view.len)
        to = view.len;
    if (from > to)
        from = to;
    return tp_view_from_mem(view.data == NULL ? NULL : view.data + from, to - from);
}

static inline bool tp_view_equal(tp_view a, tp_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool tp_view_equal_str(tp_view view, const char *string)
{
    return tp_view_equal(view, tp_view_from_str(string));
}

/* --- pools of buffers --- */

typedef struct tp_bytes_pool tp_bytes_pool;

typedef struct tp_bytes_pool_options {
    const char *name;  /* in stats; copied; may be NULL */
    size_t first;      /* bytes of a new buffer until sizes are learned; 0: 256 */
    size_t retain_max; /* a buffer with more bytes is never kept; 0: learned alone */
    size_t idle_max;   /* bound on idle buffers, 0: none */
} tp_bytes_pool_options;

typedef struct tp_bytes_pool_stats {
    uint64_t gets, puts;  /* counts, since the pool was created */
    uint64_t grown;       /* count: puts of a buffer that had to grow while it was out */
    uint64_t struck;      /* count: puts that gave a buffer a strike */
    uint64_t shed;        /* count: buffers whose memory was given back for their strikes */
    uint64_t first;       /* bytes: what a new buffer gets now */
    uint64_t keep;        /* bytes: a buffer up to this size is kept without question */
    uint64_t calibrated;  /* count: how often sizes were learned */
    uint64_t idle, live;  /* buffers now */
} tp_bytes_pool_stats;

/* A pool of buffers. NULL options: the defaults. It learns: what lengths buffers are put with is
   counted, and once a collection cycle new buffers' first size and the size that is kept without
   question follow from that. A larger buffer that was put little used gets a strike, and after a
   few its memory goes back: one huge message does not pin a buffer for ever. The caller's until
   tp_bytes_pool_destroy; buffers that are out may be put behind it. NULL and errno ENOMEM, or as
   tp_pool_create. Any thread. */
TP_API TP_NODISCARD tp_bytes_pool *tp_bytes_pool_create(const tp_bytes_pool_options *options);
TP_API void tp_bytes_pool_destroy(tp_bytes_pool *pool);

/* A buffer of length 0 with some capacity, the caller's until tp_bytes_put. NULL and errno ENOMEM.
   Any thread. It must not be given to tp_bytes_free, nor copied. */
TP_API TP_NODISCARD tp_bytes *tp_bytes_get(tp_bytes_pool *pool);

/* Takes a buffer back; its contents are lost. NULL is ignored. Any thread. */
TP_API void tp_bytes_put(tp_bytes_pool *pool, tp_bytes *bytes);

/* Fills *stats. Any thread. */
TP_API void tp_bytes_pool_stats_read(tp_bytes_pool *pool, tp_bytes_pool_stats *stats);

TP_END_DECLS

#endif
