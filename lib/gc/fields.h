/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an object's pointers may be, as its layout says: for who reads them one by one. */
#ifndef TPI_GC_FIELDS_H
#define TPI_GC_FIELDS_H

#include "gc/collector.h"

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
