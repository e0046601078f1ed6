/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK's rte_mempool: a fixed population behind a ring, with a cache per registered thread.

   Runs without huge pages and without root. Each thread calls rte_thread_register, or it would have
   no cache and each call would go to the ring. The population exceeds what the rings of a producer
   and its consumer and both caches can hold, so a get cannot fail. */
#include <stdlib.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include "loops.h"

#define POPULATION 8191u
#define CACHE 256u

BENCH_ALWAYS_INLINE void *dpdk_get(void *context, size_t size)
{
    void *object = NULL;
    (void)size;
    if (__builtin_expect(rte_mempool_get(context, &object) != 0, 0))
        bench_fail("rte_mempool_get: the pool is empty");
    return object;
}

BENCH_ALWAYS_INLINE void dpdk_put(void *context, void *object)
{
    rte_mempool_put(context, object);
}

BENCH_ALWAYS_INLINE void dpdk_get_many(void *context, void **objects, size_t n)
{
    if (__builtin_expect(rte_mempool_get_bulk(context, objects, (unsigned)n) != 0, 0))
        bench_fail("rte_mempool_get_bulk: the pool is empty");
}

BENCH_ALWAYS_INLINE void dpdk_put_many(void *context, void **objects, size_t n)
{
    rte_mempool_put_bulk(context, objects, (unsigned)n);
}

BENCH_LOOPS(dpdk, dpdk_get, dpdk_put, 0)

static void dpdk_many(void *context, uint64_t n)
{
    bench_loop_many(dpdk_get_many, dpdk_put_many, context, n);
}

static void *dpdk_open(const struct bench_subject *self)
{
    static char *flags[] = {"bench_dpdk",
                            "--no-huge",
                            "--no-shconf",
                            "--no-pci",
                            "-m",
                            "64",
                            "-l",
                            "0",
                            "--no-telemetry",
                            "--log-level=error",
                            "-d",
                            "librte_mempool_ring.so",
                            NULL};
    struct rte_mempool *pool;
    if (rte_eal_init((int)(sizeof flags / sizeof flags[0]) - 1, flags) < 0)
        bench_fail("rte_eal_init: %s", rte_strerror(rte_errno));
    pool = rte_mempool_create("bench", POPULATION, (unsigned)self->size, CACHE, 0, NULL, NULL, NULL,
                              NULL, SOCKET_ID_ANY, 0);
    if (pool == NULL)
        bench_fail("rte_mempool_create: %s", rte_strerror(rte_errno));
    return pool;
}

static void dpdk_enter(void)
{
    if (rte_thread_register() != 0)
        bench_fail("rte_thread_register: %s", rte_strerror(rte_errno));
}

#define DPDK(SIZE)                                                                                 \
    {                                                                                              \
        .name = "rte_mempool", .size = SIZE, .open = dpdk_open, .enter = dpdk_enter,               \
        .made = bench_made, .many = dpdk_many, BENCH_LOOPS_OF(dpdk)                                \
    }

static const struct bench_subject subjects[] = {DPDK(64), DPDK(1024)};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, subjects, sizeof subjects / sizeof subjects[0]);
}
