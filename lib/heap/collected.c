/* SPDX-License-Identifier: BSD-2-Clause */
/* Collected spans: pages for the collector, with a byte of mark for each slot.

   Marks lie in a table of their arena, a byte for each 16 bytes of it, so that a span's first slot
   has its mark at a place that follows from the span's base, and no two spans' marks overlap: a
   slot is 16 bytes at least, and of the span's share of the table only the first `slots` bytes are
   used. Address space for a table is taken when its arena gets the first collected span, and kept.
   A span may cross into the next arena of its reservation: its marks then run on behind the table,
   into room for one span's.

   A conservative reader may look at a descriptor at any moment. So `kind` says CLAIMED until all
   else is written, and is stored last, with release; who reads it with acquire and finds a
   collected span finds the rest as it is here. The page class of these pages stays 0, which leads a
   mistaken tp_heap_free to the slow path, and there to tpi_bad_free.

   Any thread; no lock of rank PAGES held. Whoever frees a span is the only one who has it. */
#include "heap/span.h"

enum {
    MARKS_SHIFT = 4, /* the smallest slot is 16 bytes */
    MARKS_BYTES = (TPI_ARENA_BYTES >> MARKS_SHIFT) + (1 << 16)
};

_Static_assert((int)MARKS_BYTES == (int)TPI_HANDED_OFFSET, "a second table lies behind the marks");

_Static_assert((1 << 16) >= TPI_SLOTS_MAX, "a span that crosses into the next arena has its marks");

static uint64_t collected_bytes; /* atomic; of spans' pages */

uint64_t tpi_heap_collected(void)
{
    return tpi_load_relaxed_64(&collected_bytes);
}

/* Where a span's marks are; NULL: ENOMEM. */
static uint8_t *marks_of(uintptr_t base)
{
    struct tpi_heap_arena *arena = tpi_heap_arena_of(base);
    uint8_t *marks = tpi_load_acquire_ptr(&arena->marks);
    if (tpi_unlikely(marks == NULL)) {
        tpi_lock(&tpi_pageheap.lock);
        marks = arena->marks;
        if (marks == NULL)
            marks = tpi_metadata_map(2 * (size_t)MARKS_BYTES);
        tpi_store_release_ptr(&arena->marks, marks); /* pairs with the acquire above */
        tpi_unlock(&tpi_pageheap.lock);
    }
    return marks == NULL ? NULL : marks + ((base & (TPI_ARENA_BYTES - 1)) >> MARKS_SHIFT);
}

/* A claimed span with marks and everything but its slots; NULL: ENOMEM. */
static struct tpi_span *span_take(uint64_t pages, unsigned size_class, void *layout)
{
    struct tpi_span *span = tpi_run_alloc(pages, 1, TPI_SPAN_CLAIMED, size_class);
    if (span == NULL)
        return NULL;
    span->marks = marks_of(span->base);
    if (span->marks == NULL) {
        tpi_run_free(span, tpi_dirty_count(span->base, pages) == 0);
        errno = ENOMEM;
        return NULL;
    }
    tpi_track_show_kept((void *)span->base, pages * TPI_PAGE_BYTES); /* objects are zeroed */
    span->hint = 0;
    span->list = 0;
    span->next = span->previous = NULL;
    span->layout = layout;
    span->owner = NULL;
    span->swept = 0;
    span->place = 0;
    span->handed = 0;
    (void)tpi_add_acq_rel_64(&collected_bytes, pages * TPI_PAGE_BYTES);
    return span;
}

static void show(struct tpi_span *span, enum tpi_span_state state, unsigned size_class)
{
    tpi_store_release_32(&span->kind, (uint32_t)state | size_class << 8);
}

struct tpi_span *tpi_collected_span_new(unsigned size_class, void *layout)
{
    const struct tpi_class *class = &tpi_classes[size_class];
    struct tpi_span *span = span_take(class->pages, size_class, layout);
    if (span == NULL)
        return NULL;
    span->slots = span->free_slots = class->slots;
    span->needs_zero = tpi_dirty_count(span->base, span->pages) > 0;
    for (unsigned i = 0; i < TPI_SPAN_WORDS; i++) {
        unsigned slots_here = class->slots > i * 64 ? class->slots - i * 64 : 0;
        uint64_t behind = slots_here >= 64 ? 0 : ~UINT64_C(0) << slots_here;
        tpi_store_relaxed_64(&span->alloc_bits[i], behind);
    }
    memset(span->marks, 0, class->slots);
    show(span, TPI_SPAN_COLLECTED, size_class);
    return span;
}

struct tpi_span *tpi_collected_large_new(size_t bytes, void *layout)
{
    uint64_t pages = tpi_large_pages(bytes);
    struct tpi_span *span = pages != 0 ? span_take(pages, 0, layout) : NULL;
    if (span == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    span->slots = 1;
    span->free_slots = 0;
    span->needs_zero = 1; /* whoever had it wrote into it */
    for (unsigned i = 0; i < TPI_SPAN_WORDS; i++)
        tpi_store_relaxed_64(&span->alloc_bits[i], ~UINT64_C(0));
    tpi_large_clear(span);
    return span;
}

void tpi_collected_large_show(struct tpi_span *span, uint8_t mark)
{
    span->marks[0] = mark;
    show(span, TPI_SPAN_COLLECTED_LARGE, 0);
}

void tpi_collected_span_free(struct tpi_span *span)
{
    tpi_span_kind_set(span, TPI_SPAN_CLAIMED, 0);
    (void)tpi_add_acq_rel_64(&collected_bytes, (uint64_t)0 - span->pages * TPI_PAGE_BYTES);
    tpi_run_free(span, span->needs_zero == 0);
}
