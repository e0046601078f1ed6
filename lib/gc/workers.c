/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers: threads that mark beside the collecting thread while it drains, and sleep otherwise. All
   signals are blocked in them; they hold no pointer into the collected heap outside of
   tpi_mark_some, and are no mutators.

   The collecting thread starts what is missing when a cycle begins, before it parks anybody: a
   parked thread may hold a lock of the C library's that the start of a thread needs.
   A worker adds itself to `inside` before it looks at `going` and marks; the collecting thread
   takes `going` back before it looks at `inside` (full fences on both sides). So nobody marks
   behind tpi_workers_halt, when what is in buffers may be stale.

   workers_lock (rank LEAF): the sleep alone. */
#include "gc/worklist.h"

enum {
    CORES_PER_WORKER = 4,
    PIECE_BYTES = 256 << 10, /* marked at once; halting waits for that */
    LOOK_NS = 20000
};

static struct tpi_lock workers_lock = TPI_LOCK_INIT(TPI_RANK_LEAF);
static struct tpi_condition work_condition = {PTHREAD_COND_INITIALIZER};
static unsigned running; /* the collecting thread's */
/* A sanitizer's child of a fork: its runtime may have been forked with its own locks held, and can
   start no thread. */
static bool alone;
static uint32_t going;  /* atomic; set under workers_lock */
static uint32_t inside; /* atomic */

static bool enter(void)
{
    (void)tpi_add_acq_rel_32(&inside, 1);
    tpi_fence_full();
    return tpi_load_acquire_32(&going) != 0;
}

static void leave(void)
{
    (void)tpi_add_acq_rel_32(&inside, UINT32_MAX);
}

static __attribute__((noreturn)) void *worker_main(void *argument)
{
    (void)argument;
    for (unsigned turn = 0;;) {
        bool may = enter();
        size_t bytes = may ? tpi_mark_some(PIECE_BYTES) : 0;
        leave();
        turn = bytes != 0 ? 0 : turn + 1;
        if (may && bytes == 0)
            tpi_mark_wait(turn);
        if (may)
            continue;
        tpi_lock(&workers_lock);
        while (tpi_load_relaxed_32(&going) == 0)
            tpi_condition_wait(&work_condition, &workers_lock);
        tpi_unlock(&workers_lock);
    }
}

void tpi_workers_start(unsigned n)
{
    unsigned by_cores = tpi_os_cores() / CORES_PER_WORKER;
    if (n == 0 && by_cores > 1)
        n = by_cores - 1;
    n = tpi_min(n, (unsigned)TPI_WORKERS_MAX);
    while (!alone && running < n && tpi_os_thread_start(worker_main, NULL))
        running++;
}

void tpi_workers_go(void)
{
    if (running == 0)
        return;
    tpi_lock(&workers_lock);
    tpi_store_relaxed_32(&going, 1);
    tpi_condition_wake_all(&work_condition);
    tpi_unlock(&workers_lock);
}

void tpi_workers_halt(void)
{
    if (running == 0)
        return;
    tpi_store_relaxed_32(&going, 0);
    tpi_fence_full();
    while (tpi_load_acquire_32(&inside) != 0)
        tpi_os_sleep(LOOK_NS);
}

void tpi_workers_fork_child(void)
{
    tpi_lock_reset_in_child(&workers_lock);
    tpi_condition_init(&work_condition);
    running = 0;
    alone = tpi_sanitized;
    tpi_store_relaxed_32(&going, 0);
    tpi_store_relaxed_32(&inside, 0);
}
