/* SPDX-License-Identifier: BSD-2-Clause */
/* From an address to the collected object that holds it, and where that has pointers: inlined where
   marks are looked at and objects are read.

   `kind` is read first (acquire: pairs with the release by which lib/heap publishes a collected
   span), so that all that is read of the descriptor after it is that span's. A conservative word
   must hit an allocated slot; its bit is read before the mark (acquire; who takes a run sets it
   after the mark, release). An exact one that leads to a free slot does no harm: sweeping looks at
   allocated ones. */
#ifndef TPI_GC_OBJECT_H
#define TPI_GC_OBJECT_H

#include "gc/collector.h"

/* --- from an address to its object --- */

struct tpi_hit {
    const struct tpi_layout *layout;
    uint8_t *mark;
    uintptr_t start;
    size_t bytes;
};

static inline struct tpi_span *tpi_span_peek(struct tpi_span *const *from)
{
    return (struct tpi_span *)(uintptr_t)tpi_peek_acquire_64((const uint64_t *)(const void *)from);
}

/* `kind` first: what is read after it is that of the span which kind is of. */
static inline bool tpi_span_is(const struct tpi_span *span, uintptr_t word, uint32_t *kind)
{
    *kind = tpi_peek_acquire_32(&span->kind);
    return word - tpi_peek_64(&span->base) < tpi_peek_64(&span->pages) * TPI_PAGE_BYTES;
}

/* The span, of any state, and its kind. */
static inline __attribute__((always_inline)) struct tpi_span *tpi_span_at(uintptr_t word,
                                                                          uint32_t *kind)
{
    const struct tp_detail_heap_arena *const *place =
        (const void *)&tp_detail_heap_arenas[word >> TP_DETAIL_ARENA_SHIFT &
                                             (TP_DETAIL_ARENAS - 1)];
    const struct tpi_heap_arena *arena =
        (const void *)(uintptr_t)tpi_peek_acquire_64((const uint64_t *)(const void *)place);
    if (arena == NULL)
        return NULL;
    struct tpi_span *span = tpi_span_peek(&arena->spans[tpi_page_in_arena(word)]);
    if (tpi_likely(span != NULL && tpi_span_is(span, word, kind)))
        return span;
    span = tpi_span_peek(&arena->whole);
    return span != NULL && tpi_span_is(span, word, kind) ? span : NULL;
}

static inline __attribute__((always_inline)) bool tpi_object_at(uintptr_t word, bool exact,
                                                                struct tpi_hit *hit)
{
    uint32_t kind;
    const struct tpi_span *span = tpi_span_at(word, &kind);
    if (span == NULL)
        return false;
    if (tpi_likely((kind & 0xff) == TPI_SPAN_COLLECTED)) {
        const struct tpi_class *class = &tpi_classes[kind >> 8];
        unsigned slot = tpi_class_slot(class, word - span->base);
        if (tpi_unlikely(slot >= span->slots))
            return false;
        if (!exact && (tpi_peek_acquire_64(&span->alloc_bits[slot / 64]) >> slot % 64 & 1) == 0)
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

/* --- its fields --- */

/* Words that others write by plain stores, and stacks: sanitizers look away. Not always_inline, or
   they would look again. */
#define TPI_UNSANITIZED __attribute__((no_sanitize("thread"), no_sanitize("address")))

TPI_UNSANITIZED static inline uintptr_t tpi_word_read(uintptr_t address)
{
    return *(const volatile uintptr_t *)address;
}

typedef void tpi_field_visit(uintptr_t address, void *context);

/* Words [first, last) of those whose bits are set; bit 0 is that of word `origin`. */
static inline __attribute__((always_inline)) void
tpi_fields_of_bits(uintptr_t start, const uint64_t *bits, size_t n, size_t origin, size_t first,
                   size_t last, tpi_field_visit *visit, void *context)
{
    size_t from = first > origin ? (first - origin) & ~(size_t)63 : 0;
    for (size_t i = from; i < n && origin + i < last; i += 64) {
        for (uint64_t left = bits[i / 64]; left != 0; left &= left - 1) {
            size_t word = origin + i + tpi_lowest_bit(left);
            if (word >= first && word < last)
                visit(start + word * 8, context);
        }
    }
}

/* The same for the part [from, to) of the object at `start`. */
static inline __attribute__((always_inline)) void
tpi_fields_each(const struct tpi_layout *layout, uintptr_t start, uintptr_t from, uintptr_t to,
                tpi_field_visit *visit, void *context)
{
    size_t first = (from - start) / 8, last = (to - start) / 8;
    size_t head = layout->head_words, tail = layout->tail_words;
    if (first < head)
        tpi_fields_of_bits(start, layout->head, head, 0, first, last, visit, context);
    if (tail == 0 || last <= head)
        return;
    first = tpi_max(first, head);
    if (tail == 1) {
        for (size_t word = first; word < last; word++)
            visit(start + word * 8, context);
        return;
    }
    for (size_t origin = first - (first - head) % tail; origin < last; origin += tail)
        tpi_fields_of_bits(start, layout->tail, tail, origin, first, last, visit, context);
}

#endif
