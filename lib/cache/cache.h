/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/cache: the one caching mechanism. A cache holds idle objects of one kind (a size class of the
   heap, a pool) as magazines: in threads, one loaded (what the inlined path sees), one previous
   and a short list of victims; and in its depot and victim depot, lock-free stacks of magazines.

   docs/design/rseq.md is the protocol between a thread and those who take from it. The invariants:

   I1. A local record's limits are open only if its cache may be inlined, its thread has a place to
       announce sequences, and nobody holds the record's lock.
   I2. Everything in a local record but word, and the slots of the loaded magazine, changes only
       under its thread record's lock. Those two change under the lock with limits closed and
       fenced, or in a sequence of the owner's while they are open.
   I3. A magazine is in one place: loaded, previous, in a victims list, in a stack, or in one
       function's hands. So an idle object is in one place.
   I4. A stack's magazines are never unmapped; a stale read of a next does no harm.
   I5. Under a record's lock its owner locks nothing (but what shade needs), and nobody's callback
   runs.

   Collected objects. While a cycle marks, their caches are closed (TPI_CLOSED_MARKING) and each is
   looked at once, whole, by tpi_cache_visit_idle. From the closing on no magazine goes from a depot
   to a thread, so that none gets from where the visit is still to come to where it was; and what
   becomes idle is shaded. lib/gc/pooled.c has the argument.

   Counting. A word's upper bits count hits. Every change of objects[] that is no get and no put
   adds its size to balance; so puts = level - balance + hits, and the fast path counts for free. */
#ifndef TPI_CACHE_H
#define TPI_CACHE_H

#include "base/base.h"
#include "heap/heap.h"
#include "os/os.h"

#include <tidepool/detail/local.h>

enum {
    TPI_CACHES_MAX = 8192, /* size classes and pools at one time; number 0 is always closed */
    TPI_MAGAZINE_MAX = 62, /* objects in the largest magazine */
    TPI_CLOSED_FLOOR = 0xffff
};

/* One stack of magazines: the top one's number, and a tag that grows with every change. */
struct tpi_stack {
    uint64_t head;
};

/* Why a cache's limits stay closed: bits of tpi_cache.closed. */
enum tpi_closed {
    TPI_CLOSED_WAITING = 1,   /* somebody waits for each put */
    TPI_CLOSED_CHECKING = 2,  /* every get and put is looked at */
    TPI_CLOSED_DESTROYED = 4, /* nothing may become idle here again */
    TPI_CLOSED_MARKING = 8,   /* collected objects, and a cycle marks: puts shade */
    TPI_CLOSED_TO_PUTS = TPI_CLOSED_WAITING | TPI_CLOSED_DESTROYED
};

struct tpi_cache {
    uint32_t number;
    bool calls_on_put;      /* an inlined put would miss a callback */
    uint32_t closed;        /* atomic; read under a record's lock before its limits are opened */
    uint32_t capacity;      /* atomic; objects in a new magazine; tuned by cycles */
    uint32_t capacity_base; /* by the object's size */
    uint32_t capacity_max;
    uint64_t bytes;    /* of an object; 0: unknown */
    uint64_t idle_max; /* 0: no bound */
    /* The three steps of dropping n objects that nobody holds any more (rotate.c). end: one object,
       callbacks and all, no lock held; may be NULL. give_back: their memory and their count, under
       the closers' lock; locks of higher rank alone. given_back: what may wake or free, no lock
       held; may be NULL. */
    void (*end)(struct tpi_cache *self, void *object);
    void (*give_back)(struct tpi_cache *self, void **objects, uint32_t n);
    void (*given_back)(struct tpi_cache *self, uint32_t n);
    /* Collected objects: keeps n of them alive through the marking that is under way. Takes locks
       of higher rank than ROOTS alone. */
    void (*shade)(void *const *objects, size_t n);
    bool needs_attached; /* limits are open only while their thread is attached to the collector */
    struct tpi_cache *next_collected; /* lib/gc/pooled.c's list */

    /* One line: who brings a full magazine mostly takes an empty one, and the other way round. */
    struct tpi_stack depot TPI_ALIGNED(TPI_CACHE_LINE); /* whole magazines, newest first */
    struct tpi_stack empties; /* magazines of the current capacity; given back by the next cycle */

    struct tpi_stack victims TPI_ALIGNED(TPI_CACHE_LINE); /* the depot's at the last cycle */
    uint64_t budget;            /* atomic; of idle_max, what magazines may still hold */
    uint64_t contention;        /* atomic; lost races for the depot's head */
    uint64_t contention_seen;   /* at the last cycle */
    uint64_t hits_retired;      /* atomic; of threads that ended */
    uint64_t puts_retired;      /* atomic */
    uint64_t stolen;            /* atomic */
    struct tpi_stack doomed;    /* magazines to be dropped */
    struct tpi_stack unvisited; /* of a tpi_cache_visit_idle that is under way */
    uint32_t owed; /* atomic; in a fork's child: given back, given_back not yet called */
};

struct tpi_cache_counts {
    uint64_t hits, puts, stolen;
};

/* --- one cache: registry.c --- */

/* The lowest number that no cache has; 0: EAGAIN, all are taken. It is the caller's until
   tpi_cache_close, or tpi_cache_number_give where it was not used. */
uint32_t tpi_cache_number_take(void);
void tpi_cache_number_give(uint32_t number);
/* Opens a cache under a number. bytes 0: unknown size. The caller has filled calls_on_put,
   closed, bytes, idle_max and the steps of dropping. */
void tpi_cache_open(struct tpi_cache *cache, uint32_t number);
/* After tpi_cache_take with TPI_CLOSED_DESTROYED set: gives the number back. Not beside a cycle. */
void tpi_cache_close(struct tpi_cache *cache);
void tpi_cache_counts(struct tpi_cache *cache, struct tpi_cache_counts *counts);

/* --- the slow path: traffic.c --- */

/* An idle object, from wherever one is to be had without taking it out of another thread's loaded
   magazine; NULL: none. */
void *tpi_cache_get(struct tpi_cache *cache);
/* False: nothing was kept (bounds, no memory for a magazine, or cache->closed has one of the bits
   WAITING and DESTROYED): the object is still the caller's. */
bool tpi_cache_put(struct tpi_cache *cache, void *object);
/* The same; when false, *closed says whether it was for WAITING or DESTROYED. */
bool tpi_cache_put_unless(struct tpi_cache *cache, void *object, bool *closed);
/* The same for many; how many it got or kept. */
size_t tpi_cache_get_many(struct tpi_cache *cache, void **objects, size_t n);
size_t tpi_cache_put_many(struct tpi_cache *cache, void *const *objects, size_t n);
/* An object from the depot, the victim depot, what is not visited yet, or doomed and not yet
   dropped. */
void *tpi_cache_get_shared(struct tpi_cache *cache);
/* Puts objects that were never handed out into the depot (loaded first, if `load`). How many
   fit. */
size_t tpi_cache_fill(struct tpi_cache *cache, void *const *objects, size_t n, bool load);
/* For a put that tpi_cache_put refused because somebody waits: into the depot, counted as a put. */
bool tpi_cache_put_shared(struct tpi_cache *cache, void *object);
/* A put that ended with the object dropped, or refused before the cache saw it. */
void tpi_cache_count_put(struct tpi_cache *cache);

/* --- taking from all threads: close.c, rotate.c --- */

enum tpi_take {
    TPI_TAKE_TO_DEPOT, /* idle objects stay idle, where everybody sees them */
    TPI_TAKE_TO_DOOM   /* they go to the cache's doomed chain, the depots' too */
};
void tpi_cache_take(struct tpi_cache *cache, enum tpi_take how);
/* Calls visit for all that idles or is doomed in a cache with TPI_CLOSED_MARKING, magazine by
   magazine, with the closers' lock held. Idle objects go to the victim depot. By one thread at a
   time, beside no rotation. */
void tpi_cache_visit_idle(struct tpi_cache *cache,
                          void (*visit)(void *const *objects, size_t n, void *context),
                          void *context);
/* Returns when each put has ended that saw a bit of cache->closed before it was cleared. */
void tpi_cache_puts_end(struct tpi_cache *cache);
/* The calling thread detaches from the collector: its limits of caches that need it are closed. */
void tpi_cache_close_here(void);
/* A cycle: what is idle becomes a victim, what was a victim is doomed. All caches. One at a time,
   and no cache is closed meanwhile. */
void tpi_cache_rotate_all(void);
/* Drops what is doomed in one cache, or in all. May run callbacks: no lock held. */
void tpi_cache_drop_doomed(struct tpi_cache *cache);
/* Whether another thread is in the midst of dropping something of this cache. */
bool tpi_cache_is_dropped_elsewhere(const struct tpi_cache *cache);
void tpi_cache_drop_doomed_all(void);

/* --- the size classes' caches: sizes.c --- */

void tpi_sizes_open(void);
/* Called at the end of a slow heap allocation, no lock held. Filled by lib/runtime. */
extern void (*tpi_sizes_poll)(void);
/* Gives n objects of this heap back, past the caches: for what a cycle drops. */
void tpi_sizes_free_now(void **objects, size_t n);
/* Of what was freed since the process began: of slots and pages, as tp_heap_stats counts allocated.
 */
uint64_t tpi_sizes_freed_bytes(void);

/* --- bounds, modes and memory: registry.c, magazine.c, thread.c --- */

enum tpi_sequences {
    TPI_SEQUENCES_OFF,   /* limits stay closed; the slow path does the work */
    TPI_SEQUENCES_ON,    /* restartable sequences, closed by membarrier */
    TPI_SEQUENCES_ASSUME /* tests: one thread that nothing restarts, no cycle beside it */
};
/* Starts the library, where its constructor has not run yet; else nothing. It is lib/runtime's;
   weak, so that a room's tests can do without. */
void tpi_start(void) __attribute__((weak));
void tpi_start_ensure(void);
extern const char tpi_runtime_is_linked; /* named by who needs it, so that an archive brings it */
void tpi_sequences_set(enum tpi_sequences mode); /* before the second thread */
void tpi_sequences_fence(void); /* every sequence begun before has ended or starts again */
bool tpi_sequences_on(void);
void tpi_cached_bytes_max_set(uint64_t bytes); /* all caches together; 0: none */
/* Bytes of the heap's spans that hold magazines, in use or not: they are not what users keep. */
uint64_t tpi_cache_span_bytes(void);
uint64_t tpi_cache_metadata(void); /* bytes of magazines and thread records */
void tpi_magazines_release(void);  /* gives whole chunks of free ones back */

/* --- fork --- */

void tpi_cache_fork_prepare(void); /* closes, fences and locks every record */
void tpi_cache_fork_parent(void);
void tpi_cache_fork_child(void); /* what other threads held goes to the depots */

#include "cache/many.h"

#endif
