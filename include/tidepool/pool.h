/* SPDX-License-Identifier: BSD-2-Clause */
/* Object pools that behave like Go's sync.Pool, by their prefixed names.

   A pool keeps what was put for whoever gets next. Idle objects live in per-thread magazines; an
   object that stays idle through two collection cycles is dropped, whether its thread runs,
   sleeps or computes. All functions may be called by any thread at any time, but not from a
   signal handler; put keeps errno. Callbacks run with no lock of the library held: make,
   construct, keep and reset on the calling thread, destruct on the service thread for what a
   cycle, tp_pool_trim or tp_pool_destroy drops, on the putting thread for what a put drops (keep,
   idle_max, destroyed). With TIDEPOOL=service=0 destruct may run in any get, put or allocation. */
#ifndef TIDEPOOL_POOL_H
#define TIDEPOOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidepool/attrs.h>
#include <tidepool/detail/local.h>
#include <tidepool/gc.h>

TP_BEGIN_DECLS

typedef struct tp_pool tp_pool;

/* The objects themselves are collected: one that is in use may be pointed at from the collected
   heap, and one that nothing leads to any more may just be forgotten instead of being put. */
#define TP_POOL_COLLECTED 1u

typedef struct tp_pool_options {
    const char *name; /* in stats and profiles; copied; may be NULL */
    size_t size, align; /* bytes; size 0: the gc_type's, or objects come from make() */
    void *(*make)(void *context);                    /* foreign object, NULL = failed */
    /* Once per object made; 0, or a negative errno that get then fails with (EINVAL if
       positive). */
    int (*construct)(void *object, void *context);
    void (*reset)(void *object, void *context);      /* on every put; not on a new object */
    bool (*keep)(const void *object, void *context); /* on put, before reset; false: drop it now */
    void (*destruct)(void *object, void *context);   /* once, when dropped */
    void *context;                                   /* handed to every callback */
    /* Bound on idle objects, 0 = none. Room that a thread has set aside counts, so a put on another
       thread may drop somewhat before the bound is reached. */
    size_t idle_max;
    size_t live_max;                                 /* bound on objects that exist, 0 = none */
    /* Where objects point into the collected heap; NULL: nowhere. What they point to lives while
       they are in use or idle, and no longer. */
    const tp_gc_type *gc_type;
    unsigned flags; /* 0 or TP_POOL_COLLECTED */
} tp_pool_options;

/* Pools with a gc_type or TP_POOL_COLLECTED:
   - No make; align is 16 at most. Objects are zeroed when they are made, before construct runs;
     tools do not see that idle ones are out of bounds.
   - Pointers are stored into them with tp_gc_store, in construct too, or between tp_gc_edit_begin
     and tp_gc_edit_end.
   - get, put and reserve attach their thread. Get fails with ENOMEM where that fails. destruct runs
     attached.
   - Without TP_POOL_COLLECTED an object is explicit, as in other pools: in use until it is put.
   - With it, destruct runs for what the pool drops (cycles, trim, destroy, keep, idle_max) and not
     for what was forgotten; the dropped memory is the collector's. There is no live_max, and no
     cleanup: destruct is that. After tp_pool_destroy nothing may be put: the pool does not linger.
     While a cycle marks, each get and put is a call. */

/* With keep or reset a put is a call, under the thread's own lock for a moment; without, it is
   inlined. Where a new object must be as one that was reset, give construct too. */

/* One pool's counters, all since it was created, but for idle, live and waiting: those are now.
   Read while other threads work, they are a little apart from each other. */
typedef struct tp_pool_stats {
    uint64_t gets;    /* objects handed out */
    uint64_t puts;    /* objects taken back (NULL not counted) */
    uint64_t hits;    /* gets that an idle object served */
    uint64_t misses;  /* gets that had to make one */
    uint64_t made;    /* objects made, by gets and by tp_pool_reserve */
    uint64_t dropped; /* objects destructed and given back */
    uint64_t idle;    /* objects that nobody uses now */
    uint64_t live;    /* objects that exist now: idle ones and those in use. Of collected ones: made
                         less dropped, so with those that were forgotten */
    uint64_t waits;   /* tp_pool_get_wait calls that slept */
    uint64_t waiting; /* threads that sleep in tp_pool_get_wait now */
    uint64_t stolen;  /* objects taken from other threads' spare magazines */
    uint64_t refused; /* gets that ended in EAGAIN */
    uint64_t capacity; /* objects that one magazine holds now */
} tp_pool_stats;

/* Creates a pool. The options are copied. The caller owns it: tp_pool_destroy.
   NULL and errno: EINVAL (no size, make or gc_type; make with a size or without destruct; align not
   a power of two; an unknown flag; a size below the gc_type's, make, align above 16 or live_max
   where the collector has a part in it), EOVERFLOW (size too large), ENOMEM, or EAGAIN when
   TP_POOLS_MAX pools exist. Any thread. */
TP_API TP_NODISCARD tp_pool *tp_pool_create(const tp_pool_options *options);

/* The bound on pools that exist at one time in a process. */
#define TP_POOLS_MAX 8119

/* Drops what is idle and gives the pool back. Objects still in use may be put later: the pool
   lingers until the last one was. Returns after the idle objects were destructed, unless called
   from a callback. Threads that sleep in tp_pool_get_wait (tp_pool_stats.waiting) return NULL with
   EINVAL. NULL is ignored. No get may run at the same time or begin later. */
TP_API void tp_pool_destroy(tp_pool *pool);

/* Like tp_pool_get, but at live_max waits for a put: at most timeout_ns nanoseconds, for ever when
   negative. NULL and errno EAGAIN when the time is over; otherwise as tp_pool_get. */
TP_API TP_NODISCARD void *tp_pool_get_wait(tp_pool *pool, int64_t timeout_ns);

/* Gets up to n objects into objects[]; returns how many, and where fewer, errno as tp_pool_get. */
TP_API size_t tp_pool_get_many(tp_pool *pool, void **objects, size_t n);

/* Puts n objects; a NULL among them is ignored. */
TP_API void tp_pool_put_many(tp_pool *pool, void **objects, size_t n);

/* Makes objects until n are idle; returns how many of the n are ready. Fewer at live_max, at
   idle_max or for want of memory: errno then says which (EAGAIN, ENOMEM). */
TP_API size_t tp_pool_reserve(tp_pool *pool, size_t n);

/* Drops everything idle now, what other threads hold too, and returns after it was destructed,
   unless called from a callback. */
TP_API void tp_pool_trim(tp_pool *pool);

/* Fills *stats. Sums per-thread counters: microseconds, no lock that a get or put waits for
   long. */
TP_API void tp_pool_stats_read(tp_pool *pool, tp_pool_stats *stats);

/* What the inlined calls fall back on. Not for applications. */
TP_API TP_NODISCARD void *tp_detail_pool_get(tp_pool *pool);
TP_API void tp_detail_pool_put(tp_pool *pool, void *object);

/* A pool's address says its place in every thread's table of caches: pools lie in one region,
   aligned to its size, at TP_DETAIL_POOL_BYTES times their number. So an inlined call reads
   nothing of the pool. NULL leads to the closed record at the table's head. */
#define TP_DETAIL_POOL_BYTES 1024u
#define TP_DETAIL_POOLS_BYTES (8192u * TP_DETAIL_POOL_BYTES)

TP_ALWAYS_INLINE struct tp_detail_local *tp_detail_pool_local(const tp_pool *pool)
{
    uintptr_t place = (uintptr_t)pool & (TP_DETAIL_POOLS_BYTES - 1);
    return tp_detail_local_at((uint32_t)(place / (TP_DETAIL_POOL_BYTES / 64)));
}

/* Takes an object back. It must have come from this pool. NULL is ignored. Keeps errno.
   keep, where the pool has it, runs first, then reset, on this thread. */
#ifdef TP_CALLS
TP_API void tp_pool_put(tp_pool *pool, void *object);
#else
static inline void tp_pool_put(tp_pool *pool, void *object)
{
    if (TP_UNLIKELY(!tp_detail_put(tp_detail_pool_local(pool), object)))
        tp_detail_pool_put(pool, object);
}
#endif

/* Hands out an idle object as it was put (it is not zeroed), or a new one: made by the pool's make,
   or memory of `size` bytes with undefined contents (zeroed with gc_type or TP_POOL_COLLECTED) on
   which construct was run.
   The caller owns it until tp_pool_put. NULL and errno: ENOMEM, EAGAIN at live_max, or the error
   that construct returned. */
#ifdef TP_CALLS
TP_API TP_NODISCARD TP_FREED_BY(tp_pool_put, 2) void *tp_pool_get(tp_pool *pool);
#else
TP_NODISCARD static inline void *tp_pool_get(tp_pool *pool)
{
    void *object;
    if (TP_UNLIKELY(!tp_detail_get(tp_detail_pool_local(pool), &object)))
        return tp_detail_pool_get(pool);
    return object;
}
#endif

/* A static pool that creates itself at its first get. */
struct tp_detail_pool_static {
    uint32_t offset; /* of the pool's records in threads' tables, bytes; 0 until the pool exists */
    tp_pool *pool;
    tp_pool_options options;
};

/* The offset is set while other threads may read it; a thread that sees it finds its record closed
   or open, and either is right. */
TP_ALWAYS_INLINE struct tp_detail_local *
tp_detail_static_local(const struct tp_detail_pool_static *self)
{
    return tp_detail_local_at(__atomic_load_n(&self->offset, __ATOMIC_RELAXED));
}

TP_API tp_pool *tp_detail_pool_static_pool(struct tp_detail_pool_static *self);
TP_API void tp_detail_pool_static_put(struct tp_detail_pool_static *self, void *object);
TP_API TP_NODISCARD TP_FREED_BY(tp_detail_pool_static_put, 2)
void *tp_detail_pool_static_get(struct tp_detail_pool_static *self);
TP_API void tp_detail_pool_static_unload(struct tp_detail_pool_static *self);

/* Defines a typed pool for this file: NAME_get(), NAME_put(object), and NAME_pool() for the calls
   that take a tp_pool *. Options follow as designated initialisers and may be left out:

       TP_POOL_DEFINE(line, struct line, .reset = line_reset)

   No semicolon follows. The pool lives as long as the program or plugin that defines it; with
   .make, size and align are ignored. A plugin must have put everything before it is unloaded. */
#define TP_POOL_DEFINE(NAME, ...) TP_DETAIL_POOL_DEFINE(NAME, __VA_ARGS__, )

#ifdef TP_CALLS
#define TP_DETAIL_STATIC_GET(self, object) (0)
#define TP_DETAIL_STATIC_PUT(self, object) (0)
#else
#define TP_DETAIL_STATIC_GET(self, object) tp_detail_get(tp_detail_static_local(self), object)
#define TP_DETAIL_STATIC_PUT(self, object) tp_detail_put(tp_detail_static_local(self), object)
#endif

#define TP_DETAIL_POOL_DEFINE(NAME, TYPE, ...)                                                     \
    TP_DETAIL_QUIET_BEGIN                                                                          \
    static struct tp_detail_pool_static NAME##_pool_static = {                                     \
        .offset = 0,                                                                               \
        .pool = NULL,                                                                              \
        .options = {.name = #NAME, .size = sizeof(TYPE), .align = TP_ALIGNOF(TYPE), __VA_ARGS__}}; \
    TP_DETAIL_QUIET_END                                                                            \
    __attribute__((destructor(102))) static void NAME##_pool_unload(void)                          \
    {                                                                                              \
        tp_detail_pool_static_unload(&NAME##_pool_static);                                         \
    }                                                                                              \
    __attribute__((unused)) static inline tp_pool *NAME##_pool(void)                               \
    {                                                                                              \
        return tp_detail_pool_static_pool(&NAME##_pool_static);                                    \
    }                                                                                              \
    __attribute__((unused)) static inline void NAME##_put(TYPE *object)                            \
    {                                                                                              \
        if (TP_UNLIKELY(!TP_DETAIL_STATIC_PUT(&NAME##_pool_static, object)))                       \
            tp_detail_pool_static_put(&NAME##_pool_static, object);                                \
    }                                                                                              \
    TP_NODISCARD __attribute__((unused)) static inline TYPE *NAME##_get(void)                      \
    {                                                                                              \
        void *object;                                                                              \
        if (TP_UNLIKELY(!TP_DETAIL_STATIC_GET(&NAME##_pool_static, &object)))                      \
            object = tp_detail_pool_static_get(&NAME##_pool_static);                               \
        return (TYPE *)object;                                                                     \
    }

TP_END_DECLS

#endif
