/* SPDX-License-Identifier: BSD-2-Clause */
/* What an owner does to a pool as a whole: reserve, trim, statistics. */
#include "pool/pool.h"

static uint64_t idle_now(struct tp_pool *pool)
{
    tp_pool_stats stats;
    tp_pool_stats_read(pool, &stats);
    return stats.idle;
}

/* Makes up to n objects and puts them into the depot; how many. */
static size_t stock_some(struct tp_pool *pool, size_t n)
{
    void *objects[TPI_MAGAZINE_MAX];
    size_t made = 0;
    bool bound;
    n = tpi_min(n, (size_t)TPI_MAGAZINE_MAX);
    while (made < n && (objects[made] = tpi_object_make(pool, &bound)) != NULL)
        made++;
    int error = errno;
    for (size_t i = 0; i < made; i++) {
        if (tpi_check_is_on())
            tpi_check_idle(pool, objects[i]);
        tpi_track_hide(objects[i], pool->hidden_bytes);
    }
    size_t kept = tpi_cache_fill(&pool->cache, objects, made, false);
    for (size_t i = 0; i < kept && tpi_wait_wake_one(pool); i++)
        ;
    for (size_t i = kept; i < made; i++) {
        tpi_track_show_kept(objects[i], pool->hidden_bytes);
        tpi_object_drop(pool, objects[i]);
        error = EAGAIN; /* idle_max */
    }
    errno = error;
    return kept;
}

size_t tp_pool_reserve(tp_pool *pool, size_t n)
{
    tpi_pool_check(pool, "tp_pool_reserve");
    uint64_t idle = idle_now(pool);
    uint64_t most = pool->options.idle_max != 0 ? pool->options.idle_max : UINT64_MAX;
    int error = tpi_pool_attach(pool) ? 0 : ENOMEM;
    while (idle < n && error == 0) {
        if (idle >= most) {
            error = EAGAIN;
            break;
        }
        size_t want = (size_t)tpi_min(tpi_min(n - idle, most - idle), (uint64_t)TPI_MAGAZINE_MAX);
        size_t kept = stock_some(pool, want);
        if (kept < want)
            error = errno;
        idle += kept;
        tp_gc_safepoint();
    }
    if (error != 0)
        errno = error;
    return (size_t)tpi_min(idle, (uint64_t)n);
}

void tp_pool_trim(tp_pool *pool)
{
    tpi_pool_check(pool, "tp_pool_trim");
    tpi_cache_take(&pool->cache, TPI_TAKE_TO_DOOM);
    tpi_service_drop(true);
}

void tp_pool_stats_read(tp_pool *pool, tp_pool_stats *stats)
{
    struct tpi_cache_counts counts;
    tpi_pool_check(pool, "tp_pool_stats_read");
    tpi_cache_counts(&pool->cache, &counts);
    uint64_t misses = tpi_load_relaxed_64(&pool->misses);
    uint64_t gets = counts.hits + misses;
    uint64_t live = tpi_load_relaxed_64(&pool->live);
    uint64_t in_use = gets > counts.puts ? gets - counts.puts : 0;
    *stats = (tp_pool_stats){
        .gets = gets,
        .puts = counts.puts,
        .hits = counts.hits,
        .misses = misses,
        .made = tpi_load_relaxed_64(&pool->made),
        .dropped = tpi_load_relaxed_64(&pool->dropped),
        .idle = live > in_use ? live - in_use : 0,
        .live = live,
        .waits = tpi_load_relaxed_64(&pool->waits),
        .waiting = tpi_load_relaxed_32(&pool->waiting),
        .stolen = counts.stolen,
        .refused = tpi_load_relaxed_64(&pool->refused),
        .capacity = tpi_load_relaxed_32(&pool->cache.capacity),
    };
}
