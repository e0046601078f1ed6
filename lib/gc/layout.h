/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/gc: layouts, which say where objects' pointers are, and their spans. collector.h
   includes it and has the protocol. */
#ifndef TPI_GC_LAYOUT_H
#define TPI_GC_LAYOUT_H

#include "gc/gc.h"

/* --- layouts: layout.c. Interned: types of one size class with pointers at the same places share
   one, and its spans. Immutable once published; never freed --- */

enum tpi_layout_flags {
    TPI_LAYOUT_POOLED = 1, /* collected objects of a pool */
    TPI_LAYOUT_ROOT = 2    /* a pool's explicit objects: allocated slots are roots, never swept */
};

/* A layout's list of spans lies in `few`, and in tables behind that: one of TPI_TABLE_SPANS, one of
   twice as many, and so on. So it grows without being copied, however long it is. */
enum { TPI_FEW = 4, TPI_TABLE_SHIFT = 10, TPI_TABLE_SPANS = 1 << TPI_TABLE_SHIFT, TPI_TABLES = 14 };

struct tpi_layout {
    uint32_t number;     /* place in mutators' tables; from 1 */
    uint32_t size_class; /* 0: large objects */
    uint32_t slot_bytes; /* 0: large */
    uint32_t flags;
    /* Bit i of head: word i may be a pointer, for the first head_words; behind them the pattern of
       tail_words is repeated up to the object's end (0: nothing). Leaf: both 0. Conservative:
       head_words 0, tail_words 1. head_words and tail_words up to 64 have their bits in the first
       word of head, tail. */
    uint32_t head_words, tail_words;
    const uint64_t *head, *tail;
    uint64_t head_bits, tail_bits; /* the first words of those */
    bool leaf;
    const char *name; /* the type's that came first; our copy */

    /* Spans. */
    struct tpi_lock lock TPI_ALIGNED(TPI_CACHE_LINE); /* rank LAYOUT */
    /* All of this layout: tpi_layout_span. Where one goes, the last takes its place; so a walk that
       unlocks meanwhile goes downwards. */
    struct tpi_span *few[TPI_FEW];
    struct tpi_span **tables[TPI_TABLES]; /* from pages */
    uint32_t count;
    uint32_t cursor; /* who wants a span sweeps from here upwards; those below were looked at */
    struct tpi_span *partial, *partial_last; /* without owner, with free slots; by next, previous */
};

/* Where the list has the span of that place; its table is there. */
static inline struct tpi_span **tpi_layout_place(struct tpi_layout *layout, uint32_t place)
{
    if (place < TPI_FEW)
        return &layout->few[place];
    uint32_t at = place - TPI_FEW + TPI_TABLE_SPANS;
    unsigned table = tpi_highest_bit(at) - TPI_TABLE_SHIFT;
    return &layout->tables[table][at - ((uint32_t)TPI_TABLE_SPANS << table)];
}

/* Under the layout's lock; place < count. */
static inline struct tpi_span *tpi_layout_span(struct tpi_layout *layout, uint32_t place)
{
    return *tpi_layout_place(layout, place);
}

/* Layout numbers that exist from the start. */
static inline uint32_t tpi_layout_leaf(unsigned size_class)
{
    return 1 + size_class; /* size_class 0: large */
}

static inline uint32_t tpi_layout_conservative(unsigned size_class)
{
    return 1 + TPI_CLASSES + size_class;
}

struct tpi_layout *tpi_layout_numbered(uint32_t number);
uint32_t tpi_layout_count(void); /* numbers below this, from 1, are in use; acquire */
enum tpi_form { TPI_FORM_SINGLE, TPI_FORM_ARRAY, TPI_FORM_FLEX };
/* For one object of `bytes`; where no number is left, the conservative layout of that size. NULL:
   ENOMEM. */
struct tpi_layout *tpi_layout_of(const tp_gc_type *type, enum tpi_form form, size_t bytes,
                                 uint32_t flags);
void tpi_layouts_start(void); /* before the first use of any; again is nothing */
struct tpi_mutator;
/* Fork: LAYOUTS and all layouts' locks. */
void tpi_layouts_lock_all(void);
void tpi_layouts_unlock_all(void);
void tpi_layouts_reset_in_child(const struct tpi_mutator *survivor); /* spans of others: nobody's */
/* A span of a layout, and one no more. Under its lock; add: false: ENOMEM. */
bool tpi_layout_span_add(struct tpi_layout *layout, struct tpi_span *span);
void tpi_layout_span_remove(struct tpi_layout *layout, struct tpi_span *span);
/* The list of those without owner. Under the layout's lock. */
void tpi_partial_add(struct tpi_layout *layout, struct tpi_span *span);
void tpi_partial_remove(struct tpi_layout *layout, struct tpi_span *span);

#endif
