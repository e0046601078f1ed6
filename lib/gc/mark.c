/* SPDX-License-Identifier: BSD-2-Clause */
/* Marking: grey objects are scanned, and what their fields lead to is shaded. worklist.c keeps
   them.

   SCANNING. tpi_mark_some takes a buffer that was handed over and works on it as a stack. Between
   the popping of an object and its scanning there is a queue, so that the object's line comes from
   memory meanwhile; and another one between the reading of a field and the look at the mark of what
   it leads to, for the same reason. A large object is scanned in pieces, of what tpi_mark_some was
   asked for at most: what is left of it is pushed, as an address with the lowest bit set, before a
   piece is scanned.

   WHEN NOTHING IS GREY. `active` counts those in tpi_mark_some. One who enters adds itself before
   it takes a buffer, and takes itself off after it has handed over what it had left. So a look that
   finds (1) no buffer, (2) active == 0, (3) no buffer, with the stack's version of (1), proves that
   at (2) nobody had grey objects in hand: at (2) nobody was inside; who left before had pushed
   before, and between (1) and (3) nothing was pushed or taken. What mutators' own buffers hold is
   for the handshake SCAN.

   LOST. Where there is no memory for a buffer, the mark byte itself says TPI_MARK_LOST, and `lost`
   is set after it (release). The drain clears `lost` (acquire), then looks at all marks, scans
   those objects, and begins anew while `lost` is set again. Each white object becomes LOST once, or
   twice by a race, so that ends. */
#include "gc/object.h"
#include "gc/worklist.h"

enum {
    EDGES = 16,        /* between the reading of a field and the look at the mark */
    GREYS = 16,        /* between the look at the mark and the scanning */
    GREYS_MIN = 8,     /* with fewer of them, the buffer is popped */
    SHARE_EVERY = 256, /* objects, between looks whether others have nothing to do */
    SHARE_MIN = 16,    /* of so many, half are given */
    SOME_BYTES = 1 << 20,
    SPINS = 200,
    SLEEP_NS = 20000,
    SLEEP_DOUBLINGS = 4
};

static uint32_t active TPI_ALIGNED(TPI_CACHE_LINE); /* atomic */
static uint32_t lost TPI_ALIGNED(TPI_CACHE_LINE);   /* atomic */
static uint32_t idle;                               /* atomic: who would mark and has nothing */

static TPI_COLD uint64_t large_bytes(uintptr_t start)
{
    uint32_t kind;
    const struct tpi_span *span = tpi_span_at(start, &kind);
    return span != NULL ? span->pages * TPI_PAGE_BYTES : 0;
}

/* --- scanning --- */

struct edge { /* what a field led to */
    uint8_t *mark;
    uintptr_t start;
    const struct tpi_layout *layout;
};

struct grey {
    uintptr_t item;
    const struct tpi_layout *layout;
};

struct marker {
    struct tpi_buffer *buffer;
    size_t bytes;                  /* scanned */
    size_t piece;                  /* of a large object, scanned at once */
    uint64_t marked;               /* bytes shaded */
    unsigned edges_from, edges_to; /* these count up; places are their low bits */
    unsigned greys_from, greys_to;
    struct edge edges[EDGES];
    struct grey greys[GREYS];
};

/* Into the buffer; false: it is LOST. */
static bool keep(struct marker *marker, uintptr_t item)
{
    struct tpi_buffer *to = marker->buffer;
    if (tpi_unlikely(to == NULL || to->count == TPI_BUFFER_ITEMS)) {
        if (!tpi_buffer_make_room(&marker->buffer))
            return false;
        to = marker->buffer;
    }
    to->items[to->count++] = item;
    return true;
}

static TPI_COLD void lose(uintptr_t item)
{
    struct tpi_hit hit;
    if (tpi_object_at(item & ~(uintptr_t)1, true, &hit))
        tpi_mark_lose(hit.mark);
}

/* Looks at the mark of what the oldest edge leads to. */
static inline __attribute__((always_inline)) void edge_end(struct marker *marker)
{
    const struct edge *edge = &marker->edges[marker->edges_from++ % EDGES];
    const struct tpi_layout *layout = edge->layout;
    uint8_t mark = tpi_peek_8(edge->mark);
    if ((mark & ~(unsigned)TPI_MARK_LOST) == (unsigned)tpi_mark_color)
        return;
    if (tpi_unlikely((layout->flags & TPI_LAYOUT_ROOT) != 0))
        return;
    tpi_poke_8(edge->mark, (uint8_t)tpi_mark_color);
    marker->marked +=
        tpi_likely(layout->slot_bytes != 0) ? layout->slot_bytes : large_bytes(edge->start);
    if (layout->leaf)
        return;
    __builtin_prefetch((const void *)edge->start);
    if (marker->greys_to - marker->greys_from < GREYS)
        marker->greys[marker->greys_to++ % GREYS] = (struct grey){edge->start, layout};
    else if (tpi_unlikely(!keep(marker, edge->start)))
        lose(edge->start);
}

static inline __attribute__((always_inline)) void scan_word(struct marker *marker, uintptr_t word,
                                                            bool exact)
{
    struct tpi_hit hit;
    if (word == 0 || !tpi_object_at(word, exact, &hit))
        return;
    __builtin_prefetch(hit.mark, 1);
    if (marker->edges_to - marker->edges_from == EDGES)
        edge_end(marker);
    marker->edges[marker->edges_to++ % EDGES] = (struct edge){hit.mark, hit.start, hit.layout};
}

static inline __attribute__((always_inline)) void scan_exact(uintptr_t address, void *context)
{
    scan_word(context, tpi_word_read(address), true);
}

/* Not each of these words need have been written: members may have gaps between them. */
static TPI_COLD void scan_watched(struct marker *marker, uintptr_t from, uintptr_t to)
{
    for (uintptr_t at = from; at < to; at += 8)
        scan_word(marker, tpi_track_word(tpi_word_read(at)), false);
}

/* The words of an object, or of a piece of one, that may be pointers. */
static void scan_part(struct marker *marker, const struct tpi_layout *layout, uintptr_t start,
                      uintptr_t from, uintptr_t to)
{
    if (layout->head_words == 0 && layout->tail_words == 1) {
        if (tpi_unlikely(tpi_track_knows_bits())) {
            scan_watched(marker, from, to);
            return;
        }
        for (uintptr_t at = from; at < to; at += 8)
            scan_word(marker, tpi_word_read(at), false);
    } else {
        tpi_fields_each(layout, start, from, to, scan_exact, marker);
    }
}

static void scan_large(struct marker *marker, uintptr_t item)
{
    struct tpi_hit hit;
    uintptr_t from = item & ~(uintptr_t)1;
    if (!tpi_object_at(from, true, &hit))
        return;
    uintptr_t end = hit.start + hit.bytes;
    if (hit.layout->tail_words == 0)
        end = hit.start + hit.layout->head_words * 8;
    if (end - from > marker->piece) {
        end = from + marker->piece;
        if (!keep(marker, end | 1))
            tpi_mark_lose(hit.mark); /* all of it once more */
    }
    if (tpi_unlikely(tpi_gc_options.wbcheck))
        tpi_wbcheck_scanned((const void *)from, end - from);
    scan_part(marker, hit.layout, hit.start, from, end);
    marker->bytes += end - from;
}

static inline __attribute__((always_inline)) void scan(struct marker *marker, struct grey grey)
{
    const struct tpi_layout *layout = grey.layout;
    size_t bytes = layout->slot_bytes;
    if (tpi_unlikely(bytes == 0)) {
        scan_large(marker, grey.item);
        return;
    }
    if (tpi_unlikely(tpi_gc_options.wbcheck))
        tpi_wbcheck_scanned((const void *)grey.item, bytes);
    if (tpi_likely(layout->tail_words == 0 && layout->head_words <= 64)) {
        for (uint64_t left = layout->head_bits; left != 0; left &= left - 1)
            scan_word(marker, tpi_word_read(grey.item + tpi_lowest_bit(left) * 8), true);
    } else {
        scan_part(marker, layout, grey.item, grey.item, grey.item + bytes);
    }
    marker->bytes += bytes;
}

/* One more from the buffer into the queue; false: it is empty. */
static inline bool refill(struct marker *marker)
{
    struct tpi_buffer *buffer = marker->buffer;
    uint32_t kind;
    if (buffer == NULL || buffer->count == 0)
        return false;
    uintptr_t item = buffer->items[--buffer->count];
    const struct tpi_span *span = tpi_span_at(item, &kind);
    if (span == NULL)
        return true;
    __builtin_prefetch((const void *)item);
    marker->greys[marker->greys_to++ % GREYS] = (struct grey){item, span->layout};
    return true;
}

/* False: nothing is left in hand. */
static inline __attribute__((always_inline)) bool step(struct marker *marker)
{
    while (marker->greys_to - marker->greys_from < GREYS_MIN && refill(marker))
        ;
    if (marker->greys_to == marker->greys_from) {
        if (marker->edges_to == marker->edges_from)
            return false;
        edge_end(marker);
        return true;
    }
    scan(marker, marker->greys[marker->greys_from++ % GREYS]);
    return true;
}

/* Whether somebody has nothing to do, and there is nothing for it to take. */
static bool others_starve(void)
{
    uint64_t version;
    return tpi_load_relaxed_32(&idle) != 0 && tpi_buffers_none(&version);
}

/* Half of what is in hand, for others. */
static void share(struct marker *marker)
{
    if (marker->buffer != NULL && marker->buffer->count >= SHARE_MIN && others_starve())
        (void)tpi_buffer_make_room(&marker->buffer);
}

static bool take(struct marker *marker)
{
    struct tpi_buffer *taken = tpi_buffer_take();
    if (taken == NULL)
        return false;
    (void)tpi_buffer_hand_over(&marker->buffer); /* an empty one */
    marker->buffer = taken;
    return true;
}

static void scan_buffers(struct marker *marker, size_t bytes)
{
    for (unsigned n = 0; marker->bytes < bytes; n++) {
        if (tpi_unlikely(!step(marker)) && !take(marker))
            break;
        if (tpi_unlikely(n % SHARE_EVERY == 0))
            share(marker);
    }
    while (marker->edges_to != marker->edges_from)
        edge_end(marker);
    while (marker->greys_to != marker->greys_from) {
        uintptr_t item = marker->greys[marker->greys_from++ % GREYS].item;
        if (!keep(marker, item))
            lose(item);
    }
}

/* --- what was lost --- */

void tpi_mark_lose(uint8_t *mark)
{
    tpi_found_set(); /* before the mark, as for any other */
    tpi_store_release_8(mark, (uint8_t)(tpi_mark_color | TPI_MARK_LOST));
    tpi_store_release_32(&lost, 1);
    /* And behind: it is in no buffer, which would say so when it is handed over. The collecting
       thread clears `found` and then looks at `lost`. */
    tpi_fence_full();
    tpi_found_set();
}

static void find_lost_in_span(struct marker *marker, const struct tpi_span *span)
{
    for (unsigned slot = 0; slot < span->slots; slot++) {
        struct tpi_hit hit;
        uintptr_t start = span->base + (uintptr_t)slot * tpi_classes[tpi_span_class(span)].bytes;
        if (tpi_load_relaxed_8(&span->marks[slot]) != (tpi_mark_color | TPI_MARK_LOST) ||
            !tpi_object_at(start, true, &hit))
            continue;
        tpi_store_relaxed_8(hit.mark, (uint8_t)tpi_mark_color); /* it is in our hands */
        if (tpi_unlikely(tpi_gc_options.wbcheck))
            tpi_wbcheck_scanned((const void *)hit.start, hit.bytes);
        scan_part(marker, hit.layout, hit.start, hit.start, hit.start + hit.bytes);
    }
}

/* The span at this place of the layout's list. There is no sweep while there is marking, so none
   leaves the list; new ones, at its end, have nothing white in them. */
static struct tpi_span *span_of_layout(struct tpi_layout *layout, uint32_t i)
{
    tpi_lock(&layout->lock);
    struct tpi_span *span = i < layout->count ? tpi_layout_span(layout, i) : NULL;
    tpi_unlock(&layout->lock);
    return span;
}

static void find_lost(struct marker *marker)
{
    uint32_t layouts = tpi_layout_count();
    for (uint32_t number = 1; number < layouts; number++) {
        struct tpi_layout *layout = tpi_layout_numbered(number);
        struct tpi_span *span;
        for (uint32_t i = 0; layout != NULL && (span = span_of_layout(layout, i)) != NULL; i++)
            find_lost_in_span(marker, span);
    }
}

/* --- the whole --- */

/* A piece is no more than what is asked for: who assists wants no more than that in one call. */
static void marker_begin(struct marker *marker, size_t bytes)
{
    marker->piece = tpi_align_up(tpi_min(bytes, (size_t)TPI_PIECE_BYTES), sizeof(uintptr_t));
    marker->buffer = NULL;
    marker->bytes = 0;
    marker->marked = 0;
    marker->edges_from = marker->edges_to = 0;
    marker->greys_from = marker->greys_to = 0;
    (void)tpi_add_acq_rel_32(&active, 1); /* before anything is taken */
}

static size_t marker_end(struct marker *marker)
{
    if (marker->marked != 0)
        tpi_buffers_count(marker->marked);
    (void)tpi_buffer_hand_over(&marker->buffer);
    (void)tpi_add_acq_rel_32(&active, UINT32_MAX); /* after what was left was handed over */
    return marker->bytes;
}

size_t tpi_mark_some(size_t bytes)
{
    struct marker marker;
    marker_begin(&marker, bytes);
    scan_buffers(&marker, bytes);
    return marker_end(&marker);
}

/* Scans what was lost, if anything was since the last call. */
static bool mark_lost(void)
{
    if (tpi_load_acquire_32(&lost) == 0)
        return false;
    struct marker marker;
    tpi_store_relaxed_32(&lost, 0);
    tpi_fence_full(); /* before the marks are looked at */
    marker_begin(&marker, SOME_BYTES);
    find_lost(&marker);
    scan_buffers(&marker, SOME_BYTES);
    (void)marker_end(&marker);
    return true;
}

static bool nothing_is_grey(void)
{
    uint64_t version, later;
    return tpi_buffers_none(&version) && tpi_load_acquire_32(&active) == 0 &&
           tpi_buffers_none(&later) && version == later && tpi_load_acquire_32(&lost) == 0;
}

void tpi_mark_wait(unsigned turn)
{
    uint64_t version;
    (void)tpi_add_acq_rel_32(&idle, 1);
    for (unsigned i = 0; i < SPINS && tpi_buffers_none(&version); i++)
        tpi_pause();
    if (tpi_buffers_none(&version))
        tpi_os_sleep(SLEEP_NS << tpi_min(turn, SLEEP_DOUBLINGS));
    (void)tpi_add_acq_rel_32(&idle, UINT32_MAX);
}

void tpi_mark_drain(void)
{
    unsigned turn = 0;
    tpi_workers_go();
    for (;;) {
        if (tpi_mark_some(SOME_BYTES) != 0 || mark_lost())
            turn = 0;
        else if (!nothing_is_grey())
            tpi_mark_wait(turn++);
        else
            break;
    }
    tpi_workers_halt();
}

void tpi_mark_begin(enum tpi_mark color)
{
    tpi_buffers_reset();
    tpi_store_relaxed_32(&lost, 0);
    tpi_mark_color = color;
}

uint64_t tpi_marked_bytes(void)
{
    return tpi_buffers_marked_bytes();
}

void tpi_mark_fork_child(void)
{
    tpi_store_relaxed_32(&active, 0);
    tpi_store_relaxed_32(&idle, 0);
    tpi_mark_begin(tpi_mark_color);
    tpi_workers_fork_child();
}
