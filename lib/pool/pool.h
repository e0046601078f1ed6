/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/pool: pools. A pool is a cache (lib/cache) whose objects come from callbacks or the heap,
   with bounds, waiting, checks and statistics over it. */
#ifndef TPI_POOL_H
#define TPI_POOL_H

#include "base/base.h"
#include "cache/cache.h"
#include "gc/gc.h"

#include <tidepool/pool.h>

enum { TPI_POOL_SIGNATURE = 0x54504f4c };

enum tpi_pool_kind {
    TPI_POOL_PLAIN,
    TPI_POOL_ROOTED,   /* explicit objects that may point to collected ones */
    TPI_POOL_COLLECTED /* the objects themselves are */
};

struct tp_pool {
    bool is_static;                 /* made by TP_POOL_DEFINE */
    uint8_t kind;                   /* enum tpi_pool_kind */
    uint32_t silent;                /* atomic; its callbacks are gone, or going */
    uint32_t signature;             /* written last when it is made, cleared first when it goes */
    struct tp_pool_options options; /* name: the pool's own copy; size: the type's where it was 0 */
    size_t hidden_bytes; /* of an idle object, from tools; 0 where the collector reads it */
    struct tpi_cache cache;

    /* atomic: objects that exist (of a collected pool none: they may go unseen), and one for the
       handle until tp_pool_destroy. Whoever brings it to 0 owns the pool and hands it to the
       reaper. */
    uint64_t references TPI_ALIGNED(TPI_CACHE_LINE);
    uint64_t live;                                  /* atomic: objects that exist */
    uint64_t misses, made, dropped, waits, refused; /* atomic */

    struct tpi_lock wait_lock; /* rank WAIT: waiting, and the depot as far as waiters look there */
    struct tpi_condition wait_condition;
    uint32_t waiting; /* atomic writes under wait_lock */
    uint64_t wakes;   /* wait_lock: how often one was to be woken */

    struct tp_pool *next, **link; /* in the list of all pools; pools_lock */
    struct tp_pool *next_dead;    /* in the reaper's list */
};

/* --- pool.c --- */

void tpi_pools_reap(void); /* frees dead pools; beside no cycle */
bool tpi_pool_is_destroyed(const struct tp_pool *pool);
const char *tpi_pool_name(const struct tp_pool *pool); /* for messages; never NULL */

/* Aborts, naming the call, where `pool` is none. */
static inline void tpi_pool_check(const struct tp_pool *pool, const char *what)
{
    tpi_check(pool != NULL, "%s: the pool is NULL", what);
    tpi_check(pool->signature == TPI_POOL_SIGNATURE, "%s: %p is not a pool, or no longer one", what,
              (const void *)pool);
}

/* Attaches the thread where it will hold pointers to collected objects. False: ENOMEM. */
static inline bool tpi_pool_attach(const struct tp_pool *pool)
{
    return pool->kind == TPI_POOL_PLAIN || tp_gc_thread_attach() == 0;
}

/* At the end of a slow path, nothing locked. Not with errno to keep. */
static inline void tpi_pool_poll(void)
{
    tpi_service_poll();
    tp_gc_safepoint();
}

/* --- object.c: objects come and go --- */

/* A new object. NULL + errno: EAGAIN at live_max (then *bound is true), ENOMEM, or construct's. */
void *tpi_object_make(struct tp_pool *pool, bool *bound);
/* The last of an object that nobody holds: destruct, give the memory back, wake a waiter. */
void tpi_object_drop(struct tp_pool *pool, void *object);
/* The cache's three steps: for what cycles, trims and destroy doomed. */
void tpi_object_end(struct tpi_cache *cache, void *object);
void tpi_object_give_back(struct tpi_cache *cache, void **objects, uint32_t n);
void tpi_object_given_back(struct tpi_cache *cache, uint32_t n);
void tpi_pool_unreference(struct tp_pool *pool, uint64_t n);

/* --- traffic.c --- */

/* An idle object, or a new one; takes from all threads before it gives up, and waits as
   tpi_wait_get does. */
void *tpi_pool_get(struct tp_pool *pool, int64_t deadline_ns);

/* --- wait.c --- */

enum tpi_handed {
    TPI_HANDED,
    TPI_HANDED_NOBODY_WAITS, /* no longer: try an ordinary put */
    TPI_HANDED_NO_ROOM       /* or the pool is destroyed: its drop is what a waiter can use */
};
/* Hands an object to those who wait. */
enum tpi_handed tpi_wait_hand_over(struct tp_pool *pool, void *object);
bool tpi_wait_wake_one(struct tp_pool *pool); /* live_max has room again; false: nobody waits */
void tpi_wait_wake_all(struct tp_pool *pool);
/* At live_max: an idle object from any thread, a new one, or sleep until deadline_ns on
   CLOCK_MONOTONIC; 0: no sleep; -1: no deadline. NULL + errno. */
void *tpi_wait_get(struct tp_pool *pool, int64_t deadline_ns);
void tpi_wait_fork_child(struct tp_pool *pool); /* forgets the waiters that are gone */

/* --- check.c: TIDEPOOL=poolcheck=N, and the checked build --- */

void tpi_check_configure(uint64_t one_in, bool lossy);
bool tpi_check_is_on(void);
void tpi_check_made(struct tp_pool *pool, void *object); /* it belongs to this pool, in use */
bool tpi_check_got(struct tp_pool *pool, void *object);  /* false: construct failed again */
/* Before the callbacks of a put: is it this pool's, and in use? */
void tpi_check_put(struct tp_pool *pool, void *object);
/* It becomes idle: destructed and poisoned where the pool allows it. */
void tpi_check_idle(struct tp_pool *pool, void *object);
/* It is dropped: is it as it was put? True: destruct ran already. */
bool tpi_check_drop(struct tp_pool *pool, void *object);
bool tpi_check_lose(void); /* checked builds: drop this put, so that nobody relies on retention */

/* --- fork --- */

void tpi_check_fork_prepare(void); /* the innermost lock of all: last, and first to go */
void tpi_check_fork_parent(void);
void tpi_check_fork_child(void);

void tpi_pool_fork_prepare(void);
void tpi_pool_fork_parent(void);
void tpi_pool_fork_child(void);

#endif
