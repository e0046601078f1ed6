/* SPDX-License-Identifier: BSD-2-Clause */
/* What every measuring program shares: how a subject describes itself, and the harness around it.

   A subject is one way to get and put objects of one size: ours, the yardstick's, or a peer's.
   A program holds a table of subjects and calls bench_main, which runs one measurement of one
   subject and prints one line of key=value fields. bench/run starts the programs in turn.

   The loops themselves are in loops.h, the same text for every subject. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_BATCH 32u       /* objects held at a time, and indexes published at a time */
#define BENCH_RING_SLOTS 512u /* objects in flight between a producer and its consumer */
#define BENCH_THREADS_MAX 2u

#define BENCH_ALWAYS_INLINE __attribute__((always_inline)) static inline

/* `n` objects, a multiple of BENCH_BATCH, got and put on the calling thread or half of that (only
   got, only put) by one of a pair of threads. */
typedef void bench_loop(void *context, uint64_t n);

struct bench_subject {
    const char *name;
    size_t size;                                     /* bytes of an object */
    void *(*open)(const struct bench_subject *self); /* before any thread; the loops' context */
    void (*enter)(void);                             /* on each further thread; may be NULL */
    uint64_t (*made)(void *context); /* objects allocated so far; NULL: every get allocates one */
    void (*settle)(void *context);   /* what gives memory back after a burst; may be NULL */
    bench_loop *pair;                /* get, put */
    bench_loop *batch;               /* 32 times get, then 32 times put */
    bench_loop *many;                /* the same by calls that take 32 at a time */
    bench_loop *produce;             /* get, hand over */
    bench_loop *consume;             /* take over, put */
    void *(*burst_get)(void *context);
    void (*burst_put)(void *context, void *object);
};

/* Runs `program SUBJECT MEASUREMENT SIZE [THREADS]`; returns main's exit status. */
int bench_main(int argc, char **argv, const struct bench_subject *subjects, size_t count);

/* Holds a burst of BENCH_BURST_BYTES, puts it back, settles, and prints the resident sizes. */
int bench_burst(const struct bench_subject *subject, void *context);
#define BENCH_BURST_BYTES ((uint64_t)1 << 30)

/* Prints `program: message` to stderr and exits with status 2. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format, ...);

/* `memory`, or a failure that names `what`. */
void *bench_must(void *memory, const char *what);

uint64_t bench_now_ns(void);

/* What bench_main does first, for a program that has a main loop of its own: remembers the name
   and the processors, and warns of an unoptimised build. */
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

/* Keeps the calling thread on one processor, counted among those that the process may use. */
void bench_pin(unsigned processor);

int bench_compare_double(const void *left, const void *right);

/* How many objects were made on a miss, for peers that have no counter of their own. */
void bench_count_made(void);
uint64_t bench_made(void *context);

#endif
