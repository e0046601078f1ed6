/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects come and go: make or the heap, construct; destruct, the heap.

   live_max is reserved before an object is made and given back after it was dropped, so there are
   never more than that, not for a moment. The object's reference to the pool is given back last:
   until then the pool is there to wake a waiter with.

   A collected pool's objects hold no reference: a program may just forget one. Their memory is the
   collector's: dropping one gives nothing back, and what destruct has not seen of it is gone with
   the next cycle. */
#include "pool/pool.h"

static bool live_reserve(struct tp_pool *pool)
{
    uint64_t live = tpi_load_relaxed_64(&pool->live);
    do {
        if (pool->options.live_max != 0 && live >= pool->options.live_max)
            return false;
    } while (!tpi_cas_acq_rel_64(&pool->live, &live, live + 1));
    if (pool->kind != TPI_POOL_COLLECTED)
        tpi_add_acq_rel_64(&pool->references, 1);
    return true;
}

/* After live was lowered by n: wakes as many, and gives back the objects' references to the pool,
   which may be gone afterwards. */
static void live_released(struct tp_pool *pool, uint64_t n)
{
    for (uint64_t i = 0; i < n && tpi_wait_wake_one(pool); i++)
        ;
    if (pool->kind != TPI_POOL_COLLECTED)
        tpi_pool_unreference(pool, n);
}

static void live_release_one(struct tp_pool *pool)
{
    tpi_add_acq_rel_64(&pool->live, (uint64_t)-1);
    live_released(pool, 1);
}

static void *memory_alloc(struct tp_pool *pool)
{
    const tp_pool_options *options = &pool->options;
    if (pool->kind == TPI_POOL_ROOTED)
        return tpi_gc_rooted_alloc(options->gc_type, options->size);
    if (pool->kind == TPI_POOL_COLLECTED)
        return tpi_gc_pooled_alloc(options->gc_type, options->size);
    if (options->make == NULL)
        return tp_heap_alloc_aligned(tpi_max(options->align, (size_t)1), options->size);
    tpi_callback_enter();
    errno = 0;
    void *object = options->make(options->context);
    int error = errno;
    tpi_callback_leave();
    errno = error;
    return object;
}

static void memory_free(struct tp_pool *pool, void *object)
{
    if (pool->kind == TPI_POOL_ROOTED)
        tpi_gc_rooted_free(object);
    else if (pool->kind == TPI_POOL_PLAIN && pool->options.make == NULL)
        tp_heap_free(object);
}

static int construct(struct tp_pool *pool, void *object)
{
    if (pool->options.construct == NULL)
        return 0;
    tpi_callback_enter();
    int error = pool->options.construct(object, pool->options.context);
    tpi_callback_leave();
    return error;
}

static void destruct(struct tp_pool *pool, void *object)
{
    if (pool->options.destruct == NULL || tpi_load_relaxed_32(&pool->silent) != 0)
        return;
    tpi_callback_enter_named((uintptr_t)pool->options.destruct, tpi_pool_name(pool));
    (void)tpi_pool_attach(pool); /* the service thread may not be */
    pool->options.destruct(object, pool->options.context);
    tpi_callback_leave();
}

void *tpi_object_make(struct tp_pool *pool, bool *bound)
{
    *bound = !live_reserve(pool);
    if (*bound) {
        errno = EAGAIN;
        return NULL;
    }
    void *object = memory_alloc(pool);
    int error = object != NULL ? construct(pool, object) : errno != 0 ? -errno : -ENOMEM;
    if (error == 0) {
        tpi_count(&pool->made, 1);
        if (tpi_check_is_on())
            tpi_check_made(pool, object);
        return object;
    }
    if (object != NULL && pool->options.make != NULL)
        destruct(pool, object); /* only its own function can free what make() made */
    else if (object != NULL)
        memory_free(pool, object);
    live_release_one(pool);
    errno = error < 0 ? -error : EINVAL;
    return NULL;
}

/* Ends an object but for its memory. */
static void end(struct tp_pool *pool, void *object)
{
    bool ended = tpi_check_is_on() && tpi_check_drop(pool, object);
    if (!ended)
        destruct(pool, object);
}

void tpi_object_drop(struct tp_pool *pool, void *object)
{
    int saved = errno;
    end(pool, object);
    memory_free(pool, object);
    tpi_count(&pool->dropped, 1);
    live_release_one(pool);
    errno = saved;
}

static struct tp_pool *pool_of(struct tpi_cache *cache)
{
    return tpi_container_of(cache, struct tp_pool, cache);
}

void tpi_object_end(struct tpi_cache *cache, void *object)
{
    struct tp_pool *pool = pool_of(cache);
    tpi_track_show_kept(object, pool->hidden_bytes);
    end(pool, object);
}

void tpi_object_give_back(struct tpi_cache *cache, void **objects, uint32_t n)
{
    struct tp_pool *pool = pool_of(cache);
    if (pool->kind == TPI_POOL_PLAIN && pool->options.make == NULL)
        tpi_sizes_free_now(objects, n);
    for (uint32_t i = 0; i < n && pool->kind == TPI_POOL_ROOTED; i++)
        tpi_gc_rooted_free(objects[i]);
    tpi_count(&pool->dropped, n);
    tpi_add_acq_rel_64(&pool->live, (uint64_t)0 - n);
}

void tpi_object_given_back(struct tpi_cache *cache, uint32_t n)
{
    live_released(pool_of(cache), n);
}
