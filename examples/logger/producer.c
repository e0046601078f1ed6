/* SPDX-License-Identifier: BSD-2-Clause */
/* What a thread that logs owns: the batch that fills up, and the ring to the writer.

   A thread gets its producer with its first line and leaves it behind when it ends. What was in it
   is written all the same, and a thread that comes later takes it over: there are never more
   producers than there were threads at one time. */
#include "internal.h"

#include <errno.h>
#include <sched.h>

static bool try_lock(struct producer *producer)
{
    return !atomic_exchange_explicit(&producer->locked, true, memory_order_acquire);
}

static void lock(struct producer *producer)
{
    unsigned turn = 0;
    while (!try_lock(producer))
        back_off(&turn);
}

static void unlock(struct producer *producer)
{
    atomic_store_explicit(&producer->locked, false, memory_order_release);
}

/* 16 short stalls, then 16 turns for others, then naps of 16 us up to 1 ms. */
void back_off(unsigned *turn)
{
    unsigned n = (*turn)++;
    struct timespec nap = {.tv_nsec = 1000000};
    if (n < 16) {
        tp_gc_safepoint();
        for (unsigned i = 0; i < 32; i++)
            ck_pr_stall();
    } else if (n < 32) {
        sched_yield();
    } else {
        if (n < 38)
            nap.tv_nsec = 16000L << (n - 32);
        tp_gc_blocking_begin();
        nanosleep(&nap, NULL);
        tp_gc_blocking_end();
    }
}

/* Whoever has the lock may have to wait for the collector, which does not wait for who waits here.
 */
static void registry_lock(struct logger *log)
{
    tp_gc_blocking_begin();
    pthread_mutex_lock(&log->registry_lock);
    tp_gc_blocking_end();
}

static struct producer *take_over(struct logger *log)
{
    struct producer *producer = atomic_load_explicit(&log->producers, memory_order_relaxed);
    while (producer != NULL && producer->owned)
        producer = producer->next;
    return producer;
}

static struct producer *make(struct logger *log)
{
    struct producer *producer = aligned_alloc(_Alignof(struct producer), sizeof(*producer));
    if (producer == NULL)
        return NULL;
    memset(producer, 0, sizeof(*producer));
    ring_init(&producer->ring);
    if (!records_remember(&log->records, &producer->batch, sizeof(producer->batch))) {
        free(producer);
        return NULL;
    }
    producer->log = log;
    producer->next = atomic_load_explicit(&log->producers, memory_order_relaxed);
    /* pairs with the acquire in writer.c and in logger_flush */
    atomic_store_explicit(&log->producers, producer, memory_order_release);
    return producer;
}

struct producer *producer_of_thread(struct logger *log)
{
    struct producer *producer = pthread_getspecific(log->key);
    if (producer != NULL)
        return producer;
    registry_lock(log);
    producer = take_over(log);
    if (producer == NULL)
        producer = make(log);
    if (producer != NULL)
        producer->owned = true;
    pthread_mutex_unlock(&log->registry_lock);
    if (producer != NULL && pthread_setspecific(log->key, producer) != 0) {
        producer_release(producer);
        producer = NULL;
    }
    if (producer == NULL)
        errno = ENOMEM;
    return producer;
}

void producer_release(void *argument)
{
    struct producer *producer = argument;
    struct logger *log = producer->log;
    registry_lock(log);
    producer->owned = false;
    pthread_mutex_unlock(&log->registry_lock);
}

/* Under the lock. */
static bool publish(struct producer *producer)
{
    struct batches *batch = &producer->batch;
    if (batch->first == NULL)
        return true;
    if (!ring_enqueue(&producer->ring, batch->first))
        return false;
    /* first leads to it until then; the oldest was taken from the ring long ago */
    tp_gc_store(&batch->sent[producer->sent_next++ % RING_SLOTS], batch->first);
    batch->first = NULL;
    batch->last = NULL;
    atomic_store_explicit(&producer->pending, 0, memory_order_relaxed);
    return true;
}

bool producer_publish(struct producer *producer)
{
    bool published;
    lock(producer);
    published = publish(producer);
    unlock(producer);
    return published;
}

bool producer_try_publish(struct producer *producer)
{
    bool published;
    if (!try_lock(producer))
        return false;
    published = publish(producer);
    unlock(producer);
    return published;
}

static bool has_room(const struct producer *producer)
{
    return atomic_load_explicit(&producer->pending, memory_order_relaxed) < BATCH_LINES;
}

/* Takes the lock, with room in the batch; *published: a batch was sent off for it. False: there is
   no room, and the line is to be dropped. */
static bool lock_with_room(struct producer *producer, bool *published)
{
    unsigned turn = 0;
    for (;;) {
        lock(producer);
        if (has_room(producer))
            return true;
        *published = publish(producer);
        if (*published)
            return true;
        unlock(producer);
        if (producer->log->drop)
            return false;
        if (turn == 0)
            count_add(&producer->waits, 1);
        back_off(&turn);
    }
}

bool producer_append(struct producer *producer, struct record *line)
{
    struct logger *log = producer->log;
    struct batches *batch = &producer->batch;
    unsigned pending;
    bool published = false;
    if (!lock_with_room(producer, &published)) {
        count_add(&producer->dropped, 1);
        record_put_line(&log->records, line);
        errno = EAGAIN;
        return false;
    }
    line->next = NULL;
    if (batch->first != NULL)
        tp_gc_store(&batch->last->next, line);
    else
        tp_gc_store(&batch->first, line);
    tp_gc_store(&batch->last, line);
    pending = atomic_load_explicit(&producer->pending, memory_order_relaxed) + 1;
    atomic_store_explicit(&producer->pending, pending, memory_order_relaxed);
    if (pending == BATCH_LINES && publish(producer))
        published = true;
    unlock(producer);
    if (published && ring_used(&producer->ring) >= RING_SLOTS / 2)
        writer_wake(log, NAP);
    else if (pending == 1)
        writer_wake(log, SLEEP);
    return true;
}
