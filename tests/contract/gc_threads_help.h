/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of collected objects and threads: one watched object, whose weak reference says
   whether it lives, and functions that leave nothing of it on the stack. What must die is tried a
   few times: a conservative look at a stack may find what nobody meant. */
#ifndef TESTS_CONTRACT_GC_THREADS_HELP_H
#define TESTS_CONTRACT_GC_THREADS_HELP_H

#include "gc_help.h"

struct node {
    struct node *next;
    uint64_t number;
};
TP_GC_TYPE(node_type, struct node, next);

/* Not inlined; and not every test uses each. */
#define APART __attribute__((noinline, unused)) static

enum { MAGIC = 4711 };

static unsigned wrong;      /* counted in threads */
static tp_gc_weak *watched; /* the one object that a test is about */

/* What returned functions left below. */
APART void scrub(void)
{
    volatile char deep[16 << 10];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = 0;
}

APART void *collect_twice(void *nothing)
{
    (void)nothing;
    tp_gc_collect();
    tp_gc_collect();
    return NULL;
}

/* In another thread, so that this one may stay where it is: in a blocking region. */
APART void collect_elsewhere(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, collect_twice, NULL) != 0 || pthread_join(thread, NULL) != 0)
        support_add(&wrong, 1);
}

APART struct node *make(void)
{
    struct node *node = tp_gc_alloc(&node_type);
    if (node == NULL)
        abort();
    node->number = MAGIC;
    return node;
}

APART struct node *make_watched(void)
{
    struct node *node = make();
    watched = tp_gc_weak_make(node);
    if (watched == NULL)
        abort();
    return node;
}

/* Whether the watched one is alive; forgets it. */
APART bool lived(void)
{
    const struct node *node = tp_gc_weak_get(watched);
    bool alive = node != NULL && node->number == MAGIC;
    tp_gc_weak_free(watched);
    watched = NULL;
    return alive;
}

APART void *in_thread(void *(*run)(void *), void *argument)
{
    return gc_join_result(support_thread(run, argument));
}

APART void *live_shortly(void *number)
{
    struct node *list = NULL;
    for (uint64_t i = 0; i < 100 + (uint64_t)(uintptr_t)number % 7; i++) {
        struct node *node = make();
        tp_gc_store(&node->next, list);
        node->number = i;
        list = node;
    }
    for (uint64_t i = 100 + (uint64_t)(uintptr_t)number % 7; i-- > 0; list = list->next)
        if (list->number != i)
            support_add(&wrong, 1);
    return NULL;
}

/* Whether run, in threads of its own, returned NULL at least once. */
static inline bool returns_null_once(void *(*run)(void *), void *argument)
{
    enum { TRIES = 10 };
    for (unsigned i = 0; i < TRIES; i++)
        if (in_thread(run, argument) == NULL)
            return true;
    return false;
}

#endif
