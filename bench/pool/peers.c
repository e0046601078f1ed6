/* SPDX-License-Identifier: BSD-2-Clause */
/* Two pools that C programs are often given by hand: Concurrency Kit's lock-free stack, and a free
   list under a mutex. Both link idle objects through their first word and call malloc on a miss. */
#include <ck_stack.h>
#include <pthread.h>
#include <stdlib.h>
#include "loops.h"

/* ck_stack_pop_mpmc faults unless the stack is aligned to 16. */
static struct {
    _Alignas(128) ck_stack_t stack;
} ck;

static struct {
    _Alignas(128) pthread_mutex_t lock;
    void **first; /* under lock */
} list = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((cold, noinline)) static void *make(size_t size)
{
    bench_count_made();
    return bench_must(aligned_alloc(64, size), "memory");
}

BENCH_ALWAYS_INLINE void *ck_get(void *context, size_t size)
{
    void *object = ck_stack_pop_mpmc(&ck.stack);
    (void)context;
    return __builtin_expect(object == NULL, 0) ? make(size) : object;
}

BENCH_ALWAYS_INLINE void ck_put(void *context, void *object)
{
    (void)context;
    ck_stack_push_mpmc(&ck.stack, object);
}

BENCH_ALWAYS_INLINE void *list_get(void *context, size_t size)
{
    void **object;
    (void)context;
    pthread_mutex_lock(&list.lock);
    object = list.first;
    if (object != NULL)
        list.first = *object;
    pthread_mutex_unlock(&list.lock);
    return __builtin_expect(object == NULL, 0) ? make(size) : object;
}

BENCH_ALWAYS_INLINE void list_put(void *context, void *object)
{
    void **link = object;
    (void)context;
    pthread_mutex_lock(&list.lock);
    *link = list.first;
    list.first = link;
    pthread_mutex_unlock(&list.lock);
}

BENCH_LOOPS(ck_64, ck_get, ck_put, 64)
BENCH_LOOPS(ck_1024, ck_get, ck_put, 1024)
BENCH_LOOPS(list_64, list_get, list_put, 64)
BENCH_LOOPS(list_1024, list_get, list_put, 1024)

static void *peers_open(const struct bench_subject *self)
{
    (void)self;
    return NULL;
}

#define PEER(NAME, LOOPS, SIZE)                                                                    \
    {                                                                                              \
        .name = NAME, .size = SIZE, .open = peers_open, .made = bench_made,                        \
        BENCH_LOOPS_OF(LOOPS##_##SIZE)                                                             \
    }

static const struct bench_subject subjects[] = {
    PEER("ck_stack", ck, 64),
    PEER("ck_stack", ck, 1024),
    PEER("mutex_list", list, 64),
    PEER("mutex_list", list, 1024),
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, subjects, sizeof subjects / sizeof subjects[0]);
}
