/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads come, allocate, hand over and go in crowds while cycles run; beside them others use pools
   of collected objects and pools of explicit objects that point at collected ones, weak references
   and cleanups, sleep in blocking regions and outside of them, are hit by signals; and the main
   thread forks children that go on allocating and collecting.

   Each node has a number and a check word; whoever loads a pointer to one checks them. A cleanup
   runs at most once, and when all is dropped, all but a few that old words on stacks keep. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "stress.h"

enum {
    CROWD = 6,
    RESIDENTS = 3,
    LIST_MAX = 300,
    SHARED = 64,
    CLEANUPS_MAX = 1 << 16,
    CLEANUPS_LEFT_MAX = 200,
    CHILD_MAX_S = 60
};

struct node {
    uint64_t number, check;
    struct node *next;
};
TP_GC_TYPE(node_type, struct node, next);

/* Of both pools. */
struct holder {
    struct node *node;
    uint64_t number; /* of node */
    uint64_t bytes[5];
};
TP_GC_TYPE(holder_type, struct holder, node);

static struct node *shared[SHARED]; /* a root range */
static _Atomic uint64_t next_number = 1;
static _Atomic bool stop;
static tp_pool *pools[2]; /* collected, rooted */

static struct node *node_ok(struct node *node, const char *where)
{
    STRESS_CHECK(node == NULL || (node->number != 0 && node->check == ~(node->number * 3)),
                 "%s: node %p has number %#llx and check word %#llx, cycle %llu", where,
                 (void *)node, (unsigned long long)node->number, (unsigned long long)node->check,
                 (unsigned long long)tp_gc_cycle());
    return node;
}

static struct node *node_make(struct node *next)
{
    struct node *node = tp_gc_alloc(&node_type);
    STRESS_CHECK(node != NULL, "no node: %s", strerror(errno));
    STRESS_CHECK(node->number == 0 && node->check == 0 && node->next == NULL,
                 "new node %p is not zero", (void *)node);
    node->number = atomic_fetch_add(&next_number, 1);
    node->check = ~(node->number * 3);
    tp_gc_store(&node->next, next);
    return node;
}

static struct node *list_make(uint32_t n)
{
    struct node *list = NULL;
    while (n-- > 0)
        list = node_make(list);
    return list;
}

static uint32_t list_length(struct node *list, const char *where)
{
    uint32_t n = 0;
    for (; node_ok(list, where) != NULL; list = __atomic_load_n(&list->next, __ATOMIC_ACQUIRE))
        n++;
    return n;
}

/* --- crowds --- */

static void *visit(void *argument)
{
    struct stress_random random = stress_stream((uint64_t)(uintptr_t)argument, 3);
    if (stress_below(&random, 2) == 0)
        STRESS_CHECK(tp_gc_thread_attach() == 0, "cannot attach");
    uint32_t n = 1 + stress_below(&random, LIST_MAX);
    struct node *list = list_make(n);
    struct node *other = tp_gc_exchange(&shared[stress_below(&random, SHARED)], list);
    (void)list_length(other, "a list that was handed over");
    uint32_t is = list_length(list, "a visitor's list");
    STRESS_CHECK(is == n, "a list of %u has %u nodes", n, is);
    if (stress_below(&random, 2) == 0) {
        list = other = NULL;
        tp_gc_thread_detach();
        if (stress_below(&random, 2) == 0)
            (void)list_length(list_make(3), "attached again");
    }
    return NULL;
}

/* --- residents --- */

static void use_pool(struct stress_random *random)
{
    tp_pool *pool = pools[stress_below(random, 2)];
    struct holder *holders[8];
    size_t n = tp_pool_get_many(pool, (void **)holders, 1 + stress_below(random, 8));
    for (size_t i = 0; i < n; i++) {
        struct node *node = node_ok(holders[i]->node, "a pooled object's node");
        STRESS_CHECK((node != NULL ? node->number : 0) == holders[i]->number,
                     "pooled object %p: number %#llx for %#llx", (void *)holders[i],
                     (unsigned long long)(node != NULL ? node->number : 0),
                     (unsigned long long)holders[i]->number);
        if (stress_below(random, 2) == 0) {
            tp_gc_store(&holders[i]->node, list_make(1 + stress_below(random, 3)));
            holders[i]->number = holders[i]->node->number;
        }
    }
    tp_pool_put_many(pool, (void **)holders, n);
    if (stress_below(random, 500) == 0)
        tp_pool_trim(pool);
}

static struct {
    uint32_t lock;
    tp_gc_weak *weak;
    uint64_t number;
} weaks[SHARED];

static void lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0)
        tp_gc_safepoint();
}

static void unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static void use_weak(struct stress_random *random)
{
    uint32_t at = stress_below(random, SHARED);
    struct node *fresh = node_make(NULL);
    lock(&weaks[at].lock);
    struct node *node = weaks[at].weak != NULL ? tp_gc_weak_get(weaks[at].weak) : NULL;
    uint64_t number = weaks[at].number;
    if (node == NULL || stress_below(random, 8) == 0) {
        tp_gc_weak_free(weaks[at].weak);
        weaks[at].weak = tp_gc_weak_make(fresh);
        STRESS_CHECK(weaks[at].weak != NULL, "no weak reference: %s", strerror(errno));
        weaks[at].number = fresh->number;
    }
    unlock(&weaks[at].lock);
    STRESS_CHECK(node_ok(node, "weak") == NULL || node->number == number,
                 "a weak reference to %#llx led to %#llx", (unsigned long long)number,
                 (unsigned long long)(node != NULL ? node->number : 0));
    if (stress_below(random, 3) == 0)
        tp_gc_store(&fresh->next, node);
    (void)node_ok(tp_gc_exchange(&shared[at], stress_below(random, 2) ? fresh : node), "shared");
}

static _Atomic uint32_t cleanups_made, cleanups_ran, cleanups_cancelled;
static _Atomic uint8_t cleaned[CLEANUPS_MAX];

static void clean(void *argument)
{
    uint32_t at = (uint32_t)(uintptr_t)argument;
    uint8_t before = atomic_fetch_add(&cleaned[at], 1);
    STRESS_CHECK(before == 1, "cleanup %u ran in state %u", at, before);
    atomic_fetch_add(&cleanups_ran, 1);
    if (at % 4 == 0)
        (void)list_length(list_make(4), "a cleanup's list");
}

static void use_cleanup(struct stress_random *random)
{
    if (atomic_load(&cleanups_made) >= CLEANUPS_MAX - RESIDENTS)
        return;
    uint32_t at = atomic_fetch_add(&cleanups_made, 1);
    struct node *node = node_make(NULL);
    atomic_store(&cleaned[at], 1);
    tp_gc_cleanup *cleanup = tp_gc_cleanup_add(node, clean, (void *)(uintptr_t)at);
    STRESS_CHECK(cleanup != NULL, "no cleanup: %s", strerror(errno));
    if (stress_below(random, 8) == 0) {
        tp_gc_cleanup_cancel(cleanup);
        atomic_store(&cleaned[at], 3);
        atomic_fetch_add(&cleanups_cancelled, 1);
        (void)node_ok(node, "kept until its cleanup was cancelled");
    }
}

/* A nap without a word to the collector holds a cycle up until its signal. */
static void rest(struct stress_random *random)
{
    struct node *list = list_make(5);
    bool says_so = stress_below(random, 4) != 0;
    if (says_so)
        tp_gc_blocking_begin();
    stress_sleep_ns(says_so ? 1000000 : 15000000);
    if (says_so)
        tp_gc_blocking_end();
    STRESS_CHECK(list_length(list, "behind a rest") == 5, "a list lost nodes");
}

static void *reside(void *argument)
{
    struct stress_random random = stress_stream((uint64_t)(uintptr_t)argument, 4);
    while (!atomic_load(&stop)) {
        uint32_t dice = stress_below(&random, 1000);
        if (dice < 600)
            use_pool(&random);
        else if (dice < 900)
            use_weak(&random);
        else if (dice < 990)
            use_cleanup(&random);
        else if (dice < 998)
            (void)list_length(list_make(2000), "a long list");
        else
            rest(&random);
    }
    return NULL;
}

static void *collect(void *argument)
{
    while (!atomic_load(&stop)) {
        uint64_t cycle = tp_gc_collect();
        STRESS_CHECK(tp_gc_cycle() >= cycle, "tp_gc_collect returned before its cycle's end");
    }
    return argument;
}

/* --- children --- */

static void child_lives(struct node *list, uint32_t n)
{
    alarm(CHILD_MAX_S);
    for (int i = 0; i < 3; i++) {
        struct node *more = list_make(500);
        (void)tp_gc_collect();
        STRESS_CHECK(list_length(more, "a child's list") == 500, "a child's list lost nodes");
    }
    STRESS_CHECK(list_length(list, "the parent's list") == n, "the parent's list lost nodes");
    for (unsigned i = 0; i < SHARED; i++)
        (void)list_length(shared[i], "the parent's roots");
    struct holder *holder = tp_pool_get(pools[1]);
    STRESS_CHECK(holder != NULL && (holder->node == NULL || node_ok(holder->node, "pooled")),
                 "a child's pool is empty");
    tp_pool_put(pools[1], holder);
    _exit(0);
}

static void fork_one(struct node *list, uint32_t n)
{
    int status;
    pid_t child = fork();
    STRESS_CHECK(child >= 0, "fork: %s", strerror(errno));
    if (child == 0)
        child_lives(list, n);
    tp_gc_blocking_begin();
    while (waitpid(child, &status, 0) != child)
        STRESS_CHECK(errno == EINTR, "waitpid: %s", strerror(errno));
    tp_gc_blocking_end();
    STRESS_CHECK(status == 0, "a child ended with wait status 0x%x", (unsigned)status);
}

/* --- the main thread --- */

static void interrupted(int number)
{
    (void)number;
}

__attribute__((noinline)) static void crowd_comes(pthread_t *residents, uint64_t *visitors)
{
    pthread_t crowd[CROWD];
    struct node *list = list_make(100);
    for (unsigned i = 0; i < CROWD; i++)
        STRESS_CHECK(pthread_create(&crowd[i], NULL, visit, (void *)(uintptr_t)(*visitors)++) == 0,
                     "no thread");
    for (unsigned i = 0; i < RESIDENTS; i++)
        pthread_kill(residents[i], SIGUSR1);
    if (*visitors % (4 * CROWD) == 0)
        fork_one(list, 100);
    tp_gc_blocking_begin();
    for (unsigned i = 0; i < CROWD; i++)
        pthread_join(crowd[i], NULL);
    tp_gc_blocking_end();
    STRESS_CHECK(list_length(list, "main's list") == 100, "main's list lost nodes");
}

__attribute__((noinline)) static void scrub(void)
{
    volatile char deep[32 << 10];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = 0;
}

static void all_is_dropped(void)
{
    memset(shared, 0, sizeof shared);
    for (unsigned i = 0; i < 2; i++)
        tp_pool_destroy(pools[i]);
    for (unsigned i = 0; i < 4; i++) {
        scrub();
        tp_gc_collect();
    }
    uint32_t left = atomic_load(&cleanups_made) - atomic_load(&cleanups_ran) -
                    atomic_load(&cleanups_cancelled),
             kept = 0;
    for (unsigned i = 0; i < SHARED; i++) {
        kept += weaks[i].weak != NULL && tp_gc_weak_get(weaks[i].weak) != NULL;
        tp_gc_weak_free(weaks[i].weak);
    }
    printf("%u of %u cleanups did not run, %u of %u weak references are not cleared\n", left,
           atomic_load(&cleanups_made), kept, (unsigned)SHARED);
    STRESS_CHECK(left <= CLEANUPS_LEFT_MAX && kept <= SHARED / 8, "too much is kept");
}

static void run(int64_t deadline)
{
    pthread_t residents[RESIDENTS], collector;
    uint64_t visitors = 0;
    signal(SIGUSR1, interrupted);
    STRESS_CHECK(tp_gc_root_add(shared, sizeof shared) == 0, "no root");
    for (unsigned i = 0; i < 2; i++) {
        pools[i] = tp_pool_create(&(tp_pool_options){.name = i == 0 ? "collected" : "rooted",
                                                     .size = sizeof(struct holder),
                                                     .gc_type = &holder_type,
                                                     .flags = i == 0 ? TP_POOL_COLLECTED : 0});
        STRESS_CHECK(pools[i] != NULL, "no pool: %s", strerror(errno));
    }
    for (uintptr_t i = 0; i < RESIDENTS; i++)
        STRESS_CHECK(pthread_create(&residents[i], NULL, reside, (void *)i) == 0, "no thread");
    STRESS_CHECK(pthread_create(&collector, NULL, collect, NULL) == 0, "no thread");
    do
        crowd_comes(residents, &visitors);
    while (stress_now_ns() < deadline);
    atomic_store(&stop, true);
    tp_gc_blocking_begin();
    for (unsigned i = 0; i < RESIDENTS; i++)
        pthread_join(residents[i], NULL);
    pthread_join(collector, NULL);
    tp_gc_blocking_end();
    all_is_dropped();
    printf("%llu visitors, %llu cycles\n", (unsigned long long)visitors,
           (unsigned long long)tp_gc_cycle());
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"checkmark=1,scribble=1,wbcheck=1,gcpercent=20", "3"},
        {"scribble=1,gcpercent=20", "3"},
        {"service=0,scribble=1,gcpercent=20", "6"},
        {"stw=1,checkmark=1,scribble=1", "6"},
    };
    return stress_main(argc, argv, "test_gc_threads", run, modes, sizeof modes / sizeof modes[0]);
}
