/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of what callers do with objects: TIDEPOOL=poolcheck=N, and every checked build (N = 1).

   One object in N is watched from the time it is made until it is dropped; its entry says whose
   it is and whether it is in use. Limits stay closed meanwhile, so that each get and put comes
   here.
   - A put of an object that is idle is a double put. With N = 1 every object is watched, so a put
   of one that is not, or is another pool's, is a foreign pointer; with a larger N a pool of heap
   objects asks the heap.
   - Idle objects are poisoned, and verified when they are handed out or dropped: a write after
   the put is found. Only where the pool has construct (the object is destructed first and
   constructed again) or has no destruct: otherwise destruct would see the poison.
   - What is in use at exit is reported with the stack of its get.

   The collector reads idle objects of pools that have a gc_type or are collected: those are not
   poisoned. A collected object that is in use may just be forgotten: it is watched from its put to
   the next get, so that no entry is left of it, and nothing of it is reported at exit. When it is
   dropped it may be pointed at still: so its entry stays, of no pool, until an object is made where
   it was. There are no more such entries than there were slots.

   A pool may make its objects from another pool's: they are in use there, and idle or in use here,
   and have an entry for each.

   Entries are in tsearch(3) trees, from malloc. watch_lock (rank LEAF) protects them. */
#include <execinfo.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool/pool.h"

enum { FRAMES_MAX = 12, POISON = 0xDB, REPORTED_MAX = 10 };

struct watched {
    void *object;         /* the key, with maker */
    const void *maker;    /* the pool, if it has make: its objects may be another's, too */
    struct tp_pool *pool; /* NULL: a collected object that was dropped */
    bool in_use;
    bool poisoned;
    int frames_count;
    void *frames[FRAMES_MAX]; /* of its last get */
};

static struct tpi_lock watch_lock = TPI_LOCK_INIT(TPI_RANK_LEAF);
static void *watched_tree;  /* watch_lock */
static uint64_t one_in;     /* 0: off */
static uint64_t made_count; /* atomic */
static uint32_t unwatched;  /* atomic; not 0: there was no memory for some object's entry */
static bool lossy;
static unsigned reported; /* at exit */

static int compare(const void *a, const void *b)
{
    const struct watched *left = a, *right = b;
    uintptr_t x = (uintptr_t)left->object, y = (uintptr_t)right->object;
    if (x == y) {
        x = (uintptr_t)left->maker;
        y = (uintptr_t)right->maker;
    }
    return x < y ? -1 : x > y;
}

static const void *maker_of(const struct tp_pool *pool)
{
    return pool->options.make != NULL ? pool : NULL;
}

/* watch_lock is held. NULL: not watched. */
static struct watched *find(const struct tp_pool *pool, void *object)
{
    struct watched key = {.object = object, .maker = maker_of(pool)};
    struct watched **node = tfind(&key, &watched_tree, compare);
    return node == NULL ? NULL : *node;
}

bool tpi_check_is_on(void)
{
    return one_in != 0;
}

static void may_poison(const struct tp_pool *pool, bool *poison, bool *restart)
{
    *restart = pool->options.construct != NULL;
    *poison = pool->hidden_bytes != 0 && (*restart || pool->options.destruct == NULL);
}

/* --- made and got --- */

/* Nobody else's entry is there: tpi_check_made and tpi_check_put have looked. */
static void watch(struct tp_pool *pool, void *object, bool in_use)
{
    if (tpi_add_acq_rel_64(&made_count, 1) % one_in != 0)
        return;
    struct watched *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        tpi_store_relaxed_32(&unwatched, 1);
        return;
    }
    *entry =
        (struct watched){.object = object, .maker = maker_of(pool), .pool = pool, .in_use = in_use};
    tpi_lock(&watch_lock);
    struct watched **node = tsearch(entry, &watched_tree, compare);
    tpi_check(node == NULL || *node == entry, "pool '%s': double put of %p, by two threads at once",
              tpi_pool_name(pool), object);
    if (node == NULL) {
        tpi_store_relaxed_32(&unwatched, 1);
        free(entry);
    }
    tpi_unlock(&watch_lock);
}

/* Whether it was watched, and poisoned. */
static bool unwatch(const struct tp_pool *pool, void *object)
{
    tpi_lock(&watch_lock);
    struct watched *entry = find(pool, object);
    if (entry != NULL)
        tdelete(entry, &watched_tree, compare);
    tpi_unlock(&watch_lock);
    bool poisoned = entry != NULL && entry->poisoned;
    free(entry);
    return poisoned;
}

/* What is there already is of an object that was dropped, or was being dropped when the process
   forked. */
void tpi_check_made(struct tp_pool *pool, void *object)
{
    (void)unwatch(pool, object);
    if (pool->kind != TPI_POOL_COLLECTED)
        watch(pool, object, true);
}

static void verify_poison(const struct tp_pool *pool, const void *object)
{
    const unsigned char *bytes = object;
    for (size_t i = 0; i < pool->options.size; i++)
        tpi_check(bytes[i] == POISON,
                  "pool '%s': object %p was written at offset %zu after it was put",
                  tpi_pool_name(pool), object, i);
}

bool tpi_check_got(struct tp_pool *pool, void *object)
{
    void *frames[FRAMES_MAX];
    if (pool->kind == TPI_POOL_COLLECTED) {
        (void)unwatch(pool, object);
        return true;
    }
    int frames_count = backtrace(frames, FRAMES_MAX);
    tpi_lock(&watch_lock);
    struct watched *entry = find(pool, object);
    bool poisoned = entry != NULL && entry->poisoned;
    if (entry != NULL) {
        entry->in_use = true;
        entry->poisoned = false;
        entry->frames_count = frames_count;
        memcpy(entry->frames, frames, sizeof frames);
    }
    tpi_unlock(&watch_lock);
    if (!poisoned)
        return true;
    verify_poison(pool, object);
    if (pool->options.construct == NULL)
        return true;
    tpi_callback_enter();
    int error = pool->options.construct(object, pool->options.context);
    tpi_callback_leave();
    if (error == 0)
        return true;
    tpi_lock(&watch_lock);
    entry = find(pool, object);
    entry->poisoned = true; /* destructed: its drop must not do it again */
    memset(object, POISON, pool->options.size);
    tpi_unlock(&watch_lock);
    tpi_cache_count_put(&pool->cache);
    tpi_object_drop(pool, object);
    errno = error < 0 ? -error : EINVAL;
    return false;
}

/* --- put and drop --- */

static void check_foreign(const struct tp_pool *pool, const void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    bool from_heap = where.span != NULL && where.start == object && where.allocated &&
                     where.bytes >= pool->options.size;
    bool collected = pool->kind == TPI_POOL_COLLECTED;
    bool all_watched = one_in == 1 && tpi_load_relaxed_32(&unwatched) == 0 && !collected;
    tpi_check(!all_watched && (pool->options.size == 0 || from_heap) &&
                  (!collected || tpi_gc_is_pooled(object)),
              "pool '%s': put of %p, which is no object of this pool", tpi_pool_name(pool), object);
}

void tpi_check_put(struct tp_pool *pool, void *object)
{
    tpi_lock(&watch_lock);
    struct watched *entry = find(pool, object);
    if (entry == NULL) {
        check_foreign(pool, object);
    } else {
        tpi_check(entry->pool != NULL, "pool '%s': double put of %p, which its pool has dropped",
                  tpi_pool_name(pool), object);
        tpi_check(entry->pool == pool, "pool '%s': put of %p, which is an object of pool '%s'",
                  tpi_pool_name(pool), object, tpi_pool_name(entry->pool));
        tpi_check(entry->in_use, "pool '%s': double put of %p", tpi_pool_name(pool), object);
        entry->in_use = false; /* here, and not when it is idle: of two putters one is the second */
    }
    tpi_unlock(&watch_lock);
    if (pool->kind == TPI_POOL_COLLECTED)
        watch(pool, object, false);
}

void tpi_check_idle(struct tp_pool *pool, void *object)
{
    bool poison, restart;
    may_poison(pool, &poison, &restart);
    tpi_lock(&watch_lock);
    struct watched *entry = find(pool, object);
    if (entry != NULL) {
        entry->in_use = false;
        entry->poisoned = poison;
    }
    tpi_unlock(&watch_lock);
    if (entry == NULL || !poison)
        return;
    if (restart && pool->options.destruct != NULL) {
        tpi_callback_enter();
        pool->options.destruct(object, pool->options.context);
        tpi_callback_leave();
    }
    memset(object, POISON, pool->options.size);
}

static void watch_dropped(const struct tp_pool *pool, void *object)
{
    tpi_lock(&watch_lock);
    struct watched *entry = find(pool, object);
    if (entry != NULL)
        entry->pool = NULL;
    tpi_unlock(&watch_lock);
}

bool tpi_check_drop(struct tp_pool *pool, void *object)
{
    if (pool->kind == TPI_POOL_COLLECTED) {
        watch_dropped(pool, object);
        return false;
    }
    bool poisoned = unwatch(pool, object);
    if (poisoned)
        verify_poison(pool, object);
    return poisoned; /* then it was destructed, or has no destruct */
}

/* --- losing puts --- */

bool tpi_check_lose(void)
{
    static __thread uint64_t state __attribute__((tls_model("initial-exec")));
    if (!lossy)
        return false;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 62 == 0;
}

/* --- the report at exit --- */

static void report(const void *node, VISIT visit, int depth)
{
    const struct watched *entry = *(struct watched *const *)node;
    (void)depth;
    if ((visit != leaf && visit != postorder) || !entry->in_use || ++reported > REPORTED_MAX)
        return;
    tpi_warn("pool '%s': object %p is still in use at exit; it was got at",
             tpi_pool_name(entry->pool), entry->object);
    backtrace_symbols_fd((void *const *)entry->frames, entry->frames_count, fileno(stderr));
}

static void report_at_exit(void)
{
    tpi_lock(&watch_lock);
    twalk(watched_tree, report);
    tpi_unlock(&watch_lock);
    if (reported > REPORTED_MAX)
        tpi_warn("and %u objects more", reported - REPORTED_MAX);
}

void tpi_check_configure(uint64_t with_one_in, bool with_lossy)
{
    void *frame[1];
    one_in = with_one_in;
    lossy = with_lossy;
    if (one_in == 0)
        return;
    (void)backtrace(frame, 1); /* its first call loads a library: not under a lock */
    if (atexit(report_at_exit) != 0)
        tpi_warn("no report of objects in use at exit: atexit failed");
}

void tpi_check_fork_prepare(void)
{
    tpi_lock(&watch_lock);
}

void tpi_check_fork_parent(void)
{
    tpi_unlock(&watch_lock);
}

void tpi_check_fork_child(void)
{
    tpi_lock_reset_in_child(&watch_lock);
}
