/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting at live_max.

   A waiter, under wait_lock:
   1. Raises `waiting` and sets the cache's WAITING bit: from now on no owner opens its limits,
   and no put keeps an object in a thread (both look at the bit under their record's lock).
   2. Takes every thread's magazines to the depot, once: under each record's lock, so whoever put
   before left its object there, and whoever puts later sees the bit.
   3. Tries the depots, then to make; sleeps while it gets nothing; tries again when woken. A put
   that sees the bit hands its object to the depot under wait_lock and wakes one. A drop gives
   live_max back and wakes one. (Between its last look and its sleep a waiter leaves the lock once
   more, to say to the collector that it blocks: `wakes` tells whether a wake came meanwhile.) So
   each object that becomes free wakes a waiter that will find it,
   or room for a new one, or that another thread was faster. The last waiter to leave clears the
   bit; owners open their limits at their next slow path. */
#include "pool/pool.h"

/* This thread's waits, the innermost first (make may wait in another pool): what a fork in a
   callback of theirs must keep. */
struct wait {
    struct tp_pool *pool;
    struct wait *outer;
};
static __thread struct wait *waits_here __attribute__((tls_model("initial-exec")));

/* wait_lock is held. */
static void waiting_change(struct tp_pool *pool, int by)
{
    uint32_t waiting = pool->waiting + (uint32_t)by;
    tpi_store_relaxed_32(&pool->waiting, waiting);
    uint32_t closed = tpi_load_relaxed_32(&pool->cache.closed);
    uint32_t now;
    do {
        now = waiting != 0 ? closed | TPI_CLOSED_WAITING : closed & ~(uint32_t)TPI_CLOSED_WAITING;
    } while (!tpi_cas_acq_rel_32(&pool->cache.closed, &closed, now));
    tpi_fence_full(); /* pairs with the one in tpi_wait_wake_one: it sees us, or we see its room */
}

bool tpi_wait_wake_one(struct tp_pool *pool)
{
    tpi_fence_full(); /* pairs with waiting_change */
    if (tpi_likely(tpi_load_relaxed_32(&pool->waiting) == 0))
        return false;
    tpi_lock(&pool->wait_lock);
    pool->wakes++;
    tpi_condition_wake_one(&pool->wait_condition);
    tpi_unlock(&pool->wait_lock);
    return true;
}

void tpi_wait_wake_all(struct tp_pool *pool)
{
    tpi_lock(&pool->wait_lock);
    pool->wakes++;
    tpi_condition_wake_all(&pool->wait_condition);
    tpi_unlock(&pool->wait_lock);
}

enum tpi_handed tpi_wait_hand_over(struct tp_pool *pool, void *object)
{
    enum tpi_handed handed = TPI_HANDED_NO_ROOM;
    tpi_lock(&pool->wait_lock);
    /* Destroyed: the depots were doomed for the last time, or will be by who waits for this
       lock. */
    if (pool->waiting == 0)
        handed = TPI_HANDED_NOBODY_WAITS;
    else if (!tpi_pool_is_destroyed(pool) && tpi_cache_put_shared(&pool->cache, object))
        handed = TPI_HANDED;
    if (handed == TPI_HANDED) {
        pool->wakes++;
        tpi_condition_wake_one(&pool->wait_condition);
    }
    tpi_unlock(&pool->wait_lock);
    return handed;
}

/* An idle object or a new one; the lock is left for make's sake, and taken again. NULL + errno. */
static void *try(struct tp_pool *pool, bool *bound)
{
    *bound = false;
    void *object = tpi_cache_get_shared(&pool->cache);
    if (object != NULL)
        return object;
    tpi_unlock(&pool->wait_lock);
    object = tpi_object_make(pool, bound);
    int error = errno;
    if (object != NULL)
        tpi_count(&pool->misses, 1);
    tpi_lock(&pool->wait_lock);
    if (object == NULL && *bound)
        object = tpi_cache_get_shared(&pool->cache); /* put while the lock was left */
    errno = error;
    return object;
}

/* Until the next wake, or the deadline: false. It begins and ends with the lock; but not with the
   lock does it enter and leave the blocking region, where the collector may hold it up. */
static bool sleep_blocking(struct tp_pool *pool, int64_t deadline_ns)
{
    bool in_time = true;
    uint64_t wakes = pool->wakes;
    tpi_unlock(&pool->wait_lock);
    tp_gc_blocking_begin();
    tpi_lock(&pool->wait_lock);
    if (pool->wakes != wakes)
        ; /* it came meanwhile */
    else if (deadline_ns < 0)
        tpi_condition_wait(&pool->wait_condition, &pool->wait_lock);
    else
        in_time = tpi_condition_wait_until(&pool->wait_condition, &pool->wait_lock, deadline_ns);
    tpi_unlock(&pool->wait_lock);
    tp_gc_blocking_end();
    tpi_lock(&pool->wait_lock);
    return in_time;
}

static void *wait_locked(struct tp_pool *pool, int64_t deadline_ns)
{
    bool slept = false;
    for (bool in_time = deadline_ns != 0;;) {
        bool bound = false;
        void *object = tpi_pool_is_destroyed(pool) ? NULL : try(pool, &bound);
        int error = errno;
        if (object != NULL)
            return object;
        if (tpi_pool_is_destroyed(pool)) { /* also while the lock was left */
            errno = EINVAL;
            return NULL;
        }
        if (!bound || !in_time) {
            errno = error;
            return NULL;
        }
        if (tpi_load_relaxed_64(&pool->live) < pool->options.live_max)
            continue; /* room came while the lock was left, and its wake with it */
        if (!slept)
            tpi_count(&pool->waits, 1);
        slept = true;
        in_time = sleep_blocking(pool, deadline_ns);
    }
}

void *tpi_wait_get(struct tp_pool *pool, int64_t deadline_ns)
{
    tpi_add_acq_rel_64(&pool->references, 1); /* tp_pool_destroy may come while we sleep */
    struct wait wait = {pool, waits_here};
    tpi_lock(&pool->wait_lock);
    waits_here = &wait;
    waiting_change(pool, 1);
    tpi_cache_take(&pool->cache, TPI_TAKE_TO_DEPOT);
    void *object = wait_locked(pool, deadline_ns);
    int error = errno;
    waiting_change(pool, -1);
    waits_here = wait.outer;
    tpi_unlock(&pool->wait_lock);
    if (object == NULL && error == EAGAIN)
        tpi_count(&pool->refused, 1);
    tpi_pool_unreference(pool, 1);
    errno = error;
    return object;
}

void *tp_pool_get_wait(tp_pool *pool, int64_t timeout_ns)
{
    if (timeout_ns == 0)
        return tp_pool_get(pool);
    void *object;
    if (tp_detail_get(tp_detail_pool_local(pool), &object))
        return object;
    int64_t deadline_ns = -1;
    if (timeout_ns > 0 && __builtin_add_overflow(tpi_os_now_ns(), timeout_ns, &deadline_ns))
        deadline_ns = -1;
    tpi_service_poll(); /* what is due may make room, and there may be nobody else to do it */
    object = tpi_pool_get(pool, deadline_ns);
    int error = errno;
    tp_gc_safepoint();
    errno = error;
    return object;
}

void tpi_wait_fork_child(struct tp_pool *pool)
{
    uint32_t mine = 0;
    for (const struct wait *wait = waits_here; wait != NULL; wait = wait->outer)
        mine += wait->pool == pool;
    tpi_lock_reset_in_child(&pool->wait_lock);
    tpi_condition_init(&pool->wait_condition);
    pool->references -= pool->waiting - mine;
    pool->waiting = mine;
    if (mine == 0)
        pool->cache.closed &= ~(uint32_t)TPI_CLOSED_WAITING;
}
