/* SPDX-License-Identifier: BSD-2-Clause */
/* Ours: tp_vec, from empty, reserved, and with the capacity kept. */
#include <tidepool/heap.h>
#include <tidepool/vec.h>
#include "loop.h"

TP_VEC_DEFINE(ints, int)

__attribute__((cold, noreturn)) static void fail(void)
{
    bench_fail("a vector: out of memory");
}

BENCH_ALWAYS_INLINE void ours_push(ints *items, int x)
{
    if (!tp_vec_push(items, x))
        fail();
}

BENCH_ALWAYS_INLINE void empty_begin(ints *items, void *context)
{
    (void)context;
    *items = (ints){0};
}

BENCH_ALWAYS_INLINE void sized_begin(ints *items, void *context)
{
    empty_begin(items, context);
    if (!tp_vec_reserve(items, VEC_PUSHES))
        fail();
}

BENCH_ALWAYS_INLINE void free_end(ints *items, void *context)
{
    (void)context;
    bench_fence(items->data);
    tp_vec_free(items);
}

BENCH_ALWAYS_INLINE void kept_begin(ints *items, void *context)
{
    *items = *(ints *)context;
    tp_vec_reset(items);
}

BENCH_ALWAYS_INLINE void kept_end(const ints *items, void *context)
{
    bench_fence(items->data);
    *(ints *)context = *items;
}

VEC_LOOP(empty, ints, empty_begin, ours_push, free_end)
VEC_LOOP(sized, ints, sized_begin, ours_push, free_end)
VEC_LOOP(kept, ints, kept_begin, ours_push, kept_end)

/* Each time the elements are somewhere else, an allocation was made for them. */
static struct bench_cost growth(ints *items)
{
    struct bench_cost cost = {0, 0};
    const int *before = NULL;
    for (unsigned i = 0; i < VEC_PUSHES; i++) {
        ours_push(items, vec_opaque((int)i));
        if (items->data == before)
            continue;
        before = items->data;
        cost.allocs++;
        cost.bytes += (double)tp_heap_usable_size(before);
    }
    tp_vec_free(items);
    return cost;
}

static struct bench_cost empty_cost(void *context)
{
    ints items;
    empty_begin(&items, context);
    return growth(&items);
}

static struct bench_cost sized_cost(void *context)
{
    ints items;
    sized_begin(&items, context);
    return growth(&items);
}

static struct bench_cost kept_cost(void *context)
{
    struct bench_cost cost = {0, 0};
    const int *before = ((ints *)context)->data;
    kept(context, 1);
    cost.allocs = ((ints *)context)->data != before;
    return cost;
}

static void *ours_open(struct bench_case *self)
{
    static ints items;
    (void)self;
    sized_begin(&items, NULL);
    return &items;
}

static const struct bench_case cases[] = {
    {.measurement = "vec_empty",
     .subject = "vec",
     .open = ours_open,
     .loop = empty,
     .cost = empty_cost},
    {.measurement = "vec_sized",
     .subject = "vec",
     .open = ours_open,
     .loop = sized,
     .cost = sized_cost},
    {.measurement = "vec_kept",
     .subject = "vec",
     .open = ours_open,
     .loop = kept,
     .cost = kept_cost},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
