/* SPDX-License-Identifier: BSD-2-Clause */
/* What every measuring program shares: the clock, the processors, and how a loop is timed.

   A run is one measurement of one subject (ours, a yardstick, a peer): a loop that is called with
   how many operations it is to do. Pools and mallocs describe themselves by pool/subjects.h, what
   is measured on one thread by cases.h; bench/run starts the programs in turn. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_THREADS_MAX 2u
#define BENCH_SLICES_MAX 24u

#define BENCH_ALWAYS_INLINE __attribute__((always_inline)) static inline

/* Does `n` operations, a multiple of the run's step. */
typedef void bench_loop(void *context, uint64_t n);

struct bench_run {
    bench_loop *loops[BENCH_THREADS_MAX];
    void *context;
    void (*enter)(void); /* on the second thread; may be NULL */
    unsigned threads;    /* 1 or 2 */
    unsigned slices;     /* how many are timed */
    bool handover;       /* producer and consumer: a slice is as long as the slower of them */
    uint64_t step;
    uint64_t (*made)(void *context); /* what was allocated so far; may be NULL */
};

/* Times are nanoseconds per operation of one thread. */
struct bench_times {
    double min, quartile, median;
    uint64_t n;    /* operations that one thread was timed for */
    uint64_t made; /* allocated meanwhile, where the run can tell */
};

/* Pins the calling thread, starts the second, warms up, times the slices. */
void bench_time(const struct bench_run *run, struct bench_times *times);

/* Prints `program: message` to stderr and exits with status 2. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format, ...);

/* `memory`, or a failure that names `what`. */
void *bench_must(void *memory, const char *what);

uint64_t bench_now_ns(void);

/* What main does first: remembers the name and the processors, and warns of an unoptimised build.
 */
void bench_begin(const char *program);

#ifdef __OPTIMIZE__
#define BENCH_OPTIMISED 1
#else
#define BENCH_OPTIMISED 0
#endif

/* A processor's own clock: some ten nanoseconds a look where a system clock takes twenty. Its unit
   is found by holding it against bench_now_ns. And a hint to it that the thread spins. */
#ifdef __x86_64__
BENCH_ALWAYS_INLINE uint64_t bench_ticks(void)
{
    return __builtin_ia32_rdtsc();
}
BENCH_ALWAYS_INLINE void bench_pause(void)
{
    __builtin_ia32_pause();
}
#else
BENCH_ALWAYS_INLINE uint64_t bench_ticks(void)
{
    return bench_now_ns();
}
BENCH_ALWAYS_INLINE void bench_pause(void)
{
}
#endif

/* One step of waiting for another thread: one that shares our processor must run now and then. */
void bench_relax(unsigned spins);

/* The compiler may not keep memory in registers across this, nor guess what `object` is. */
BENCH_ALWAYS_INLINE void bench_fence(const void *object)
{
    __asm__ volatile("" : : "r"(object) : "memory");
}

/* The same where there is no object to speak of. */
BENCH_ALWAYS_INLINE void bench_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

/* Keeps the calling thread on one processor, counted among those that the process may use. */
void bench_pin(unsigned processor);

/* Lets it, and what it starts from now on, run on all of them again. */
void bench_unpin(void);

int bench_compare_double(const void *left, const void *right);

/* Fails unless malloc comes from the library that `name` ("glibc", "jemalloc", ...) is short for:
   one binary serves them all, and bench/run preloads the library. */
void bench_check_malloc(const char *name);

#endif
