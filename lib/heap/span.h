/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside lib/heap only: how spans change hands, and what this room's files promise each other.

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
    TPI_OBJECTS_MIN = 8,          /* a span holds at least so many objects ... */
    TPI_WASTE_SHARE = 32,         /* ... and wastes at most 1/32 of itself behind the last one */
    TPI_SPAN_BYTES_MAX = 1 << 18  /* of a small span */
};

_Static_assert(TPI_ARENA_BYTES / TPI_COMMIT_BYTES == 64, "one 64-bit word says what is committed");

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

/* --- metadata.c: descriptors and maps. Under the page lock --- */

/* Makes sure that n descriptors can be taken without failing. n <= 4. */
bool tpi_descriptors_ready(unsigned n);
struct tpi_span *tpi_descriptor_take(void); /* UNUSED, no extent, on no list or tree */
void tpi_descriptor_give(struct tpi_span *span);
struct tpi_heap_arena *tpi_heap_arenas_new(size_t n); /* in a row, all zero; NULL: ENOMEM */
void *tpi_metadata_map(size_t bytes); /* zero; a multiple of 64 KiB; NULL: ENOMEM */
uint64_t tpi_metadata_bytes(void);

/* --- large.c --- */

uint64_t tpi_large_pages(size_t bytes); /* 0: more than there may be */
/* Zeroes pages that are not known to be. */
void tpi_large_clear(const struct tpi_span *span);

/* --- pagemap.c --- */

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

/* --- central.c --- */

/* Gives the empty spans that classes keep back to the page heap. */
void tpi_central_trim(void);
void tpi_central_lock_all(void);
void tpi_central_unlock_all(void);
void tpi_central_reset_all(void); /* in a fork's child */

#endif
