/* SPDX-License-Identifier: BSD-2-Clause */
/* Model pools for test_history.c: what each of its pools may do, counted in callbacks and by those
   who get and put. An object's first words are the model's; each owner stamps them.

   In a checked build a pool that has construct destructs an object when it is put and constructs it
   again when it is handed out; model_strict says that it is not so here. */
#ifndef TESTS_STRESS_MODEL_H
#define TESTS_STRESS_MODEL_H

#include "stress.h"

#include <errno.h>
#include <pthread.h>

struct model {
    tp_pool_options options; /* context: the model itself */
    tp_pool *pool;
    struct model *inner; /* each object holds one of this model's */
    size_t bytes;        /* of an object, foreign ones too */
    bool from_heap;      /* make takes them from tp_heap_alloc, and not from malloc */
    uint32_t flaky;      /* one make or construct in so many fails; 0: none */
    _Atomic uint64_t live;  /* constructed, not destructed */
    _Atomic uint64_t owned; /* got, not put */
    _Atomic uint64_t failed;
};

struct body {
    struct model *model; /* written by construct and make; kept while the object is idle */
    uint64_t stamp;      /* the owner's */
    uint64_t dirty;      /* not 0 while it is owned; reset makes it 0 */
    void *inner;
};

enum { OWNER_MAIL = 1000001, OWNER_OUTER = 1000002 };

static bool model_strict;

static inline bool chance(uint32_t one_in)
{
    static _Atomic uint64_t drawn;
    uint64_t n = atomic_fetch_add(&drawn, 1) * UINT64_C(0x9e3779b97f4a7c15);
    return one_in != 0 && (n >> 40) % one_in == 0;
}

static inline bool model_has_callbacks(const struct model *model)
{
    return model->options.make != NULL || model->options.construct != NULL;
}

/* --- getting and putting with the reference told --- */

static inline void model_got(struct model *model, void *object, uint32_t who)
{
    struct body *body = object;
    const char *name = model->options.name;
    stress_take(object, who, name);
    atomic_fetch_add(&model->owned, 1);
    if (model->options.align != 0)
        STRESS_CHECK((uintptr_t)object % model->options.align == 0, "%s: %p is not aligned to %zu",
                     name, object, model->options.align);
    if (model_has_callbacks(model)) {
        STRESS_CHECK(body->model == model, "%s: object %p was not constructed, or not kept", name,
                     object);
        STRESS_CHECK(model->options.reset == NULL || body->dirty == 0,
                     "%s: object %p was not reset", name, object);
    }
    body->stamp = who;
    body->dirty = 1;
}

static inline void model_put_begins(struct model *model, void *object, uint32_t who)
{
    struct body *body = object;
    STRESS_CHECK(body->stamp == who, "%s: object %p of %u was written by %llu", model->options.name,
                 object, who, (unsigned long long)body->stamp);
    atomic_fetch_sub(&model->owned, 1);
    stress_give(object, who, model->options.name);
}

/* errno after a get that returned NULL. */
static inline void model_refused(const struct model *model, int error)
{
    bool allowed = (error == EAGAIN && model->options.live_max != 0) ||
                   ((error == EIO || error == ENOMEM) && model->flaky != 0);
    STRESS_CHECK(allowed, "%s: a get failed: %s", model->options.name, strerror(error));
}

/* --- callbacks --- */

static inline int model_begin(struct model *model, struct body *body)
{
    body->inner = NULL;
    if (model->inner != NULL) {
        body->inner = tp_pool_get(model->inner->pool);
        STRESS_CHECK(body->inner != NULL, "%s: no inner object: %s", model->options.name,
                     strerror(errno));
        model_got(model->inner, body->inner, OWNER_OUTER);
    }
    stress_constructed(body, model->options.name);
    uint64_t live = atomic_fetch_add(&model->live, 1) + 1;
    STRESS_CHECK(model->options.live_max == 0 || live <= model->options.live_max,
                 "%s: %llu objects live, more than %zu", model->options.name,
                 (unsigned long long)live, model->options.live_max);
    body->model = model;
    body->dirty = 0;
    return 0;
}

static inline int model_construct(void *object, void *context)
{
    struct model *model = context;
    if (chance(model->flaky)) {
        atomic_fetch_add(&model->failed, 1);
        return -EIO;
    }
    return model_begin(model, object);
}

static inline void *model_make(void *context)
{
    struct model *model = context;
    if (chance(model->flaky))
        return NULL;
    void *object = model->from_heap ? tp_heap_alloc(model->bytes) : malloc(model->bytes);
    if (object == NULL)
        return NULL;
    model_begin(model, object);
    return object;
}

static inline void model_reset(void *object, void *context)
{
    struct body *body = object;
    STRESS_CHECK(body->model == context && body->dirty != 0, "reset of %p, which nobody put",
                 object);
    body->dirty = 0;
}

static inline bool model_keep(const void *object, void *context)
{
    const struct body *body = object;
    STRESS_CHECK(body->model == context && body->dirty != 0, "keep after reset of %p", object);
    return !chance(8);
}

/* A callback may call the library, and is not made to wait there. */
static inline void model_destruct(void *object, void *context)
{
    struct model *model = context;
    struct body *body = object;
    STRESS_CHECK(body->model == model, "%s: object %p was written while idle", model->options.name,
                 object);
    if (body->inner != NULL) {
        model_put_begins(model->inner, body->inner, OWNER_OUTER);
        tp_pool_put(model->inner->pool, body->inner);
    }
    body->model = NULL;
    stress_destructed(object, model->options.name);
    atomic_fetch_sub(&model->live, 1);
    if (chance(512))
        (void)tp_gc_collect();
    if (chance(512))
        tp_pool_trim(model->pool);
    if (model->from_heap)
        tp_heap_free(object);
    else if (model->options.make != NULL)
        free(object);
}

/* --- opening, checking, closing --- */

static inline void model_open(struct model *model)
{
    model->options.context = model;
    model->pool = tp_pool_create(&model->options);
    STRESS_CHECK(model->pool != NULL, "tp_pool_create: %s", strerror(errno));
}

/* Nothing but the caller uses pools now, and no cycle is under way. */
static inline void model_check(struct model *model)
{
    tp_pool_stats stats;
    const char *name = model->options.name;
    unsigned long long live = atomic_load(&model->live), owned = atomic_load(&model->owned);
    tp_pool_stats_read(model->pool, &stats);
    STRESS_CHECK(stats.gets == stats.hits + stats.misses, "%s: gets are not hits and misses", name);
    STRESS_CHECK(stats.gets - stats.puts == owned, "%s: %llu gets, %llu puts, but %llu are owned",
                 name, (unsigned long long)stats.gets, (unsigned long long)stats.puts, owned);
    STRESS_CHECK(stats.made - stats.dropped == stats.live, "%s: made %llu, dropped %llu, live %llu",
                 name, (unsigned long long)stats.made, (unsigned long long)stats.dropped,
                 (unsigned long long)stats.live);
    STRESS_CHECK(stats.live - stats.idle == owned, "%s: %llu live, %llu idle, %llu are owned", name,
                 (unsigned long long)stats.live, (unsigned long long)stats.idle, owned);
    STRESS_CHECK(stats.waiting == 0, "%s: %llu wait", name, (unsigned long long)stats.waiting);
    if (model->options.idle_max != 0)
        STRESS_CHECK(stats.idle <= model->options.idle_max, "%s: %llu idle, more than %zu", name,
                     (unsigned long long)stats.idle, model->options.idle_max);
    if (model_has_callbacks(model) && model_strict)
        STRESS_CHECK(live == stats.live, "%s: %llu are constructed, %llu are said to live", name,
                     live, (unsigned long long)stats.live);
}

/* At the bound: whatever is idle, wherever it is, is handed out before EAGAIN. */
static inline void model_exhaust(struct model *model, uint32_t who)
{
    void *objects[64];
    size_t got = 0;
    size_t expected = model->options.live_max - (size_t)atomic_load(&model->owned);
    while ((objects[got] = tp_pool_get(model->pool)) != NULL)
        model_got(model, objects[got++], who);
    STRESS_CHECK(errno == EAGAIN, "%s: %s at the bound", model->options.name, strerror(errno));
    STRESS_CHECK(got == expected, "%s: EAGAIN after %zu gets, but %zu were to be had",
                 model->options.name, got, expected);
    while (got > 0) {
        model_put_begins(model, objects[--got], who);
        tp_pool_put(model->pool, objects[got]);
    }
}

/* Everything was put. */
static inline void model_is_empty(struct model *model)
{
    tp_pool_stats stats;
    tp_pool_trim(model->pool);
    tp_pool_stats_read(model->pool, &stats);
    model_check(model);
    STRESS_CHECK(stats.live == 0 && stats.idle == 0, "%s: all was put and trimmed, %llu live",
                 model->options.name, (unsigned long long)stats.live);
    STRESS_CHECK(atomic_load(&model->live) == 0, "%s: %llu objects were not destructed",
                 model->options.name, (unsigned long long)atomic_load(&model->live));
}

static inline void model_probe(void)
{
    static struct model probe = {
        .options = {.name = "probe", .size = 64, .construct = model_construct,
                    .destruct = model_destruct}};
    model_open(&probe);
    model_strict = true;
    for (int i = 0; i < 20; i++) {
        tp_pool_put(probe.pool, tp_pool_get(probe.pool));
        model_strict = model_strict && atomic_load(&probe.live) == 1;
    }
    tp_pool_destroy(probe.pool);
}

#endif
