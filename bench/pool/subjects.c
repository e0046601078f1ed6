/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs one measurement of one subject of a program's table, and holds what its two threads share:
   the rings between producer and consumer. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ring.h"
#include "subjects.h"

struct bench_ring bench_ring_there = {.push_limit = BENCH_RING_SLOTS};
struct bench_ring bench_ring_back = {.push_limit = BENCH_RING_SLOTS};

static atomic_ullong made_count;

void bench_count_made(void)
{
    atomic_fetch_add_explicit(&made_count, 1, memory_order_relaxed);
}

uint64_t bench_made(void *context)
{
    (void)context;
    return atomic_load_explicit(&made_count, memory_order_relaxed);
}

uint64_t bench_ring_wait(const atomic_ullong *published, uint64_t past, uint64_t slack)
{
    uint64_t limit;
    for (unsigned spins = 0;; spins++) {
        limit = atomic_load_explicit(published, memory_order_acquire) + slack;
        if (limit != past)
            return limit;
        bench_relax(spins);
    }
}

static const struct bench_subject *find(const struct bench_subject *subjects, size_t count,
                                        const char *name, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(subjects[i].name, name) == 0 && subjects[i].size == size)
            return &subjects[i];
    bench_fail("no subject %s with objects of %zu bytes", name, size);
}

/* The loop of each thread. */
static void choose_loops(const struct bench_subject *subject, const char *measurement,
                         struct bench_run *run)
{
    run->handover = strcmp(measurement, "pc") == 0;
    if (run->handover)
        run->threads = 2;
    for (unsigned i = 0; i < run->threads; i++) {
        if (run->handover)
            run->loops[i] = i == 0 ? subject->produce : subject->consume;
        else if (strcmp(measurement, "pair") == 0)
            run->loops[i] = subject->pair;
        else if (strcmp(measurement, "batch") == 0)
            run->loops[i] = subject->batch;
        else if (strcmp(measurement, "many") == 0)
            run->loops[i] = subject->many;
        if (run->loops[i] == NULL)
            bench_fail("%s has no measurement %s", subject->name, measurement);
    }
}

int bench_main(int argc, char **argv, const struct bench_subject *subjects, size_t count)
{
    struct bench_run run = {.threads = 1, .slices = BENCH_SLICES_MAX, .step = BENCH_BATCH};
    struct bench_times times;
    const struct bench_subject *subject;
    uint64_t gets;
    double made;
    bench_begin(argv[0]);
    if (argc < 4)
        bench_fail("usage: SUBJECT pair|batch|many|pc|burst SIZE [THREADS]");
    subject = find(subjects, count, argv[1], strtoul(argv[3], NULL, 10));
    if (strcmp(argv[2], "burst") == 0)
        return bench_burst(subject, subject->open(subject));
    if (argc > 4)
        run.threads = (unsigned)strtoul(argv[4], NULL, 10);
    if (run.threads < 1 || run.threads > BENCH_THREADS_MAX)
        bench_fail("threads: 1 or 2, not %s", argv[4]);
    choose_loops(subject, argv[2], &run);
    run.enter = subject->enter;
    run.made = subject->made;
    run.context = subject->open(subject);
    bench_time(&run, &times);
    gets = times.n * (run.handover ? 1 : run.threads);
    made = subject->made == NULL ? 1 : (double)times.made / (double)gets;
    printf("measurement=%s size=%zu threads=%u subject=%s n=%llu min=%.4f quartile=%.4f "
           "median=%.4f bytes=%.0f allocs=%.0f\n",
           argv[2], subject->size, run.threads, subject->name, (unsigned long long)times.n,
           times.min, times.quartile, times.median, made * (double)subject->size, made);
    return 0;
}
