/* SPDX-License-Identifier: BSD-2-Clause */
/* Spans and arenas as data, and the way from an address to them: for lib/heap's own files, and for
   lib/gc, which marks and sweeps collected spans. heap.h includes it. */
#ifndef TPI_HEAP_DESCRIPTOR_H
#define TPI_HEAP_DESCRIPTOR_H

enum {
    TPI_SPAN_WORDS = TPI_SLOTS_MAX / 64,
    TPI_RECIPROCAL_SHIFT = 40,
    /* Behind a span's marks, so many bytes on, a byte for each slot that is on its way from one
       thread to another. */
    TPI_HANDED_OFFSET = (1 << (TP_DETAIL_ARENA_SHIFT - 4)) + (1 << 16)
};

/* A span's descriptor: 4 cache lines. Type-stable: it may become another span's, never other
   memory. What marking needs of a collected span is in the first line. */
struct tpi_span {
    uintptr_t base;
    uint64_t pages;
    uint32_t kind;         /* enum tpi_span_state, and the size class shifted by 8 */
    uint32_t reservation;  /* number of the reservation that its pages are in */
    uint16_t slots;        /* small: objects that fit */
    uint16_t free_slots;   /* small: of them, how many are here */
    uint16_t hint;         /* small: words of alloc_bits below this one are full */
    uint16_t list;         /* small: which of its class's lists it is on, from 1; 0: none */
    struct tpi_span *next; /* in that list; of an unused descriptor: the free list */
    struct tpi_span *previous;
    void *layout;   /* collected: what lib/gc knows of its objects */
    uint8_t *marks; /* collected: a byte for each slot, lib/gc's */

    /* Bit i: slot i is out. Bits behind the last slot are set. Large: not used. */
    uint64_t alloc_bits[TPI_SPAN_WORDS] TPI_ALIGNED(TPI_CACHE_LINE);

    union {
        /* Free spans: the tree (tree.c). */
        struct {
            struct tpi_span *left;
            struct tpi_span *right;
            struct tpi_span *parent;
            uint64_t largest;     /* pages of the largest free span here and below */
            uint64_t dirty_pages; /* of its own pages */
            uint32_t priority;
            uint32_t dirty_below; /* whether any here or below has dirty pages */
        };
        /* Collected spans: lib/gc's, but for needs_zero. */
        struct {
            void *owner;         /* atomic: who takes slots of it; NULL: nobody */
            uint32_t swept;      /* atomic: the sweep epoch; odd: at it */
            uint32_t place;      /* in its layout's list of spans */
            uint32_t needs_zero; /* slots may hold something; 0: never used since its pages were
                                    zero */
            uint32_t handed;     /* atomic: some slot is on its way to another thread */
        };
    } TPI_ALIGNED(TPI_CACHE_LINE);
};

_Static_assert(sizeof(struct tpi_span) == 4 * TPI_CACHE_LINE, "a descriptor is 4 cache lines");

/* 64 MiB of address space, aligned to that. Never unmapped. */
struct tpi_heap_arena {
    struct tp_detail_heap_arena detail; /* first: the inlined free sees only this */
    struct tpi_span *spans[TP_DETAIL_ARENA_PAGES];
    /* Bit i: page i is resident and not known to be zero. Of pages in use: what it was when they
       were taken. */
    uint64_t dirty[TP_DETAIL_ARENA_PAGES / 64];
    uint64_t committed; /* bit i: the i-th step of TPI_COMMIT_BYTES is usable */
    /* The span that took all pages at once, so that a huge object costs no 8192 entries an arena.
       Asked where an entry leads nowhere; like them never cleared. */
    struct tpi_span *whole;
    uint8_t *marks; /* a byte for each 16 of the arena; NULL until it has a collected span */
};

static inline enum tpi_span_state tpi_span_state(const struct tpi_span *span)
{
    return (enum tpi_span_state)(tpi_load_relaxed_32(&span->kind) & 0xff);
}

static inline unsigned tpi_span_class(const struct tpi_span *span)
{
    return tpi_load_relaxed_32(&span->kind) >> 8;
}

/* --- classes.c --- */

struct tpi_class {
    uint32_t bytes; /* of a slot */
    uint16_t slots;
    uint16_t pages;
    uint64_t reciprocal; /* 2^TPI_RECIPROCAL_SHIFT / bytes, rounded up */
};

/* Collected objects that ask for no more alignment than a word have three classes of their own,
   behind the others: 24, 40 and 56 bytes. Three words are a common size of a node. */
enum {
    TPI_CLASSES_ODD = TP_DETAIL_CLASSES, /* the first of them */
    TPI_CLASSES = TP_DETAIL_CLASSES + 3
};
extern const struct tpi_class tpi_classes[TPI_CLASSES];

/* 0: large. A span is aligned to a page: each of its slots is to whatever its size is a multiple
   of. align: a power of two, up to a page. */
static inline unsigned tpi_collected_class(size_t bytes, size_t align)
{
    if (align <= 8 && bytes > 16 && bytes <= 56 && (bytes - 1) / 8 % 2 == 0)
        return TPI_CLASSES_ODD + (unsigned)((bytes - 1) / 16) - 1;
    unsigned size_class = tp_detail_class_of_size(bytes);
    while (size_class != 0 && (tpi_classes[size_class].bytes & (align - 1)) != 0 && align > 16)
        size_class = (size_class + 1) % TP_DETAIL_CLASSES;
    return size_class;
}

/* Exact for offsets below TPI_SPAN_BYTES_MAX: with e = reciprocal * bytes - 2^40 < bytes <= 2^15
   the error, offset * e / 2^40 slots' worth of bytes, stays below one byte. */
static inline unsigned tpi_class_slot(const struct tpi_class *class, uint64_t offset)
{
    return (unsigned)(offset * class->reciprocal >> TPI_RECIPROCAL_SHIFT);
}

/* --- the page map --- */

static inline struct tpi_heap_arena *tpi_heap_arena_of(uintptr_t address)
{
    struct tp_detail_heap_arena *detail = tpi_load_acquire_ptr(
        &tp_detail_heap_arenas[address >> TP_DETAIL_ARENA_SHIFT & (TP_DETAIL_ARENAS - 1)]);
    return (struct tpi_heap_arena *)(void *)detail;
}

static inline unsigned tpi_page_in_arena(uintptr_t address)
{
    return (unsigned)(address >> TP_DETAIL_PAGE_SHIFT & (TP_DETAIL_ARENA_PAGES - 1));
}

static inline bool tpi_span_holds(const struct tpi_span *span, uintptr_t address)
{
    uintptr_t base = tpi_load_relaxed_64(&span->base);
    return address - base < tpi_load_relaxed_64(&span->pages) * TPI_PAGE_BYTES;
}

/* The span whose extent holds the address, of any state; NULL. */
static inline struct tpi_span *tpi_span_of(uintptr_t address)
{
    struct tpi_heap_arena *arena = tpi_heap_arena_of(address);
    if (tpi_unlikely(arena == NULL))
        return NULL;
    struct tpi_span *span = tpi_load_acquire_ptr(&arena->spans[tpi_page_in_arena(address)]);
    if (tpi_likely(span != NULL && tpi_span_holds(span, address)))
        return span;
    span = tpi_load_acquire_ptr(&arena->whole);
    return span != NULL && tpi_span_holds(span, address) ? span : NULL;
}

#endif
