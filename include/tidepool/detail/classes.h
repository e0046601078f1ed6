/* SPDX-License-Identifier: BSD-2-Clause */
/* Not for applications: which size class serves a size, and which one an address is in.

   Class 0 is none. Classes 1 to 8 are 16, 32, ... 128 bytes; above, every doubling is cut into
   eight equal steps, up to 32 KiB. So a slot wastes less than 16 bytes up to 128 and less than an
   eighth of itself beyond. The rule is computed, not looked up: a constant size folds to a
   constant. */
#ifndef TIDEPOOL_DETAIL_CLASSES_H
#define TIDEPOOL_DETAIL_CLASSES_H

#include <stddef.h>
#include <stdint.h>
#include <tidepool/attrs.h>
#include <tidepool/detail/local.h>

TP_BEGIN_DECLS

#define TP_DETAIL_SMALL_MAX 32768u
#define TP_DETAIL_CLASSES 73u /* one more than the last class's number */
#define TP_DETAIL_LOCAL_BYTES 64u

#define TP_DETAIL_PAGE_SHIFT 13
#define TP_DETAIL_ARENA_SHIFT 26
#define TP_DETAIL_ARENA_PAGES (1u << (TP_DETAIL_ARENA_SHIFT - TP_DETAIL_PAGE_SHIFT))
#define TP_DETAIL_ADDRESS_BITS 48
#define TP_DETAIL_ARENAS (1ul << (TP_DETAIL_ADDRESS_BITS - TP_DETAIL_ARENA_SHIFT))

/* What a free sees of an arena: each page's size class; 0 for a large object's, a free or a foreign
   page. Written before a page's first object is handed out and after its last was given back. */
struct tp_detail_heap_arena {
    uint8_t page_class[TP_DETAIL_ARENA_PAGES];
};

/* Arenas by address >> TP_DETAIL_ARENA_SHIFT; NULL where the library owns nothing. */
extern TP_API struct tp_detail_heap_arena *tp_detail_heap_arenas[TP_DETAIL_ARENAS];

/* 0 for sizes above TP_DETAIL_SMALL_MAX. */
TP_ALWAYS_INLINE unsigned tp_detail_class_of_size(size_t size)
{
    unsigned doubling;
    if (size <= 128)
        return size == 0 ? 1 : (unsigned)((size + 15) >> 4);
    if (size > TP_DETAIL_SMALL_MAX)
        return 0;
    doubling = 63u - (unsigned)__builtin_clzll((unsigned long long)(size - 1)); /* 7 to 14 */
    return 9 + (doubling - 7) * 8 + (unsigned)((size - 1) >> (doubling - 3)) - 8;
}

/* The slot size of a class, in bytes. */
TP_ALWAYS_INLINE size_t tp_detail_class_bytes(unsigned size_class)
{
    unsigned step = size_class - 9;
    if (size_class <= 8)
        return (size_t)size_class * 16;
    return ((size_t)(step % 8) + 9) << (step / 8 + 4);
}

/* 0 for what is not a small object of this heap; NULL too. */
TP_ALWAYS_INLINE unsigned tp_detail_class_of_address(const void *memory)
{
    uintptr_t address = (uintptr_t)memory;
    const struct tp_detail_heap_arena *arena;
    arena = tp_detail_arena_table()[address >> TP_DETAIL_ARENA_SHIFT & (TP_DETAIL_ARENAS - 1)];
    if (TP_UNLIKELY(arena == (const struct tp_detail_heap_arena *)0))
        return 0;
    return arena->page_class[address >> TP_DETAIL_PAGE_SHIFT & (TP_DETAIL_ARENA_PAGES - 1)];
}

TP_END_DECLS

#endif
