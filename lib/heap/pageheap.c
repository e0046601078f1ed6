/* SPDX-License-Identifier: BSD-2-Clause */
/* The page heap: free pages, first fit by place, in time logarithmic in the number of free spans.

   1. Address space comes in reservations, multiples of 64 MiB; each is one free span at first.
   2. Taking pages cuts them out of the first free span that is large enough (tree.c), makes them
      usable where they never were, and gives them a descriptor of their own.
   3. Giving them back joins them with free neighbours, found through the page map.
   So no two free spans of one reservation touch.

   All of it under one lock, which nothing is locked under. System calls under it are reserving
   and committing address space, which do not touch memory; releasing is done outside (scavenge.c).
   Whatever can fail is done before anything is changed. */
#include "heap/span.h"

struct tpi_pageheap tpi_pageheap = {.lock = TPI_LOCK_INIT(TPI_RANK_PAGES)};

struct tpi_heap_hooks tpi_heap_hooks;

static void count(uint64_t *counter, int64_t delta)
{
    tpi_store_relaxed_64(counter, *counter + (uint64_t)delta);
}

static void count_pages(uint64_t *counter, int64_t pages)
{
    count(counter, pages * TPI_PAGE_BYTES);
}

/* --- free spans in the tree --- */

/* A descriptor for part of a reservation's pages. */
static struct tpi_span *describe(uintptr_t base, uint64_t pages, uint32_t reservation)
{
    struct tpi_span *span = tpi_descriptor_take();
    span->reservation = reservation;
    tpi_span_extent_set(span, base, pages);
    return span;
}

/* Changes a free span in the tree to another extent in the same place. */
static void reshape(struct tpi_span *range, uintptr_t base, uint64_t pages, uint64_t dirty_pages)
{
    tpi_span_extent_set(range, base, pages);
    range->dirty_pages = dirty_pages;
    tpi_tree_update(range);
    tpi_map_ends(range);
}

static void insert_alone(struct tpi_span *span, uint64_t dirty_pages)
{
    span->dirty_pages = dirty_pages;
    tpi_span_kind_set(span, TPI_SPAN_FREE, 0);
    tpi_tree_insert(&tpi_pageheap.tree, span);
    tpi_map_ends(span);
}

/* --- address space --- */

/* Registers an arena for each 64 MiB; false: ENOMEM, and none. */
static bool publish(uintptr_t base, uintptr_t end)
{
    struct tpi_heap_arena *arena = tpi_heap_arenas_new((end - base) / TPI_ARENA_BYTES);
    if (arena == NULL)
        return false;
    for (; base < end; base += TPI_ARENA_BYTES, arena++)
        tpi_store_release_ptr(&tp_detail_heap_arenas[base >> TP_DETAIL_ARENA_SHIFT],
                              &arena->detail);
    return true;
}

static void note_committed(uintptr_t base, uintptr_t end)
{
    for (; base < end; base += TPI_ARENA_BYTES)
        tpi_heap_arena_of(base)->committed = ~UINT64_C(0);
}

/* Reserves and registers; 0: ENOMEM. What is for an object larger than an arena is made usable
   first, so that the kernel can refuse more than the machine has before tables are made for it. */
static uintptr_t reserve_arenas(size_t bytes, size_t align)
{
    bool whole = bytes > TPI_ARENA_BYTES;
    void *at = tpi_os_reserve(bytes, align);
    uintptr_t base = (uintptr_t)at, end = base + bytes;
    if (at == NULL)
        return 0;
    if ((end - 1) >> TP_DETAIL_ADDRESS_BITS != 0 || (whole && !tpi_os_commit(at, bytes)) ||
        !publish(base, end)) {
        tpi_os_unmap(at, bytes);
        return 0;
    }
    tpi_pageheap.reserved += bytes;
    if (whole) {
        tpi_track_hide(at, bytes);
        note_committed(base, end);
    }
    return base;
}

/* A new free span whose first `pages` pages are aligned to `align` pages. A descriptor is ready. */
static struct tpi_span *reserve(uint64_t pages, uint64_t align)
{
    size_t bytes = tpi_align_up(pages * TPI_PAGE_BYTES, TPI_ARENA_BYTES);
    size_t align_bytes = tpi_max(align * TPI_PAGE_BYTES, (size_t)TPI_ARENA_BYTES);
    uintptr_t base = reserve_arenas(bytes, align_bytes);
    if (base == 0)
        return NULL;
    struct tpi_span *range = describe(base, bytes / TPI_PAGE_BYTES, tpi_pageheap.reservations++);
    insert_alone(range, 0);
    return range;
}

/* Makes [base, base + pages) usable: the steps of it that never were, a run of steps at a time. */
static bool commit(uintptr_t base, uint64_t pages)
{
    uintptr_t at = base & ~(uintptr_t)(TPI_COMMIT_BYTES - 1);
    uintptr_t end = base + pages * TPI_PAGE_BYTES;
    while (at < end) {
        uint64_t *committed = &tpi_heap_arena_of(at)->committed;
        unsigned step = (unsigned)(at >> TPI_COMMIT_SHIFT & 63), steps = 0;
        while (step + steps < 64 && at + steps * (size_t)TPI_COMMIT_BYTES < end &&
               !tpi_bit_get(committed, step + steps))
            steps++;
        size_t bytes = steps * (size_t)TPI_COMMIT_BYTES;
        if (steps == 0) {
            at += TPI_COMMIT_BYTES;
            continue;
        }
        if (!tpi_os_commit((void *)at, bytes))
            return false;
        tpi_track_hide((void *)at, bytes);
        *committed |= ~UINT64_C(0) >> (64 - steps) << step;
        at += bytes;
    }
    return true;
}

/* --- cutting and joining --- */

struct tpi_span *tpi_run_carve(struct tpi_span *range, uintptr_t at, uint64_t pages)
{
    uintptr_t base = range->base, end = at + pages * TPI_PAGE_BYTES;
    uint64_t front = (at - base) / TPI_PAGE_BYTES;
    uint64_t behind = range->pages - front - pages;
    uint64_t dirty = range->dirty_pages, front_dirty = 0;
    if (dirty > 0) {
        uint64_t cut = tpi_dirty_count(at, pages);
        front_dirty = front > 0 ? tpi_dirty_count(base, front) : 0;
        count_pages(&tpi_pageheap.idle_bytes, -(int64_t)cut);
        dirty -= cut;
    }
    if (front == 0 && behind == 0) {
        tpi_tree_remove(&tpi_pageheap.tree, range);
        return range;
    }
    if (front == 0) {
        reshape(range, end, behind, dirty);
    } else {
        reshape(range, base, front, front_dirty);
        if (behind > 0)
            insert_alone(describe(end, behind, range->reservation), dirty - front_dirty);
    }
    return describe(at, pages, range->reservation);
}

/* The free span of that reservation that the address is in; NULL. */
static struct tpi_span *free_at(uintptr_t address, uint32_t reservation)
{
    struct tpi_span *span = tpi_span_of(address);
    if (span == NULL || tpi_span_state(span) != TPI_SPAN_FREE || span->reservation != reservation)
        return NULL;
    return span;
}

void tpi_run_insert(struct tpi_span *span, uint64_t dirty_pages)
{
    struct tpi_span *before = free_at(span->base - 1, span->reservation);
    struct tpi_span *behind = free_at(tpi_span_end(span), span->reservation);
    struct tpi_span *joined = before != NULL ? before : behind; /* in the tree already */
    uintptr_t base = before != NULL ? before->base : span->base;
    uint64_t pages = span->pages;
    count_pages(&tpi_pageheap.idle_bytes, (int64_t)dirty_pages);
    if (joined == NULL) {
        insert_alone(span, dirty_pages);
        return;
    }
    if (before != NULL) {
        pages += before->pages;
        dirty_pages += before->dirty_pages;
    }
    if (behind != NULL) {
        pages += behind->pages;
        dirty_pages += behind->dirty_pages;
    }
    if (behind != NULL && behind != joined) {
        tpi_tree_remove(&tpi_pageheap.tree, behind);
        tpi_descriptor_give(behind);
    }
    tpi_descriptor_give(span);
    reshape(joined, base, pages, dirty_pages);
}

/* --- taking and giving --- */

/* A free span that holds `pages` at *at, aligned; all that may fail has been done. NULL: ENOMEM. */
static struct tpi_span *find(uint64_t pages, uint64_t align, uintptr_t *at)
{
    if (!tpi_descriptors_ready(3))
        return NULL;
    struct tpi_span *range = tpi_tree_first_fit(&tpi_pageheap.tree, pages + align - 1);
    if (range == NULL)
        range = reserve(pages, align);
    if (range == NULL)
        return NULL;
    *at = tpi_align_up(range->base, align * TPI_PAGE_BYTES);
    return commit(*at, pages) ? range : NULL;
}

struct tpi_span *tpi_run_alloc(uint64_t pages, uint64_t align, enum tpi_span_state state,
                               unsigned size_class)
{
    struct tpi_pageheap *heap = &tpi_pageheap;
    struct tpi_span *span = NULL;
    uintptr_t at;
    tpi_lock(&heap->lock);
    struct tpi_span *range = find(pages, align, &at);
    if (range != NULL) {
        span = tpi_run_carve(range, at, pages);
        tpi_span_kind_set(span, state, size_class);
        count_pages(&heap->in_use_bytes, (int64_t)pages);
        heap->spans++;
    }
    tpi_unlock(&heap->lock);
    if (span == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    /* Nobody has the address yet, so the map can be filled without the lock. */
    tpi_map_pages(span, span->base, pages);
    return span;
}

static void insert_freed(struct tpi_span *span, bool clean)
{
    tpi_dirty_set(span->base, span->pages, !clean);
    count_pages(&tpi_pageheap.in_use_bytes, -(int64_t)span->pages);
    tpi_run_insert(span, clean ? 0 : span->pages);
}

void tpi_run_free(struct tpi_span *span, bool clean)
{
    struct tpi_pageheap *heap = &tpi_pageheap;
    tpi_track_hide((void *)span->base, span->pages * TPI_PAGE_BYTES);
    tpi_lock(&heap->lock);
    heap->spans--;
    insert_freed(span, clean);
    tpi_unlock(&heap->lock);
}

bool tpi_run_grow(struct tpi_span *span, uint64_t pages)
{
    struct tpi_pageheap *heap = &tpi_pageheap;
    uintptr_t end = tpi_span_end(span);
    uint64_t more = pages - span->pages;
    bool done = false;
    tpi_lock(&heap->lock);
    struct tpi_span *range = free_at(end, span->reservation);
    if (range != NULL && range->pages >= more && tpi_descriptors_ready(2) && commit(end, more)) {
        tpi_descriptor_give(tpi_run_carve(range, end, more));
        tpi_span_extent_set(span, span->base, pages);
        count_pages(&heap->in_use_bytes, (int64_t)more);
        done = true;
    }
    tpi_unlock(&heap->lock);
    if (done)
        tpi_map_pages(span, end, more);
    return done;
}

bool tpi_run_shrink(struct tpi_span *span, uint64_t pages)
{
    struct tpi_pageheap *heap = &tpi_pageheap;
    uintptr_t end = span->base + pages * TPI_PAGE_BYTES;
    uint64_t less = span->pages - pages;
    tpi_lock(&heap->lock);
    bool done = tpi_descriptors_ready(1);
    if (done) {
        tpi_span_extent_set(span, span->base, pages);
        tpi_track_hide((void *)end, less * TPI_PAGE_BYTES);
        insert_freed(describe(end, less, span->reservation), false);
    }
    tpi_unlock(&heap->lock);
    return done;
}

/* --- figures --- */

void tpi_heap_grown(void)
{
    if (tpi_heap_hooks.grown != NULL)
        tpi_heap_hooks.grown();
}

uint64_t tpi_heap_in_use(void)
{
    return tpi_load_relaxed_64(&tpi_pageheap.in_use_bytes);
}

uint64_t tpi_heap_resident(void)
{
    return tpi_heap_in_use() + tpi_load_relaxed_64(&tpi_pageheap.idle_bytes);
}

void tpi_heap_totals(struct tpi_heap_totals *totals)
{
    struct tpi_pageheap *heap = &tpi_pageheap;
    tpi_lock(&heap->lock);
    *totals = (struct tpi_heap_totals){
        .reserved = heap->reserved,
        .in_use = heap->in_use_bytes,
        .idle = heap->idle_bytes,
        .released = heap->reserved - heap->in_use_bytes - heap->idle_bytes,
        .metadata = tpi_metadata_bytes(),
        .spans = heap->spans,
    };
    tpi_unlock(&heap->lock);
}
