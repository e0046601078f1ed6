/* SPDX-License-Identifier: BSD-2-Clause */
/* How long a cycle holds a running thread up, with 100 and with 1,000,000 idle objects.

   A runner on one processor gets and puts without pause and looks at the clock after each pair: the
   longest gap between two looks in a window is the hold-up of that window. The main thread, with
   the library's service thread, works on the other processor: it has FILLERS sleeping threads leave
   the idle objects in their magazines and in the depot, and runs two cycles, each in a window of
   its own: the first makes the idle objects victims, the second drops them. A window without a
   cycle before each pair of them shows what timer interrupts cost anyway.

   All windows are equally long, so that each meets the same number of timer interrupts, unless a
   cycle takes longer. A gap in which the runner was preempted (an involuntary context switch) is
   another program's doing and does not count; a window that lost half of its time to such gaps is
   discarded. The figure is the median over the windows. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <tidepool.h>
#include "loops.h"

#define FILLERS 10u
#define OBJECT_BYTES 64u
#define WINDOW_NS 40000000u
#define WINDOWS_WANTED                                                                             \
    16u /* with a cycle in them and undisturbed, for each number of idle objects */
#define WINDOWS_LEAST 5u
#define TRIALS_MAX 40u
#define WINDOWS_MAX (2u * TRIALS_MAX * 5u + 8u)
#define HELD_NS 1000u /* a gap beyond this is looked into, and counts as held up in the sum */
#define STEPS 8u      /* histogram buckets per doubling */

enum kind { FILL, QUIET, CYCLE };

struct window {
    enum kind kind;
    size_t idle;                /* the trial's */
    double longest, p999, held; /* ticks: the longest gap, 99.9% of gaps are below, sum beyond */
    bool disturbed;
    double cycle_ns;
};

static struct window
    windows[WINDOWS_MAX];                 /* written by the runner until it acknowledges the next */
static _Alignas(128) atomic_uint current; /* the window that is open, by number; main's */
static _Alignas(128) atomic_uint acknowledged; /* the runner has begun this one */
static atomic_bool stop;
static tp_pool *pool;
static pthread_barrier_t fill_step;
static size_t fill_each; /* objects; 0: end. Written before fill_step's first barrier */
static double ticks_per_ns;

static long preemptions(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

static unsigned bucket_of(uint64_t gap)
{
    unsigned doubling = 63u - (unsigned)__builtin_clzll(gap | STEPS);
    return doubling * STEPS + (unsigned)(gap >> (doubling - 3)) % STEPS;
}

static double bucket_end(unsigned bucket)
{
    unsigned doubling = bucket / STEPS;
    return (double)((uint64_t)(bucket % STEPS + STEPS + 1) << (doubling - 3));
}

/* Below which gap 999 of 1000 are. */
static double p999_of(const uint64_t *histogram, unsigned buckets)
{
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < buckets; i++)
        total += histogram[i];
    for (unsigned i = 0; i < buckets; i++) {
        seen += histogram[i];
        if (seen * 1000 >= total * 999)
            return bucket_end(i);
    }
    return 0;
}

/* Whether the gap that has just ended held a preemption. */
static bool was_preempted(long *preempted)
{
    long now = preemptions();
    bool more = now != *preempted;
    *preempted = now;
    return more;
}

/* Gets and puts until main opens the next window. */
static void watch(unsigned number)
{
    static uint64_t histogram[64 * STEPS];
    struct window *window = &windows[number];
    uint64_t now, before, gap, longest = 0, held = 0, lost = 0;
    uint64_t start = bench_ticks();
    uint64_t held_ticks = (uint64_t)(HELD_NS * ticks_per_ns);
    long preempted = preemptions();
    memset(histogram, 0, sizeof histogram);
    atomic_store(&acknowledged, number);
    before = bench_ticks();
    while (atomic_load_explicit(&current, memory_order_relaxed) == number) {
        void *object = tp_pool_get(pool);
        bench_touch(object, number);
        tp_pool_put(pool, object);
        now = bench_ticks();
        gap = now - before;
        before = now;
        if (gap > held_ticks) {
            bool preempted_now = was_preempted(&preempted);
            before = bench_ticks();
            if (preempted_now) {
                lost += gap;
                continue;
            }
            held += gap;
        }
        histogram[bucket_of(gap)]++;
        if (gap > longest)
            longest = gap;
    }
    window->longest = (double)longest;
    window->p999 = p999_of(histogram, 64 * STEPS);
    window->held = (double)held;
    window->disturbed = lost > (bench_ticks() - start) / 2;
}

static void *runner(void *unused)
{
    (void)unused;
    bench_pin(1);
    while (!atomic_load(&stop))
        watch(atomic_load(&current));
    return NULL;
}

/* Sleeps between fills; all hold their objects before the first puts one back. */
static void *filler(void *unused)
{
    (void)unused;
    for (;;) {
        void **objects;
        size_t n;
        pthread_barrier_wait(&fill_step);
        n = fill_each;
        if (n == 0)
            return NULL;
        objects = bench_must(malloc(n * sizeof *objects), "list of objects");
        for (size_t i = 0; i < n; i++)
            objects[i] = bench_must(tp_pool_get(pool), "object");
        pthread_barrier_wait(&fill_step);
        for (size_t i = 0; i < n; i++)
            tp_pool_put(pool, objects[i]);
        free(objects);
        pthread_barrier_wait(&fill_step);
    }
}

static void fill(size_t idle)
{
    tp_pool_stats stats;
    fill_each = idle / FILLERS;
    for (unsigned step = 0; step < 3; step++)
        pthread_barrier_wait(&fill_step);
    tp_pool_stats_read(pool, &stats);
    if (stats.idle < idle / 2)
        bench_fail("%zu objects were put, only %llu are idle", idle,
                   (unsigned long long)stats.idle);
}

/* Ends the open window and begins the next, which is of this kind. */
static struct window *open_window(enum kind kind, size_t idle)
{
    unsigned number = atomic_load(&current) + 1;
    if (number >= WINDOWS_MAX)
        bench_fail("more than %u windows", WINDOWS_MAX);
    windows[number].kind = kind;
    windows[number].idle = idle;
    atomic_store(&current, number);
    while (atomic_load(&acknowledged) != number)
        bench_pause();
    return &windows[number];
}

static void sleep_until(uint64_t ns)
{
    struct timespec until = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

static void window_with(enum kind kind, size_t idle)
{
    struct window *window = open_window(kind, idle);
    uint64_t start = bench_now_ns();
    if (kind == CYCLE) {
        tp_gc_collect();
        window->cycle_ns = (double)(bench_now_ns() - start);
    }
    sleep_until(start + WINDOW_NS);
}

static void trial(size_t idle)
{
    open_window(FILL, idle);
    fill(idle);
    window_with(QUIET, idle);
    window_with(CYCLE, idle);
    window_with(CYCLE, idle);
    open_window(FILL, idle);
}

/* `idle` 0: whatever it was. */
static bool wanted(const struct window *window, enum kind kind, size_t idle)
{
    return window->kind == kind && (idle == 0 || window->idle == idle) && !window->disturbed;
}

static unsigned count_windows(enum kind kind, size_t idle)
{
    unsigned count = 0;
    for (unsigned i = 1; i < atomic_load(&current); i++)
        count += wanted(&windows[i], kind, idle);
    return count;
}

/* Median of the double `offset` bytes into each window that is wanted. */
static double median_of(enum kind kind, size_t idle, size_t offset)
{
    double values[WINDOWS_MAX];
    unsigned count = 0;
    for (unsigned i = 1; i < atomic_load(&current); i++)
        if (wanted(&windows[i], kind, idle))
            values[count++] = *(const double *)(const void *)((const char *)&windows[i] + offset);
    if (count == 0)
        return 0;
    qsort(values, count, sizeof values[0], bench_compare_double);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static void print(size_t idle)
{
    size_t longest = offsetof(struct window, longest);
    unsigned total = 0;
    for (unsigned i = 1; i < atomic_load(&current); i++)
        total += windows[i].kind == CYCLE && windows[i].idle == idle;
    printf("measurement=holdup size=%zu threads=2 subject=pool n=%u discarded=%u median=%.0f "
           "p999=%.0f held=%.0f quiet=%.0f quiet_held=%.0f cycle=%.0f\n",
           idle, count_windows(CYCLE, idle), total - count_windows(CYCLE, idle),
           median_of(CYCLE, idle, longest) / ticks_per_ns,
           median_of(CYCLE, idle, offsetof(struct window, p999)) / ticks_per_ns,
           median_of(CYCLE, idle, offsetof(struct window, held)) / ticks_per_ns,
           median_of(QUIET, 0, longest) / ticks_per_ns,
           median_of(QUIET, 0, offsetof(struct window, held)) / ticks_per_ns,
           median_of(CYCLE, idle, offsetof(struct window, cycle_ns)));
}

static void find_ticks(void)
{
    uint64_t ticks = bench_ticks(), start = bench_now_ns();
    while (bench_now_ns() < start + 20000000u)
        ;
    ticks_per_ns = (double)(bench_ticks() - ticks) / (double)(bench_now_ns() - start);
}

int main(int argc, char **argv)
{
    static const size_t idle[] = {100, 1000000};
    tp_pool_options options = {.name = "holdup", .size = OBJECT_BYTES};
    pthread_t threads[FILLERS + 1];
    (void)argc;
    bench_begin(argv[0]);
    find_ticks();
    bench_pin(0); /* before the pool exists: the service thread inherits it */
    pool = bench_must(tp_pool_create(&options), "tp_pool_create");
    pthread_barrier_init(&fill_step, NULL, FILLERS + 1);
    for (unsigned i = 0; i <= FILLERS; i++)
        if (pthread_create(&threads[i], NULL, i < FILLERS ? filler : runner, NULL) != 0)
            bench_fail("cannot start a thread");
    for (unsigned i = 0; i < TRIALS_MAX; i++) {
        for (unsigned j = 0; j < 2; j++)
            trial(idle[j]);
        if (count_windows(CYCLE, idle[0]) >= WINDOWS_WANTED &&
            count_windows(CYCLE, idle[1]) >= WINDOWS_WANTED)
            break;
    }
    fill_each = 0;
    pthread_barrier_wait(&fill_step);
    atomic_store(&stop, true);
    atomic_fetch_add(&current, 1);
    for (unsigned i = 0; i <= FILLERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned j = 0; j < 2; j++)
        if (count_windows(CYCLE, idle[j]) < WINDOWS_LEAST)
            bench_fail("in %u of %u cycles the running thread did not run half of the time: other "
                       "programs use the processors",
                       TRIALS_MAX * 2 - count_windows(CYCLE, idle[j]), TRIALS_MAX * 2);
    for (unsigned j = 0; j < 2; j++)
        print(idle[j]);
    return 0;
}
