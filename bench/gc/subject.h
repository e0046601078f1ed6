/* SPDX-License-Identifier: BSD-2-Clause */
/* How a collector, or a malloc with its free, describes itself to be measured; and the watch that
   finds how long its threads are held up.

   The workloads are one text for all (trees.h, gcbench.h, live.h): a subject's file defines what
   those headers ask for, includes them and calls bench_gc_main, which runs one workload in a
   process of its own and prints one line of key=value fields. */
#ifndef BENCH_GC_SUBJECT_H
#define BENCH_GC_SUBJECT_H

#include <pthread.h>
#include <stdatomic.h>

#include "../harness/harness.h"

#define BENCH_STEPS 8u /* buckets of a histogram per doubling */
#define BENCH_BUCKETS (64u * BENCH_STEPS)
#define BENCH_LOOKS_PER_CPU_LOOK 64u

/* What a thread had used of the processor when that was last looked at. */
struct bench_used {
    uint64_t cpu_ns;
    long preempted; /* times: involuntary context switches */
};

/* Looks at the clock again and again; the time between two looks is a gap. What a gap took of the
   thread's processor time is known to be no more than what it took since that was last looked at,
   which was BENCH_LOOKS_PER_CPU_LOOK looks ago or less. */
struct bench_watch {
    uint64_t before;         /* ticks */
    uint64_t slow;           /* ticks; a longer gap is looked into */
    struct bench_used *used; /* the thread's; its watches share it */
    uint64_t looks;          /* in all */
    uint64_t longest;        /* ticks */
    uint64_t longest_cpu;    /* ns, at most */
    uint64_t quiet_cpu;      /* the same of gaps in which the thread was not preempted */
    uint64_t gaps[BENCH_BUCKETS];
};

/* Of live.h. */
enum bench_phase { BENCH_IDLE, BENCH_CYCLING, BENCH_PHASES, BENCH_STOP = BENCH_PHASES };

struct bench_live {
    uint64_t nodes;
    struct live **table; /* to be found on the stack of who called live_build */
    atomic_int phase;    /* main's */
};

struct bench_live_thread {
    struct bench_live *live;
    uint64_t seed;
    struct bench_watch stores[BENCH_PHASES], allocs[BENCH_PHASES];
};

struct bench_gc_subject {
    const char *name; /* NULL: a malloc, which the caller names and preloads */
    void (*begin)(void);
    /* Threads that the collector knows, or shall know by themselves. */
    int (*start)(pthread_t *thread, void *(*fn)(void *), void *argument);
    void (*join)(pthread_t thread);
    void (*trees)(unsigned depth, struct bench_watch *watch);
    void (*gcbench)(struct bench_watch *watch);
    void (*short_lived)(uint64_t n);

    /* The rest NULL where there is no collector. */
    uint64_t (*cycles)(void);
    double (*told_ns)(void);    /* the longest hold-up that the collector tells of itself */
    void (*collect)(void);      /* one whole cycle */
    void (*automatic)(bool on); /* cycles begin as the heap grows */
    void (*live_build)(struct bench_live *live);
    void (*live_mutate)(struct bench_live_thread *thread);
};

/* Runs `program SUBJECT MEASUREMENT SIZE THREADS`; returns main's exit status. */
int bench_gc_main(int argc, char **argv, const struct bench_gc_subject *subject);

/* The calling thread's watch, from now on; *used is the thread's. */
void bench_watch_begin(struct bench_watch *watch, struct bench_used *used);
void bench_watch_slow(struct bench_watch *watch, uint64_t gap);

/* Goes on: what was done since the last look was not the collector's. NULL is ignored. */
void bench_watch_resume(struct bench_watch *watch);

BENCH_ALWAYS_INLINE unsigned bench_bucket(uint64_t ticks)
{
    unsigned doubling = 63u - (unsigned)__builtin_clzll(ticks | BENCH_STEPS);
    return doubling * BENCH_STEPS + (unsigned)(ticks >> (doubling - 3)) % BENCH_STEPS;
}

/* NULL: a run that is only timed. */
BENCH_ALWAYS_INLINE void bench_look(struct bench_watch *watch)
{
    uint64_t now, gap;
    if (watch == NULL)
        return;
    now = bench_ticks();
    gap = now - watch->before;
    watch->before = now;
    watch->gaps[bench_bucket(gap)]++;
    if (gap > watch->slow || ++watch->looks % BENCH_LOOKS_PER_CPU_LOOK == 0)
        bench_watch_slow(watch, gap);
}

/* The gap begins here: what the loop does itself is not in it. */
BENCH_ALWAYS_INLINE void bench_look_from_here(struct bench_watch *watch)
{
    watch->before = bench_ticks();
}

/* Below which of its gaps a part of them is; ticks. */
double bench_watch_part(const struct bench_watch *watch, double part);
void bench_watch_add(struct bench_watch *to, const struct bench_watch *from);

#endif
