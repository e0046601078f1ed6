/* SPDX-License-Identifier: BSD-2-Clause */
/* Byte buffers: where their memory comes from, and the calls that are not inlined.

   An allocation holds the capacity and TP_BYTES_PADDING bytes behind it, and is taken as large as
   the heap serves the request anyway. So the padding is there wherever data is not NULL, and a
   buffer's own writers may write a little into it (a string's zero, a number's digits).

   This file also has the inlined calls as symbols, for who cannot inline: other languages, dlsym,
   function pointers. */
#define TP_DETAIL_BYTES_INLINE extern inline
#include <stdio.h>

#include "kit/kit.h"

enum {
    FIRST = 64,           /* capacity of what grows from nothing */
    DOUBLED_MAX = 1 << 18 /* up to here a capacity doubles, beyond it grows by half */
};

/* Moves the contents to memory for `cap` bytes or a few more. */
static bool resize(tp_bytes *bytes, size_t cap)
{
    if (cap > PTRDIFF_MAX - TP_BYTES_PADDING) {
        errno = EOVERFLOW;
        return false;
    }
    size_t size = tp_heap_good_size(cap + TP_BYTES_PADDING);
    bool fresh = bytes->data == NULL;
    void *data = fresh ? tp_heap_alloc(size) : tp_heap_realloc(bytes->data, size);
    if (data == NULL)
        return false;
    bytes->data = data;
    bytes->cap = (fresh ? size : tp_heap_usable_size(data)) - TP_BYTES_PADDING;
    return true;
}

/* Room for `more` bytes behind the contents, and for others that will follow. */
static bool grow(tp_bytes *bytes, size_t more)
{
    size_t need, cap = bytes->cap;
    if (__builtin_add_overflow(bytes->len, more, &need)) {
        errno = EOVERFLOW;
        return false;
    }
    cap += cap <= DOUBLED_MAX ? cap : cap / 2;
    return resize(bytes, tpi_max(need, tpi_max(cap, (size_t)FIRST)));
}

/* How far into the buffer's memory `memory` lies; SIZE_MAX: it is somebody else's. */
static size_t offset_in(const tp_bytes *bytes, const void *memory)
{
    size_t offset = (size_t)((uintptr_t)memory - (uintptr_t)bytes->data);
    return bytes->data != NULL && offset < bytes->cap + TP_BYTES_PADDING ? offset : SIZE_MAX;
}

bool tp_detail_bytes_set(tp_bytes *bytes, const void *memory, size_t n)
{
    size_t offset = offset_in(bytes, memory);
    if (n > bytes->cap) {
        if (!grow(bytes, n - bytes->len))
            return false;
        memmove(bytes->data, offset == SIZE_MAX ? memory : bytes->data + offset, n);
    }
    bytes->len = n;
    return true;
}

bool tp_detail_bytes_append(tp_bytes *bytes, const void *memory, size_t n)
{
    size_t offset = offset_in(bytes, memory);
    if (n > bytes->cap - bytes->len) {
        if (!grow(bytes, n))
            return false;
        memcpy(bytes->data + bytes->len, offset == SIZE_MAX ? memory : bytes->data + offset, n);
        bytes->len += n;
    }
    return true;
}

bool tp_bytes_reserve(tp_bytes *bytes, size_t cap)
{
    return cap <= bytes->cap || resize(bytes, cap);
}

unsigned char *tp_bytes_room(tp_bytes *bytes, size_t n)
{
    n = tpi_max(n, (size_t)1);
    return n <= bytes->cap - bytes->len || grow(bytes, n) ? bytes->data + bytes->len : NULL;
}

/* Slots by a copy: a realloc stays in one until half of it would be saved. */
bool tp_bytes_clip(tp_bytes *bytes)
{
    tp_bytes clipped = {.len = bytes->len};
    if (bytes->len == 0)
        tp_bytes_free(bytes);
    if (bytes->data == NULL ||
        tp_heap_good_size(bytes->len + TP_BYTES_PADDING) == bytes->cap + TP_BYTES_PADDING)
        return true;
    if (bytes->len + TP_BYTES_PADDING > TP_HEAP_SMALL_MAX)
        return resize(bytes, bytes->len);
    if (!resize(&clipped, bytes->len))
        return false;
    memcpy(clipped.data, bytes->data, bytes->len);
    tp_heap_free(bytes->data);
    *bytes = clipped;
    return true;
}

void tp_bytes_free(tp_bytes *bytes)
{
    tp_heap_free(bytes->data);
    *bytes = (tp_bytes){0};
}

bool tp_bytes_vprintf(tp_bytes *bytes, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    size_t room = bytes->data == NULL ? 0 : bytes->cap - bytes->len + 1; /* the zero is padding */
    char *end = bytes->data == NULL ? NULL : (char *)bytes->data + bytes->len;
    int n = vsnprintf(end, room, format, arguments);
    bool done = n >= 0;
    if (done && (size_t)n >= room) {
        done = grow(bytes, (size_t)n);
        if (done) /* it may want memory too, for many digits, and not get it this time */
            n = vsnprintf((char *)bytes->data + bytes->len, (size_t)n + 1, format, again);
        done = done && n >= 0;
    }
    va_end(again);
    if (done)
        bytes->len += (size_t)n;
    return done;
}

bool tp_bytes_printf(tp_bytes *bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bool done = tp_bytes_vprintf(bytes, format, arguments);
    va_end(arguments);
    return done;
}
