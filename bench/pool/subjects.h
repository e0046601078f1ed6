/* SPDX-License-Identifier: BSD-2-Clause */
/* How a pool or a malloc describes itself to be measured.

   A subject is one way to get and put objects of one size: ours, the yardstick's, or a peer's.
   A program holds a table of subjects and calls bench_main, which runs one measurement of one
   subject and prints one line of key=value fields.

   The loops themselves are in loops.h, the same text for every subject. */
#ifndef BENCH_SUBJECTS_H
#define BENCH_SUBJECTS_H

#include "../harness/harness.h"

#define BENCH_BATCH 32u       /* objects held at a time, and indexes published at a time */
#define BENCH_RING_SLOTS 512u /* objects in flight between a producer and its consumer */

/* A loop's `n` is a multiple of BENCH_BATCH: so many objects got and put on the calling thread, or
   half of that (only got, only put) by one of a pair of threads. */
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

/* How many objects were made on a miss, for peers that have no counter of their own. */
void bench_count_made(void);
uint64_t bench_made(void *context);

#endif
