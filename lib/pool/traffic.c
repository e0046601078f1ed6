/* SPDX-License-Identifier: BSD-2-Clause */
/* Get and put behind the inlined path: callbacks, misses, bounds, checks. lib/cache/traffic.c is
   where objects are found and kept. */
#include "pool/pool.h"

static void show(struct tp_pool *pool, void *object)
{
    tpi_track_show_kept(object, pool->hidden_bytes);
}

static void *get_new(struct tp_pool *pool, int64_t deadline_ns)
{
    bool bound;
    void *object = tpi_object_make(pool, &bound);
    if (object != NULL)
        tpi_count(&pool->misses, 1);
    else if (bound)
        object = tpi_wait_get(pool, deadline_ns);
    return object;
}

void *tpi_pool_get(struct tp_pool *pool, int64_t deadline_ns)
{
    if (tpi_pool_is_destroyed(pool)) {
        errno = EINVAL;
        return NULL;
    }
    if (!tpi_pool_attach(pool))
        return NULL;
    void *object = tpi_cache_get(&pool->cache);
    if (object == NULL)
        object = get_new(pool, deadline_ns);
    if (object == NULL)
        return NULL;
    show(pool, object);
    if (tpi_check_is_on() && !tpi_check_got(pool, object))
        return NULL;
    return object;
}

void *tp_detail_pool_get(tp_pool *pool)
{
    tpi_pool_check(pool, "tp_pool_get");
    tpi_service_poll(); /* what is due may make room */
    void *object = tpi_pool_get(pool, 0);
    if (tpi_unlikely(object == NULL)) {
        int error = errno;
        tpi_pool_poll();
        errno = error;
    } else {
        tpi_pool_poll();
    }
    return object;
}

/* The callbacks of a put. False: keep said no. */
static bool prepare(struct tp_pool *pool, void *object)
{
    const tp_pool_options *options = &pool->options;
    if (!pool->cache.calls_on_put || tpi_load_relaxed_32(&pool->silent) != 0)
        return true;
    bool keep = true;
    tpi_callback_enter();
    if (options->keep != NULL)
        keep = options->keep(object, options->context);
    if (keep && options->reset != NULL)
        options->reset(object, options->context);
    tpi_callback_leave();
    return keep;
}

static void put_drop(struct tp_pool *pool, void *object)
{
    tpi_cache_count_put(&pool->cache);
    tpi_object_drop(pool, object);
}

/* Into a cache, or to who waits, or dropped. The callbacks ran; it is nobody's. */
static void put_idle(struct tp_pool *pool, void *object)
{
    struct tp_detail_local *local = tp_detail_pool_local(pool);
    if (tpi_sequence_put_many(local, &object, 1) == 1)
        return;
    if (tpi_check_is_on())
        tpi_check_idle(pool, object);
    tpi_track_hide(object, pool->hidden_bytes);
    for (;;) {
        bool closed;
        if (tpi_cache_put_unless(&pool->cache, object, &closed))
            return;
        if (!closed || tpi_pool_is_destroyed(pool))
            break;
        enum tpi_handed handed = tpi_wait_hand_over(pool, object);
        if (handed == TPI_HANDED)
            return;
        if (handed == TPI_HANDED_NO_ROOM)
            break;
    }
    show(pool, object);
    put_drop(pool, object);
}

/* All of a put but errno and the poll. */
static void put(struct tp_pool *pool, void *object)
{
    if (tpi_check_is_on())
        tpi_check_put(pool, object);
    if (!tpi_pool_attach(pool) || !prepare(pool, object) || tpi_pool_is_destroyed(pool) ||
        tpi_check_lose())
        put_drop(pool, object);
    else
        put_idle(pool, object);
}

void tp_detail_pool_put(tp_pool *pool, void *object)
{
    if (object == NULL)
        return;
    int saved = errno;
    tpi_pool_check(pool, "tp_pool_put");
    put(pool, object);
    tpi_pool_poll();
    errno = saved;
}

/* --- many --- */

size_t tp_pool_get_many(tp_pool *pool, void **objects, size_t n)
{
    size_t got = tpi_sequence_get_many(tp_detail_pool_local(pool), objects, n);
    if (tpi_likely(got == n))
        return n;
    tpi_pool_check(pool, "tp_pool_get_many");
    if (tpi_pool_is_destroyed(pool)) {
        errno = EINVAL;
        return got;
    }
    size_t idle = 0;
    if (!tpi_check_is_on() && tpi_pool_attach(pool))
        idle = tpi_cache_get_many(&pool->cache, objects + got, n - got);
    for (size_t end = got + idle; got < end; got++)
        show(pool, objects[got]);
    for (void *object; got < n && (object = tpi_pool_get(pool, 0)) != NULL;)
        objects[got++] = object;
    int error = errno;
    tpi_pool_poll();
    errno = error;
    return got;
}

void tp_pool_put_many(tp_pool *pool, void **objects, size_t n)
{
    int saved = errno;
    size_t done = 0;
    bool plain = !pool->cache.calls_on_put && !tpi_check_is_on() && !tpi_sanitized;
    if (tpi_likely(plain) && tpi_none_is_null(objects, n)) {
        done = tpi_sequence_put_many(tp_detail_pool_local(pool), objects, n);
        if (tpi_likely(done == n))
            return;
        tpi_pool_check(pool, "tp_pool_put_many");
        if (!tpi_pool_is_destroyed(pool) && tpi_pool_attach(pool))
            done += tpi_cache_put_many(&pool->cache, objects + done, n - done);
    } else {
        tpi_pool_check(pool, "tp_pool_put_many");
    }
    /* With its last object put, a destroyed pool may be gone: it is not looked at again. */
    for (; done < n; done++)
        if (objects[done] != NULL)
            put(pool, objects[done]);
    tpi_pool_poll();
    errno = saved;
}

/* --- static pools --- */

void *tp_detail_pool_static_get(struct tp_detail_pool_static *self)
{
    tp_pool *pool = tp_detail_pool_static_pool(self);
    return pool == NULL ? NULL : tp_detail_pool_get(pool);
}

void tp_detail_pool_static_put(struct tp_detail_pool_static *self, void *object)
{
    if (object == NULL)
        return;
    tp_pool *pool = tpi_load_acquire_ptr(&self->pool);
    tpi_check(pool != NULL, "put of %p into pool '%s', which has given out nothing", object,
              self->options.name);
    tp_detail_pool_put(pool, object);
}
