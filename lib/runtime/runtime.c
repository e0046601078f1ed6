/* SPDX-License-Identifier: BSD-2-Clause */
/* Start, wiring and fork: the only room that sees all others.

   The constructor runs when the library is loaded, before main. What uses a pool or the heap
   earlier (another constructor) finds every limit closed and works by the slow path until then. */
#include <stdlib.h>

#include "cache/cache.h"
#include "gc/gc.h"
#include "heap/heap.h"
#include "os/os.h"
#include "pool/pool.h"
#include "report/report.h"
#include "runtime/options.h"

#include <tidepool/version.h>

const char tpi_runtime_is_linked = 1;

const char *tp_version(void)
{
    return TP_VERSION_STRING;
}

/* --- fork: all locks in rank order, so that the child finds everything whole --- */

static void fork_prepare(void)
{
    tpi_collector_fork_claim();
    tpi_pool_fork_prepare();
    tpi_cache_fork_prepare();
    tpi_collector_fork_prepare();
    tpi_heap_fork_prepare();
    tpi_gc_fork_prepare();
    tpi_check_fork_prepare();
}

static void fork_parent(void)
{
    tpi_check_fork_parent();
    tpi_gc_fork_parent();
    tpi_heap_fork_parent();
    tpi_collector_fork_parent();
    tpi_cache_fork_parent();
    tpi_pool_fork_parent();
}

static void fork_child(void)
{
    tpi_check_fork_child();
    tpi_gc_fork_child();
    tpi_heap_fork_child();
    tpi_collector_fork_child();
    tpi_cache_fork_child();
    tpi_pool_fork_child();
}

/* --- start --- */

static enum tpi_sequences sequences_mode(const struct tpi_options *options)
{
    if (options->rseq == 2)
        return TPI_SEQUENCES_ASSUME;
    /* Sanitizers and checks look at each operation; the limits stay closed. */
    if (options->rseq == 0 || !tpi_sequences_built || tpi_sanitized || tpi_checked)
        return TPI_SEQUENCES_OFF;
    return tpi_os_rseq_start() ? TPI_SEQUENCES_ON : TPI_SEQUENCES_OFF;
}

static void collector_configure(const struct tpi_options *options)
{
    tpi_gc_configure(&(struct tpi_gc_options){
        .checkmark = options->checkmark != 0,
        .stw = options->stw != 0,
        .scribble = options->scribble != 0,
        .wbcheck = options->wbcheck != 0,
        .dso_roots = options->dsoroots != 0,
        .signal = options->gcsignal == 0 ? 0 : SIGRTMIN + (int)options->gcsignal,
        .workers = (unsigned)options->gcworkers,
    });
    if (options->gctrace != 0)
        tpi_cycle_traced = tpi_gctrace_print;
}

static void start_now(void)
{
    struct tpi_options options;
    tpi_options_parse(&options, getenv("TIDEPOOL"));
    tpi_sequences_set(sequences_mode(&options));
    tpi_cached_bytes_max_set((uint64_t)options.cachemax);
    tpi_sizes_open();
    tpi_pacer_configure((int)options.gcpercent, options.memlimit);
    tpi_service_configure(&(struct tpi_service_options){
        .service = options.service != 0,
        .period_ns = options.gcperiod * 1000000000,
        .pressure = options.paths[options.pressure],
    });
    collector_configure(&options);
    uint64_t one_in = options.poolcheck != 0 ? (uint64_t)options.poolcheck : tpi_checked;
    tpi_check_configure(one_in, tpi_checked && options.lossy != 0);
    tpi_heap_hooks = (struct tpi_heap_hooks){tpi_pacer_grown, tpi_gc_is_pools};
    tpi_sizes_poll = tpi_service_poll;
    tpi_service_reap = tpi_pools_reap;
    if (!tpi_os_fork_hooks(fork_prepare, fork_parent, fork_child))
        tpi_warn("no memory for the fork handlers: a child that forks in traffic may hang");
}

void tpi_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_now);
}

__attribute__((constructor(101))) static void start_at_load(void)
{
    tpi_start();
}
