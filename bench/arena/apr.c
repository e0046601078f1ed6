/* SPDX-License-Identifier: BSD-2-Clause */
/* The Apache Portable Runtime's pools: apr_palloc, apr_pool_clear. */
#include <apr_general.h>
#include <apr_pools.h>
#include "loop.h"

BENCH_ALWAYS_INLINE void *apr_alloc(void *context, size_t size)
{
    return apr_palloc(context, size);
}

BENCH_ALWAYS_INLINE void apr_reset(void *context)
{
    apr_pool_clear(context);
}

static void apr(void *context, uint64_t n)
{
    arena_loop(apr_alloc, apr_reset, context, n);
}

static void *apr_open(struct bench_case *self)
{
    apr_pool_t *pool;
    arena_prepare(self);
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS)
        bench_fail("apr_pool_create: out of memory");
    return pool;
}

static const struct bench_case cases[] = {
    {.measurement = "arena", .subject = "apr", .open = apr_open, .loop = apr},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
