/* SPDX-License-Identifier: BSD-2-Clause */
/* For the collector's white-box tests: cycles made by hand, where the test says what is marked. One
   thread; growth and time must start no cycle (tp_gc_percent_set(-1)). */
#ifndef TESTS_UNIT_GC_HELP_H
#define TESTS_UNIT_GC_HELP_H

#include "heap_help.h"

#include "gc/collector.h"

/* As after BLACK: from now on marks of the other colour count. */
static inline void help_black(void)
{
    struct tpi_mutator *self = tpi_mutator_ensure();
    assert_non_null(self);
    tpi_mark_color = tpi_mark_color == TPI_MARK_ODD ? TPI_MARK_EVEN : TPI_MARK_ODD;
    self->color = tpi_mark_color;
    tpi_runs_mark(self);
}

static inline void help_mark(const void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    assert_true(where.allocated && where.start == object);
    size_t slot = ((uintptr_t)object - where.span->base) / where.bytes;
    where.span->marks[slot] = (uint8_t)tpi_mark_color;
}

/* This mutator's answer to OFF. */
static inline void help_answer_off(void)
{
    tpi_mutator_self->color = TPI_MARK_WHITE;
    tpi_mutator_self->epoch = tpi_modes.epoch = tpi_sweep_epoch();
}

/* All that is not marked goes. */
static inline void help_cycle(void *const *live, size_t n)
{
    help_black();
    for (size_t i = 0; i < n; i++)
        help_mark(live[i]);
    tpi_sweep_begin();
    help_answer_off();
    tpi_sweep_all();
}

/* Everything that was allocated dies; what is left of runs stays, and the spans that they are in.
 */
static inline void help_clear(void)
{
    help_cycle(NULL, 0);
}

static inline bool help_is_allocated(const void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    return where.span != NULL && where.allocated;
}

static inline bool help_is_zero(const void *object, size_t bytes)
{
    const unsigned char *at = object;
    return at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0;
}

struct node {
    struct node *left, *right;
    long key[4];
};
TP_GC_TYPE(node_type, struct node, left, right);

enum { RUN_SLOTS = TPI_RUN_BYTES_MAX / sizeof(struct node) };
_Static_assert(sizeof(struct node) == 48, "a slot is as large as a node");

static inline struct node *node_new(void)
{
    struct node *node = tp_gc_alloc(&node_type);
    assert_non_null(node);
    assert_true(help_is_zero(node, sizeof *node));
    assert_true(help_is_allocated(node));
    return node;
}

#endif
