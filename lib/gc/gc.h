/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/gc: cycles. When one is due, who runs it, and what it does: rotate every cache, drop what two
   cycles found idle, mark and sweep the collected heap, give pages back. docs/COLLECTOR.md. */
#ifndef TPI_GC_H
#define TPI_GC_H

#include "base/base.h"
#include "cache/cache.h"
#include "heap/heap.h"
#include "os/os.h"

#include <tidepool/gc.h>

/* --- callbacks: whoever calls a user's function says so, and what it calls does not wait --- */

void tpi_callback_enter(void);
/* The same for a pool's destruct, or a cleanup (pool NULL): named where it holds up cycles. */
void tpi_callback_enter_named(uintptr_t function, const char *pool);
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
/* One whole cycle that begins from now on; not from a callback. Returns when it has ended, or when
   a thread that does not answer holds it up for a second. */
void tpi_service_cycle_wait(void);
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
/* Sets the next trigger; bytes of idle pages to keep. */
size_t tpi_pacer_cycle_ended(bool pressure);

/* --- what pools and root arenas need of the collector: pooled.c --- */

/* A pool's explicit object of `size` bytes, at least the type's: zeroed, not collected; what its
   pointers lead to is kept alive until it is freed. NULL: ENOMEM. No lock held. */
void *tpi_gc_rooted_alloc(const tp_gc_type *type, size_t size);
void tpi_gc_rooted_free(void *object);
/* A pool's collected object of `size` bytes, at least the type's; type NULL: without pointers.
   NULL: ENOMEM. */
void *tpi_gc_pooled_alloc(const tp_gc_type *type, size_t size);
/* Whether it is the start of one. */
bool tpi_gc_is_pooled(const void *object);
/* Whether a layout is of a pool's objects, explicit or collected. */
bool tpi_gc_is_pools(const void *layout);
/* A cache of collected objects: during marking it is closed (TPI_CLOSED_MARKING), its puts shade,
   and what idles in it is a root. Added before it is opened, removed before it is closed, which is
   beside no cycle. */
void tpi_gc_cache_add(struct tpi_cache *cache);
void tpi_gc_cache_remove(struct tpi_cache *cache);
/* Memory of a root arena, zeroed: each of its words may be a pointer. NULL: ENOMEM. Removing calls
   release(owner): at once, or at the end of marking, which may read it until then. No lock held. */
struct tpi_gc_chunk *tpi_gc_chunk_add(void *base, size_t bytes);
void tpi_gc_chunk_remove(struct tpi_gc_chunk *chunk, void (*release)(void *owner), void *owner);

/* --- cycle.c --- */

/* Whether a collected object was ever allocated. If not, cycles need not mark. */
bool tpi_gc_is_used(void);
/* The first allocation: starts the service thread, takes the signal. */
void tpi_gc_use(void);
/* One cycle, all but giving pages back; cleanups have run. forced: somebody called tp_gc_collect.
   Caller: lib/gc/service.c's busy thread, in a blocking region if it is attached. */
void tpi_cycle_run(void (*drop)(void), bool forced);
/* While a handshake is stuck for a second: called now and then with no lock held, so that drops go
   on, and who waits for the cycle does not. Filled by service.c. */
extern void (*tpi_cycle_stalled)(void);

enum { TPI_WORKERS_MAX = 64 };
struct tpi_gc_options {
    bool checkmark, stw, scribble, wbcheck, dso_roots;
    int signal;       /* for who does not answer; 0: none */
    unsigned workers; /* beside the collecting thread; 0: by the cores */
};
extern struct tpi_gc_options tpi_gc_options;
void tpi_gc_configure(const struct tpi_gc_options *options); /* before any cycle */

/* --- stats.c --- */

enum { TPI_PAUSES = 256 };

/* Of all cycles, and of the collected heap. Each number is read by itself. */
struct tpi_gc_stats {
    uint64_t cycles, cycles_forced;
    uint64_t last_end_ns; /* since 1970; 0: none */
    /* Of a cycle: the longest that one thread was held up. [(n + 255) % 256]: of the n-th. */
    uint64_t pause_ns[TPI_PAUSES], pause_end_ns[TPI_PAUSES];
    uint64_t pause_total_ns, pause_max_ns;
    double cpu_fraction; /* of the processors' time since the start */
    int percent;         /* -1: growth starts no cycle */
    uint64_t goal;       /* bytes at which the next cycle ends; UINT64_MAX: growth starts none */
    uint64_t mallocs, frees, allocated_bytes, freed_bytes; /* since the start */
    uint64_t span_bytes, stack_bytes;
};
void tpi_gc_stats_read(struct tpi_gc_stats *stats);

/* What gctrace tells of one cycle. */
struct tpi_cycle_trace {
    uint64_t number;
    bool forced;
    int64_t since_start_ns;
    double cpu_fraction;
    int64_t setup_ns, mark_ns, finish_ns; /* wall */
    int64_t setup_cpu_ns, assist_cpu_ns, background_cpu_ns, finish_cpu_ns;
    uint64_t heap_begin, heap_end, heap_marked, goal, stack_bytes, root_bytes;
    unsigned cores;
    uint64_t signals;    /* sent to threads that had not answered */
    const char *straggler; /* the name of one of the last */
    int32_t straggler_tid;
};
/* Called at the end of each cycle, by the collecting thread, no lock held; may be NULL. Filled by
   lib/runtime. */
extern void (*tpi_cycle_traced)(const struct tpi_cycle_trace *trace);

/* --- fork --- */

/* The calling thread is nobody else's to answer for until the fork is over. Before any lock. */
void tpi_collector_fork_claim(void);
void tpi_collector_fork_prepare(void); /* between the caches' and the heap's */
void tpi_collector_fork_parent(void);
void tpi_collector_fork_child(void);
void tpi_gc_fork_prepare(void); /* behind the heap's */
void tpi_gc_fork_parent(void);
void tpi_gc_fork_child(void);
void tpi_pacer_fork_prepare(void); /* pacer.c's part of them */
void tpi_pacer_fork_parent(void);
void tpi_pacer_fork_child(void);

#endif
