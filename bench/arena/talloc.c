/* SPDX-License-Identifier: BSD-2-Clause */
/* Samba's talloc with a pool that all allocations of one reset fit into: talloc_size,
   talloc_free_children. */
#include <talloc.h>
#include "loop.h"

/* What talloc puts before an allocation, and more. */
#define HEADER_BYTES_MAX 128u

BENCH_ALWAYS_INLINE void *pool_alloc(void *context, size_t size)
{
    return talloc_size(context, size);
}

BENCH_ALWAYS_INLINE void pool_reset(void *context)
{
    talloc_free_children(context);
}

static void pool(void *context, uint64_t n)
{
    arena_loop(pool_alloc, pool_reset, context, n);
}

static void *pool_open(struct bench_case *self)
{
    arena_prepare(self);
    return bench_must(talloc_pool(NULL, arena_bytes_max(HEADER_BYTES_MAX)), "talloc_pool");
}

static const struct bench_case cases[] = {
    {.measurement = "arena", .subject = "talloc_pool", .open = pool_open, .loop = pool},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
