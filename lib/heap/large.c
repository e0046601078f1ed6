/* SPDX-License-Identifier: BSD-2-Clause */
/* Large objects, one span each, and bare pages for the library's own use.

   Resizing, in this order: the same pages; give the tail back; take the free pages behind; move.
   Moving carries pages over by mremap where there are many and most of the new place would have to
   be faulted in; onto resident pages, which would have to be freed first, copying is faster. Each
   mremap may leave a mapping of its own in the kernel, which allows a process some tens of
   thousands, so only a bounded number of them is made. */
#include "heap/span.h"

enum {
    MOVE_BYTES_MIN = 1 << 18, /* measured: docs/design/heap.md */
    MOVES_MAX = 8192
};

/* Sizes and alignments beyond 8 TiB are refused: no sum can overflow, and tables for an object,
   about 5 KiB for each 64 MiB of it, stay in proportion. */
static const size_t bytes_max = (size_t)1 << 43;

static uint32_t moves; /* made so far */

static uint64_t pages_for(size_t bytes)
{
    return bytes == 0 ? 1 : (bytes + TPI_PAGE_BYTES - 1) / TPI_PAGE_BYTES;
}

uint64_t tpi_large_pages(size_t bytes)
{
    return bytes > bytes_max ? 0 : pages_for(bytes);
}

void tpi_large_clear(const struct tpi_span *span)
{
    uintptr_t at = span->base, end = tpi_span_end(span);
    while ((at = tpi_dirty_next(at, end, true)) < end) {
        uintptr_t run_end = tpi_dirty_next(at, end, false);
        memset((void *)at, 0, run_end - at);
        at = run_end;
    }
    tpi_track_show_kept((void *)span->base, span->pages * TPI_PAGE_BYTES);
}

void *tpi_large_alloc(size_t bytes, size_t align, bool zeroed)
{
    if (bytes > bytes_max || align > bytes_max) {
        errno = ENOMEM;
        return NULL;
    }
    struct tpi_span *span = tpi_run_alloc(pages_for(bytes), pages_for(align), TPI_SPAN_LARGE, 0);
    if (span == NULL)
        return NULL;
    tpi_track_show((void *)span->base, span->pages * TPI_PAGE_BYTES);
    if (zeroed) {
        tpi_large_clear(span);
    }
    tpi_heap_grown();
    return (void *)span->base;
}

/* The span that starts at `object`, of that state and now claimed by this caller; aborts where
   there is none. Of two threads that free the same object one fails here. */
static struct tpi_span *claim(void *object, enum tpi_span_state state)
{
    struct tpi_span *span = tpi_span_of((uintptr_t)object);
    uint32_t kind = (uint32_t)state;
    if (span == NULL || tpi_load_relaxed_64(&span->base) != (uintptr_t)object ||
        !tpi_cas_acq_rel_32(&span->kind, &kind, TPI_SPAN_CLAIMED))
        tpi_bad_free(object);
    return span;
}

void tpi_large_free(void *object)
{
    tpi_run_free(claim(object, TPI_SPAN_LARGE), false);
}

/* Carries `pages` pages from one span to another; whether the old ones are clean now. */
static bool carry(struct tpi_span *from, struct tpi_span *to, uint64_t pages)
{
    size_t bytes = pages * TPI_PAGE_BYTES;
    bool fresh = tpi_dirty_count(to->base, to->pages) < to->pages / 2;
    if (fresh && bytes >= MOVE_BYTES_MIN && tpi_load_relaxed_32(&moves) < MOVES_MAX &&
        tpi_os_move((void *)from->base, bytes, (void *)to->base, to->pages * TPI_PAGE_BYTES)) {
        (void)tpi_add_acq_rel_32(&moves, 1);
        return true;
    }
    memcpy((void *)to->base, (void *)from->base, bytes);
    return false;
}

void *tpi_large_resize(void *object, size_t bytes)
{
    struct tpi_span *span = tpi_span_of((uintptr_t)object);
    if (span == NULL || span->base != (uintptr_t)object || tpi_span_state(span) != TPI_SPAN_LARGE)
        tpi_bad_free(object);
    uint64_t pages = pages_for(bytes), old = span->pages;
    if (bytes > bytes_max) {
        errno = ENOMEM;
        return NULL;
    }
    if (pages <= old) {
        /* For want of a descriptor it keeps its tail: larger than asked for is no failure. */
        if (pages < old)
            (void)tpi_run_shrink(span, pages);
        return object;
    }
    if (tpi_run_grow(span, pages)) {
        tpi_track_show((char *)object + old * TPI_PAGE_BYTES, (pages - old) * TPI_PAGE_BYTES);
        tpi_heap_grown();
        return object;
    }
    struct tpi_span *larger = tpi_run_alloc(pages, 1, TPI_SPAN_LARGE, 0);
    if (larger == NULL)
        return NULL;
    tpi_track_show((void *)larger->base, pages * TPI_PAGE_BYTES);
    bool clean = carry(span, larger, old);
    tpi_run_free(claim(object, TPI_SPAN_LARGE), clean);
    tpi_heap_grown();
    return (void *)larger->base;
}

void *tpi_pages_alloc(size_t pages)
{
    tpi_assert(pages > 0 && pages <= TP_DETAIL_ARENA_PAGES);
    struct tpi_span *span = tpi_run_alloc(pages, 1, TPI_SPAN_PAGES, 0);
    if (span == NULL)
        return NULL;
    tpi_track_show((void *)span->base, span->pages * TPI_PAGE_BYTES);
    tpi_heap_grown();
    return (void *)span->base;
}

void tpi_pages_free(void *at)
{
    tpi_run_free(claim(at, TPI_SPAN_PAGES), false);
}
