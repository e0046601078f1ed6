/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc and free: the trees' owner walks them to give them back. bench/run preloads the library;
   for a timed run this is what doing without a collector costs. */
#include <stdlib.h>

#include "subject.h"

struct tree {
    struct tree *left, *right;
};
struct node {
    struct node *left, *right;
    int i, j;
};
struct brief {
    struct brief *next;
    uint64_t words[5];
};

#define SUBJECT_NEW(NAME) bench_must(malloc(sizeof(struct NAME)), "malloc")
#define SUBJECT_SET(SLOT, VALUE) (*(SLOT) = (VALUE))
#define SUBJECT_FREE(OBJECT) free(OBJECT)
#define SUBJECT_FREES true
#define SUBJECT_DOUBLES(N) bench_must(calloc((N), sizeof(double)), "calloc")
#include "gcbench.h"
#include "trees.h"

static void begin(void)
{
}

static int start(pthread_t *thread, void *(*fn)(void *), void *argument)
{
    return pthread_create(thread, NULL, fn, argument);
}

static void join(pthread_t thread)
{
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    static const struct bench_gc_subject subject = {
        .begin = begin,
        .start = start,
        .join = join,
        .trees = trees,
        .gcbench = gcbench,
        .short_lived = short_lived,
    };
    return bench_gc_main(argc, argv, &subject);
}
