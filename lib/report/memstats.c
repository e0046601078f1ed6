/* SPDX-License-Identifier: BSD-2-Clause */
/* Go's MemStats: the heap's, the caches' and the collector's numbers under Go's names.

   Explicit and collected objects are counted by different rooms and summed here. Frees are read
   before allocations, so that what is read while threads work has no more frees than allocations.
 */
#include <inttypes.h>

#include "report/report.h"

#include <tidepool/heap.h>
#include <tidepool/stats.h>

_Static_assert(sizeof((tp_memstats *)0)->pause_ns / sizeof(uint64_t) == TPI_PAUSES,
               "the public ring of pauses has the collector's length");

static uint64_t above_zero(uint64_t minuend, uint64_t subtrahend)
{
    return minuend > subtrahend ? minuend - subtrahend : 0;
}

void tp_memstats_read(tp_memstats *stats)
{
    struct tpi_heap_totals totals;
    struct tpi_gc_stats gc;
    tp_heap_stats heap;
    uint64_t freed = tpi_sizes_freed_bytes();
    tpi_heap_totals(&totals);
    tp_heap_stats_read(&heap);
    tpi_gc_stats_read(&gc);
    *stats = (tp_memstats){
        .total_alloc = heap.allocated + gc.allocated_bytes,
        .alloc = above_zero(heap.allocated + gc.allocated_bytes, freed + gc.freed_bytes),
        .mallocs = heap.allocations + gc.mallocs,
        .frees = heap.frees + gc.frees,
        .heap_inuse = heap.in_use,
        .heap_idle = heap.idle + heap.released,
        .heap_released = heap.released,
        .stack_inuse = gc.stack_bytes,
        .mspan_inuse = totals.spans * sizeof(struct tpi_span),
        .mspan_sys = totals.metadata,
        .mcache_inuse = tpi_cache_span_bytes(),
        .mcache_sys = tpi_cache_metadata(),
        .next_gc = gc.goal,
        .last_gc = gc.last_end_ns,
        .pause_total_ns = gc.pause_total_ns,
        .pause_max_ns = gc.pause_max_ns,
        .num_gc = gc.cycles,
        .num_forced_gc = gc.cycles_forced,
        .gc_cpu_fraction = gc.cpu_fraction,
        .enable_gc = gc.percent >= 0,
    };
    stats->heap_alloc = stats->alloc;
    stats->heap_objects = above_zero(stats->mallocs, stats->frees);
    stats->heap_sys = stats->heap_inuse + stats->heap_idle;
    stats->sys = stats->heap_sys + stats->mspan_sys + stats->mcache_sys;
    memcpy(stats->pause_ns, gc.pause_ns, sizeof stats->pause_ns);
    memcpy(stats->pause_end, gc.pause_end_ns, sizeof stats->pause_end);
}

/* In the order of the struct. */
#define NUMBERS(X)                                                                                 \
    X(alloc)                                                                                       \
    X(total_alloc)                                                                                 \
    X(sys)                                                                                         \
    X(mallocs)                                                                                     \
    X(frees)                                                                                       \
    X(heap_alloc)                                                                                  \
    X(heap_sys)                                                                                    \
    X(heap_idle)                                                                                   \
    X(heap_inuse)                                                                                  \
    X(heap_released)                                                                               \
    X(heap_objects)                                                                                \
    X(stack_inuse)                                                                                 \
    X(mspan_inuse)                                                                                 \
    X(mspan_sys)                                                                                   \
    X(mcache_inuse)                                                                                \
    X(mcache_sys)                                                                                  \
    X(next_gc)                                                                                     \
    X(last_gc)                                                                                     \
    X(pause_total_ns)                                                                              \
    X(pause_max_ns)                                                                                \
    X(num_gc)                                                                                      \
    X(num_forced_gc)

static int print_pauses(FILE *stream, const tp_memstats *stats)
{
    enum { LAST = 10 };
    int written = fprintf(stream, "pause_ns");
    uint64_t n = tpi_min(stats->num_gc, (uint64_t)LAST);
    for (uint64_t i = 0; i < n && written >= 0; i++)
        written = fprintf(stream, " %" PRIu64,
                          stats->pause_ns[(stats->num_gc + TPI_PAUSES - 1 - i) % TPI_PAUSES]);
    return written < 0 ? written : fprintf(stream, "\n");
}

int tp_memstats_print(FILE *stream)
{
    tp_memstats stats;
    tp_memstats_read(&stats);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
#define NUMBER_ROW(name) {#name, stats.name},
        NUMBERS(NUMBER_ROW)
#undef NUMBER_ROW
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (fprintf(stream, "%s %" PRIu64 "\n", numbers[i].name, numbers[i].value) < 0)
            return -1;
    if (print_pauses(stream, &stats) < 0 || fprintf(stream, "gc_cpu_fraction %.6f\nenable_gc %d\n",
                                                    stats.gc_cpu_fraction, stats.enable_gc) < 0)
        return -1;
    return 0;
}
