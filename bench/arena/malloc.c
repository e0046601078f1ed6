/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program without an arena does: malloc, a list of what it got, and free for each. One
   binary for all mallocs, as pool/malloc.c. */
#include <stdlib.h>
#include "loop.h"

struct list {
    uint64_t n;
    void **objects;
};

BENCH_ALWAYS_INLINE void *list_alloc(void *context, size_t size)
{
    struct list *list = context;
    return list->objects[list->n++] = malloc(size);
}

BENCH_ALWAYS_INLINE void list_reset(void *context)
{
    struct list *list = context;
    for (uint64_t i = 0; i < list->n; i++)
        free(list->objects[i]);
    list->n = 0;
}

static void list(void *context, uint64_t n)
{
    arena_loop(list_alloc, list_reset, context, n);
}

static void *list_open(struct bench_case *self)
{
    static struct list state;
    arena_prepare(self);
    bench_check_malloc(self->subject);
    state.objects = bench_must(calloc(arena_step, sizeof *state.objects), "list of objects");
    return &state;
}

static const struct bench_case cases[] = {
    {.measurement = "arena", .open = list_open, .loop = list},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
