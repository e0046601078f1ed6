/* SPDX-License-Identifier: BSD-2-Clause */
/* The harness: calibrates, warms up, times slices.

   A measurement is timed in slices of about SLICE_NS each. The smallest slice is what the code
   costs when nothing disturbs it; where two threads share cache lines a slice may be lucky, and the
   lower quartile is fairer. bench/report.awk chooses.

   With two threads both start a slice together. Where they hand over, a slice lasts until the
   slower one is done; otherwise it is the mean of what each thread measured for itself. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "harness.h"

#define SLICE_NS 8000000u
#define WARM_NS 30000000u
#define SPINS_BEFORE_YIELD 20000u
#define CALIBRATION_OPS 1024u

/* The run being timed; the second thread reads `ops` between the two barriers of a slice. */
static struct {
    const struct bench_run *run;
    uint64_t ops; /* per thread and slice; 0: stop */
    uint64_t elapsed_ns[BENCH_THREADS_MAX];
} timed;

static struct {
    _Alignas(128) atomic_uint arrived;
    _Alignas(128) atomic_uint generation;
} gate;

static cpu_set_t allowed;
static const char *program_name = "bench";

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

void bench_unpin(void)
{
    if (sched_setaffinity(0, sizeof allowed, &allowed) != 0)
        bench_fail("sched_setaffinity: %s", strerror(errno));
}

void bench_relax(unsigned spins)
{
    if (spins % SPINS_BEFORE_YIELD == SPINS_BEFORE_YIELD - 1)
        sched_yield();
    bench_pause();
}

/* Returns in all threads when the last one has come. */
static void gate_pass(void)
{
    unsigned generation = atomic_load(&gate.generation);
    if (timed.run->threads == 1)
        return;
    if (atomic_fetch_add(&gate.arrived, 1) + 1 == timed.run->threads) {
        atomic_store(&gate.arrived, 0);
        atomic_store(&gate.generation, generation + 1);
        return;
    }
    for (unsigned spins = 0; atomic_load(&gate.generation) == generation; spins++)
        bench_relax(spins);
}

/* Each thread's half of a slice; false when there is none left. Behind the last gate `ops` is the
   first thread's again. */
static bool slice_run(unsigned thread)
{
    uint64_t start;
    gate_pass();
    if (timed.ops == 0)
        return false;
    start = bench_now_ns();
    timed.run->loops[thread](timed.run->context, timed.ops);
    timed.elapsed_ns[thread] = bench_now_ns() - start;
    gate_pass();
    return true;
}

static void *second_thread(void *unused)
{
    (void)unused;
    bench_pin(1);
    if (timed.run->enter != NULL)
        timed.run->enter();
    while (slice_run(1))
        ;
    return NULL;
}

/* Runs `ops` in each thread; nanoseconds of the slice. */
static double slice(uint64_t ops)
{
    double first, second;
    timed.ops = ops;
    slice_run(0);
    first = (double)timed.elapsed_ns[0];
    second = (double)timed.elapsed_ns[1];
    if (timed.run->threads == 1)
        return first;
    if (timed.run->handover)
        return first > second ? first : second;
    return (first + second) / 2;
}

/* A multiple of the step that takes about SLICE_NS: one step, where that alone takes longer. */
static uint64_t calibrate(void)
{
    uint64_t step = timed.run->step, warm_until = bench_now_ns() + WARM_NS;
    uint64_t ops = step == 1 ? 1 : (CALIBRATION_OPS + step - 1) / step * step;
    double ns = slice(ops);
    while (ns < SLICE_NS / 4.0 || bench_now_ns() < warm_until) {
        if (ns < SLICE_NS)
            ops *= 2;
        ns = slice(ops);
    }
    ops = (uint64_t)((double)ops * SLICE_NS / ns);
    return ops < step ? step : ops - ops % step;
}

static void measure(struct bench_times *times)
{
    const struct bench_run *run = timed.run;
    double ns[BENCH_SLICES_MAX];
    uint64_t ops = calibrate(), made = 0;
    unsigned n = run->slices;
    if (run->made != NULL)
        made = run->made(run->context);
    for (unsigned i = 0; i < n; i++)
        ns[i] = slice(ops) / (double)ops;
    times->made = run->made != NULL ? run->made(run->context) - made : 0;
    times->n = ops * n;
    qsort(ns, n, sizeof ns[0], bench_compare_double);
    times->min = ns[0];
    times->quartile = ns[n / 4];
    times->median = (ns[(n - 1) / 2] + ns[n / 2]) / 2;
}

void bench_time(const struct bench_run *run, struct bench_times *times)
{
    pthread_t thread;
    timed.run = run;
    bench_pin(run->threads == 1 && CPU_COUNT(&allowed) > 1 ? 1 : 0);
    if (run->threads > 1 && pthread_create(&thread, NULL, second_thread, NULL) != 0)
        bench_fail("cannot start a second thread");
    measure(times);
    if (run->threads > 1) {
        timed.ops = 0;
        gate_pass();
        pthread_join(thread, NULL);
    }
}

void bench_begin(const char *program)
{
    program_name = program;
    if (!BENCH_OPTIMISED)
        fprintf(stderr, "%s: compiled without optimisation: these figures mean nothing\n", program);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        bench_fail("sched_getaffinity: %s", strerror(errno));
}

void bench_check_malloc(const char *name)
{
    const char *library = strcmp(name, "glibc") == 0 ? "libc.so" : name;
    Dl_info info;
    if (dlsym(RTLD_DEFAULT, "bench_counted") != NULL)
        return; /* a run that counts calls, whoever serves them */
    if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) == 0 || info.dli_fname == NULL)
        bench_fail("cannot tell which library malloc comes from");
    if (strstr(info.dli_fname, library) == NULL)
        bench_fail("malloc comes from %s, not from %s", info.dli_fname, name);
}
