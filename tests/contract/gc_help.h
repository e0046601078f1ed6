/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what the collector keeps: stacks are searched for anything that looks like a
   pointer, so what must die is made, and asked about, on threads that end. */
#ifndef TESTS_CONTRACT_GC_HELP_H
#define TESTS_CONTRACT_GC_HELP_H

#include "support.h"

enum { GC_MAGIC = 0x5eed };

/* `value` tells whether it was overwritten. */
struct gc_node {
    struct gc_node *next;
    uint64_t value;
    uint64_t check;
};
TP_GC_TYPE(gc_node_type, struct gc_node, next);

static inline struct gc_node *gc_node_make(uint64_t value)
{
    struct gc_node *node = tp_gc_alloc(&gc_node_type);
    if (node == NULL)
        abort();
    node->value = value;
    node->check = ~value;
    return node;
}

static inline bool gc_node_is_whole(const struct gc_node *node)
{
    return node != NULL && node->check == ~node->value;
}

/* A chain that takes marking a while, so that other things fall into that time. */
static struct gc_node *gc_ballast;

static inline void gc_ballast_make(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 50000; i++) {
        struct gc_node *node = gc_node_make(i);
        tp_gc_store(&node->next, gc_ballast);
        tp_gc_store(&gc_ballast, node);
    }
}

/* Waiting is said: where signals are off, as under TSan, nobody would answer for who waits. */
static inline void gc_join(pthread_t thread)
{
    tp_gc_blocking_begin();
    int error = pthread_join(thread, NULL);
    tp_gc_blocking_end();
    assert_int_equal(error, 0);
}

static inline void gc_lock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_trylock(mutex) == 0)
        return;
    tp_gc_blocking_begin();
    pthread_mutex_lock(mutex);
    tp_gc_blocking_end();
}

static inline void gc_sleep_ms(unsigned ms)
{
    tp_gc_blocking_begin();
    support_sleep_ms(ms);
    tp_gc_blocking_end();
}

struct gc_errand {
    void (*fn)(void *arg);
    void *arg;
};

static inline void *gc_errand_run(void *argument)
{
    const struct gc_errand *errand = argument;
    errand->fn(errand->arg);
    return NULL;
}

/* Calls fn(arg) on a thread that ends before this returns. */
static inline void gc_elsewhere(void (*fn)(void *arg), void *arg)
{
    struct gc_errand errand = {fn, arg};
    gc_join(support_thread(gc_errand_run, &errand));
}

struct gc_question {
    tp_gc_weak *weak;
    bool lives;
};

static inline void gc_ask(void *argument)
{
    struct gc_question *question = argument;
    question->lives = tp_gc_weak_get(question->weak) != NULL;
}

static inline bool gc_lives(tp_gc_weak *weak)
{
    struct gc_question question = {weak, false};
    gc_elsewhere(gc_ask, &question);
    return question.lives;
}

static inline void gc_ballast_load(void)
{
    assert_int_equal(tp_gc_root_add(&gc_ballast, sizeof gc_ballast), 0);
    gc_elsewhere(gc_ballast_make, NULL);
}

static inline void gc_ballast_drop(void)
{
    tp_gc_store(&gc_ballast, (struct gc_node *)NULL);
    assert_int_equal(tp_gc_root_remove(&gc_ballast), 0);
}

/* The checks that the collector ships, over the same tests. */
static const char *const gc_modes[] = {"service=0", "checkmark=1,scribble=1", "stw=1,scribble=1",
                                       support_sanitized ? NULL : "rseq=off", NULL};

#endif
