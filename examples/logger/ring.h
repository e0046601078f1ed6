/* SPDX-License-Identifier: BSD-2-Clause */
/* The way of batches from one thread to the writer: a ring of Concurrency Kit, one producer and one
   consumer. An entry is the first record of a batch, so the indexes that both sides touch move once
   a batch.

   ck 0.7.1's barriers. Producer: record and slot are stored before p_tail, by a store fence; good
   everywhere. Consumer: the slot's load and the store of c_head that frees the slot have only a
   store fence between them, which orders no load on weakly ordered machines. But a ring of n slots
   holds n - 1 entries: the slot that one dequeue freed is not written before the next dequeue's
   store of c_head is seen. So a load-store fence after each dequeue is enough. It costs nothing on
   x86.

   ThreadSanitizer does not see ck's assembly: the ring's own words are hidden from it, and it is
   told what they order. */
#ifndef EXAMPLES_LOGGER_RING_H
#define EXAMPLES_LOGGER_RING_H

#include <ck_ring.h>
#include <stdbool.h>

#if defined(__SANITIZE_THREAD__)
#define RING_SEEN_BY_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RING_SEEN_BY_TSAN 1
#endif
#endif

#ifdef RING_SEEN_BY_TSAN
#include <sanitizer/tsan_interface.h>
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define RING_TSAN_HIDE()                                                                           \
    (AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__))
#define RING_TSAN_SHOW()                                                                           \
    (AnnotateIgnoreReadsEnd(__FILE__, __LINE__), AnnotateIgnoreWritesEnd(__FILE__, __LINE__))
#define RING_TSAN_ACQUIRE(address) __tsan_acquire(address)
#define RING_TSAN_RELEASE(address) __tsan_release(address)
#else
#define RING_TSAN_HIDE() ((void)0)
#define RING_TSAN_SHOW() ((void)0)
#define RING_TSAN_ACQUIRE(address) ((void)(address))
#define RING_TSAN_RELEASE(address) ((void)(address))
#endif

#define RING_SLOTS 8 /* a power of two; one of them stays empty */

struct record;

struct ring {
    ck_ring_t indexes;
    ck_ring_buffer_t slots[RING_SLOTS];
};

static inline void ring_init(struct ring *ring)
{
    ck_ring_init(&ring->indexes, RING_SLOTS);
}

/* By the producer. False: full. */
static inline bool ring_enqueue(struct ring *ring, struct record *batch)
{
    bool stored;
    RING_TSAN_RELEASE(ring);
    RING_TSAN_HIDE();
    stored = ck_ring_enqueue_spsc(&ring->indexes, ring->slots, batch);
    RING_TSAN_SHOW();
    return stored;
}

/* By the consumer. False: empty. */
static inline bool ring_dequeue(struct ring *ring, struct record **batch)
{
    void *entry = NULL;
    bool taken;
    RING_TSAN_HIDE();
    taken = ck_ring_dequeue_spsc(&ring->indexes, ring->slots, &entry);
    RING_TSAN_SHOW();
    ck_pr_fence_load_store();
    RING_TSAN_ACQUIRE(ring);
    *batch = entry;
    return taken;
}

/* Batches in the ring. By the consumer: at least so many can be taken. */
static inline unsigned ring_used(const struct ring *ring)
{
    return ck_ring_size(&ring->indexes);
}

#endif
