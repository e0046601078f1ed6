/* SPDX-License-Identifier: BSD-2-Clause */
/* Central: per size class, the spans that have room, shared by all threads under the class's lock.
   Objects come and go in batches, whole magazines mostly.

   Taking scans a span's allocation bits a word at a time. Giving goes object by object, but looks
   the span up and takes the lock once for a run of neighbours.

   Spans with room are listed by quarters of their free slots, and the fullest are taken from
   first: the full ones stay full and the thin ones run empty. After a peak this brings the heap
   back to the size of what is live; one list, first in first out, left it at four times that
   (docs/design/heap.md). A class keeps one empty span, since the next batch would fetch it back;
   the others go to the page heap at once, and that one when the scavenger runs (tpi_central_trim).

   Invariants, under the class's lock: a span is on the list of its quarter, or on none if it is
   full; the words below `hint` are full; free_slots is the number of clear bits; `empty` is listed.

   Objects stay hidden (base/track.h) on either side: lib/cache shows them to the user. */
#include "heap/span.h"

enum { LISTS = 4 };

struct list {
    struct tpi_span *head, *tail;
};

struct central {
    struct tpi_lock lock;
    struct tpi_span *empty;        /* the one that is kept */
    struct list lists[LISTS];      /* fullest spans first */
} TPI_ALIGNED(2 * TPI_CACHE_LINE); /* two: neighbours are fetched in pairs */

static struct central centrals[TP_DETAIL_CLASSES] = {
    [0 ... TP_DETAIL_CLASSES - 1] = {.lock = TPI_LOCK_INIT(TPI_RANK_CENTRAL)}};

/* --- the lists --- */

static void unlist(struct central *central, struct tpi_span *span)
{
    struct list *list = &central->lists[span->list - 1];
    if (span->next != NULL)
        span->next->previous = span->previous;
    else
        list->tail = span->previous;
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        list->head = span->next;
    span->next = span->previous = NULL;
    span->list = 0;
}

/* The list, from 1, that a span belongs on; 0: none. */
static unsigned list_for(const struct tpi_span *span)
{
    unsigned free_slots = span->free_slots, half = span->slots / 2u;
    if (free_slots == 0)
        return 0;
    return 1u + (free_slots > half / 2) + (free_slots > half) + (free_slots > half + half / 2);
}

/* After free_slots changed: puts the span at the end of the list that it belongs on now. */
static void relist(struct central *central, struct tpi_span *span)
{
    unsigned number = list_for(span);
    if (span->list == number)
        return;
    if (span->list != 0)
        unlist(central, span);
    if (number == 0)
        return;
    struct list *list = &central->lists[number - 1];
    span->list = (uint16_t)number;
    span->previous = list->tail;
    if (list->tail != NULL)
        list->tail->next = span;
    else
        list->head = span;
    list->tail = span;
}

static struct tpi_span *fullest(const struct central *central)
{
    for (unsigned i = 0; i < LISTS; i++) {
        if (central->lists[i].head != NULL)
            return central->lists[i].head;
    }
    return NULL;
}

/* --- spans --- */

/* NULL: ENOMEM. No lock held. */
static struct tpi_span *span_new(unsigned size_class)
{
    const struct tpi_class *class = &tpi_classes[size_class];
    struct tpi_span *span = tpi_run_alloc(class->pages, 1, TPI_SPAN_SMALL, size_class);
    if (span == NULL)
        return NULL;
    span->slots = span->free_slots = class->slots;
    span->hint = 0;
    span->list = 0;
    span->next = span->previous = NULL;
    for (unsigned i = 0; i < TPI_SPAN_WORDS; i++) {
        unsigned slots_here = class->slots > i * 64 ? class->slots - i * 64 : 0;
        uint64_t behind = slots_here >= 64 ? 0 : ~UINT64_C(0) << slots_here;
        tpi_store_relaxed_64(&span->alloc_bits[i], behind);
    }
    tpi_page_class_set(span->base, span->pages, (uint8_t)size_class);
    return span;
}

/* The span is empty and on no list. No lock held. */
static void span_release(struct tpi_span *span)
{
    tpi_page_class_set(span->base, span->pages, 0);
    tpi_run_free(span, false);
}

/* --- taking --- */

/* Takes up to n slots of a span, lowest first; how many. */
static size_t span_take(struct tpi_span *span, uint32_t slot_bytes, void **objects, size_t n)
{
    size_t taken = 0;
    unsigned i = span->hint;
    n = tpi_min(n, (size_t)span->free_slots);
    while (taken < n) {
        uint64_t room = ~span->alloc_bits[i];
        uintptr_t first = span->base + (uintptr_t)i * 64 * slot_bytes;
        for (; room != 0 && taken < n; room &= room - 1)
            objects[taken++] = (void *)(first + (uintptr_t)tpi_lowest_bit(room) * slot_bytes);
        tpi_store_relaxed_64(&span->alloc_bits[i], ~room);
        if (room == 0)
            i++;
    }
    span->hint = (uint16_t)i;
    span->free_slots = (uint16_t)(span->free_slots - n);
    return n;
}

size_t tpi_central_alloc(unsigned size_class, void **objects, size_t n)
{
    struct central *central = &centrals[size_class];
    uint32_t slot_bytes = tpi_classes[size_class].bytes;
    size_t taken = 0;
    bool grown = false;
    tpi_lock(&central->lock);
    while (taken < n) {
        struct tpi_span *span = fullest(central);
        if (span == NULL) {
            /* The lock is not held over the page heap; meanwhile another thread may list a span
               too, and then there are two. */
            tpi_unlock(&central->lock);
            span = span_new(size_class);
            tpi_lock(&central->lock);
            if (span == NULL)
                break;
            grown = true;
        }
        taken += span_take(span, slot_bytes, objects + taken, n - taken);
        if (span == central->empty)
            central->empty = NULL;
        relist(central, span);
    }
    tpi_unlock(&central->lock);
    if (grown)
        tpi_heap_grown();
    return taken;
}

/* --- giving --- */

/* Gives back the objects at the front of the array that are in this span; how many. */
static size_t span_give(struct tpi_span *span, const struct tpi_class *class, void *const *objects,
                        size_t n)
{
    uintptr_t base = span->base, bytes = span->pages * TPI_PAGE_BYTES;
    unsigned hint = span->hint;
    size_t given = 0;
    for (; given < n; given++) {
        uintptr_t offset = (uintptr_t)objects[given] - base;
        if (offset >= bytes)
            break;
        unsigned slot = tpi_class_slot(class, offset);
        uint64_t word, bit = UINT64_C(1) << slot % 64;
        if (tpi_unlikely((uintptr_t)slot * class->bytes != offset || slot >= class->slots))
            tpi_bad_free(objects[given]);
        word = span->alloc_bits[slot / 64];
        if (tpi_unlikely((word & bit) == 0))
            tpi_bad_free(objects[given]);
        tpi_store_relaxed_64(&span->alloc_bits[slot / 64], word & ~bit);
        hint = tpi_min(hint, slot / 64);
    }
    span->hint = (uint16_t)hint;
    span->free_slots = (uint16_t)(span->free_slots + given);
    return given;
}

/* The small span that holds an object; aborts where there is none. */
static struct tpi_span *span_of_small(const void *object)
{
    struct tpi_span *span = tpi_span_of((uintptr_t)object);
    if (tpi_unlikely(span == NULL || tpi_span_state(span) != TPI_SPAN_SMALL))
        tpi_bad_free(object);
    return span;
}

/* After slots came back: lists the span, or unlists it where it is empty and not the one kept. Then
   it is the caller's to release. */
static bool settle(struct central *central, struct tpi_span *span)
{
    relist(central, span);
    if (span->free_slots != span->slots)
        return false;
    if (central->empty == NULL)
        central->empty = span;
    if (central->empty == span)
        return false;
    unlist(central, span);
    return true;
}

/* Gives back the run of one class at the front of the array; how many. Emptied spans are chained
   by `next` in *emptied. */
static size_t give_class(unsigned size_class, struct tpi_span *span, void *const *objects, size_t n,
                         struct tpi_span **emptied)
{
    struct central *central = &centrals[size_class];
    const struct tpi_class *class = &tpi_classes[size_class];
    size_t given = 0;
    tpi_lock(&central->lock);
    do {
        given += span_give(span, class, objects + given, n - given);
        if (settle(central, span)) {
            span->next = *emptied;
            *emptied = span;
        }
        if (given < n)
            span = span_of_small(objects[given]);
    } while (given < n && tpi_span_class(span) == size_class);
    tpi_unlock(&central->lock);
    return given;
}

void tpi_central_free(void *const *objects, size_t n)
{
    struct tpi_span *emptied = NULL;
    size_t given = 0;
    while (given < n) {
        struct tpi_span *span = span_of_small(objects[given]);
        given += give_class(tpi_span_class(span), span, objects + given, n - given, &emptied);
    }
    while (emptied != NULL) {
        struct tpi_span *span = emptied;
        emptied = span->next;
        span_release(span);
    }
}

void tpi_central_trim(void)
{
    for (unsigned i = 1; i < TP_DETAIL_CLASSES; i++) {
        struct central *central = &centrals[i];
        tpi_lock(&central->lock);
        struct tpi_span *span = central->empty;
        central->empty = NULL;
        if (span != NULL)
            unlist(central, span);
        tpi_unlock(&central->lock);
        if (span != NULL)
            span_release(span);
    }
}

/* --- fork --- */

void tpi_central_lock_all(void)
{
    for (unsigned i = 0; i < TP_DETAIL_CLASSES; i++)
        tpi_lock_next(&centrals[i].lock);
}

void tpi_central_unlock_all(void)
{
    for (unsigned i = TP_DETAIL_CLASSES; i-- > 0;)
        tpi_unlock(&centrals[i].lock);
}

void tpi_central_reset_all(void)
{
    for (unsigned i = 0; i < TP_DETAIL_CLASSES; i++)
        tpi_lock_reset_in_child(&centrals[i].lock);
}
