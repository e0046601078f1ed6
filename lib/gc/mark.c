/* SPDX-License-Identifier: BSD-2-Clause */
/* Marking: white objects are shaded, grey ones are scanned. worklist.c keeps the grey ones.

   SHADING is lock-free and async-signal-safe: mutators do it in barriers, signal handlers and the
   collecting thread for stacks, everybody who scans for fields. From an address to its mark: the
   arena, the span, `kind` (acquire: pairs with the release by which lib/heap publishes a collected
   span, so everything read after it is that span's), the slot. A conservative word must hit an
   allocated slot; the bit is read before the mark (acquire; alloc.c sets it after the mark,
   release). An exact one that leads to a free slot does no harm: sweeping looks at allocated ones.
   Marks are bytes, read and written relaxed: two threads that shade one object both push it, and it
   is scanned twice. Spans of roots (TPI_LAYOUT_ROOT) are not marked.

   SCANNING. tpi_mark_some takes a buffer that was handed over and works on it as a stack. Between
   the popping of an object and its scanning there is a queue, so that the object's line comes from
   memory meanwhile; and another one between the reading of a field and the look at the mark of what
   it leads to, for the same reason. A large object is scanned in pieces: what is left of it is
   pushed, as an address with the lowest bit set, before a piece is scanned.

   WHEN NOTHING IS GREY. `active` counts those in tpi_mark_some. One who enters adds itself before
   it takes a buffer, and takes itself off after it has handed over what it had left. So a look that
   finds (1) no buffer, (2) active == 0, (3) no buffer, with the stack's version of (1), proves that
   at (2) nobody had grey objects in hand: at (2) nobody was inside; who left before had pushed
   before, and between (1) and (3) nothing was pushed or taken. What mutators' own buffers hold is
   for the handshake SCAN.

   LOST. Where there is no memory for a buffer, the mark byte itself says TPI_MARK_LOST, and `lost`
   is set after it (release). The drain clears `lost` (acquire), then looks at all marks, scans
   those objects, and begins anew while `lost` is set again. Each white object becomes LOST once, or
   twice by a race, so that ends.

   tpi_mark_color is written by the collecting thread before the handshake BARRIER, and read by
   mutators between their answers to that and to OFF. */
#include "gc/fields.h"
#include "gc/worklist.h"

enum {
    EDGES = 16,        /* between the reading of a field and the look at the mark */
    QUEUE = 8,         /* between popping and scanning */
    SHARE_EVERY = 256, /* objects, between looks whether others have nothing to do */
    SHARE_MIN = 16,    /* of so many, half are given */
    SOME_BYTES = 1 << 20,
    SPINS = 200,
    SLEEP_NS = 20000,
    SLEEP_DOUBLINGS = 4
};

enum tpi_mark tpi_mark_color;

static uint32_t active TPI_ALIGNED(TPI_CACHE_LINE); /* atomic */
static uint32_t lost TPI_ALIGNED(TPI_CACHE_LINE);   /* atomic */
static uint32_t idle;                               /* atomic: who would mark and has nothing */

/* --- from an address to its object --- */

struct hit {
    const struct tpi_layout *layout;
    uint8_t *mark;
    uintptr_t start;
    size_t bytes;
};

/* The span, of any state, and its kind as it was before all else that is read of it. */
static inline struct tpi_span *span_at(uintptr_t word, uint32_t *kind)
{
    struct tpi_heap_arena *arena = tpi_heap_arena_of(word);
    if (arena == NULL)
        return NULL;
    struct tpi_span *span = tpi_load_acquire_ptr(&arena->spans[tpi_page_in_arena(word)]);
    if (tpi_likely(span != NULL)) {
        *kind = tpi_load_acquire_32(&span->kind);
        if (tpi_likely(tpi_span_holds(span, word)))
            return span;
    }
    span = tpi_load_acquire_ptr(&arena->whole);
    if (span == NULL)
        return NULL;
    *kind = tpi_load_acquire_32(&span->kind);
    return tpi_span_holds(span, word) ? span : NULL;
}

static inline __attribute__((always_inline)) bool object_at(uintptr_t word, bool exact,
                                                            struct hit *hit)
{
    uint32_t kind;
    struct tpi_span *span = span_at(word, &kind);
    if (span == NULL)
        return false;
    if (tpi_likely((kind & 0xff) == TPI_SPAN_COLLECTED)) {
        const struct tpi_class *class = &tpi_classes[kind >> 8];
        unsigned slot = tpi_class_slot(class, word - span->base);
        if (tpi_unlikely(slot >= span->slots))
            return false;
        if (!exact && (tpi_load_acquire_64(&span->alloc_bits[slot / 64]) >> slot % 64 & 1) == 0)
            return false;
        hit->mark = span->marks + slot;
        hit->start = span->base + (uintptr_t)slot * class->bytes;
        hit->bytes = class->bytes;
    } else if ((kind & 0xff) == TPI_SPAN_COLLECTED_LARGE) {
        hit->mark = span->marks;
        hit->start = span->base;
        hit->bytes = span->pages * TPI_PAGE_BYTES;
    } else {
        return false;
    }
    hit->layout = span->layout;
    return true;
}

static inline bool is_marked(const struct hit *hit)
{
    uint8_t mark = tpi_load_relaxed_8(hit->mark);
    return (mark & ~(unsigned)TPI_MARK_LOST) == (unsigned)tpi_mark_color;
}

bool tpi_object_is_marked(const void *object)
{
    struct hit hit;
    if (!object_at((uintptr_t)object, true, &hit))
        return false;
    return (hit.layout->flags & TPI_LAYOUT_ROOT) != 0 || is_marked(&hit);
}

/* --- shading --- */

static TPI_COLD void set_lost(const struct hit *hit)
{
    tpi_store_relaxed_8(hit->mark, (uint8_t)(tpi_mark_color | TPI_MARK_LOST));
    tpi_store_release_32(&lost, 1);
    tpi_found_set();
}

/* A white object becomes grey; a leaf black. */
static inline __attribute__((always_inline)) void shade_hit(struct tpi_buffer **buffer,
                                                            const struct hit *hit)
{
    struct tpi_buffer *to = *buffer;
    if (tpi_unlikely(to == NULL || to->count == TPI_BUFFER_ITEMS)) {
        bool room = tpi_buffer_make_room(buffer);
        to = *buffer;
        if (!room && !hit->layout->leaf) {
            set_lost(hit);
            tpi_buffers_count(hit->bytes);
            return;
        }
    }
    tpi_store_relaxed_8(hit->mark, (uint8_t)tpi_mark_color);
    if (tpi_unlikely(to == NULL))
        tpi_buffers_count(hit->bytes);
    else
        to->marked_bytes += hit->bytes;
    if (!hit->layout->leaf)
        to->items[to->count++] = hit->start;
}

static inline __attribute__((always_inline)) bool shade(struct tpi_buffer **buffer, uintptr_t word,
                                                        bool exact)
{
    struct hit hit;
    if (!object_at(word, exact, &hit) || is_marked(&hit))
        return false;
    if (tpi_unlikely(tpi_check_marking))
        return tpi_check_visit(word);
    if (tpi_unlikely((hit.layout->flags & TPI_LAYOUT_ROOT) != 0))
        return false;
    shade_hit(buffer, &hit);
    return true;
}

bool tpi_shade(struct tpi_buffer **buffer, uintptr_t word, bool exact)
{
    return shade(buffer, word, exact);
}

size_t tpi_shade_words(struct tpi_buffer **buffer, uintptr_t from, uintptr_t to)
{
    size_t white = 0;
    for (uintptr_t at = tpi_align_up(from, 8); at < to && to - at >= 8; at += 8)
        white += shade(buffer, tpi_word_read(at), false);
    return white;
}

static void shade_field(uintptr_t address, void *context)
{
    (void)shade(context, tpi_word_read(address), false);
}

void tpi_shade_fields(struct tpi_buffer **buffer, void *object)
{
    struct hit hit;
    if (object_at((uintptr_t)object, true, &hit))
        tpi_fields_each(hit.layout, hit.start, hit.start, hit.start + hit.bytes, shade_field,
                        buffer);
}

/* --- scanning --- */

struct marker {
    struct tpi_buffer *buffer;
    size_t bytes;          /* scanned */
    unsigned first, count; /* of the queue */
    unsigned edge;         /* the oldest one's place */
    uintptr_t queue[QUEUE];
    struct hit edges[EDGES]; /* mark NULL: nothing */
};

static inline __attribute__((always_inline)) void edge_end(struct marker *marker,
                                                           const struct hit *hit)
{
    if (hit->mark == NULL || is_marked(hit))
        return;
    if (tpi_unlikely((hit->layout->flags & TPI_LAYOUT_ROOT) != 0))
        return;
    shade_hit(&marker->buffer, hit);
}

static inline __attribute__((always_inline)) void scan_word(struct marker *marker, uintptr_t word,
                                                            bool exact)
{
    struct hit hit;
    if (word == 0 || !object_at(word, exact, &hit))
        return;
    if (EDGES == 0) {
        edge_end(marker, &hit);
        return;
    }
    __builtin_prefetch(hit.mark, 1);
    struct hit *place = &marker->edges[marker->edge];
    struct hit oldest = *place;
    *place = hit;
    marker->edge = (marker->edge + 1) % EDGES;
    edge_end(marker, &oldest);
}

static inline __attribute__((always_inline)) void scan_exact(uintptr_t address, void *context)
{
    scan_word(context, tpi_word_read(address), true);
}

static inline __attribute__((always_inline)) void scan_any(uintptr_t address, void *context)
{
    scan_word(context, tpi_word_read(address), false);
}

/* Makes an object, or the rest of one, grey again. */
static void push_again(struct marker *marker, uintptr_t item, const struct hit *hit)
{
    struct tpi_buffer *to = marker->buffer;
    if (to == NULL || to->count == TPI_BUFFER_ITEMS) {
        if (!tpi_buffer_make_room(&marker->buffer)) {
            set_lost(hit); /* all of it once more */
            return;
        }
        to = marker->buffer;
    }
    to->items[to->count++] = item;
}

static void scan_part(struct marker *marker, const struct hit *hit, uintptr_t from, uintptr_t to)
{
    if (tpi_unlikely(tpi_gc_options.wbcheck))
        tpi_wbcheck_scanned((const void *)from, to - from);
    const struct tpi_layout *layout = hit->layout;
    if (tpi_likely(layout->tail_words == 0 && layout->head_words <= 64)) {
        for (uint64_t left = layout->head_bits; left != 0; left &= left - 1)
            scan_word(marker, tpi_word_read(hit->start + tpi_lowest_bit(left) * 8), true);
    } else if (layout->head_words == 0 && layout->tail_words == 1) {
        for (uintptr_t at = from; at < to; at += 8)
            scan_any(at, marker);
    } else {
        tpi_fields_each(layout, hit->start, from, to, scan_exact, marker);
    }
    marker->bytes += to - from;
}

static void scan(struct marker *marker, uintptr_t item)
{
    struct hit hit;
    uintptr_t from = item & ~(uintptr_t)1;
    if (!object_at(from, true, &hit))
        return;
    uintptr_t end = hit.start + hit.bytes;
    if (tpi_unlikely(end - from > TPI_PIECE_BYTES && hit.layout->tail_words != 0)) {
        end = from + TPI_PIECE_BYTES;
        push_again(marker, end | 1, &hit);
    }
    scan_part(marker, &hit, from, end);
}

static inline uintptr_t pop(struct marker *marker)
{
    struct tpi_buffer *buffer = marker->buffer;
    return buffer != NULL && buffer->count != 0 ? buffer->items[--buffer->count] : 0;
}

static void edges_end(struct marker *marker)
{
    for (unsigned i = 0; i < EDGES; i++) {
        edge_end(marker, &marker->edges[i]);
        marker->edges[i].mark = NULL;
    }
}

/* Fills the queue from the buffer, and scans the oldest in it. False: nothing is left in hand. */
static inline bool step(struct marker *marker)
{
    while (marker->count < QUEUE) {
        uintptr_t item = pop(marker);
        if (item == 0)
            break;
        __builtin_prefetch((const void *)(item & ~(uintptr_t)1));
        marker->queue[(marker->first + marker->count++) % QUEUE] = item;
    }
    if (marker->count == 0)
        return false;
    uintptr_t item = marker->queue[marker->first];
    marker->first = (marker->first + 1) % QUEUE;
    marker->count--;
    scan(marker, item);
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

static void scan_buffers(struct marker *marker, size_t bytes)
{
    unsigned n = 0;
    while (marker->bytes < bytes) {
        if (tpi_likely(step(marker))) {
            if (++n % SHARE_EVERY == 0)
                share(marker);
            continue;
        }
        edges_end(marker);
        if (marker->buffer != NULL && marker->buffer->count != 0)
            continue;
        struct tpi_buffer *taken = tpi_buffer_take();
        if (taken == NULL)
            break;
        (void)tpi_buffer_hand_over(&marker->buffer);
        marker->buffer = taken;
    }
    edges_end(marker);
    for (; marker->count != 0; marker->count--) {
        struct hit hit;
        uintptr_t item = marker->queue[marker->first];
        marker->first = (marker->first + 1) % QUEUE;
        if (object_at(item & ~(uintptr_t)1, true, &hit))
            push_again(marker, item, &hit);
    }
}

/* --- what was lost --- */

static void find_lost_in_span(struct marker *marker, const struct tpi_span *span)
{
    for (unsigned slot = 0; slot < span->slots; slot++) {
        struct hit hit;
        uintptr_t start = span->base + (uintptr_t)slot * tpi_classes[tpi_span_class(span)].bytes;
        if (tpi_load_relaxed_8(&span->marks[slot]) != (tpi_mark_color | TPI_MARK_LOST) ||
            !object_at(start, true, &hit))
            continue;
        tpi_store_relaxed_8(hit.mark, (uint8_t)tpi_mark_color); /* it is in our hands */
        scan_part(marker, &hit, hit.start, hit.start + hit.bytes);
    }
}

/* The span at this place of the layout's list. There is no sweep while there is marking, so none
   leaves the list; new ones, at its end, have nothing white in them. */
static struct tpi_span *span_of_layout(struct tpi_layout *layout, uint32_t i)
{
    tpi_lock(&layout->lock);
    struct tpi_span *span = i < layout->count ? layout->spans[i] : NULL;
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

static void marker_begin(struct marker *marker)
{
    marker->buffer = NULL;
    marker->bytes = 0;
    marker->first = marker->count = marker->edge = 0;
    for (unsigned i = 0; i < EDGES; i++)
        marker->edges[i].mark = NULL;
    (void)tpi_add_acq_rel_32(&active, 1); /* before anything is taken */
}

static size_t marker_end(struct marker *marker)
{
    (void)tpi_buffer_hand_over(&marker->buffer);
    (void)tpi_add_acq_rel_32(&active, UINT32_MAX); /* after what was left was handed over */
    return marker->bytes;
}

size_t tpi_mark_some(size_t bytes)
{
    struct marker marker;
    marker_begin(&marker);
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
    marker_begin(&marker);
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
