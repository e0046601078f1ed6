/* SPDX-License-Identifier: BSD-2-Clause */
/* A correct program for who watches it: under Valgrind there is nothing to say about it; with
   AddressSanitizer's fake frames its variables keep what they point to. It looks at what is fresh
   (zeroed, tp_gc_alloc(3)), and collects while threads wait, compute and store. Figures that are
   printed are counts of what is wrong: each is 0. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include <tidepool.h>

#if defined(__SANITIZE_ADDRESS__)
#define FAKE_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAKE_FRAMES 1
#endif
#endif

#if defined(FAKE_FRAMES)
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=1:detect_leaks=0";
}
#endif

enum { LOCALS = 50, ROUNDS = 5, GARBAGE = 5000, THREADS = 3 };

struct node {
    struct node *next;
    struct node *other;
    long value;
};

TP_GC_TYPE(node_type, struct node, next, other);

struct gap { /* four bytes behind `n` are nobody's */
    int n;
    struct node *node;
};

struct pooled {
    struct node *node;
    long value;
};

TP_GC_TYPE(pooled_type, struct pooled, node);

static long wrong;
static int stop;

static void count(int n)
{
    __atomic_fetch_add(&wrong, n, __ATOMIC_RELAXED);
}

static struct node *node_new(long value)
{
    struct node *node = gc_alloc(&node_type);
    if (node == NULL) {
        count(1000);
        return NULL;
    }
    count(node->next != NULL || node->other != NULL || node->value != 0);
    node->value = value;
    return node;
}

__attribute__((noinline)) static void waste(void)
{
    for (int i = 0; i < GARBAGE; i++)
        (void)node_new(-1);
}

__attribute__((noinline)) static void fill(struct node **nodes)
{
    for (int i = 0; i < LOCALS; i++)
        nodes[i] = node_new(i);
}

__attribute__((noinline)) static void fill_gap(struct gap *gap, int n)
{
    gap->n = n;
    gap->node = node_new(n);
}

__attribute__((noinline)) static void look_at_locals(void)
{
    struct node *nodes[LOCALS];
    fill(nodes);
    gc_collect();
    waste();
    for (int i = 0; i < LOCALS; i++)
        count(nodes[i]->value != i);
}

/* What has gaps, and is copied as a whole. */
__attribute__((noinline)) static void look_at_gaps(void)
{
    struct gap gap, *kept = gc_alloc_conservative(sizeof *kept);
    fill_gap(&gap, 7);
    count(kept == NULL || kept->n != 0 || kept->node != NULL);
    gc_move(kept, &gap, 1);
    gap.node = NULL;
    gc_collect();
    waste();
    count(kept->node->value != 7);
    char *leaf = gc_alloc_leaf(1000);
    for (int i = 0; i < 1000; i++)
        count(leaf[i] != 0);
    struct node *large = gc_alloc_array(&node_type, 5000);
    for (int i = 0; i < 5000; i++)
        count(large[i].next != NULL || large[i].value != 0);
}

static void look_at_pool(void)
{
    tp_pool *pool = pool_create(&(tp_pool_options){.name = "watched", .gc_type = &pooled_type});
    struct pooled *object = pool != NULL ? pool_get(pool) : NULL;
    if (object == NULL) {
        count(1000);
        return;
    }
    count(object->node != NULL || object->value != 0);
    gc_store(&object->node, node_new(11));
    gc_collect();
    waste();
    count(object->node->value != 11);
    gc_store(&object->node, NULL);
    pool_put(pool, object);
    pool_destroy(pool);
}

static void look_at_weak(void)
{
    struct node *node = node_new(5);
    tp_gc_weak *weak = gc_weak_make(node);
    gc_collect();
    count(weak == NULL || gc_weak_get(weak) != node || node->value != 5);
    gc_weak_free(weak);
}

/* Neither polls nor says that it blocks: it is asked by a signal, which comes where it comes. */
__attribute__((noinline)) static void busy(struct node **held)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (__atomic_load_n(&stop, __ATOMIC_RELAXED) == 0 && now.tv_sec - end.tv_sec < 20);
    for (int i = 0; i < LOCALS; i++)
        count(held[i]->value != i);
}

static void *run_busy(void *unused)
{
    struct node *nodes[LOCALS];
    fill(nodes);
    busy(nodes);
    return unused;
}

static void *run_storing(void *unused)
{
    struct node *list = NULL;
    for (long i = 0; __atomic_load_n(&stop, __ATOMIC_RELAXED) == 0; i++) {
        struct node *node = node_new(i);
        gc_store(&node->next, i % 100 != 0 ? list : NULL);
        list = node;
    }
    return unused;
}

static void *run_waiting(void *gate)
{
    struct node *nodes[LOCALS];
    fill(nodes);
    gc_blocking_begin();
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    gc_blocking_end();
    for (int i = 0; i < LOCALS; i++)
        count(nodes[i]->value != i);
    return NULL;
}

int main(void)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    void *(*const runs[])(void *) = {run_busy, run_storing, run_waiting};
    pthread_t threads[THREADS];
    pthread_mutex_lock(&gate);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, runs[i], &gate) != 0)
            return 2;
    for (int i = 0; i < ROUNDS; i++) {
        look_at_locals();
        look_at_gaps();
        look_at_pool();
        look_at_weak();
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&gate);
    gc_blocking_begin();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    gc_blocking_end();
    if (wrong != 0)
        printf("%ld are wrong\n", wrong);
    return wrong != 0;
}
