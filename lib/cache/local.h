/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/cache: what the slow path and the closers do to one local record. The thread
   record's lock is held in all of these. */
#ifndef TPI_CACHE_LOCAL_H
#define TPI_CACHE_LOCAL_H

#include "cache/magazine.h"
#include "cache/thread.h"

_Static_assert(sizeof(struct tp_detail_local) == TP_DETAIL_LOCAL_BYTES, "a record is one line");
_Static_assert(offsetof(struct tp_detail_local, word) == 0 &&
                   offsetof(struct tp_detail_local, floor) == 8 &&
                   offsetof(struct tp_detail_local, ceiling) == 10 &&
                   offsetof(struct tp_detail_local, objects) == 16,
               "the sequences have these offsets; the limits are one aligned word");
_Static_assert(TP_DETAIL_LOCAL_BYTES == TPI_CACHE_LINE, "records do not share lines");

static inline uint32_t tpi_local_level(const struct tp_detail_local *local)
{
    return (uint32_t)(tpi_load_relaxed_64(&local->word) & 0xffff);
}

static inline uint64_t tpi_local_hits(const struct tp_detail_local *local)
{
    return tpi_load_relaxed_64(&local->word) >> 16;
}

/* puts = level - balance + hits; see cache.h. */
static inline uint64_t tpi_local_puts(const struct tp_detail_local *local)
{
    uint64_t word = tpi_load_relaxed_64(&local->word);
    return (word & 0xffff) + (word >> 16) - (uint64_t)local->balance;
}

/* The four 16-bit fields floor, ceiling, ceiling_called, capacity in one store: a closer and the
   owner's sequence never see half of it. */
static inline void tpi_local_limits_set(struct tp_detail_local *local, uint16_t floor,
                                        uint16_t ceiling, uint16_t ceiling_called)
{
    uint16_t fields[4] = {floor, ceiling, ceiling_called, local->capacity};
    uint64_t limits;
    memcpy(&limits, fields, sizeof limits);
    /* Release: on opening, word and objects are there before the limits say so. */
    tpi_store_release_64((uint64_t *)(void *)&local->floor, limits);
}

static inline void tpi_local_close(struct tp_detail_local *local)
{
    tpi_local_limits_set(local, TPI_CLOSED_FLOOR, 0, 0);
}

static inline bool tpi_local_is_open(const struct tp_detail_local *local)
{
    return local->ceiling_called != 0 || local->floor != TPI_CLOSED_FLOOR;
}

/* Opens the limits where the cache and the thread allow it. `reserved` is how far puts may go. */
static inline void tpi_local_open(struct tpi_thread *thread, struct tpi_cache *cache,
                                  struct tp_detail_local *local)
{
    if (thread->rseq_cs == NULL || local->loaded == 0 || tpi_load_relaxed_32(&cache->closed) != 0)
        return;
    uint16_t ceiling = (uint16_t)local->reserved;
    tpi_local_limits_set(local, 0, cache->calls_on_put ? 0 : ceiling, ceiling);
}

/* Sets the level without it counting as gets or puts. */
static inline void tpi_local_level_set(struct tp_detail_local *local, uint32_t level)
{
    uint64_t word = local->word;
    local->balance += (int64_t)level - (int64_t)(word & 0xffff);
    tpi_store_relaxed_64(&local->word, (word & ~UINT64_C(0xffff)) | level);
}

/* An object handed out without passing through objects[]. */
static inline void tpi_local_count_get(struct tp_detail_local *local)
{
    tpi_store_relaxed_64(&local->word, local->word + 0x10000);
    local->balance++;
}

/* --- budgets (idle_max and the bound on all caches): registry.c --- */

/* Takes up to n of what the cache may still hold idle; how many it got (n where nothing bounds). */
uint32_t tpi_budget_take(struct tpi_cache *cache, uint32_t n);
void tpi_budget_give(struct tpi_cache *cache, uint64_t n);

/* --- loading and unloading: traffic.c --- */

/* Takes the loaded magazine out of the record; its count is set. NULL: there was none. The budget
   that it had beyond its count is given back. */
struct tpi_magazine *tpi_local_unload(struct tpi_cache *cache, struct tp_detail_local *local);
/* Loads a magazine where there is none; its count is paid for already. */
void tpi_local_load(struct tp_detail_local *local, struct tpi_magazine *magazine);
/* Frees an empty magazine, or pushes one with objects onto the depot. NULL is ignored. */
void tpi_magazine_store(struct tpi_cache *cache, struct tpi_stack *stack,
                        struct tpi_magazine *magazine);

/* Counts to the cache, the record to zeroes. It holds no magazine. thread.c */
void tpi_local_retire(struct tpi_thread *thread, struct tpi_cache *cache);

/* The chain's first number; 0: there were none. */
static inline uint32_t tpi_local_take_victims(struct tp_detail_local *local)
{
    uint32_t chain = local->victims;
    tpi_store_relaxed_32(&local->victims, 0);
    return chain;
}

static inline struct tpi_magazine *tpi_local_take_previous(struct tp_detail_local *local)
{
    uint32_t number = local->previous;
    tpi_store_relaxed_32(&local->previous, 0);
    return number == 0 ? NULL : tpi_magazine_at(number);
}

#endif
