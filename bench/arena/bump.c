/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardstick of arenas: a pointer that is rounded up to 16 and held against an end, in memory
   that is large enough and was touched before. `bump_ahead` also fetches what lies 1 KiB ahead, for
   processors that do not by themselves. */
#include <stdlib.h>
#include <string.h>
#include "loop.h"

#define AHEAD 1024u

struct bump {
    char *next, *end, *start;
};

BENCH_ALWAYS_INLINE void *bump_alloc(void *context, size_t size)
{
    struct bump *bump = context;
    char *at = bump->next;
    size = (size + 15) & ~(size_t)15;
    if (__builtin_expect(size > (size_t)(bump->end - at), 0))
        bench_fail("the buffer is too small");
    bump->next = at + size;
    return at;
}

BENCH_ALWAYS_INLINE void *bump_ahead_alloc(void *context, size_t size)
{
    char *at = bump_alloc(context, size);
    __builtin_prefetch(at + AHEAD, 1);
    return at;
}

BENCH_ALWAYS_INLINE void bump_reset(void *context)
{
    struct bump *bump = context;
    bump->next = bump->start;
}

static void bump(void *context, uint64_t n)
{
    arena_loop(bump_alloc, bump_reset, context, n);
}

static void bump_ahead(void *context, uint64_t n)
{
    arena_loop(bump_ahead_alloc, bump_reset, context, n);
}

static void *bump_open(struct bench_case *self)
{
    static struct bump state;
    size_t bytes;
    arena_prepare(self);
    bytes = arena_bytes_max(0) + AHEAD;
    state.start = state.next = bench_must(aligned_alloc(64, bytes), "memory");
    state.end = state.start + bytes;
    memset(state.start, 0xa5, bytes);
    return &state;
}

static const struct bench_case cases[] = {
    {.measurement = "arena", .subject = "bump", .open = bump_open, .loop = bump},
    {.measurement = "arena", .subject = "bump_ahead", .open = bump_open, .loop = bump_ahead},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
