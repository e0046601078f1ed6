/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of collected objects, and root arenas: what they have to do with marking.

   POOLS. An idle object is one that no thread holds: magazines are not searched as memory. So
   whatever idles is a root, looked at by tpi_pooled_scan (step 4). To nobody's loss:

   1. All barriers are on when TPI_CLOSED_MARKING is set in each such cache (step 3), and the scan
      closes each thread's limits and fences before it reads what is there. A put that ended before
      left its object where the scan finds it. One that comes later finds closed limits, and sees
      the bit under its record's lock; so does each that fills the depot, under the closers' lock.
   2. A put that sees the bit shades before the object idles. When the bits were cleared, puts that
      still saw them are waited for (tpi_cache_puts_end): so no shading reaches into the next cycle.
      What they shade behind OFF has a mark that is not the next cycle's colour.
   3. The scan visits each idle object once: in threads, in depots, and those that are doomed or are
      being dropped, which destruct still reads. While the bit is set magazines move from threads to
      depots alone, and the scan looks in that order (lib/cache/rotate.c).
   4. A get takes its object from among these to its thread's stack. Before the scan: that thread's
      answer to SCAN comes later, and it is attached: a pool's slow path sees to that, and without
      it no limits are open in that thread. After the scan: the object is marked.
   5. What a cycle's rotation dooms is dropped before it marks, and is in no magazine any more at
      the scan: so this cycle collects it.

   The bits are cleared behind OFF. Owners open their limits at their next slow path.

   ROOT ARENAS. The chunks' words are roots, read in step 4 without their owner's help: a chunk that
   is given back while a cycle marks is parked, and released when marking is over. Chunks are zeroed
   before they are added, so what an owner writes is all that is ever seen in them. It stores
   pointers with tp_gc_store, and so one that is stored behind the scan is shaded.

   Locks: pooled_lock (rank ROOTS). The scans walk the two lists without it: where to begin or end
   is read under it, what is new is beyond that, and nothing leaves a list while a cycle marks. */
#include "gc/collector.h"
#include "gc/links.h"

struct tpi_gc_chunk {
    struct tpi_link link;
    uintptr_t base;
    size_t bytes;
    struct tpi_gc_chunk *next_parked;
    void (*release)(void *owner); /* of a parked one: what is to be called */
    void *owner;
};

static struct tpi_lock pooled_lock = TPI_LOCK_INIT(TPI_RANK_ROOTS);
static bool marking;                                    /* pooled_lock */
static struct tpi_cache *caches;                        /* pooled_lock; by next_collected */
static struct tpi_link chunks = TPI_LINKS_INIT(chunks); /* pooled_lock; newest last */
static struct tpi_gc_chunk *parked;                     /* pooled_lock; they are in chunks, too */

/* --- caches --- */

static void closed_change(struct tpi_cache *cache, uint32_t clear, uint32_t set)
{
    uint32_t closed = tpi_load_relaxed_32(&cache->closed);
    while (!tpi_cas_acq_rel_32(&cache->closed, &closed, (closed & ~clear) | set))
        ;
}

/* What a put or a fill shades goes over at once: the thread may have answered this round. */
static void shade_now(void *const *objects, size_t n)
{
    struct tpi_buffer *buffer = NULL;
    for (size_t i = 0; i < n; i++)
        (void)tpi_shade(&buffer, (uintptr_t)objects[i], true);
    (void)tpi_buffer_hand_over(&buffer);
}

void tpi_gc_cache_add(struct tpi_cache *cache)
{
    cache->shade = shade_now;
    tpi_lock(&pooled_lock);
    closed_change(cache, 0, marking ? TPI_CLOSED_MARKING : 0);
    cache->next_collected = caches;
    caches = cache;
    tpi_unlock(&pooled_lock);
}

void tpi_gc_cache_remove(struct tpi_cache *cache)
{
    struct tpi_cache **link = &caches;
    tpi_lock(&pooled_lock);
    while (*link != cache)
        link = &(*link)->next_collected;
    *link = cache->next_collected;
    tpi_unlock(&pooled_lock);
}

static struct tpi_cache *caches_first(void)
{
    tpi_lock(&pooled_lock);
    struct tpi_cache *first = caches;
    tpi_unlock(&pooled_lock);
    return first;
}

static void marking_set(bool on)
{
    tpi_lock(&pooled_lock);
    marking = on;
    for (struct tpi_cache *cache = caches; cache != NULL; cache = cache->next_collected)
        closed_change(cache, TPI_CLOSED_MARKING, on ? TPI_CLOSED_MARKING : 0);
    tpi_unlock(&pooled_lock);
}

void tpi_pooled_close(bool close)
{
    marking_set(close);
    if (close)
        return;
    for (struct tpi_cache *cache = caches_first(); cache != NULL; cache = cache->next_collected)
        tpi_cache_puts_end(cache);
}

static void scan_some(void *const *objects, size_t n, void *context)
{
    struct tpi_buffer **buffer = context;
    for (size_t i = 0; i < n; i++)
        (void)tpi_shade(buffer, (uintptr_t)objects[i], true);
}

void tpi_pooled_scan(struct tpi_buffer **buffer)
{
    for (struct tpi_cache *cache = caches_first(); cache != NULL; cache = cache->next_collected)
        tpi_cache_visit_idle(cache, scan_some, buffer);
}

bool tpi_gc_is_pooled(const void *object)
{
    const struct tpi_layout *layout = tpi_object_layout(object);
    return layout != NULL && (layout->flags & TPI_LAYOUT_POOLED) != 0;
}

bool tpi_gc_is_pools(const void *layout)
{
    unsigned flags = ((const struct tpi_layout *)layout)->flags;
    return (flags & (TPI_LAYOUT_POOLED | TPI_LAYOUT_ROOT)) != 0;
}

/* --- root arenas' chunks --- */

struct tpi_gc_chunk *tpi_gc_chunk_add(void *base, size_t bytes)
{
    struct tpi_gc_chunk *chunk = tp_heap_alloc(sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct tpi_gc_chunk){.base = (uintptr_t)base, .bytes = bytes};
    tpi_lock(&pooled_lock);
    tpi_links_add(&chunks, &chunk->link);
    tpi_unlock(&pooled_lock);
    return chunk;
}

void tpi_gc_chunk_remove(struct tpi_gc_chunk *chunk, void (*release)(void *owner), void *owner)
{
    tpi_lock(&pooled_lock);
    if (tpi_gc_options.wbcheck)
        tpi_wbcheck_forget((const void *)chunk->base, chunk->bytes);
    bool now = !marking;
    if (now) {
        tpi_links_remove(&chunk->link);
    } else {
        chunk->release = release;
        chunk->owner = owner;
        chunk->next_parked = parked;
        parked = chunk;
    }
    tpi_unlock(&pooled_lock);
    if (!now)
        return;
    release(owner);
    tp_heap_free(chunk);
}

void tpi_chunks_scan(struct tpi_buffer **buffer)
{
    tpi_lock(&pooled_lock);
    struct tpi_link *last = chunks.previous, *at = &chunks;
    tpi_unlock(&pooled_lock);
    while (at != last) {
        at = at->next;
        struct tpi_gc_chunk *chunk = tpi_container_of(at, struct tpi_gc_chunk, link);
        if (tpi_unlikely(tpi_gc_options.wbcheck) && !tpi_check_marking)
            tpi_wbcheck_scanned((const void *)chunk->base, chunk->bytes);
        (void)tpi_shade_words(buffer, chunk->base, chunk->base + chunk->bytes);
    }
}

void tpi_chunks_release_parked(void)
{
    struct tpi_gc_chunk *chunk, *next;
    tpi_lock(&pooled_lock);
    for (chunk = parked; chunk != NULL; chunk = chunk->next_parked)
        tpi_links_remove(&chunk->link);
    chunk = parked;
    parked = NULL;
    tpi_unlock(&pooled_lock);
    for (; chunk != NULL; chunk = next) {
        next = chunk->next_parked;
        chunk->release(chunk->owner);
        tp_heap_free(chunk);
    }
}

/* --- fork --- */

void tpi_pooled_fork_prepare(void)
{
    tpi_lock_next(&pooled_lock);
}

void tpi_pooled_fork_parent(void)
{
    tpi_unlock(&pooled_lock);
}

/* Marking is abandoned. What a visit had uncovered is doomed by the child's next cycle. */
void tpi_pooled_fork_child(void)
{
    tpi_lock_reset_in_child(&pooled_lock);
    marking_set(false);
}
