/* SPDX-License-Identifier: BSD-2-Clause */
/* Random histories of vectors against a plain array that does the same the slow way: on the heap,
   on arenas that others allocate from in between, and on a pool that all threads share. */
#include <errno.h>
#include <pthread.h>

#include "stress.h"

enum {
    THREADS = 3,
    STEPS_MAX = 400,
    LENGTH_MAX = 60000, /* beyond, it shrinks */
    ROOM = LENGTH_MAX * 3,
    POOLED = 40 /* elements in an object of the pool */
};

/* Its second word is told by the first: half an element is no element. */
struct element {
    uint64_t serial, inverse;
    uint32_t tag;
};

TP_VEC_DEFINE(elements, struct element)

struct history {
    struct stress_random random;
    elements v;
    uint64_t *expected; /* the reference: serials */
    size_t n;
    uint64_t serial;
    tp_arena *arena;
    struct element scratch[ROOM];
};

static tp_pool *pool;
static int64_t end_ns;
static _Atomic uint64_t histories, steps;

static struct element fresh(struct history *h)
{
    h->serial++;
    return (struct element){h->serial, ~h->serial, (uint32_t)h->serial * 7};
}

static void agrees_at(const struct history *h, size_t i)
{
    struct element e = tp_vec_at(&h->v, i);
    STRESS_CHECK(e.serial == h->expected[i] && e.inverse == ~e.serial &&
                     e.tag == (uint32_t)e.serial * 7,
                 "element %zu of %zu is %llu, not %llu", i, h->n, (unsigned long long)e.serial,
                 (unsigned long long)h->expected[i]);
}

/* All of it, or a look here and there. */
static void agrees(struct history *h, bool whole)
{
    STRESS_CHECK(h->v.len == h->n && h->v.cap >= h->n, "length %zu of %zu, not %zu", h->v.len,
                 h->v.cap, h->n);
    for (size_t i = 0; whole && i < h->n; i++)
        agrees_at(h, i);
    for (int look = 0; look < 8 && h->n > 0; look++)
        agrees_at(h, stress_below(&h->random, (uint32_t)h->n));
}

static size_t below(struct history *h, size_t bound)
{
    return stress_below(&h->random, (uint32_t)bound);
}

static void done(bool is_done, const char *call)
{
    STRESS_CHECK(is_done, "%s failed with errno %d", call, errno);
}

static void push(struct history *h)
{
    size_t n = below(h, 100);
    while (n-- > 0) {
        struct element e = fresh(h);
        done(tp_vec_push(&h->v, e), "push");
        h->expected[h->n++] = e.serial;
    }
}

static void append(struct history *h)
{
    size_t n = below(h, below(h, 8) == 0 ? 20000 : 200);
    size_t from = below(h, h->n + 1);
    if (below(h, 2) == 0 && from < h->n) { /* its own */
        n = n < h->n - from ? n : h->n - from;
        memcpy(h->expected + h->n, h->expected + from, n * sizeof h->expected[0]);
        done(tp_vec_append(&h->v, h->v.data + from, n), "append of its own");
    } else {
        for (size_t i = 0; i < n; i++) {
            h->scratch[i] = fresh(h);
            h->expected[h->n + i] = h->scratch[i].serial;
        }
        done(tp_vec_append(&h->v, h->scratch, n), "append");
    }
    h->n += n;
}

static void insert(struct history *h)
{
    size_t at = below(h, h->n + 1);
    struct element e = fresh(h);
    memmove(h->expected + at + 1, h->expected + at, (h->n++ - at) * sizeof h->expected[0]);
    h->expected[at] = e.serial;
    done(tp_vec_insert(&h->v, at, e), "insert");
}

static void take_off(struct history *h)
{
    if (h->n == 0)
        return;
    size_t at = below(h, h->n), way = below(h, 3);
    uint64_t serial = h->expected[way == 0 ? h->n - 1 : at];
    struct element e = way == 0   ? tp_vec_pop(&h->v)
                       : way == 1 ? tp_vec_remove(&h->v, at)
                                  : tp_vec_swap_remove(&h->v, at);
    STRESS_CHECK(e.serial == serial, "what was taken off is %llu, not %llu",
                 (unsigned long long)e.serial, (unsigned long long)serial);
    h->n--;
    if (way == 1)
        memmove(h->expected + at, h->expected + at + 1, (h->n - at) * sizeof h->expected[0]);
    else if (way == 2)
        h->expected[at] = h->expected[h->n];
}

static void resize(struct history *h)
{
    size_t n = below(h, 4) == 0 ? h->n + below(h, 300) : below(h, h->n + 1);
    done(tp_vec_resize(&h->v, n), "resize");
    for (; h->n < n; h->n++) {
        static const struct element zero;
        STRESS_CHECK(memcmp(&h->v.data[h->n], &zero, sizeof zero) == 0, "new ones are not zero");
        h->v.data[h->n] = fresh(h);
        h->expected[h->n] = h->serial;
    }
    h->n = n;
}

static void fit(struct history *h)
{
    size_t n = h->n + below(h, 3000), what = below(h, 8);
    if (what == 0) {
        tp_vec_free(&h->v);
        h->n = 0;
        STRESS_CHECK(h->v.cap == 0 && h->v.data == NULL, "something is left of it");
    } else if (what == 1) {
        tp_vec_reset(&h->v);
        h->n = 0;
    } else if (what < 5) {
        done(tp_vec_clip(&h->v), "clip");
    } else {
        done(tp_vec_reserve(&h->v, n), "reserve");
        STRESS_CHECK(h->v.cap >= n, "reserved %zu, not %zu", h->v.cap, n);
    }
}

static void slice(struct history *h)
{
    size_t from = below(h, h->n + 1), to = from + below(h, h->n - from + 1);
    elements_view part = tp_vec_slice(&h->v, from, to);
    STRESS_CHECK(part.len == to - from, "a slice of %zu, not %zu", part.len, to - from);
    if (part.len > 0)
        STRESS_CHECK(tp_vec_last(&part).serial == h->expected[to - 1], "a slice of others");
}

static void step(struct history *h)
{
    static void (*const ways[])(struct history *) = {push,     append, insert, take_off,
                                                     take_off, resize, fit,    slice};
    ways[below(h, sizeof ways / sizeof ways[0])](h);
    if (h->n > LENGTH_MAX) {
        done(tp_vec_resize(&h->v, 10), "resize");
        h->n = 10;
    }
    if (h->arena != NULL && below(h, 3) == 0)
        done(tp_arena_alloc(h->arena, below(h, 100)) != NULL, "another's allocation");
    agrees(h, below(h, 50) == 0);
}

static void history(struct history *h)
{
    memset(&h->v, 0, sizeof h->v);
    h->n = 0;
    h->arena = NULL;
    switch (below(h, 3)) {
    case 0:
        h->arena = tp_arena_create(NULL);
        done(h->arena != NULL, "tp_arena_create");
        tp_vec_on_arena(&h->v, h->arena);
        break;
    case 1:
        tp_vec_on_pool(&h->v, pool);
        break;
    default:
        break;
    }
    size_t n = below(h, STEPS_MAX);
    for (size_t i = 0; i < n; i++)
        step(h);
    agrees(h, true);
    tp_vec_free(&h->v);
    tp_arena_destroy(h->arena);
    atomic_fetch_add(&histories, 1);
    atomic_fetch_add(&steps, n);
}

static void *work(void *argument)
{
    struct history *h = argument;
    while (stress_now_ns() < end_ns)
        history(h);
    return NULL;
}

static void vec_run(int64_t deadline)
{
    static struct history all[THREADS];
    pthread_t threads[THREADS];
    end_ns = deadline;
    pool = tp_pool_create(&(tp_pool_options){.size = POOLED * sizeof(struct element) + 5});
    done(pool != NULL, "tp_pool_create");
    for (unsigned i = 0; i < THREADS; i++) {
        all[i].random = stress_stream(i + 1, 0);
        all[i].expected = calloc(ROOM, sizeof(uint64_t));
        done(all[i].expected != NULL, "calloc");
        done(pthread_create(&threads[i], NULL, work, &all[i]) == 0, "pthread_create");
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        free(all[i].expected);
    }
    tp_pool_stats stats;
    tp_pool_stats_read(pool, &stats);
    STRESS_CHECK(stats.live == stats.idle, "%llu objects were not put",
                 (unsigned long long)(stats.live - stats.idle));
    tp_pool_destroy(pool);
    printf("%llu histories, %llu steps\n", (unsigned long long)atomic_load(&histories),
           (unsigned long long)atomic_load(&steps));
}

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {
        {"lossy=0", "2"}, {"rseq=off", "4"}, {"poolcheck=1", "4"}};
    return stress_main(argc, argv, "test_vec", vec_run, modes, sizeof modes / sizeof modes[0]);
}
