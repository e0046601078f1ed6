/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools: creation, the list of all, destruction, fork.

   A pool ends in three steps, so that an object in use when it is destroyed can still be put:
   1. tp_pool_destroy closes the cache for good (DESTROYED), takes and dooms what is idle, and
   gives the handle's reference back.
   2. Each object that is put or dropped afterwards gives its reference back.
   3. Whoever gives the last one back puts the pool on the dead list; the reaper, which runs
   beside no cycle, gives its number and its memory back.
   A collected pool waits for no object: the reaper drops what was doomed.

   Locks: pools_lock (rank POOLS) for the list of all and the dead list; static_lock (rank STATIC)
   while a static pool is created. */
#include <stdlib.h>

#include "pool/pool.h"

_Static_assert(TP_POOLS_MAX == TPI_CACHES_MAX - TP_DETAIL_CLASSES, "classes have the others");

static struct tpi_lock static_lock = TPI_LOCK_INIT(TPI_RANK_STATIC);
static struct tpi_lock pools_lock = TPI_LOCK_INIT(TPI_RANK_POOLS);
_Static_assert(sizeof(struct tp_pool) <= TP_DETAIL_POOL_BYTES, "a pool fits its place");
_Static_assert(TP_DETAIL_POOLS_BYTES / TP_DETAIL_POOL_BYTES == TPI_CACHES_MAX, "a place a number");

static const char *const needs_runtime __attribute__((used)) = &tpi_runtime_is_linked;

static char *region;               /* pools_lock; set once */
static struct tp_pool *pools;      /* pools_lock */
static struct tp_pool *dead_pools; /* pools_lock */

const char *tpi_pool_name(const struct tp_pool *pool)
{
    return pool->options.name != NULL ? pool->options.name : "(unnamed)";
}

bool tpi_pool_is_destroyed(const struct tp_pool *pool)
{
    return (tpi_load_relaxed_32(&pool->cache.closed) & TPI_CLOSED_DESTROYED) != 0;
}

static enum tpi_pool_kind kind_of(const tp_pool_options *options)
{
    if ((options->flags & TP_POOL_COLLECTED) != 0)
        return TPI_POOL_COLLECTED;
    return options->gc_type != NULL ? TPI_POOL_ROOTED : TPI_POOL_PLAIN;
}

static size_t type_size_of(const tp_pool_options *options)
{
    return options->gc_type == NULL ? 0 : options->gc_type->size;
}

static size_t size_of(const tp_pool_options *options)
{
    return options->size != 0 ? options->size : type_size_of(options);
}

/* 0, or the errno that says what is wrong. */
static int options_error(const tp_pool_options *options)
{
    if (options == NULL || (options->flags & ~TP_POOL_COLLECTED) != 0)
        return EINVAL;
    if (options->align != 0 && !tpi_is_power_of_two(options->align))
        return EINVAL;
    if (kind_of(options) != TPI_POOL_PLAIN && (options->make != NULL || options->align > 16))
        return EINVAL;
    if (kind_of(options) == TPI_POOL_COLLECTED && options->live_max != 0)
        return EINVAL;
    if (options->make != NULL)
        return options->size != 0 || options->destruct == NULL ? EINVAL : 0;
    if (size_of(options) == 0 || size_of(options) < type_size_of(options))
        return EINVAL;
    if (options->size > PTRDIFF_MAX || options->align > PTRDIFF_MAX / 2)
        return EOVERFLOW;
    return 0;
}

static char *name_copy(const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *copy = tp_heap_alloc(bytes);
    return copy == NULL ? NULL : memcpy(copy, name, bytes);
}

static void pool_fill(struct tp_pool *pool, const tp_pool_options *options)
{
    memset(pool, 0, sizeof *pool);
    pool->options = *options;
    pool->options.name = NULL;
    pool->options.size = size_of(options);
    pool->kind = (uint8_t)kind_of(options);
    pool->hidden_bytes = pool->kind == TPI_POOL_PLAIN ? options->size : 0;
    pool->cache.needs_attached = pool->kind != TPI_POOL_PLAIN;
    pool->cache.bytes = pool->options.size == 0 ? 0 : tp_heap_good_size(pool->options.size);
    pool->cache.idle_max = options->idle_max;
    pool->cache.calls_on_put = options->keep != NULL || options->reset != NULL;
    pool->cache.closed = tpi_check_is_on() ? TPI_CLOSED_CHECKING : 0;
    pool->cache.end = tpi_object_end;
    pool->cache.give_back = tpi_object_give_back;
    pool->cache.given_back = tpi_object_given_back;
    pool->references = 1;
    tpi_lock_init(&pool->wait_lock, TPI_RANK_WAIT);
    tpi_condition_init(&pool->wait_condition);
}

static void list_add(struct tp_pool *pool)
{
    tpi_lock(&pools_lock);
    pool->next = pools;
    pool->link = &pools;
    if (pools != NULL)
        pools->link = &pool->next;
    pools = pool;
    tpi_unlock(&pools_lock);
}

/* The memory of the pool with this number; NULL: ENOMEM. It is never unmapped, so that a pool that
   is used after its end is recognised. */
static struct tp_pool *pool_place(uint32_t number)
{
    enum { STEP = 65536 };
    tpi_lock(&pools_lock);
    if (region == NULL)
        region = tpi_os_reserve(TP_DETAIL_POOLS_BYTES, TP_DETAIL_POOLS_BYTES);
    char *place = region == NULL ? NULL : region + (size_t)number * TP_DETAIL_POOL_BYTES;
    if (place != NULL && !tpi_os_commit(region + (place - region) / STEP * STEP, STEP))
        place = NULL;
    tpi_unlock(&pools_lock);
    if (place == NULL)
        errno = ENOMEM;
    return (struct tp_pool *)(void *)place;
}

tp_pool *tp_pool_create(const tp_pool_options *options)
{
    int error = options_error(options);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    tpi_start_ensure();
    uint32_t number = tpi_cache_number_take();
    if (number == 0)
        return NULL;
    struct tp_pool *pool = pool_place(number);
    char *name = NULL;
    if (pool == NULL || (options->name != NULL && (name = name_copy(options->name)) == NULL)) {
        tpi_cache_number_give(number);
        errno = ENOMEM;
        return NULL;
    }
    pool_fill(pool, options);
    pool->options.name = name;
    if (pool->kind == TPI_POOL_COLLECTED)
        tpi_gc_cache_add(&pool->cache);
    tpi_cache_open(&pool->cache, number);
    pool->signature = TPI_POOL_SIGNATURE;
    list_add(pool);
    tpi_service_start();
    return pool;
}

/* Pairs with the looks at the bit under a record's lock: see tpi_cache_take's visit of each. */
static void closed_or(struct tp_pool *pool, uint32_t bit)
{
    uint32_t closed = tpi_load_relaxed_32(&pool->cache.closed);
    while (!tpi_cas_acq_rel_32(&pool->cache.closed, &closed, closed | bit))
        ;
}

/* All of a pool's end but the drops. */
static void pool_end(struct tp_pool *pool)
{
    tpi_check(!tpi_pool_is_destroyed(pool), "pool '%s' is destroyed twice", tpi_pool_name(pool));
    closed_or(pool, TPI_CLOSED_DESTROYED);
    tpi_wait_wake_all(pool);
    tpi_cache_take(&pool->cache, TPI_TAKE_TO_DOOM);
    tpi_pool_unreference(pool, 1);
}

void tp_pool_destroy(tp_pool *pool)
{
    if (pool == NULL)
        return;
    tpi_pool_check(pool, "tp_pool_destroy");
    tpi_check(!pool->is_static, "tp_pool_destroy: pool '%s' is static: it goes with its program",
              tpi_pool_name(pool));
    pool_end(pool);
    tpi_service_drop(true);
}

void tpi_pool_unreference(struct tp_pool *pool, uint64_t n)
{
    /* Acq_rel: whoever sees 0 sees all that the others did to the pool before. */
    if (tpi_add_acq_rel_64(&pool->references, (uint64_t)0 - n) != n)
        return;
    if (pool->kind != TPI_POOL_COLLECTED)
        pool->signature = 0;
    tpi_lock(&pools_lock);
    *pool->link = pool->next;
    if (pool->next != NULL)
        pool->next->link = pool->link;
    pool->next_dead = dead_pools;
    dead_pools = pool;
    tpi_unlock(&pools_lock);
    tpi_service_drop(false);
}

void tpi_pools_reap(void)
{
    tpi_lock(&pools_lock);
    struct tp_pool *pool = dead_pools;
    dead_pools = NULL;
    tpi_unlock(&pools_lock);
    while (pool != NULL) {
        struct tp_pool *next = pool->next_dead;
        if (pool->kind == TPI_POOL_COLLECTED) {
            tpi_cache_drop_doomed(&pool->cache);
            pool->signature = 0;
            tpi_gc_cache_remove(&pool->cache);
        }
        tp_heap_free((void *)(uintptr_t)pool->options.name);
        tpi_cache_close(&pool->cache);
        pool = next;
    }
}

/* --- static pools: TP_POOL_DEFINE --- */

static bool exiting; /* atexit's handlers run */

static void note_exit(void)
{
    exiting = true;
}

/* static_lock is held. */
static void note_exit_once(void)
{
    static bool noted;
    if (!noted)
        noted = atexit(note_exit) == 0;
}

tp_pool *tp_detail_pool_static_pool(struct tp_detail_pool_static *self)
{
    struct tp_pool *pool = tpi_load_acquire_ptr(&self->pool);
    if (pool != NULL)
        return pool;
    tpi_lock(&static_lock);
    pool = self->pool;
    tpi_callback_enter(); /* no cycle, and so no callback, under the lock */
    if (pool == NULL) {
        tp_pool_options options = self->options;
        if (options.make != NULL)
            options.size = options.align = 0; /* the macro filled them in */
        pool = tp_pool_create(&options);
        if (pool != NULL) {
            note_exit_once();
            pool->is_static = true;
            tpi_store_release_ptr(&self->pool, pool);
            tpi_store_relaxed_32(&self->offset, pool->cache.number * TP_DETAIL_LOCAL_BYTES);
        }
    }
    tpi_callback_leave();
    tpi_unlock(&static_lock);
    return pool;
}

/* A plugin goes, and with it the callbacks: the pool goes too, its drops done on this thread, since
   the service thread might need the loader's lock that dlclose holds. When the process exits, other
   threads may still use the pool: it stays, and calls nobody any more. */
void tp_detail_pool_static_unload(struct tp_detail_pool_static *self)
{
    tp_pool *pool = self->pool;
    if (pool == NULL)
        return;
    tpi_store_relaxed_32(&pool->silent, exiting);
    if (exiting)
        return;
    self->offset = 0;
    self->pool = NULL;
    tpi_add_acq_rel_64(&pool->references, 1); /* not reaped before we are done */
    pool_end(pool);
    tpi_service_drop_here(&pool->cache);
    tpi_pool_unreference(pool, 1);
}

/* --- fork --- */

void tpi_pool_fork_prepare(void)
{
    tpi_lock(&static_lock);
    tpi_lock(&pools_lock);
    for (struct tp_pool *pool = pools; pool != NULL; pool = pool->next)
        tpi_lock_next(&pool->wait_lock);
}

void tpi_pool_fork_parent(void)
{
    for (struct tp_pool *pool = pools; pool != NULL; pool = pool->next)
        tpi_unlock(&pool->wait_lock);
    tpi_unlock(&pools_lock);
    tpi_unlock(&static_lock);
}

/* Those who waited are not in the child, but for the forking thread (in a callback of its wait). */
void tpi_pool_fork_child(void)
{
    for (struct tp_pool *pool = pools; pool != NULL; pool = pool->next) {
        tpi_wait_fork_child(pool);
    }
    tpi_lock_reset_in_child(&pools_lock);
    tpi_lock_reset_in_child(&static_lock);
}
