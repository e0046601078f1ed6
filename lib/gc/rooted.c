/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools' objects that have a gc_type. Explicit ones are freed by hand, and what their pointers lead
   to is kept alive: they are slots of spans whose layout has the ROOT flag. Such spans have no
   owner; slots are taken and freed one by one under the layout's lock. They are never marked nor
   swept, but each cycle reads the fields of every allocated slot as roots.

   An object that is made while a cycle marks is zeroed, and what is stored into it later is shaded;
   so it need not be read in that cycle.

   A span that became empty is given back by the next sweep: marking may be looking at it. So is
   that of a large object that is freed during a cycle; between cycles it goes at once, with the
   collector's lock held, so that none begins meanwhile.

   To the pacer all this is explicit memory: growth and the limit count it as the heap's own spans,
   and no allocation of it waits for a cycle but where the system refuses it memory. */
#include "gc/collector.h"

static uint64_t rooted_bytes;           /* atomic; of these spans' pages */
static struct tpi_rooted_counts counts; /* atomic, each */

uint64_t tpi_rooted_bytes(void)
{
    return tpi_load_relaxed_64(&rooted_bytes);
}

void tpi_rooted_counts(struct tpi_rooted_counts *out)
{
    out->frees = tpi_load_relaxed_64(&counts.frees); /* first: no more than mallocs */
    out->freed_bytes = tpi_load_relaxed_64(&counts.freed_bytes);
    out->mallocs = tpi_load_relaxed_64(&counts.mallocs);
    out->allocated_bytes = tpi_load_relaxed_64(&counts.allocated_bytes);
}

void tpi_rooted_span_free(struct tpi_span *span)
{
    (void)tpi_add_acq_rel_64(&rooted_bytes, (uint64_t)0 - span->pages * TPI_PAGE_BYTES);
    tpi_collected_span_free(span);
}

/* --- allocation --- */

/* A slot of the layout's spans; NULL: there is none free. */
static void *take_slot(struct tpi_layout *layout)
{
    char *object = NULL;
    tpi_lock_soon(&layout->lock);
    struct tpi_span *span = layout->partial;
    if (span != NULL) {
        unsigned i = 0;
        while (span->alloc_bits[i] == ~UINT64_C(0))
            i++;
        unsigned slot = i * 64 + tpi_lowest_bit(~span->alloc_bits[i]);
        object = (char *)span->base + (size_t)slot * layout->slot_bytes;
        if (span->needs_zero != 0)
            memset(object, 0, layout->slot_bytes);
        tpi_store_release_64(&span->alloc_bits[i], span->alloc_bits[i] | UINT64_C(1) << slot % 64);
        if (--span->free_slots == 0)
            tpi_partial_remove(layout, span);
    }
    tpi_unlock(&layout->lock);
    return object;
}

/* False: ENOMEM, and it is gone. */
static bool join(struct tpi_layout *layout, struct tpi_span *span)
{
    (void)tpi_add_acq_rel_64(&rooted_bytes, span->pages * TPI_PAGE_BYTES);
    tpi_lock_soon(&layout->lock);
    bool joined = tpi_layout_span_add(layout, span);
    if (joined && span->free_slots > 0)
        tpi_partial_add(layout, span);
    tpi_unlock(&layout->lock);
    if (!joined)
        tpi_rooted_span_free(span);
    else
        tpi_heap_grown();
    return joined;
}

static void *alloc_small(struct tpi_layout *layout)
{
    for (;;) {
        void *object = take_slot(layout);
        if (object != NULL)
            return object;
        struct tpi_span *span = tpi_layout_span_new(layout, layout->slot_bytes);
        if (span == NULL || !join(layout, span))
            return NULL;
    }
}

static void *alloc_large(struct tpi_layout *layout, size_t size)
{
    struct tpi_span *span = tpi_layout_span_new(layout, size);
    if (span == NULL)
        return NULL;
    void *object = (void *)span->base;
    tpi_collected_large_show(span, TPI_MARK_WHITE);
    return join(layout, span) ? object : NULL;
}

void *tpi_gc_rooted_alloc(const tp_gc_type *type, size_t size)
{
    size = tpi_max(size, type->size);
    struct tpi_layout *layout = tpi_layout_of(type, TPI_FORM_SINGLE, size, TPI_LAYOUT_ROOT);
    if (layout == NULL)
        return NULL;
    if (tpi_unlikely(!tpi_gc_is_used()))
        tpi_gc_use(); /* from now on cycles mark and sweep */
    bool small = layout->size_class != 0;
    void *object = small ? alloc_small(layout) : alloc_large(layout, size);
    if (object == NULL)
        return NULL;
    tpi_count(&counts.allocated_bytes,
              small ? layout->slot_bytes : tpi_align_up(size, (size_t)TPI_PAGE_BYTES));
    tpi_count(&counts.mallocs, 1);
    return object;
}

void *tpi_gc_pooled_alloc(const tp_gc_type *type, size_t size)
{
    static struct tp_gc_type no_pointers = {.name = "without pointers"};
    if (type == NULL)
        type = &no_pointers;
    size = tpi_max(size, type->size);
    struct tpi_layout *layout = tpi_layout_of(type, TPI_FORM_SINGLE, size, TPI_LAYOUT_POOLED);
    return layout != NULL ? tpi_gc_alloc_layout(layout, size) : NULL;
}

/* --- free --- */

static TPI_COLD __attribute__((noreturn)) void bad_free(const void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    bool is_collected =
        where.state == TPI_SPAN_COLLECTED || where.state == TPI_SPAN_COLLECTED_LARGE;
    if (is_collected && where.start == object && !where.allocated)
        tpi_fatal("bad free of %p: double free of a pool's object (%zu bytes)", object,
                  where.bytes);
    tpi_fatal("bad free of %p: not an object of a pool with a gc_type", object);
}

/* Under the layout's lock. */
static void give_slot(const struct tpi_where *where, unsigned slot)
{
    struct tpi_span *span = where->span;
    uint64_t word = span->alloc_bits[slot / 64], bit = UINT64_C(1) << slot % 64;
    if ((word & bit) == 0)
        bad_free(where->start);
    if (tpi_unlikely(tpi_gc_options.scribble))
        memset(where->start, TPI_SCRIBBLE, where->bytes);
    tpi_store_relaxed_64(&span->alloc_bits[slot / 64], word & ~bit);
    span->needs_zero = 1;
    span->free_slots++;
}

static void free_small(struct tpi_layout *layout, const struct tpi_where *where)
{
    struct tpi_span *span = where->span;
    unsigned slot =
        tpi_class_slot(&tpi_classes[where->size_class], (uintptr_t)where->start - span->base);
    tpi_lock_soon(&layout->lock);
    give_slot(where, slot);
    if (span->free_slots == 1)
        tpi_partial_add(layout, span);
    tpi_unlock(&layout->lock);
}

static void free_large(struct tpi_layout *layout, const struct tpi_where *where)
{
    bool idle = tpi_phase_hold();
    tpi_lock_soon(&layout->lock);
    give_slot(where, 0);
    if (idle)
        tpi_layout_span_remove(layout, where->span);
    tpi_unlock(&layout->lock);
    if (idle)
        tpi_rooted_span_free(where->span);
    tpi_phase_let_go();
}

void tpi_gc_rooted_free(void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    struct tpi_span *span = where.span;
    if (span == NULL || where.start != object ||
        (where.state != TPI_SPAN_COLLECTED && where.state != TPI_SPAN_COLLECTED_LARGE))
        bad_free(object);
    struct tpi_layout *layout = span->layout;
    if ((layout->flags & TPI_LAYOUT_ROOT) == 0)
        bad_free(object);
    tpi_count(&counts.freed_bytes, where.bytes);
    tpi_count(&counts.frees, 1);
    if (layout->size_class != 0)
        free_small(layout, &where);
    else
        free_large(layout, &where);
}

/* --- roots --- */

static void scan_object(struct tpi_buffer **buffer, void *object, size_t bytes)
{
    if (tpi_unlikely(tpi_gc_options.wbcheck) && !tpi_check_marking)
        tpi_wbcheck_scanned(object, bytes);
    tpi_shade_fields(buffer, object);
}

static void scan_span(struct tpi_buffer **buffer, const struct tpi_layout *layout,
                      const struct tpi_span *span)
{
    size_t bytes = layout->size_class != 0 ? layout->slot_bytes : span->pages * TPI_PAGE_BYTES;
    for (unsigned slot = 0; slot < span->slots; slot++) {
        if (tpi_bit_get(span->alloc_bits, slot))
            scan_object(buffer, (void *)(span->base + slot * bytes), bytes);
    }
}

/* Downwards: one that is added meanwhile is at the end, and need not be read. */
static void scan_layout(struct tpi_buffer **buffer, struct tpi_layout *layout)
{
    uint32_t i = UINT32_MAX;
    while (i > 0) {
        tpi_lock_soon(&layout->lock);
        i = tpi_min(i, layout->count);
        if (i > 0)
            scan_span(buffer, layout, tpi_layout_span(layout, --i));
        tpi_unlock(&layout->lock);
    }
}

void tpi_rooted_scan(struct tpi_buffer **buffer)
{
    for (uint32_t i = 1; i < tpi_layout_count(); i++) {
        struct tpi_layout *layout = tpi_layout_numbered(i);
        if ((layout->flags & TPI_LAYOUT_ROOT) != 0 && !layout->leaf)
            scan_layout(buffer, layout);
    }
}
