/* SPDX-License-Identifier: BSD-2-Clause */
/* Thread records: attaching, exit, and the list of all.

   A thread's life, as its fast path sees it:
   1. Not attached: tp_detail_self points at closed_locals, a table of zeroes, and at a word that
      nobody reads; every operation takes the slow path.
   2. Attached by its first slow path: a record from the free list, or a new one. From now on the
      slow path may open limits in the record's table.
   3. Exiting (the exit handler ran): as 1, and for good. What was idle went to the depots, counts
      to the caches, the announcement was cleared, the record is free for the next thread. Later
      operations (other exit handlers') share the record `shared`, whose limits never open.

   Locks: threads_lock (rank THREADS) for the free list and for adding to the list of all. */
#include "cache/local.h"

enum {
    RECORD_BYTES = 4096,
    LOCALS_BYTES = TPI_CACHES_MAX * TP_DETAIL_LOCAL_BYTES
};

_Static_assert(sizeof(struct tpi_thread) <= RECORD_BYTES, "the table follows a page later");

static struct tp_detail_local closed_locals[TPI_CACHES_MAX] TPI_ALIGNED(TPI_CACHE_LINE);
static uint64_t nobody_reads TPI_ALIGNED(TPI_CACHE_LINE);

__thread struct tp_detail_self tp_detail_self = {closed_locals, &nobody_reads};
static __thread struct tpi_thread *current __attribute__((tls_model("initial-exec")));

static struct tpi_lock threads_lock = TPI_LOCK_INIT(TPI_RANK_THREADS);
static struct tpi_thread *free_records; /* threads_lock */
static bool started;                    /* the constructor ran, the exit handler is installed */

/* The record of threads that have none of their own. It needs no memory but this. */
static struct tp_detail_local shared_locals[TPI_CACHES_MAX] TPI_ALIGNED(TPI_CACHE_LINE);
static struct tpi_thread shared_record = {.lock = TPI_LOCK_INIT(TPI_RANK_RECORD),
                                          .locals = shared_locals};
static struct tpi_thread *const shared = &shared_record;
static struct tpi_thread *all = &shared_record; /* atomic; push only, under threads_lock */
static uint64_t records;                /* atomic; how many were made */
static enum tpi_sequences sequences = TPI_SEQUENCES_OFF;

struct tpi_thread *tpi_thread_first(void)
{
    return tpi_load_acquire_ptr(&all); /* pairs with the release in record_make */
}

uint64_t tpi_thread_bytes(void)
{
    /* The record's page, and the pages of the size classes' and the first pools' locals. */
    return tpi_load_relaxed_64(&records) * (RECORD_BYTES + 2 * 4096);
}

/* Under threads_lock. NULL: ENOMEM. */
static struct tpi_thread *record_make(void)
{
    char *memory = tpi_os_map(RECORD_BYTES + LOCALS_BYTES);
    if (memory == NULL)
        return NULL;
    struct tpi_thread *record = (struct tpi_thread *)(void *)memory;
    record->locals = (struct tp_detail_local *)(void *)(memory + RECORD_BYTES);
    tpi_lock_init(&record->lock, TPI_RANK_RECORD);
    record->next = all;
    tpi_store_release_ptr(&all, record); /* pairs with tpi_thread_first */
    tpi_count(&records, 1);
    return record;
}

/* Under threads_lock. A record for the calling thread; NULL: ENOMEM. */
static struct tpi_thread *record_take(void)
{
    struct tpi_thread *record = free_records;
    if (record == NULL)
        return record_make();
    free_records = record->next_free;
    return record;
}

static void record_give(struct tpi_thread *record)
{
    tpi_lock(&threads_lock);
    record->next_free = free_records;
    free_records = record;
    tpi_unlock(&threads_lock);
}

/* What this thread announces its sequences in; NULL: none. */
static uint64_t *announcement_get(void)
{
    static __thread uint64_t assumed __attribute__((tls_model("initial-exec")));
    if (sequences == TPI_SEQUENCES_ON)
        return tpi_os_rseq_announcement();
    return sequences == TPI_SEQUENCES_ASSUME ? &assumed : NULL;
}

/* Sets `current`. (Start itself needs no record.) */
static struct tpi_thread *attach(void)
{
    tpi_start_ensure();
    tpi_lock(&threads_lock);
    struct tpi_thread *record = record_take();
    tpi_unlock(&threads_lock);
    if (record != NULL && !tpi_os_thread_mark(TPI_EXIT_CACHES, record)) {
        record_give(record); /* its exit would go unnoticed */
        record = NULL;
    }
    if (record == NULL)
        return current = shared;
    uint64_t *announcement = announcement_get();
    tpi_lock(&record->lock);
    record->rseq_cs = announcement;
    tpi_unlock(&record->lock);
    if (announcement != NULL)
        tp_detail_self.rseq_cs = announcement; /* before the table whose limits may open */
    tp_detail_self.locals = record->locals;
    return current = record;
}

struct tpi_thread *tpi_thread_lock(void)
{
    struct tpi_thread *thread = current;
    if (tpi_unlikely(thread == NULL))
        thread = attach();
    tpi_lock_soon(&thread->lock); /* a closer holds it through one membarrier and a few moves */
    return thread;
}

void tpi_local_retire(struct tpi_thread *thread, struct tpi_cache *cache)
{
    struct tp_detail_local *local = tpi_thread_local(thread, cache);
    tpi_assert(local->loaded == 0 && local->previous == 0 && local->victims == 0);
    tpi_count(&cache->hits_retired, tpi_local_hits(local));
    tpi_count(&cache->puts_retired, tpi_local_puts(local));
    local->balance = 0;
    tpi_store_relaxed_64(&local->word, 0);
    /* Not all zeroes: its owner may be in the midst of a sequence that read the level before it was
       taken. Only the owner's slow path opens a floor again. */
    tpi_local_close(local);
    tpi_bit_clear(thread->active, cache->number);
}

/* Gives one cache's part of a record to those who stay. */
static void local_flush(struct tpi_thread *thread, struct tpi_cache *cache)
{
    struct tp_detail_local *local = tpi_thread_local(thread, cache);
    tpi_magazine_store(cache, &cache->depot, tpi_local_unload(cache, local));
    tpi_magazine_store(cache, &cache->depot, tpi_local_take_previous(local));
    tpi_stack_put_all(&cache->victims, tpi_local_take_victims(local));
    tpi_local_retire(thread, cache);
}

void tpi_thread_flush(struct tpi_thread *record)
{
    for (unsigned i = 0; i < TPI_CACHES_MAX / 64; i++)
        while (record->active[i] != 0)
            local_flush(record, tpi_cache_numbered(i * 64 + tpi_lowest_bit(record->active[i])));
}

static void record_leave(struct tpi_thread *record)
{
    tpi_lock(&record->lock);
    tpi_thread_flush(record);
    record->rseq_cs = NULL;
    tpi_unlock(&record->lock);
    record_give(record);
}

/* The exit handler. From here on the thread has no fast path. */
static void thread_exit(void *mark)
{
    struct tpi_thread *record = mark;
    uint64_t *announcement = tp_detail_self.rseq_cs;
    tp_detail_self.locals = closed_locals;
    tp_detail_self.rseq_cs = &nobody_reads;
    current = shared;
    /* A plugin that is unmapped later must not find its sequence announced here. */
    tpi_store_relaxed_64(announcement, 0);
    record_leave(record);
}

bool tpi_thread_start(enum tpi_sequences mode)
{
    sequences = mode;
    started = started || tpi_os_thread_exit_hook(TPI_EXIT_CACHES, thread_exit);
    return started;
}

void tpi_thread_fork_prepare(void)
{
    tpi_lock(&threads_lock);
}

void tpi_thread_fork_parent(void)
{
    tpi_unlock(&threads_lock);
}

/* The records of threads that are not in the child are flushed and become free. Their locks were
   made anew by the caller. */
void tpi_thread_fork_child(void)
{
    tpi_lock_reset_in_child(&threads_lock);
    free_records = NULL;
    for (struct tpi_thread *record = all; record != NULL; record = record->next) {
        if (record == current || record == shared)
            continue;
        tpi_thread_flush(record);
        record->rseq_cs = NULL;
        record->next_free = free_records;
        free_records = record;
    }
}
