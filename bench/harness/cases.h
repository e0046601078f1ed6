/* SPDX-License-Identifier: BSD-2-Clause */
/* How what is measured on one thread describes itself: arenas, vectors, byte buffers, JSON.

   A program holds a table of cases and calls bench_cases_main, which times one of them and prints
   one line of key=value fields. Where malloc's calls are counted (count.c is preloaded), it does a
   few operations instead and prints how many calls one of them makes. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "harness.h"

/* What one operation newly allocates, on average. */
struct bench_cost {
    double allocs, bytes;
};

struct bench_case {
    const char *measurement;
    const char *subject; /* NULL: a malloc, which the caller names and preloads */
    const char *size;    /* NULL: whatever the caller says; what it means is the measurement's */
    void *(*open)(struct bench_case *self); /* the loop's context; may set `step` and `work` */
    bench_loop *loop;
    /* For what has a count of its own, after some operations; NULL: malloc's calls are counted. */
    struct bench_cost (*cost)(void *context);
    uint64_t step; /* operations that belong together: loops do a multiple; 0: 1 */
    uint64_t work; /* bytes that an operation works through, where the rate is to be shown */
};

/* Runs `program SUBJECT MEASUREMENT SIZE`; returns main's exit status. */
int bench_cases_main(int argc, char **argv, const struct bench_case *cases, size_t count);

/* The size as a number, "1e6" also being one. */
uint64_t bench_case_number(const struct bench_case *self);

/* What count.c counts, in every thread together. */
struct bench_counted {
    uint64_t calls, bytes;
};

#endif
