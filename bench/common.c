/* SPDX-License-Identifier: BSD-2-Clause */
/* The harness: calibrates, warms up, times slices, prints one line.

   A measurement is timed in SLICES slices of about SLICE_NS each. The smallest slice is what the
   code costs when nothing disturbs it; where two threads share cache lines a slice may be lucky,
   and the lower quartile is fairer. bench/report.awk chooses.

   With two threads both start a slice together. For `pc` a slice lasts until the consumer has put
   the last object; otherwise it is the mean of what each thread measured for itself. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common.h"
#include "ring.h"

#define SLICES 24u
#define SLICE_NS 8000000u
#define WARM_NS 30000000u
#define SPINS_BEFORE_YIELD 20000u

struct bench_ring bench_ring_there = {.push_limit = BENCH_RING_SLOTS};
struct bench_ring bench_ring_back = {.push_limit = BENCH_RING_SLOTS};

/* One run of one measurement; the second thread reads `ops` between the two barriers of a slice. */
static struct {
    const struct bench_subject *subject;
    void *context;
    bench_loop *loops[BENCH_THREADS_MAX];
    unsigned threads;
    bool handover; /* producer and consumer: a slice is as long as the slower of them */
    uint64_t ops;  /* per thread and slice; 0: stop */
    uint64_t elapsed_ns[BENCH_THREADS_MAX];
} run;

static struct {
    _Alignas(128) atomic_uint arrived;
    _Alignas(128) atomic_uint generation;
} gate;

static cpu_set_t allowed;
static const char *program_name = "bench";
static atomic_ullong made_count;

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

void *bench_must(void *memory, const char *what)
{
    if (memory == NULL)
        bench_fail("%s: %s", what, strerror(errno));
    return memory;
}

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_count_made(void)
{
    atomic_fetch_add_explicit(&made_count, 1, memory_order_relaxed);
}

uint64_t bench_made(void *context)
{
    (void)context;
    return atomic_load_explicit(&made_count, memory_order_relaxed);
}

int bench_compare_double(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void bench_pin(unsigned processor)
{
    cpu_set_t one;
    int cpu = -1;
    for (unsigned seen = 0; seen <= processor; seen++)
        do
            if (++cpu >= CPU_SETSIZE)
                bench_fail("needs %u processors, this process may use %d", processor + 1,
                           CPU_COUNT(&allowed));
        while (!CPU_ISSET((unsigned)cpu, &allowed));
    CPU_ZERO(&one);
    CPU_SET((unsigned)cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        bench_fail("sched_setaffinity to processor %d: %s", cpu, strerror(errno));
}

/* A thread that shares its processor with another program must let it run now and then. */
static void relax(unsigned spins)
{
    if (spins % SPINS_BEFORE_YIELD == SPINS_BEFORE_YIELD - 1)
        sched_yield();
    bench_pause();
}

uint64_t bench_ring_wait(const atomic_ullong *published, uint64_t past, uint64_t slack)
{
    uint64_t limit;
    for (unsigned spins = 0;; spins++) {
        limit = atomic_load_explicit(published, memory_order_acquire) + slack;
        if (limit != past)
            return limit;
        relax(spins);
    }
}

/* Returns in all threads when the last one has come. */
static void gate_pass(void)
{
    unsigned generation = atomic_load(&gate.generation);
    if (run.threads == 1)
        return;
    if (atomic_fetch_add(&gate.arrived, 1) + 1 == run.threads) {
        atomic_store(&gate.arrived, 0);
        atomic_store(&gate.generation, generation + 1);
        return;
    }
    for (unsigned spins = 0; atomic_load(&gate.generation) == generation; spins++)
        relax(spins);
}

/* Each thread's half of a slice; false when there is none left. Behind the last gate `ops` is the
   first thread's again. */
static bool slice_run(unsigned thread)
{
    uint64_t start;
    gate_pass();
    if (run.ops == 0)
        return false;
    start = bench_now_ns();
    run.loops[thread](run.context, run.ops);
    run.elapsed_ns[thread] = bench_now_ns() - start;
    gate_pass();
    return true;
}

static void *second_thread(void *unused)
{
    (void)unused;
    bench_pin(1);
    if (run.subject->enter != NULL)
        run.subject->enter();
    while (slice_run(1))
        ;
    return NULL;
}

/* Runs `ops` in each thread; nanoseconds of the slice. */
static double slice(uint64_t ops)
{
    double first, second;
    run.ops = ops;
    slice_run(0);
    first = (double)run.elapsed_ns[0];
    second = (double)run.elapsed_ns[1];
    if (run.threads == 1)
        return first;
    if (run.handover)
        return first > second ? first : second;
    return (first + second) / 2;
}

/* A multiple of the batch that takes about SLICE_NS. */
static uint64_t calibrate(void)
{
    uint64_t ops = BENCH_BATCH * 32, warm_until = bench_now_ns() + WARM_NS;
    double ns = slice(ops);
    while (ns < SLICE_NS / 4.0 || bench_now_ns() < warm_until) {
        if (ns < SLICE_NS)
            ops *= 2;
        ns = slice(ops);
    }
    ops = (uint64_t)((double)ops * SLICE_NS / ns);
    return ops < BENCH_BATCH ? BENCH_BATCH : ops - ops % BENCH_BATCH;
}

static void measure(const char *measurement)
{
    double ns[SLICES], total = 0;
    uint64_t ops, gets, made = 0;
    ops = calibrate();
    if (run.subject->made != NULL)
        made = run.subject->made(run.context);
    for (unsigned i = 0; i < SLICES; i++)
        ns[i] = slice(ops) / (double)ops;
    gets = ops * SLICES * (run.handover ? 1 : run.threads);
    made = run.subject->made != NULL ? run.subject->made(run.context) - made : gets;
    qsort(ns, SLICES, sizeof ns[0], bench_compare_double);
    total = (double)made / (double)gets;
    printf(
        "measurement=%s size=%zu threads=%u subject=%s n=%llu min=%.4f quartile=%.4f median=%.4f "
        "bytes=%.0f allocs=%.0f\n",
        measurement, run.subject->size, run.threads, run.subject->name,
        (unsigned long long)(ops * SLICES), ns[0], ns[SLICES / 4],
        (ns[SLICES / 2 - 1] + ns[SLICES / 2]) / 2, total * (double)run.subject->size, total);
}

/* Opens the subject, starts the second thread, measures, stops it. */
static void run_loops(const char *measurement)
{
    pthread_t thread;
    for (unsigned i = 0; i < run.threads; i++)
        if (run.loops[i] == NULL)
            bench_fail("%s has no measurement %s", run.subject->name, measurement);
    run.context = run.subject->open(run.subject);
    bench_pin(run.threads == 1 && CPU_COUNT(&allowed) > 1 ? 1 : 0);
    if (run.threads > 1 && pthread_create(&thread, NULL, second_thread, NULL) != 0)
        bench_fail("cannot start a second thread");
    measure(measurement);
    if (run.threads > 1) {
        run.ops = 0;
        gate_pass();
        pthread_join(thread, NULL);
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

void bench_begin(const char *program)
{
    program_name = program;
    if (!BENCH_OPTIMISED)
        fprintf(stderr, "%s: compiled without optimisation: these figures mean nothing\n", program);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        bench_fail("sched_getaffinity: %s", strerror(errno));
}

int bench_main(int argc, char **argv, const struct bench_subject *subjects, size_t count)
{
    const struct bench_subject *subject;
    bench_begin(argv[0]);
    if (argc < 4)
        bench_fail("usage: SUBJECT pair|batch|many|pc|burst SIZE [THREADS]");
    subject = find(subjects, count, argv[1], strtoul(argv[3], NULL, 10));
    if (strcmp(argv[2], "burst") == 0)
        return bench_burst(subject, subject->open(subject));
    run.subject = subject;
    run.threads = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1;
    run.handover = strcmp(argv[2], "pc") == 0;
    if (run.handover)
        run.threads = 2;
    if (run.threads < 1 || run.threads > BENCH_THREADS_MAX)
        bench_fail("threads: 1 or 2, not %s", argv[4]);
    for (unsigned i = 0; i < run.threads; i++)
        if (run.handover)
            run.loops[i] = i == 0 ? subject->produce : subject->consume;
        else if (strcmp(argv[2], "pair") == 0)
            run.loops[i] = subject->pair;
        else if (strcmp(argv[2], "batch") == 0)
            run.loops[i] = subject->batch;
        else if (strcmp(argv[2], "many") == 0)
            run.loops[i] = subject->many;
    run_loops(argv[2]);
    return 0;
}
