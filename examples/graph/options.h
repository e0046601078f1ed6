/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-graph's command line. */
#ifndef EXAMPLES_GRAPH_OPTIONS_H
#define EXAMPLES_GRAPH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREADS_MAX 64
#define TOP_MAX 100

enum step_kind {
    STEP_COUNT,    /* what is in the index */
    STEP_TOP,      /* the N most mentioned users */
    STEP_REACH,    /* how much a user leads to */
    STEP_DROP,     /* N users */
    STEP_DROP_ALL, /* everything */
    STEP_MUTATE,   /* N random changes by each thread */
    STEP_CHECK,    /* that all nodes are what they were */
    STEP_MEMORY,   /* what the collected heap holds */
    STEP_COLLECT   /* a cycle, and what it holds before and after */
};

struct step {
    enum step_kind kind;
    uint64_t number;
    const char *text; /* a user's name */
};

struct command {
    const char *file;   /* "-": standard input; NULL: generated */
    uint64_t generated; /* tweets */
    uint64_t seed;
    unsigned threads;
    struct step *steps; /* the caller's, to free */
    size_t steps_n;
};

/* Fills *command; its strings are argv's. Returns -1, or the status to exit with at once: 2 after
   an error that it has told on stderr, 0 after --help or --version. */
int command_parse(struct command *command, int argc, char **argv);

#endif
