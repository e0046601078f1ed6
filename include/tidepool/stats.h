/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics of the whole library, by their prefixed names: Go's runtime.MemStats, where a field of
   it means something here. All pools and the collector stand on one heap, which this counts. */
#ifndef TIDEPOOL_STATS_H
#define TIDEPOOL_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <tidepool/attrs.h>

TP_BEGIN_DECLS

/* In bytes unless said otherwise. Explicit objects (tp_heap_alloc's, pools', arenas', ...) and
   collected ones count together, each as its whole slot or pages. Explicit ones that are idle in a
   pool count as objects; those that are idle in the heap's own caches do not.
   Go's Lookups, StackSys, MCacheSys's kin, BuckHashSys, OtherSys, DebugGC and BySize have no field.
 */
typedef struct tp_memstats {
    /* Everything. */
    uint64_t alloc;       /* of objects that were allocated and not freed; heap_alloc is the same */
    uint64_t total_alloc; /* of objects, since the process began; never falls */
    uint64_t sys;         /* address space in use: heap_sys + mspan_sys + mcache_sys */
    uint64_t mallocs;     /* count of objects allocated, since the process began */
    uint64_t frees;       /* count of objects freed, by tp_heap_free or a sweep */

    /* The heap. */
    uint64_t heap_alloc;    /* dead collected objects included, until they are swept */
    uint64_t heap_sys;      /* heap_inuse + heap_idle */
    uint64_t heap_idle;     /* pages without objects; heap_released of them are not resident */
    uint64_t heap_inuse;    /* pages of spans that hold objects */
    uint64_t heap_released; /* pages given back to the operating system, or never used */
    uint64_t heap_objects;  /* count: mallocs - frees */

    /* Other memory. */
    uint64_t stack_inuse; /* of attached threads' stacks, as the last cycle searched them; memory of
                             the system's, in none of the sums */
    uint64_t mspan_inuse; /* of descriptors of spans that hold objects */
    uint64_t mspan_sys;   /* of all descriptors, of the map from addresses to them, of mark bytes */
    uint64_t mcache_inuse; /* of magazines, in which caches keep idle objects */
    uint64_t mcache_sys;   /* of magazines and thread records */

    /* Cycles. A pause here is the longest that any one thread was held up at a time for the
       collector's sake: no moment holds all up. It is wall time: where the thread lost its
       processor meanwhile, that counts too. Waiting for a whole cycle does not (near the memory
       limit, in tp_gc_collect, or because the thread runs it with TIDEPOOL=service=0). */
    uint64_t next_gc; /* heap size that the next cycle aims at; UINT64_MAX: growth starts none */
    uint64_t last_gc; /* ns since 1970 at which the last cycle ended; 0: there was none */
    uint64_t pause_total_ns; /* sum of all cycles' pauses */
    uint64_t pause_max_ns;   /* of all cycles */
    uint64_t pause_ns[256];  /* of the last 256 cycles; the last one's at [(num_gc + 255) % 256] */
    uint64_t pause_end[256]; /* ns since 1970 at which that cycle ended */
    uint64_t num_gc;         /* count of cycles that have ended */
    uint64_t num_forced_gc;  /* of them, those that tp_gc_collect asked for */
    double gc_cpu_fraction;  /* of the processors' time since the start, what cycles took: 0 to 1 */
    bool enable_gc;          /* growth starts cycles (tp_gc_percent_set) */
} tp_memstats;

/* Fills *stats. Sums per-thread counters while threads go on: numbers that are read at different
   times need not agree to the last one, but when other threads are idle they do. Any thread. */
TP_API void tp_memstats_read(tp_memstats *stats);

/* Writes them all, a line `name value` for each; of pauses, the last ten. 0; -1 + errno of the
   stream. Any thread. */
TP_API int tp_memstats_print(FILE *stream);

TP_END_DECLS

#endif
