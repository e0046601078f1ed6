/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/gc: cycles. When one is due, who runs it, and what it does. Marking comes with the collector;
   today a cycle rotates every cache, drops what two cycles found idle, and gives pages back. */
#ifndef TPI_GC_H
#define TPI_GC_H

#include "base/base.h"
#include "cache/cache.h"
#include "heap/heap.h"
#include "os/os.h"

#include <tidepool/gc.h>

/* --- callbacks: whoever calls a user's function says so, so that what it calls does not wait
   --- */

void tpi_callback_enter(void);
void tpi_callback_leave(void);
bool tpi_in_callback(void);

/* --- service.c: the thread, and who does its work where there is none --- */

struct tpi_service_options {
    bool service;            /* false: cycles run on the thread that finds them due */
    int64_t period_ns;       /* a cycle at least this often; 0: never by time */
    const char *pressure;    /* the PSI file */
};
void tpi_service_configure(const struct tpi_service_options *options);
/* The first pool: from now on cycles start by themselves. */
void tpi_service_start(void);
/* Drops everything doomed and reaps dead pools. Returns after it is done, unless called from a
   callback, or `wait` is false. No lock may be held. */
void tpi_service_drop(bool wait);
/* Drops on this thread, and at once, what is doomed in this cache, and waits for others who drop
   something of it. For who may hold the loader's lock: it waits for nobody else. The caller sees to
   it that the cache is not closed meanwhile. */
void tpi_service_drop_here(struct tpi_cache *cache);
/* A cycle is due. May be called with locks of lower rank than SERVICE held. */
void tpi_service_cycle_due(void);
/* The heap holds TPI_PRESSURE_HEAP_MIN or more: memory pressure is worth a look now and then. */
enum { TPI_PRESSURE_HEAP_MIN = 16 << 20 };
void tpi_service_heap_is_large(void);
/* Where nothing is locked: runs what is due on this thread, where there is no service thread. */
void tpi_service_poll(void);
/* Called beside no cycle and no other reap. Filled by lib/runtime. */
extern void (*tpi_service_reap)(void);

/* --- pacer.c --- */

void tpi_pacer_configure(int percent, int64_t memory_limit);
void tpi_pacer_grown(void);      /* the heap took pages; locks up to PAGES may be held */
size_t
tpi_pacer_cycle_ended(bool pressure); /* sets the next trigger; bytes of idle pages to keep */

/* --- what pools and root arenas need of the collector: pooled.c --- */

/* A pool's explicit object of `size` bytes, at least the type's: zeroed, not collected; what its
   pointers lead to is kept alive until it is freed. NULL: ENOMEM. No lock held. */
void *tpi_gc_rooted_alloc(const tp_gc_type *type, size_t size);
void tpi_gc_rooted_free(void *object);
/* A pool's collected object. */
void *tpi_gc_pooled_alloc(const tp_gc_type *type);
/* A cache of collected objects: during marking it is closed (TPI_CLOSED_MARKING), its puts shade,
   and what idles in it is a root. Removed before it is closed. False: ENOMEM. */
bool tpi_gc_cache_add(struct tpi_cache *cache);
void tpi_gc_cache_remove(struct tpi_cache *cache);
/* Memory of a root arena: read conservatively. Giving back what is parked happens at the end of
   marking, by `release`. False: ENOMEM. */
bool tpi_gc_chunk_add(void *base, size_t bytes);
void tpi_gc_chunk_remove(void *base, size_t bytes, void (*release)(void *base, size_t bytes));

/* --- cycle.c --- */

/* Whether a collected object was ever allocated. If not, cycles need not mark. */
bool tpi_gc_is_used(void);
void tpi_gc_use(void); /* the first allocation: starts the service thread */
/* One cycle, all but giving pages back. Caller: lib/gc/service.c's busy thread, in a blocking region
   if it is attached. */
void tpi_cycle_run(void (*drop)(void));
/* While a handshake is stuck: called now and then with no lock held, so that drops go on. */
extern void (*tpi_cycle_stalled)(void);

/* --- fork --- */

void tpi_gc_fork_prepare(void);
void tpi_gc_fork_parent(void);
void tpi_gc_fork_child(void);
void tpi_pacer_fork_prepare(void); /* pacer.c's part of them */
void tpi_pacer_fork_parent(void);
void tpi_pacer_fork_child(void);

#endif
