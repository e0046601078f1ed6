/* SPDX-License-Identifier: BSD-2-Clause */
/* The caches by number, what each has counted, and what all may hold.

   A number is free when no cache has it and every thread's record of it is zero. Numbers are given
   out lowest first, so that records lie close together.

   Locks: registry_lock (rank REGISTRY: nothing is locked under it). */
#include "cache/local.h"

static struct tpi_lock registry_lock = TPI_LOCK_INIT(TPI_RANK_REGISTRY);
static uint64_t numbers_taken[TPI_CACHES_MAX / 64] = {1}; /* registry_lock; 0 is always closed */
static struct tpi_cache *caches[TPI_CACHES_MAX];          /* atomic */
static uint64_t cached_bytes_max; /* 0: no bound */
static uint64_t cached_bytes;     /* atomic; counted only where there is a bound */

struct tpi_cache *tpi_cache_numbered(uint32_t number)
{
    return tpi_load_acquire_ptr(&caches[number]); /* pairs with the release in tpi_cache_open */
}

/* How many objects of this size a magazine holds when nobody fights for the depot: so many that a
   thread's two magazines hold about 128 KiB. (Linux's sheaves: 60, 26, 12, 4 over a similar
   range.) */
static uint32_t capacity_for(uint64_t bytes)
{
    return bytes <= 1024 ? 62 : bytes <= 2048 ? 30 : bytes <= 4096 ? 14 : bytes <= 8192 ? 6
         : bytes <= TP_HEAP_SMALL_MAX ? 2 : 1;
}

uint32_t tpi_cache_number_take(void)
{
    uint32_t number = 0;
    tpi_lock(&registry_lock);
    for (unsigned i = 0; i < TPI_CACHES_MAX / 64 && number == 0; i++)
        if (~numbers_taken[i] != 0)
            number = i * 64 + tpi_lowest_bit(~numbers_taken[i]);
    if (number != 0)
        tpi_bit_set(numbers_taken, number);
    else
        errno = EAGAIN;
    tpi_unlock(&registry_lock);
    return number;
}

void tpi_cache_number_give(uint32_t number)
{
    tpi_lock(&registry_lock);
    tpi_bit_clear(numbers_taken, number);
    tpi_unlock(&registry_lock);
}

void tpi_cache_open(struct tpi_cache *cache, uint32_t number)
{
    cache->number = number;
    cache->capacity_base = capacity_for(cache->bytes);
    cache->capacity_max = tpi_min(cache->capacity_base * 4, (uint32_t)TPI_MAGAZINE_MAX);
    cache->capacity = cache->capacity_base;
    cache->budget = cache->idle_max;
    tpi_store_release_ptr(&caches[number], cache);
}

void tpi_cache_close(struct tpi_cache *cache)
{
    tpi_magazine_free_chain(tpi_stack_take_all(&cache->empties));
    tpi_store_release_ptr(&caches[cache->number], (struct tpi_cache *)NULL);
    tpi_cache_number_give(cache->number);
}

static void count_threads(struct tpi_cache *cache, struct tpi_cache_counts *counts)
{
    *counts = (struct tpi_cache_counts){0};
    for (struct tpi_thread *thread = tpi_thread_first(); thread != NULL; thread = thread->next) {
        struct tp_detail_local *local = tpi_thread_local(thread, cache);
        tpi_lock(&thread->lock); /* balance and word belong together; the fast path does not wait */
        counts->hits += tpi_local_hits(local);
        counts->puts += tpi_local_puts(local);
        tpi_unlock(&thread->lock);
    }
}

/* A record that retires between its visit and the reading of what was retired would count twice: so
   the threads are counted again while that changes. */
void tpi_cache_counts(struct tpi_cache *cache, struct tpi_cache_counts *counts)
{
    enum { TRIES_MAX = 8 };
    uint64_t hits, puts = tpi_load_acquire_64(&cache->puts_retired);
    uint64_t hits_now = tpi_load_acquire_64(&cache->hits_retired), puts_now = puts;
    unsigned tries = 0;
    do {
        hits = hits_now;
        puts = puts_now;
        count_threads(cache, counts);
        hits_now = tpi_load_acquire_64(&cache->hits_retired);
        puts_now = tpi_load_acquire_64(&cache->puts_retired);
    } while ((hits_now != hits || puts_now != puts) && ++tries < TRIES_MAX);
    counts->hits += hits_now;
    counts->puts += puts_now;
    counts->stolen = tpi_load_relaxed_64(&cache->stolen);
}

void tpi_cached_bytes_max_set(uint64_t bytes)
{
    cached_bytes_max = bytes;
}

/* Takes up to n from a counter of what is left; how many it got. */
static uint64_t take_from(uint64_t *left, uint64_t n)
{
    uint64_t there = tpi_load_relaxed_64(left);
    for (;;) {
        uint64_t got = tpi_min(there, n);
        if (got == 0 || tpi_cas_acq_rel_64(left, &there, there - got))
            return got;
    }
}

/* The share of the process-wide bound: n objects as long as there is room for one. A magazine may
   so overshoot the bound by its own size. */
static bool process_has_room(const struct tpi_cache *cache, uint64_t n)
{
    if (cached_bytes_max == 0 || cache->bytes == 0)
        return true;
    uint64_t before = tpi_add_acq_rel_64(&cached_bytes, n * cache->bytes);
    if (before < cached_bytes_max)
        return true;
    tpi_add_acq_rel_64(&cached_bytes, (uint64_t)0 - n * cache->bytes);
    return false;
}

uint32_t tpi_budget_take(struct tpi_cache *cache, uint32_t n)
{
    if (cache->idle_max != 0)
        n = (uint32_t)take_from(&cache->budget, n);
    if (n == 0 || process_has_room(cache, n))
        return n;
    if (cache->idle_max != 0)
        tpi_add_acq_rel_64(&cache->budget, n);
    return 0;
}

void tpi_budget_give(struct tpi_cache *cache, uint64_t n)
{
    if (n == 0)
        return;
    if (cache->idle_max != 0)
        tpi_add_acq_rel_64(&cache->budget, n);
    if (cached_bytes_max != 0 && cache->bytes != 0)
        tpi_add_acq_rel_64(&cached_bytes, (uint64_t)0 - n * cache->bytes);
}

uint64_t tpi_cache_metadata(void)
{
    return tpi_magazine_bytes() + tpi_thread_bytes();
}

static enum tpi_sequences sequences = TPI_SEQUENCES_OFF;

void tpi_start_ensure(void)
{
    if (tpi_start != NULL)
        tpi_start();
}

void tpi_sequences_set(enum tpi_sequences mode)
{
    tpi_check(tpi_thread_start(mode), "no thread-specific key is left for the exit handler");
    sequences = mode;
}

bool tpi_sequences_on(void)
{
    return sequences != TPI_SEQUENCES_OFF;
}

void tpi_sequences_fence(void)
{
    if (sequences == TPI_SEQUENCES_ON)
        tpi_os_rseq_fence();
}

void tpi_registry_fork_prepare(void)
{
    tpi_lock(&registry_lock);
}

void tpi_registry_fork_parent(void)
{
    tpi_unlock(&registry_lock);
}

void tpi_registry_fork_child(void)
{
    tpi_lock_reset_in_child(&registry_lock);
}
