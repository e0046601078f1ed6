/* SPDX-License-Identifier: BSD-2-Clause */
/* Ours: tp_arena_alloc and tp_arena_reset. */
#include <tidepool/arena.h>
#include "loop.h"

BENCH_ALWAYS_INLINE void *ours_alloc(void *context, size_t size)
{
    void *memory = tp_arena_alloc(context, size);
    if (__builtin_expect(memory == NULL, 0))
        bench_fail("tp_arena_alloc: out of memory");
    return memory;
}

BENCH_ALWAYS_INLINE void ours_reset(void *context)
{
    tp_arena_reset(context);
}

static void ours(void *context, uint64_t n)
{
    arena_loop(ours_alloc, ours_reset, context, n);
}

static struct bench_cost ours_cost(void *context)
{
    struct bench_cost cost = {0, 0};
    tp_arena_stats before, after;
    tp_arena_stats_read(context, &before);
    ours(context, arena_step);
    tp_arena_stats_read(context, &after);
    cost.allocs = (double)(after.taken - before.taken) / (double)arena_step;
    return cost;
}

static void *ours_open(struct bench_case *self)
{
    tp_arena_options options = {.name = "bench", .retain = TP_ARENA_RETAIN_ALL};
    arena_prepare(self);
    return bench_must(tp_arena_create(&options), "tp_arena_create");
}

static const struct bench_case cases[] = {
    {.measurement = "arena",
     .subject = "arena",
     .open = ours_open,
     .loop = ours,
     .cost = ours_cost},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
