/* SPDX-License-Identifier: BSD-2-Clause */
/* The array that C programs write by hand: realloc to twice as much when it is full, or malloc
   once. One binary for all mallocs, as pool/malloc.c. */
#include <stdlib.h>
#include "loop.h"

struct items {
    int *data;
    size_t len, cap;
};

BENCH_ALWAYS_INLINE void items_push(struct items *items, int x)
{
    if (__builtin_expect(items->len == items->cap, 0)) {
        size_t cap = items->cap == 0 ? 1 : items->cap * 2;
        items->data = bench_must(realloc(items->data, cap * sizeof *items->data), "realloc");
        items->cap = cap;
    }
    items->data[items->len++] = x;
}

BENCH_ALWAYS_INLINE void empty_begin(struct items *items, void *context)
{
    (void)context;
    *items = (struct items){0};
}

BENCH_ALWAYS_INLINE void sized_begin(struct items *items, void *context)
{
    (void)context;
    items->data = bench_must(malloc(VEC_PUSHES * sizeof *items->data), "malloc");
    items->len = 0;
    items->cap = VEC_PUSHES;
}

BENCH_ALWAYS_INLINE void items_end(struct items *items, void *context)
{
    (void)context;
    bench_fence(items->data);
    free(items->data);
}

VEC_LOOP(empty, struct items, empty_begin, items_push, items_end)
VEC_LOOP(sized, struct items, sized_begin, items_push, items_end)

static void *items_open(struct bench_case *self)
{
    bench_check_malloc(self->subject);
    return NULL;
}

static const struct bench_case cases[] = {
    {.measurement = "vec_empty", .open = items_open, .loop = empty},
    {.measurement = "vec_sized", .open = items_open, .loop = sized},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
