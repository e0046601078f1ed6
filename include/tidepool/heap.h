/* SPDX-License-Identifier: BSD-2-Clause */
/* The span heap's explicit side, by its prefixed names: allocate and free, from any thread.

   Sizes up to TP_HEAP_SMALL_MAX come from size classes through per-thread magazines; larger ones
   are runs of pages. Memory is aligned to 16 bytes at least. Contents are undefined unless said
   otherwise. Not for signal handlers. */
#ifndef TIDEPOOL_HEAP_H
#define TIDEPOOL_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidepool/attrs.h>
#include <tidepool/detail/local.h>
#include <tidepool/detail/classes.h>

TP_BEGIN_DECLS

/* The largest size, in bytes, that has a size class. */
#define TP_HEAP_SMALL_MAX ((size_t)TP_DETAIL_SMALL_MAX)

/* What the inlined calls fall back on. Not for applications. */
TP_API TP_NODISCARD void *tp_detail_heap_alloc(size_t size);
TP_API void tp_detail_heap_free(void *memory);

/* Gives memory back. It must come from this heap and be in use; a pool's object belongs to its
   pool. NULL is ignored. Keeps errno. */
#ifdef TP_CALLS
TP_API void tp_heap_free(void *memory);
#else
static inline void tp_heap_free(void *memory)
{
    uint32_t offset = tp_detail_class_of_address(memory) * TP_DETAIL_LOCAL_BYTES;
    if (TP_UNLIKELY(!tp_detail_put(tp_detail_local_at(offset), memory)))
        tp_detail_heap_free(memory);
}
#endif

/* `size` bytes (of 0: a place of its own, nothing to write to), the caller's until tp_heap_free.
   NULL and errno ENOMEM. */
#ifdef TP_CALLS
TP_API TP_NODISCARD TP_ALLOC_SIZE(1) TP_FREED_BY(tp_heap_free, 1) void *tp_heap_alloc(size_t size);
#else
TP_NODISCARD TP_ALLOC_SIZE(1) static inline void *tp_heap_alloc(size_t size)
{
    void *memory;
    uint32_t offset = tp_detail_class_of_size(size) * TP_DETAIL_LOCAL_BYTES;
    if (TP_UNLIKELY(!tp_detail_get(tp_detail_local_at(offset), &memory)))
        return tp_detail_heap_alloc(size);
    return memory;
}
#endif

/* n * size bytes of zeroes. NULL and errno ENOMEM, or EOVERFLOW where the product overflows. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(1, 2) TP_FREED_BY(tp_heap_free, 1)
void *tp_heap_alloc_zeroed(size_t n, size_t size);

/* `size` bytes at a multiple of `align`, a power of two. NULL and errno ENOMEM, or EINVAL where
   align is not a power of two. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(2) TP_ALLOC_ALIGN(1) TP_FREED_BY(tp_heap_free, 1)
void *tp_heap_alloc_aligned(size_t align, size_t size);

/* Resizes memory and returns where it is now, contents kept up to the smaller size. In place where
   the slot or the pages behind it allow; large ones move their pages, not their bytes. NULL memory:
   as tp_heap_alloc. NULL and errno ENOMEM: the old memory is still the caller's, as it was.
   Of size 0 there is nothing to write to. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(2) void *tp_heap_realloc(void *memory, size_t size);

/* Bytes that may be used behind the start of an allocation: its slot's, or its pages'. 0 for NULL,
   and for what is not this heap's to free, such as a collected object. */
TP_API size_t tp_heap_usable_size(const void *memory);

/* What an allocation of `size` bytes really takes: asking for this many costs nothing more. */
TP_API size_t tp_heap_good_size(size_t size);

/* The heap's state, in bytes unless said otherwise. */
typedef struct tp_heap_stats {
    uint64_t allocations; /* count: small and large, since the process began */
    uint64_t frees;       /* count */
    uint64_t allocated;   /* handed out since the process began, in whole slots and pages; what a
                             large object grows by in tp_heap_realloc is part of it */
    uint64_t reserved;    /* address space */
    uint64_t in_use;      /* spans that hold objects, in use or idle in a cache */
    uint64_t idle;        /* free pages that are still resident */
    uint64_t released; /* free pages that were given back to the operating system, or never used */
    uint64_t metadata;    /* the library's own tables, magazines and thread records */
    uint64_t spans;       /* count */
} tp_heap_stats;

/* Fills *stats. Sums per-thread counters. Any thread. */
TP_API void tp_heap_stats_read(tp_heap_stats *stats);

/* Gives every idle page back to the operating system now; returns how many bytes. Any thread.
   A page that is used again costs a page fault. */
TP_API size_t tp_heap_trim(void);

TP_END_DECLS

#endif
