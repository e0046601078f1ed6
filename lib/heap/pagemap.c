/* SPDX-License-Identifier: BSD-2-Clause */
/* From an address to its arena, span, slot: two loads and a comparison. And the per-page tables:
   page classes for the inlined free, dirty bits for zeroing and scavenging.

   Ranges may cross arenas of one reservation, so each function walks arena by arena. */
#include "heap/span.h"

struct tp_detail_heap_arena *tp_detail_heap_arenas[TP_DETAIL_ARENAS];

/* Pages of [at, at + pages) that are in the arena of `at`. */
static uint64_t pages_here(uintptr_t at, uint64_t pages)
{
    uint64_t rest = TP_DETAIL_ARENA_PAGES - tpi_page_in_arena(at);
    return tpi_min(pages, rest);
}

void tpi_map_pages(struct tpi_span *span, uintptr_t from, uint64_t pages)
{
    while (pages > 0) {
        struct tpi_heap_arena *arena = tpi_heap_arena_of(from);
        struct tpi_span **entries = &arena->spans[tpi_page_in_arena(from)];
        uint64_t here = pages_here(from, pages);
        if (here == TP_DETAIL_ARENA_PAGES)
            tpi_store_release_ptr(&arena->whole, span);
        for (uint64_t i = 0; i < here && here < TP_DETAIL_ARENA_PAGES; i++)
            tpi_store_release_ptr(&entries[i], span);
        from += here * TPI_PAGE_BYTES;
        pages -= here;
    }
}

void tpi_map_ends(struct tpi_span *span)
{
    uintptr_t last = tpi_span_end(span) - TPI_PAGE_BYTES;
    tpi_store_release_ptr(&tpi_heap_arena_of(span->base)->spans[tpi_page_in_arena(span->base)],
                          span);
    tpi_store_release_ptr(&tpi_heap_arena_of(last)->spans[tpi_page_in_arena(last)], span);
}

void tpi_page_class_set(uintptr_t base, uint64_t pages, uint8_t size_class)
{
    while (pages > 0) {
        uint64_t here = pages_here(base, pages);
        memset(&tpi_heap_arena_of(base)->detail.page_class[tpi_page_in_arena(base)], size_class,
               here);
        base += here * TPI_PAGE_BYTES;
        pages -= here;
    }
}

/* The bits of one word that are pages of [at, at + pages), and how many they are. */
static uint64_t *dirty_word(uintptr_t at, uint64_t pages, uint64_t *mask, uint64_t *here)
{
    unsigned page = tpi_page_in_arena(at);
    *here = tpi_min(pages, (uint64_t)(64 - page % 64));
    *mask = ~UINT64_C(0) >> (64 - *here) << page % 64;
    return &tpi_heap_arena_of(at)->dirty[page / 64];
}

uint64_t tpi_dirty_count(uintptr_t base, uint64_t pages)
{
    uint64_t count = 0, mask, here;
    while (pages > 0) {
        const uint64_t *word = dirty_word(base, pages, &mask, &here);
        count += tpi_bit_count(tpi_load_relaxed_64(word) & mask);
        base += here * TPI_PAGE_BYTES;
        pages -= here;
    }
    return count;
}

void tpi_dirty_set(uintptr_t base, uint64_t pages, bool dirty)
{
    uint64_t mask, here;
    while (pages > 0) {
        uint64_t *word = dirty_word(base, pages, &mask, &here);
        uint64_t old = tpi_load_relaxed_64(word);
        tpi_store_relaxed_64(word, dirty ? old | mask : old & ~mask);
        base += here * TPI_PAGE_BYTES;
        pages -= here;
    }
}

static uint64_t dirty_word_at(uintptr_t at)
{
    return tpi_load_relaxed_64(&tpi_heap_arena_of(at)->dirty[tpi_page_in_arena(at) / 64]);
}

uintptr_t tpi_dirty_next(uintptr_t from, uintptr_t end, bool dirty)
{
    while (from < end) {
        unsigned bit = tpi_page_in_arena(from) % 64;
        uint64_t word = dirty_word_at(from);
        uint64_t wanted = (dirty ? word : ~word) >> bit;
        if (wanted != 0)
            return tpi_min(from + tpi_lowest_bit(wanted) * (uintptr_t)TPI_PAGE_BYTES, end);
        from += (64 - bit) * (uintptr_t)TPI_PAGE_BYTES;
    }
    return end;
}

uintptr_t tpi_dirty_last_end(uintptr_t from, uintptr_t end)
{
    while (end > from) {
        uintptr_t last = end - TPI_PAGE_BYTES;
        unsigned bit = tpi_page_in_arena(last) % 64;
        uint64_t word = dirty_word_at(last) << (63 - bit);
        if (word != 0) {
            end -= (63 - tpi_highest_bit(word)) * (uintptr_t)TPI_PAGE_BYTES;
            return tpi_max(end, from);
        }
        end -= tpi_min((bit + 1) * (uintptr_t)TPI_PAGE_BYTES, end - from);
    }
    return from;
}

struct tpi_where tpi_heap_where(const void *address)
{
    struct tpi_where where = {.span = NULL};
    uintptr_t at = (uintptr_t)address;
    struct tpi_span *span = tpi_span_of(at);
    if (span == NULL)
        return where;
    uintptr_t base = tpi_load_relaxed_64(&span->base);
    enum tpi_span_state state = tpi_span_state(span);
    if (state == TPI_SPAN_LARGE || state == TPI_SPAN_COLLECTED_LARGE) {
        where = (struct tpi_where){.span = span,
                                   .state = state,
                                   .start = (void *)base,
                                   .bytes = tpi_load_relaxed_64(&span->pages) * TPI_PAGE_BYTES,
                                   .allocated = state == TPI_SPAN_LARGE ||
                                                tpi_bit_get(span->alloc_bits, 0)};
    } else if (state == TPI_SPAN_SMALL || state == TPI_SPAN_COLLECTED) {
        unsigned size_class = tpi_span_class(span);
        const struct tpi_class *class = &tpi_classes[size_class];
        unsigned slot = tpi_class_slot(class, at - base);
        if (slot >= class->slots)
            return where; /* behind the last slot */
        uint64_t word = tpi_load_relaxed_64(&span->alloc_bits[slot / 64]);
        where = (struct tpi_where){.span = span,
                                   .state = state,
                                   .size_class = size_class,
                                   .start = (void *)(base + (uintptr_t)slot * class->bytes),
                                   .bytes = class->bytes,
                                   .allocated = (word >> slot % 64 & 1) != 0};
    }
    return where;
}

void tpi_heap_check_explicit(const char *call, const void *address)
{
    struct tpi_where where = tpi_heap_where(address);
    if (where.state != TPI_SPAN_COLLECTED && where.state != TPI_SPAN_COLLECTED_LARGE)
        return;
    bool is_pools = tpi_heap_hooks.is_pools != NULL && tpi_heap_hooks.is_pools(where.span->layout);
    tpi_fatal("bad %s of %p: it is in a %s (%p, %zu bytes)", call, address,
              is_pools ? "pool's object, which goes back by tp_pool_put"
                       : "collected object, which the collector alone frees",
              where.start, where.bytes);
}

void tpi_bad_free(const void *object)
{
    struct tpi_span *span = tpi_span_of((uintptr_t)object);
    struct tpi_where where = tpi_heap_where(object);
    if (tpi_heap_arena_of((uintptr_t)object) == NULL)
        tpi_fatal("bad free of %p: not from this heap", object);
    if (span == NULL || tpi_span_state(span) == TPI_SPAN_FREE)
        tpi_fatal("bad free of %p: double free, or never allocated: its pages are free", object);
    tpi_heap_check_explicit("free", object);
    if (where.span == NULL)
        tpi_fatal("bad free of %p: not in an object (in a span of size class %u, state %d)", object,
                  tpi_span_class(span), (int)tpi_span_state(span));
    if (where.start != object)
        tpi_fatal("bad free of %p: not the start of an object (it is inside %p, %zu bytes, "
                  "size class %u)",
                  object, where.start, where.bytes, where.size_class);
    if (!where.allocated)
        tpi_fatal("bad free of %p: double free (%zu bytes, size class %u)", object, where.bytes,
                  where.size_class);
    tpi_fatal("bad free of %p: freed as another kind of object (%zu bytes, size class %u)", object,
              where.bytes, where.size_class);
}
