/* SPDX-License-Identifier: BSD-2-Clause */
/* Ours: each object from tp_gc_alloc, each pointer by tp_gc_store. */
#include <stdio.h>
#include <string.h>
#include <tidepool.h>

#include "subject.h"

struct tree {
    struct tree *left, *right;
};
struct node {
    struct node *left, *right;
    int i, j;
};
struct live {
    struct live *link[2];
    uint64_t words[4];
};
struct brief {
    struct brief *next;
    uint64_t words[5];
};
struct slot {
    struct live *node;
};
TP_GC_TYPE(tree_type, struct tree, left, right);
TP_GC_TYPE(node_type, struct node, left, right);
TP_GC_TYPE(live_type, struct live, link);
TP_GC_TYPE(brief_type, struct brief, next);
TP_GC_TYPE(slot_type, struct slot, node);

BENCH_ALWAYS_INLINE void *made(void *object)
{
    if (TP_UNLIKELY(object == NULL))
        bench_fail("tp_gc_alloc: out of memory");
    return object;
}

#define SUBJECT_NEW(NAME) made(tp_gc_alloc(&NAME##_type))
#define SUBJECT_SET(SLOT, VALUE) tp_gc_store((SLOT), (VALUE))
#define SUBJECT_FREE(OBJECT) ((void)(OBJECT))
#define SUBJECT_FREES false
#define SUBJECT_DOUBLES(N) made(tp_gc_alloc_leaf((N) * sizeof(double)))
#define SUBJECT_TABLE(N) made(tp_gc_alloc_array(&slot_type, (N)))
#include "gcbench.h"
#include "live.h"
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
    tp_gc_blocking_begin();
    pthread_join(thread, NULL);
    tp_gc_blocking_end();
}

static uint64_t cycles(void)
{
    return tp_gc_cycle();
}

static double told_ns(void)
{
    tp_memstats stats;
    tp_memstats_read(&stats);
    return (double)stats.pause_max_ns;
}

static void collect(void)
{
    tp_gc_collect();
}

static void automatic(bool on)
{
    tp_gc_percent_set(on ? 100 : -1);
}

int main(int argc, char **argv)
{
    static const struct bench_gc_subject subject = {
        .name = "tidepool",
        .begin = begin,
        .start = start,
        .join = join,
        .trees = trees,
        .gcbench = gcbench,
        .short_lived = short_lived,
        .cycles = cycles,
        .told_ns = told_ns,
        .collect = collect,
        .automatic = automatic,
        .live_build = live_build,
        .live_mutate = live_mutate,
    };
    return bench_gc_main(argc, argv, &subject);
}
