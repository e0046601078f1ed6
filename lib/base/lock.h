/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks with ranks. A thread takes locks in rising rank; a checked build aborts where it does not.
   Locks of one rank that are held together (thread records, by a closer) are taken with
   tpi_lock_next, in the order that their owner documents.

   They are libc's error-checking mutexes: sleeping beats spinning where a holder may be preempted,
   sanitizers know them, and a second lock by the same thread (the library entered again from a
   signal handler) is reported instead of hanging. */
#ifndef TPI_BASE_LOCK_H
#define TPI_BASE_LOCK_H

#include <pthread.h>

/* Lower is outer. docs/design/locks.md says what each protects. */
enum tpi_rank {
    TPI_RANK_STATIC = 1,    /* pool: creation of static ones */
    TPI_RANK_POOLS = 2,     /* pool: the list of pools */
    TPI_RANK_WAIT = 3,      /* pool: its waiters */
    TPI_RANK_CLOSER = 4,    /* cache: one closer at a time */
    TPI_RANK_THREADS = 5,   /* cache: the list of thread records */
    TPI_RANK_RECORD = 6,    /* cache: one thread's record; its owner locks nothing under it */
    TPI_RANK_REGISTRY = 7,  /* cache: numbers of caches */
    TPI_RANK_STOCK = 8,     /* cache: new magazines */
    TPI_RANK_COLLECTOR = 9, /* gc: the phase and the sweep epoch change together */
    TPI_RANK_MUTATORS = 10, /* gc: the list of attached threads, and the modes asked for */
    TPI_RANK_ROOTS = 11,    /* gc: root ranges, pins, caches and chunks that are roots */
    TPI_RANK_WEAK = 12,     /* gc: weak references and cleanups; the end of marking */
    TPI_RANK_LAYOUTS = 13,  /* gc: interning of layouts */
    TPI_RANK_LAYOUT = 14,   /* gc: one layout's spans */
    TPI_RANK_CENTRAL = 15,  /* heap: one size class's spans */
    TPI_RANK_PAGES = 16,    /* heap: the page heap */
    TPI_RANK_SERVICE = 17,  /* gc: what is wanted of the service thread */
    TPI_RANK_PACER = 18,    /* gc: percent and limit */
    TPI_RANK_LEAF = 19
};

struct tpi_lock {
    pthread_mutex_t mutex;
    uint8_t rank;
};

#define TPI_LOCK_INIT(RANK)                                                                        \
    {                                                                                              \
        PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, RANK                                              \
    }

void tpi_lock_init(struct tpi_lock *lock, enum tpi_rank rank);
void tpi_lock(struct tpi_lock *lock);
/* The same, spinning some 10 microseconds first: for locks that are held about that long, where
   falling asleep and waking up would take longer. */
void tpi_lock_soon(struct tpi_lock *lock);
void tpi_lock_next(struct tpi_lock *lock); /* another of the rank that is held */
bool tpi_lock_try(struct tpi_lock *lock);
void tpi_unlock(struct tpi_lock *lock);
/* Whether the calling thread holds any. Async-signal-safe. */
bool tpi_locks_held(void);

/* In a fork's child the holder has another identity: a lock that was held is made anew. */
void tpi_lock_reset_in_child(struct tpi_lock *lock);

/* Condition variables on the monotonic clock. */
struct tpi_condition {
    pthread_cond_t condition;
};
void tpi_condition_init(struct tpi_condition *condition);
void tpi_condition_wait(struct tpi_condition *condition, struct tpi_lock *lock);
/* deadline_ns on CLOCK_MONOTONIC; false when it passed. */
bool tpi_condition_wait_until(struct tpi_condition *condition, struct tpi_lock *lock,
                              int64_t deadline_ns);
void tpi_condition_wake_one(struct tpi_condition *condition);
void tpi_condition_wake_all(struct tpi_condition *condition);

#endif
