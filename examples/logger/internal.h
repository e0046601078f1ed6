/* SPDX-License-Identifier: BSD-2-Clause */
/* The logger from inside: the producers (one a thread that logs), the writer, and what they share.

   A producer's lock makes its holder the one producer of its ring: the thread itself for as long as
   it takes to link a record, now and then the writer or a flush that sends a batch off before it is
   full. So it is free nearly always, and nothing that blocks happens under it.

   Lock order: registry_lock, then a producer's lock. door is taken with neither held. */
#ifndef EXAMPLES_LOGGER_INTERNAL_H
#define EXAMPLES_LOGGER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "format.h"
#include "ring.h"
#include "sink.h"

/* Lines in a full batch. With the ring's slots it bounds how many records are under way. */
#define BATCH_LINES 16

/* Written by one thread at a time, read by any. */
typedef _Atomic uint64_t counter;

static inline uint64_t count_read(const counter *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static inline void count_add(counter *count, uint64_t n)
{
    atomic_store_explicit(count, count_read(count) + n, memory_order_relaxed);
}

/* What a producer leads to. With --alloc=gc this is a root: a batch is to be found in `sent` for as
   long as it may be in the ring, into whose slots the collector does not look. */
struct batches {
    struct record *first, *last; /* of the batch that fills up */
    struct record *sent[RING_SLOTS];
};

struct producer {
    _Alignas(CK_MD_CACHELINE) struct ring ring;
    struct logger *log;
    struct producer *next; /* in the registry; never changes */
    bool owned;            /* by a living thread; under registry_lock */
    atomic_bool locked;
    struct batches batch; /* under the lock */
    unsigned sent_next;   /* the oldest of batch.sent; under the lock */
    atomic_uint pending;  /* lines of the batch that fills up; changes under the lock */
    struct stamp stamp;   /* from here on the owner's */
    counter gets, filtered, lost, dropped, waits;
};

/* How the writer sleeps, so that producers make no needless call to wake it. */
enum sleep {
    AWAKE,
    NAP,  /* a few milliseconds: worth waking for a ring that is half full */
    SLEEP /* until woken: worth waking for the first record of a batch */
};

struct logger {
    struct records records;
    struct sink sink; /* the writer's until it has ended */
    struct line_style style;
    enum logger_level level;
    bool drop;

    pthread_key_t key; /* a thread's producer */
    pthread_mutex_t registry_lock;
    _Atomic(struct producer *) producers; /* grows only; published by release, walked freely */
    _Atomic uint64_t lost_unattached;     /* lines of threads that had no memory for a producer */

    pthread_t writer;
    atomic_int error;    /* the output's; set once by the writer */
    atomic_bool closing; /* nobody logs any more */
    _Atomic uint64_t flush_asked;

    pthread_mutex_t door;
    pthread_cond_t knock;  /* for the writer */
    pthread_cond_t answer; /* for flushes */
    atomic_int sleep;      /* enum sleep */
    bool knocked;          /* under door */
    uint64_t flush_done;   /* under door */
};

/* producer.c */

/* The calling thread's; made at its first line. NULL and errno ENOMEM. */
struct producer *producer_of_thread(struct logger *log);

/* The key's destructor: the thread has ended, its producer is free for another. */
void producer_release(void *producer);

/* Hands one line to the writer; waits while the ring is full. False and errno EAGAIN: dropped. */
bool producer_append(struct producer *producer, struct record *line);

/* Sends off what has gathered. False: the ring is full. Waits for the lock. */
bool producer_publish(struct producer *producer);

/* The same, but false also where the lock is taken. */
bool producer_try_publish(struct producer *producer);

/* Waits a little; longer each time. */
void back_off(unsigned *turn);

/* writer.c */

/* The writer thread; argument: the logger. */
void *writer_run(void *log);

/* Wakes the writer if it sleeps as deeply as `depth` or deeper. Whatever it shall see was stored
   before. */
void writer_wake(struct logger *log, enum sleep depth);

/* Wakes the writer whatever it does. */
void writer_knock(struct logger *log);

#endif
