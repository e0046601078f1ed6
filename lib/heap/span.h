/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside lib/heap only: spans, arenas, and what this room's files promise each other.

   Every page of every arena is in exactly one span: free ones are the page heap's (pageheap.c),
   the others belong to whoever took them. A span never reaches from one reservation of address
   space into another.

   Who protects what:
   - the page lock: state and extent of every span, the tree of free spans, the dirty bits of free
     pages, `committed`, and the page map's entries for the first and last page of free spans;
   - the owner of a span that is not free: its pages' entries, page classes and dirty bits;
   - a class's central lock: links, bits and counts of that class's small spans.
   `kind`, `base`, `pages` and the allocation bits are also read without a lock (tpi_heap_where),
   so they are written with atomic stores. A reader that holds no object of the span may see it half
   changed; it checks the range and gets an answer that was true a moment before or after.

   Entries of the page map are not cleared when a span goes away: descriptors are type-stable, and
   whoever follows an entry compares the address with the descriptor's extent. */
#ifndef TPI_HEAP_SPAN_H
#define TPI_HEAP_SPAN_H

#include "heap/heap.h"

enum {
    TPI_ARENA_BYTES = 1 << TP_DETAIL_ARENA_SHIFT,
    TPI_COMMIT_SHIFT = 20, /* memory is made usable in steps of 1 MiB */
    TPI_COMMIT_BYTES = 1 << TPI_COMMIT_SHIFT,
    TPI_SPAN_WORDS = TPI_SLOTS_MAX / 64,
    TPI_OBJECTS_MIN = 8,          /* a span holds at least so many objects ... */
    TPI_WASTE_SHARE = 32,         /* ... and wastes at most 1/32 of itself behind the last one */
    TPI_SPAN_BYTES_MAX = 1 << 18, /* of a small span */
    TPI_RECIPROCAL_SHIFT = 40
};

_Static_assert(TPI_ARENA_BYTES / TPI_COMMIT_BYTES == 64, "one 64-bit word says what is committed");

/* A span's descriptor: 4 cache lines. Type-stable: it may become another span's, never other
   memory. A collector adds `uint64_t mark_bits[TPI_SPAN_WORDS]` behind alloc_bits (the two swap
   roles at sweep, so both live here) and a state COLLECTED; map, slots and bits serve it as they
   are. */
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
    uint64_t spare;

    /* Bit i: slot i is out. Bits behind the last slot are set. */
    uint64_t alloc_bits[TPI_SPAN_WORDS] TPI_ALIGNED(TPI_CACHE_LINE);

    /* Free spans: the tree (tree.c). */
    struct tpi_span *left TPI_ALIGNED(TPI_CACHE_LINE);
    struct tpi_span *right;
    struct tpi_span *parent;
    uint64_t largest;     /* pages of the largest free span here and below */
    uint64_t dirty_pages; /* of its own pages */
    uint32_t priority;
    uint32_t dirty_below; /* whether any here or below has dirty pages */
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
};

/* Behind enum tpi_span_state: in the hands of one thread that frees or releases it. */
enum { TPI_SPAN_CLAIMED = 5 };

static inline enum tpi_span_state tpi_span_state(const struct tpi_span *span)
{
    return (enum tpi_span_state)(tpi_load_relaxed_32(&span->kind) & 0xff);
}

static inline unsigned tpi_span_class(const struct tpi_span *span)
{
    return tpi_load_relaxed_32(&span->kind) >> 8;
}

static inline void tpi_span_kind_set(struct tpi_span *span, unsigned state, unsigned size_class)
{
    tpi_store_relaxed_32(&span->kind, state | size_class << 8);
}

static inline void tpi_span_extent_set(struct tpi_span *span, uintptr_t base, uint64_t pages)
{
    tpi_store_relaxed_64(&span->base, base);
    tpi_store_relaxed_64(&span->pages, pages);
}

static inline uintptr_t tpi_span_end(const struct tpi_span *span)
{
    return span->base + span->pages * TPI_PAGE_BYTES;
}

/* --- classes.c --- */

struct tpi_class {
    uint32_t bytes; /* of a slot */
    uint16_t slots;
    uint16_t pages;
    uint64_t reciprocal; /* 2^TPI_RECIPROCAL_SHIFT / bytes, rounded up */
};
extern const struct tpi_class tpi_classes[TP_DETAIL_CLASSES];

/* Exact for offsets below TPI_SPAN_BYTES_MAX: with e = reciprocal * bytes - 2^40 < bytes <= 2^15
   the error, offset * e / 2^40 slots' worth of bytes, stays below one byte. */
static inline unsigned tpi_class_slot(const struct tpi_class *class, uint64_t offset)
{
    return (unsigned)(offset * class->reciprocal >> TPI_RECIPROCAL_SHIFT);
}

/* --- metadata.c: descriptors and maps. Under the page lock --- */

/* Makes sure that n descriptors can be taken without failing. n <= 4. */
bool tpi_descriptors_ready(unsigned n);
struct tpi_span *tpi_descriptor_take(void); /* UNUSED, no extent, on no list or tree */
void tpi_descriptor_give(struct tpi_span *span);
struct tpi_heap_arena *tpi_heap_arenas_new(size_t n); /* in a row, all zero; NULL: ENOMEM */
uint64_t tpi_metadata_bytes(void);

/* --- pagemap.c --- */

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

/* The map's entries for [from, from + pages) of a span. */
void tpi_map_pages(struct tpi_span *span, uintptr_t from, uint64_t pages);
/* The two entries by which neighbours find a free span. */
void tpi_map_ends(struct tpi_span *span);
void tpi_page_class_set(uintptr_t base, uint64_t pages, uint8_t size_class);

/* Dirty bits of a range: how many; all set or all cleared. */
uint64_t tpi_dirty_count(uintptr_t base, uint64_t pages);
void tpi_dirty_set(uintptr_t base, uint64_t pages, bool dirty);
/* The first page at or above `from`, below `end`, that is dirty, or is not; `end`: none. */
uintptr_t tpi_dirty_next(uintptr_t from, uintptr_t end, bool dirty);
/* The end of the last dirty page in [from, end); `from`: none. */
uintptr_t tpi_dirty_last_end(uintptr_t from, uintptr_t end);

/* Aborts with the line that says what is wrong with a free of `object`. */
TPI_COLD __attribute__((noreturn)) void tpi_bad_free(const void *object);

/* --- tree.c: free spans, by reservation and address. Under the page lock --- */

struct tpi_tree {
    struct tpi_span *root;
    uint64_t seed;
};
void tpi_tree_insert(struct tpi_tree *tree, struct tpi_span *span);
void tpi_tree_remove(struct tpi_tree *tree, struct tpi_span *span);
/* The span's pages or dirty pages changed, or its base within the same place in the order. To be
   called before anything else is done to the tree. */
void tpi_tree_update(struct tpi_span *span);
struct tpi_span *tpi_tree_first_fit(const struct tpi_tree *tree, uint64_t pages);
struct tpi_span *tpi_tree_last_dirty(const struct tpi_tree *tree);

/* --- pageheap.c --- */

struct tpi_pageheap {
    struct tpi_lock lock;
    struct tpi_tree tree;
    struct tpi_span *transit; /* whose pages the scavenger is releasing just now */
    uint32_t reservations;
    uint64_t reserved; /* bytes */
    uint64_t spans;    /* that are not free */
    /* Read by anybody; written under the lock. */
    uint64_t in_use_bytes TPI_ALIGNED(TPI_CACHE_LINE);
    uint64_t idle_bytes;
};
extern struct tpi_pageheap tpi_pageheap;

/* Takes pages: a span of that state and class, mapped. align is in pages. NULL: ENOMEM. */
struct tpi_span *tpi_run_alloc(uint64_t pages, uint64_t align, enum tpi_span_state state,
                               unsigned size_class);
/* Gives a span back. clean: its pages are known to be zero or not resident. */
void tpi_run_free(struct tpi_span *span, bool clean);
/* Moves a span's end in place; false: it cannot be. */
bool tpi_run_grow(struct tpi_span *span, uint64_t pages);
bool tpi_run_shrink(struct tpi_span *span, uint64_t pages);
/* Under the lock: cuts [at, at + pages) out of a free span. Two descriptors must be ready. */
struct tpi_span *tpi_run_carve(struct tpi_span *range, uintptr_t at, uint64_t pages);
/* Under the lock: makes a carved or taken span free, and part of its free neighbours. */
void tpi_run_insert(struct tpi_span *span, uint64_t dirty_pages);
/* Tells lib/runtime that the heap took pages. No lock held. */
void tpi_heap_grown(void);

/* --- central.c --- */

/* Gives the empty spans that classes keep back to the page heap. */
void tpi_central_trim(void);
void tpi_central_lock_all(void);
void tpi_central_unlock_all(void);
void tpi_central_reset_all(void); /* in a fork's child */

#endif
