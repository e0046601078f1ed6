/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/cache: thread records.

   A record is type-stable: made once, on the list of all records for ever, given to one thread
   after the other. Its lock protects everything in it but what invariant I2 (cache.h) leaves to
   the owner's sequences. */
#ifndef TPI_CACHE_THREAD_H
#define TPI_CACHE_THREAD_H

#include "cache/cache.h"

struct tpi_thread {
    struct tpi_lock lock;             /* rank RECORD */
    struct tpi_thread *next;          /* in the list of all; never changes once published */
    struct tpi_thread *next_free;     /* threads_lock */
    struct tp_detail_local *locals;   /* TPI_CACHES_MAX of them; never changes */
    uint64_t *rseq_cs; /* lock; where the owner announces; NULL: limits stay closed */
    uint64_t active[TPI_CACHES_MAX / 64]; /* lock; bit n: locals[n] is not all zeroes */
};

/* The calling thread's record, locked. Attaches the thread at its first call. A thread whose exit
   handler ran, or for which there is no memory, shares one record whose limits never open. */
struct tpi_thread *tpi_thread_lock(void);

/* All records, newest first; the list only grows. */
struct tpi_thread *tpi_thread_first(void);

/* Installs the exit handler; from now on threads get records of their own. False: no key is
   left. */
bool tpi_thread_start(enum tpi_sequences mode);
/* Everything idle in a record to the depots, its counts to the caches. Its owner is not in a
   sequence: it is the caller, is gone, or its limits are closed and fenced. Under its lock. */
void tpi_thread_flush(struct tpi_thread *record);
uint64_t tpi_thread_bytes(void); /* of records, as far as they are likely touched */

/* The cache that has this number now; NULL: none. */
struct tpi_cache *tpi_cache_numbered(uint32_t number);

static inline struct tp_detail_local *tpi_thread_local(struct tpi_thread *thread,
                                                       const struct tpi_cache *cache)
{
    return &thread->locals[cache->number];
}

void tpi_registry_fork_prepare(void);
void tpi_registry_fork_parent(void);
void tpi_registry_fork_child(void);
void tpi_thread_fork_prepare(void); /* locks the list */
void tpi_thread_fork_parent(void);
void tpi_thread_fork_child(void);

#endif
