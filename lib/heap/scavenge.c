/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives free pages back to the operating system, from the far end of the heap: first fit fills the
   near end, so the far end's pages are the least likely to be wanted again.

   One step releases what is dirty in one window of 2 MiB, aligned to that: a huge page is released
   as a whole or, where part of it is in use, not split more than once. The window is taken out of
   the page heap while the kernel works on it, so the page lock is held for two short moments a
   step and never over the system call. When to call it, and with what `keep`, is decided above. */
#include "heap/span.h"

enum { WINDOW_BYTES = 1 << 21 };

/* --- pages in transit: taken out of the page heap by a step. Under the page lock --- */

static void transit_add(struct tpi_span *span)
{
    span->previous = NULL;
    span->next = tpi_pageheap.transit;
    if (span->next != NULL)
        span->next->previous = span;
    tpi_pageheap.transit = span;
}

static void transit_remove(struct tpi_span *span)
{
    if (span->next != NULL)
        span->next->previous = span->previous;
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        tpi_pageheap.transit = span->next;
    span->next = span->previous = NULL;
}

/* Takes the last window with dirty pages out; NULL: there is none, or no descriptor for it. */
static struct tpi_span *window_take(void)
{
    struct tpi_span *range = tpi_tree_last_dirty(&tpi_pageheap.tree);
    if (range == NULL || !tpi_descriptors_ready(2))
        return NULL;
    uintptr_t end = tpi_dirty_last_end(range->base, tpi_span_end(range));
    uintptr_t start = (end - 1) & ~(uintptr_t)(WINDOW_BYTES - 1);
    start = tpi_max(start, range->base);
    struct tpi_span *span = tpi_run_carve(range, start, (end - start) / TPI_PAGE_BYTES);
    tpi_span_kind_set(span, TPI_SPAN_CLAIMED, 0);
    transit_add(span);
    return span;
}

/* From its first dirty page; clean ones behind that cost less than another call would. */
static void window_release(const struct tpi_span *span)
{
    uintptr_t end = tpi_span_end(span), first = tpi_dirty_next(span->base, end, true);
    tpi_track_show((void *)first, end - first);
    tpi_os_release((void *)first, end - first);
    tpi_track_hide((void *)first, end - first);
}

size_t tpi_heap_scavenge(size_t keep)
{
    struct tpi_pageheap *heap = &tpi_pageheap;
    size_t released = 0;
    tpi_central_trim();
    tpi_lock(&heap->lock);
    while (heap->idle_bytes > keep) {
        struct tpi_span *span = window_take();
        if (span == NULL)
            break;
        tpi_unlock(&heap->lock);
        released += tpi_dirty_count(span->base, span->pages) * TPI_PAGE_BYTES;
        window_release(span);
        tpi_lock(&heap->lock);
        transit_remove(span);
        tpi_dirty_set(span->base, span->pages, false);
        tpi_run_insert(span, 0);
    }
    tpi_unlock(&heap->lock);
    return released;
}

/* --- fork: the central locks, then the page lock --- */

void tpi_heap_fork_prepare(void)
{
    tpi_central_lock_all();
    tpi_lock(&tpi_pageheap.lock);
}

void tpi_heap_fork_parent(void)
{
    tpi_unlock(&tpi_pageheap.lock);
    tpi_central_unlock_all();
}

/* The thread that scavenged does not exist here: its window goes back as it was, dirty. */
void tpi_heap_fork_child(void)
{
    while (tpi_pageheap.transit != NULL) {
        struct tpi_span *span = tpi_pageheap.transit;
        transit_remove(span);
        tpi_run_insert(span, tpi_dirty_count(span->base, span->pages));
    }
    tpi_lock_reset_in_child(&tpi_pageheap.lock);
    tpi_central_reset_all();
}
