/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what the collector keeps: stacks are searched for anything that looks like a
   pointer, so what must die is made, and asked about, on threads that end. */
#ifndef TESTS_CONTRACT_GC_HELP_H
#define TESTS_CONTRACT_GC_HELP_H

#include "support.h"

enum { GC_MAGIC = 0x5eed, GC_BALLAST = 50000 };

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

/* A list of n nodes hangs on *root, the highest value first. */
static inline void gc_list_make(struct gc_node **root, unsigned n)
{
    tp_gc_store(root, (struct gc_node *)NULL);
    for (unsigned i = 0; i < n; i++) {
        struct gc_node *node = gc_node_make(i);
        tp_gc_store(&node->next, *root);
        tp_gc_store(root, node);
    }
}

static inline bool gc_list_is_whole(const struct gc_node *node, unsigned n)
{
    for (; n-- > 0; node = node->next)
        if (!gc_node_is_whole(node) || node->value != n)
            return false;
    return node == NULL;
}

/* xorshift64 (Marsaglia, 2003), the same numbers in each run. One thread's. */
static inline size_t gc_below(size_t n)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

/* Waiting is said: where signals are off, as under TSan, nobody would answer for who waits. */
static inline void *gc_join_result(pthread_t thread)
{
    void *result = NULL;
    tp_gc_blocking_begin();
    int error = pthread_join(thread, &result);
    tp_gc_blocking_end();
    assert_int_equal(error, 0);
    return result;
}

static inline void gc_join(pthread_t thread)
{
    (void)gc_join_result(thread);
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

static inline void *gc_collect_until(void *stop)
{
    while (support_read(stop) == 0)
        tp_gc_collect();
    return NULL;
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

/* A chain that takes marking a while, so that other things fall into that time. */
static struct gc_node *gc_ballast;

static inline void gc_ballast_make(void *n)
{
    gc_list_make(&gc_ballast, *(unsigned *)n);
}

static inline void gc_ballast_load(unsigned n)
{
    assert_int_equal(tp_gc_root_add(&gc_ballast, sizeof gc_ballast), 0);
    gc_elsewhere(gc_ballast_make, &n);
}

static inline void gc_ballast_drop(void)
{
    tp_gc_store(&gc_ballast, (struct gc_node *)NULL);
    assert_int_equal(tp_gc_root_remove(&gc_ballast), 0);
}

/* Of rounds that take long; the first run of a plain build has all. */
static inline unsigned gc_less(unsigned n)
{
    return support_sanitized || support_in_mode() ? n / 4 : n;
}

/* The checks that the collector ships, over the same tests. */
static const char *const gc_modes[] = {"service=0", "checkmark=1,scribble=1", "stw=1,scribble=1",
                                       support_sanitized ? NULL : "rseq=off", NULL};

#endif
