/* SPDX-License-Identifier: BSD-2-Clause */
/* Closers: how somebody gets hold of what other threads' fast paths own, without their help.

   1. Take closer_lock: one closer at a time.
   2. For up to BATCH thread records, in the order of the list: lock each, close the limits of the
      locals in question.
   3. If any had been open: membarrier(PRIVATE_EXPEDITED_RSEQ). Every sequence that saw open limits
      has committed (its stores are visible now) or will start again and see closed ones.
   4. Visit each local: its word, slots and magazines are ours. Unlock its record.
   5. Go on behind the last record of the batch, until the end of the list. Records that are added
      meanwhile are in front of where we began: their threads had nothing idle when we did.

   An owner that comes to its slow path in between waits for its record's lock, for as long as one
   batch takes. That time depends on the number of caches that the batch's threads have used, and
   not on how many objects are idle: a visit moves whole magazines.

   Locks: closer_lock (rank CLOSER), then up to BATCH record locks in list order. */
#include "cache/close.h"

enum { BATCH = 32 };

static struct tpi_lock closer_lock = TPI_LOCK_INIT(TPI_RANK_CLOSER);

void tpi_closer_lock(void)
{
    tpi_lock(&closer_lock);
}

void tpi_closer_unlock(void)
{
    tpi_unlock(&closer_lock);
}

typedef void visitor(struct tpi_thread *thread, struct tpi_cache *cache, void *context);

/* Calls visit for the locals of one thread that are in question. */
static void for_each_active(struct tpi_thread *thread, struct tpi_cache *only, visitor *visit,
                            void *context)
{
    if (only != NULL) {
        if (tpi_bit_get(thread->active, only->number))
            visit(thread, only, context);
        return;
    }
    for (unsigned i = 0; i < TPI_CACHES_MAX / 64; i++) {
        for (uint64_t bits = thread->active[i]; bits != 0; bits &= bits - 1) {
            struct tpi_cache *cache = tpi_cache_numbered(i * 64 + tpi_lowest_bit(bits));
            if (cache != NULL)
                visit(thread, cache, context);
        }
    }
}

static void close_one(struct tpi_thread *thread, struct tpi_cache *cache, void *context)
{
    struct tp_detail_local *local = tpi_thread_local(thread, cache);
    bool *fence = context;
    if (tpi_local_is_open(local)) {
        tpi_local_close(local);
        *fence = true;
    }
}

/* Locks a batch and closes it; how many records, and where the next batch begins. */
static unsigned batch_close(struct tpi_thread **batch, struct tpi_thread **next,
                            struct tpi_cache *only)
{
    unsigned n = 0;
    bool fence = false;
    struct tpi_thread *thread = *next;
    for (; thread != NULL && n < BATCH; thread = thread->next) {
        tpi_lock_next(&thread->lock);
        for_each_active(thread, only, close_one, &fence);
        batch[n++] = thread;
    }
    if (fence)
        tpi_sequences_fence();
    *next = thread;
    return n;
}

void tpi_close_and_visit(struct tpi_cache *cache, visitor *visit, void *context)
{
    struct tpi_thread *batch[BATCH];
    tpi_lock(&closer_lock);
    for (struct tpi_thread *next = tpi_thread_first(); next != NULL;) {
        unsigned n = batch_close(batch, &next, cache);
        for (unsigned i = 0; i < n; i++) {
            for_each_active(batch[i], cache, visit, context);
            tpi_unlock(&batch[i]->lock);
        }
    }
    tpi_unlock(&closer_lock);
}

static void close_attached(struct tpi_thread *thread, struct tpi_cache *cache, void *context)
{
    (void)context;
    if (cache->needs_attached)
        tpi_local_close(tpi_thread_local(thread, cache));
}

/* The owner is in no sequence of its own: no fence. */
void tpi_cache_close_here(void)
{
    struct tpi_thread *thread = tpi_thread_lock();
    for_each_active(thread, NULL, close_attached, NULL);
    tpi_unlock(&thread->lock);
}

/* A plugin goes: its descriptors must not stay announced in any thread. A thread that is about to
   announce another sequence wins or loses the exchange; both are right. */
void tp_detail_unload(const void *start, const void *end)
{
    for (struct tpi_thread *thread = tpi_thread_first(); thread != NULL; thread = thread->next) {
        tpi_lock(&thread->lock);
        uint64_t *announcement = thread->rseq_cs;
        if (announcement != NULL) {
            uint64_t announced = tpi_load_relaxed_64(announcement);
            if (announced >= (uintptr_t)start && announced < (uintptr_t)end)
                (void)tpi_cas_acq_rel_64(announcement, &announced, 0);
        }
        tpi_unlock(&thread->lock);
    }
}

/* fork: every record closed, fenced and locked, so that the child's copy of another thread's
   magazines is whole: the kernel copies pages one after the other, and a sequence that committed
   meanwhile could be half in the copy. All at once here, not in batches. */
void tpi_cache_fork_prepare(void)
{
    bool fence = false;
    tpi_lock(&closer_lock);
    tpi_thread_fork_prepare();
    for (struct tpi_thread *thread = tpi_thread_first(); thread != NULL; thread = thread->next) {
        tpi_lock_next(&thread->lock);
        for_each_active(thread, NULL, close_one, &fence);
    }
    if (fence)
        tpi_sequences_fence();
    tpi_registry_fork_prepare();
    tpi_magazine_fork_prepare();
}

void tpi_cache_fork_parent(void)
{
    tpi_magazine_fork_parent();
    tpi_registry_fork_parent();
    for (struct tpi_thread *thread = tpi_thread_first(); thread != NULL; thread = thread->next)
        tpi_unlock(&thread->lock);
    tpi_thread_fork_parent();
    tpi_unlock(&closer_lock);
}

void tpi_cache_fork_child(void)
{
    tpi_registry_fork_child();
    tpi_magazine_fork_child();
    for (struct tpi_thread *thread = tpi_thread_first(); thread != NULL; thread = thread->next)
        tpi_lock_reset_in_child(&thread->lock);
    tpi_thread_fork_child();
    tpi_rotate_fork_child();
    tpi_lock_reset_in_child(&closer_lock);
}
