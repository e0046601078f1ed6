/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector of Boehm, Demers and Weiser, as a program uses it: GC_MALLOC, whose objects are
   searched conservatively, thread-local free lists, parallel marking by as many threads as
   GC_MARKERS says. It stops the world: how long is the time between its own events. */
#define GC_THREADS
#include <gc.h>

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

#define SUBJECT_NEW(NAME) bench_must(GC_MALLOC(sizeof(struct NAME)), "GC_MALLOC")
#define SUBJECT_SET(SLOT, VALUE) (*(SLOT) = (VALUE))
#define SUBJECT_FREE(OBJECT) ((void)(OBJECT))
#define SUBJECT_FREES false
#define SUBJECT_DOUBLES(N) bench_must(GC_MALLOC_ATOMIC((N) * sizeof(double)), "GC_MALLOC_ATOMIC")
#define SUBJECT_TABLE(N) bench_must(GC_MALLOC((N) * sizeof(struct live *)), "GC_MALLOC")
#include "gcbench.h"
#include "live.h"
#include "trees.h"

static uint64_t stopped_at, stopped_longest;

/* With the collector's lock held. */
static void event(GC_EventType type)
{
    if (type == GC_EVENT_PRE_STOP_WORLD) {
        stopped_at = bench_now_ns();
    } else if (type == GC_EVENT_POST_START_WORLD) {
        uint64_t stopped = bench_now_ns() - stopped_at;
        if (stopped > stopped_longest)
            stopped_longest = stopped;
    }
}

static void begin(void)
{
    GC_INIT();
    GC_set_on_collection_event(event);
}

static int start(pthread_t *thread, void *(*fn)(void *), void *argument)
{
    return GC_pthread_create(thread, NULL, fn, argument);
}

static void join(pthread_t thread)
{
    GC_pthread_join(thread, NULL);
}

static uint64_t cycles(void)
{
    return GC_get_gc_no();
}

static double told_ns(void)
{
    return (double)stopped_longest;
}

static void collect(void)
{
    GC_gcollect();
}

static void automatic(bool on)
{
    if (on)
        GC_enable();
    else
        GC_disable();
}

int main(int argc, char **argv)
{
    static const struct bench_gc_subject subject = {
        .name = "bdwgc",
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
