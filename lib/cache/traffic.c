/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow path of get and put: where an object comes from when the loaded magazine has none, and
   where it goes when that is full.

   Get: loaded, previous, own victims, the depot, the victim depot; then, without the record's
   lock, another thread's previous magazine or victims. Put: loaded (grown to the cache's
   capacity), then previous, then a new magazine, the full previous one going to the depot.

   A record is entered closed and left open where it may be (invariant I1). The owner's own
   sequences need no fence here: it is not in one. */
#include "cache/close.h"

/* --- loading and unloading --- */

struct tpi_magazine *tpi_local_unload(struct tpi_cache *cache, struct tp_detail_local *local)
{
    if (local->loaded == 0)
        return NULL;
    struct tpi_magazine *magazine = tpi_magazine_at(local->loaded);
    magazine->count = tpi_local_level(local);
    tpi_budget_give(cache, local->reserved - magazine->count);
    tpi_local_level_set(local, 0);
    local->loaded = 0;
    local->objects = NULL;
    local->capacity = 0;
    local->reserved = 0;
    return magazine;
}

void tpi_local_load(struct tp_detail_local *local, struct tpi_magazine *magazine)
{
    tpi_assert(local->loaded == 0);
    local->loaded = magazine->number;
    local->objects = magazine->slots;
    local->capacity = (uint16_t)magazine->capacity;
    local->reserved = magazine->count;
    tpi_local_level_set(local, magazine->count);
}

/* An empty magazine goes where this cache's next put finds it, if it would fit there. */
static void empty_store(struct tpi_cache *cache, struct tpi_magazine *magazine)
{
    magazine->count = 0;
    if (magazine->capacity == tpi_load_relaxed_32(&cache->capacity))
        tpi_stack_push(&cache->empties, magazine);
    else
        tpi_magazine_free(magazine);
}

static struct tpi_magazine *empty_take(struct tpi_cache *cache, uint32_t capacity)
{
    uint32_t lost = 0;
    struct tpi_magazine *magazine = NULL;
    if (capacity == tpi_load_relaxed_32(&cache->capacity))
        magazine = tpi_stack_pop(&cache->empties, &lost);
    return magazine != NULL ? magazine : tpi_magazine_new(capacity);
}

void tpi_magazine_store(struct tpi_cache *cache, struct tpi_stack *stack,
                        struct tpi_magazine *magazine)
{
    if (magazine == NULL)
        return;
    if (magazine->count == 0) {
        empty_store(cache, magazine);
        return;
    }
    uint32_t lost = tpi_stack_push(stack, magazine);
    if (tpi_unlikely(lost != 0))
        tpi_count(&cache->contention, lost);
}

static struct tpi_magazine *stack_pop(struct tpi_cache *cache, struct tpi_stack *stack)
{
    uint32_t lost = 0;
    struct tpi_magazine *magazine = tpi_stack_pop(stack, &lost);
    if (tpi_unlikely(lost != 0))
        tpi_count(&cache->contention, lost);
    return magazine;
}

/* Loads `magazine`; what was loaded becomes the previous one, and what was that is stored. */
static void load_instead(struct tpi_cache *cache, struct tp_detail_local *local,
                         struct tpi_magazine *magazine)
{
    struct tpi_magazine *loaded = tpi_local_unload(cache, local);
    if (loaded != NULL) {
        tpi_magazine_store(cache, &cache->depot, tpi_local_take_previous(local));
        tpi_store_relaxed_32(&local->previous, loaded->number);
    }
    tpi_local_load(local, magazine);
}

static void swap_previous(struct tpi_cache *cache, struct tp_detail_local *local)
{
    struct tpi_magazine *previous = tpi_local_take_previous(local);
    struct tpi_magazine *loaded = tpi_local_unload(cache, local);
    if (loaded != NULL)
        tpi_store_relaxed_32(&local->previous, loaded->number);
    tpi_local_load(local, previous);
}

static uint32_t previous_count(const struct tp_detail_local *local)
{
    return local->previous == 0 ? 0 : tpi_magazine_at(local->previous)->count;
}

/* --- entering and leaving the record --- */

static struct tpi_thread *enter(struct tpi_cache *cache, struct tp_detail_local **local)
{
    struct tpi_thread *thread = tpi_thread_lock();
    *local = tpi_thread_local(thread, cache);
    tpi_local_close(*local);
    tpi_bit_set(thread->active, cache->number);
    return thread;
}

static void leave(struct tpi_thread *thread, struct tpi_cache *cache, struct tp_detail_local *local)
{
    bool destroyed = (tpi_load_relaxed_32(&cache->closed) & TPI_CLOSED_DESTROYED) != 0;
    if (destroyed && local->loaded == 0 && local->previous == 0 && local->victims == 0)
        tpi_local_retire(thread, cache); /* the destroyer may have been here before */
    else
        tpi_local_open(thread, cache, local);
    tpi_unlock(&thread->lock);
}

/* --- get --- */

/* One victim, past the loaded magazine: what is in use moves over by its next put. */
static void *victim_take(struct tpi_cache *cache, struct tp_detail_local *local)
{
    if (local->victims == 0)
        return NULL;
    struct tpi_magazine *magazine = tpi_magazine_at(local->victims);
    void *object = magazine->slots[--magazine->count];
    if (magazine->count == 0) {
        tpi_store_relaxed_32(&local->victims, magazine->next);
        tpi_magazine_free(magazine);
    }
    tpi_budget_give(cache, 1);
    return object;
}

static bool is_closed(const struct tpi_cache *cache, uint32_t why)
{
    return (tpi_load_relaxed_32(&cache->closed) & why) != 0;
}

/* Somebody waits, or the cache ends: nobody takes more out of the depots than he needs. */
static bool is_wanted(const struct tpi_cache *cache)
{
    return is_closed(cache, TPI_CLOSED_TO_PUTS);
}

/* The same while a cycle marks collected objects: what went to a thread could miss the visit. */
static bool depots_stay(const struct tpi_cache *cache)
{
    return is_closed(cache, TPI_CLOSED_TO_PUTS | TPI_CLOSED_MARKING);
}

/* Moves half of the previous magazine into the loaded one, which is empty. A whole swap would leave
   the level at an edge: one who gets and puts in turns around it would swap each time. */
static void split_previous(struct tpi_cache *cache, struct tp_detail_local *local)
{
    struct tpi_magazine *previous = tpi_magazine_at(local->previous);
    uint32_t half = tpi_min((previous->count + 1) / 2, (uint32_t)local->capacity);
    uint32_t reserved = tpi_max((uint32_t)local->reserved, half);
    previous->count -= half;
    memcpy(local->objects, previous->slots + previous->count, half * sizeof local->objects[0]);
    tpi_local_level_set(local, half);
    tpi_budget_give(cache, half - (reserved - local->reserved));
    local->reserved = reserved;
}

/* Makes the loaded magazine hold something, from whole magazines that are not victims. */
static bool refill(struct tpi_cache *cache, struct tp_detail_local *local)
{
    if (tpi_local_level(local) > 0)
        return true;
    if (previous_count(local) > 0) {
        if (local->loaded != 0)
            split_previous(cache, local);
        else
            swap_previous(cache, local);
        return true;
    }
    if (local->victims != 0 || depots_stay(cache))
        return false;
    struct tpi_magazine *magazine = stack_pop(cache, &cache->depot);
    if (magazine == NULL)
        return false;
    tpi_magazine_prefetch(magazine);
    load_instead(cache, local, magazine);
    return true;
}

/* Up to n objects from this record and the depots. */
static size_t get_locked(struct tpi_cache *cache, struct tp_detail_local *local, void **objects,
                         size_t n)
{
    size_t got = 0;
    while (got < n) {
        if (refill(cache, local)) {
            uint32_t level = tpi_local_level(local);
            uint32_t take = (uint32_t)tpi_min(n - got, (size_t)level);
            for (uint32_t i = 0; i < take; i++)
                objects[got++] = local->objects[--level];
            tpi_store_relaxed_64(&local->word, local->word + (uint64_t)take * 0xffff);
            continue;
        }
        if (local->victims == 0) {
            struct tpi_magazine *magazine =
                depots_stay(cache) ? NULL : stack_pop(cache, &cache->victims);
            if (magazine == NULL)
                break;
            tpi_store_relaxed_32(&magazine->next, 0); /* a stale pop may still read it */
            tpi_store_relaxed_32(&local->victims, magazine->number);
        }
        objects[got++] = victim_take(cache, local);
        tpi_local_count_get(local);
    }
    return got;
}

/* Moves a thread's spare magazine (previous, or the first victims) to the depots. The whole move
   under the lock: a fork in the middle would lose the magazine in the child. */
static bool spare_move(struct tpi_thread *thread, struct tpi_cache *cache)
{
    struct tp_detail_local *local = tpi_thread_local(thread, cache);
    struct tpi_magazine *magazine = NULL;
    /* A peek without the lock: most threads have nothing, and a wrong guess costs nothing. */
    if (tpi_load_relaxed_32(&local->previous) == 0 && tpi_load_relaxed_32(&local->victims) == 0)
        return false;
    if (!tpi_lock_try(&thread->lock))
        return false;
    struct tpi_stack *stack = &cache->depot;
    if (previous_count(local) > 0) {
        magazine = tpi_local_take_previous(local);
    } else if (local->victims != 0) {
        stack = &cache->victims;
        magazine = tpi_magazine_at(local->victims);
        tpi_store_relaxed_32(&local->victims, magazine->next);
    }
    if (magazine != NULL) {
        tpi_count(&cache->stolen, magazine->count);
        tpi_magazine_store(cache, stack, magazine);
    }
    tpi_unlock(&thread->lock);
    return magazine != NULL;
}

/* Looks at a bounded number of other threads, from where the last look of this thread ended. What
   is found goes to the depots, where the next try sees it. */
static bool steal(struct tpi_cache *cache)
{
    enum { LOOKS_MAX = 16 };
    static __thread struct tpi_thread *cursor __attribute__((tls_model("initial-exec")));
    for (unsigned look = 0; look < LOOKS_MAX; look++) {
        struct tpi_thread *first = cursor != NULL ? cursor : tpi_thread_first();
        cursor = first->next;
        if (spare_move(first, cache))
            return true;
        if (cursor == NULL && look >= 1)
            return false; /* at the end of the list, having seen a few */
    }
    return false;
}

size_t tpi_cache_get_many(struct tpi_cache *cache, void **objects, size_t n)
{
    struct tp_detail_local *local;
    size_t got = 0;
    do {
        struct tpi_thread *thread = enter(cache, &local);
        got += get_locked(cache, local, objects + got, n - got);
        leave(thread, cache, local);
        while (got < n && is_closed(cache, TPI_CLOSED_MARKING) &&
               (objects[got] = tpi_cache_get_shared(cache)) != NULL)
            got++;
    } while (got < n && !is_wanted(cache) && steal(cache));
    return got;
}

void *tpi_cache_get(struct tpi_cache *cache)
{
    void *object;
    return tpi_cache_get_many(cache, &object, 1) == 1 ? object : NULL;
}

void *tpi_cache_get_shared(struct tpi_cache *cache)
{
    struct tpi_stack *const stacks[] = {&cache->depot, &cache->victims, &cache->unvisited,
                                        &cache->doomed};
    void *object = NULL;
    tpi_closer_lock(); /* no fork, rotation or other look while the magazine is in hand */
    for (unsigned i = 0; i < sizeof stacks / sizeof stacks[0] && object == NULL; i++) {
        struct tpi_magazine *magazine = stack_pop(cache, stacks[i]);
        if (magazine == NULL)
            continue;
        object = magazine->slots[--magazine->count];
        tpi_budget_give(cache, 1);
        tpi_magazine_store(cache, stacks[i], magazine);
        tpi_count(&cache->hits_retired, 1);
    }
    tpi_closer_unlock();
    return object;
}

/* --- put --- */

enum room { ROOM, ROOM_NONE, ROOM_NEEDS_MAGAZINE };

/* A thread's first magazine is a small one: most threads touch most caches seldom. */
static uint32_t capacity_wanted(struct tpi_cache *cache, const struct tp_detail_local *local)
{
    uint32_t capacity = tpi_load_relaxed_32(&cache->capacity);
    return local->loaded == 0 && local->previous == 0 ? tpi_min(capacity, 6u) : capacity;
}

/* Pays for more room in the loaded magazine, up to its capacity and the cache's. */
static bool reserve_more(struct tpi_cache *cache, struct tp_detail_local *local)
{
    uint32_t top = tpi_min((uint32_t)local->capacity, tpi_load_relaxed_32(&cache->capacity));
    if (local->loaded == 0 || local->reserved >= top)
        return false;
    local->reserved += tpi_budget_take(cache, top - local->reserved);
    return local->reserved > tpi_local_level(local);
}

/* Makes the loaded magazine one of the cache's full capacity, its objects kept. */
static bool grow(struct tpi_cache *cache, struct tp_detail_local *local)
{
    struct tpi_magazine *bigger = empty_take(cache, tpi_load_relaxed_32(&cache->capacity));
    if (bigger == NULL)
        return false;
    struct tpi_magazine *loaded = tpi_local_unload(cache, local);
    memcpy(bigger->slots, loaded->slots, loaded->count * sizeof loaded->slots[0]);
    bigger->count = loaded->count;
    tpi_magazine_free(loaded);
    tpi_local_load(local, bigger);
    return true;
}

/* Makes the loaded magazine have room for one more. */
static enum room make_room(struct tpi_cache *cache, struct tp_detail_local *local)
{
    if (local->loaded != 0 && tpi_local_level(local) < local->reserved)
        return ROOM;
    if (reserve_more(cache, local))
        return ROOM;
    uint32_t wanted = capacity_wanted(cache, local);
    if (local->loaded != 0 && local->capacity < wanted &&
        tpi_local_level(local) == local->capacity) {
        if (!grow(cache, local))
            return ROOM_NEEDS_MAGAZINE;
        return reserve_more(cache, local) ? ROOM : ROOM_NONE;
    }
    if (local->loaded != 0 && tpi_local_level(local) < tpi_min(local->capacity, wanted))
        return ROOM_NONE; /* there is room, but no budget */
    if (local->previous != 0 &&
        previous_count(local) < tpi_min(wanted, tpi_magazine_at(local->previous)->capacity)) {
        swap_previous(cache, local);
        return reserve_more(cache, local) ? ROOM : ROOM_NONE;
    }
    struct tpi_magazine *magazine = empty_take(cache, wanted);
    if (magazine == NULL)
        return ROOM_NEEDS_MAGAZINE;
    load_instead(cache, local, magazine);
    return reserve_more(cache, local) ? ROOM : ROOM_NONE;
}

/* *closed: it ended at a bit of TO_PUTS. Only what is seen under the record's lock can say that. */
static size_t put_some(struct tpi_cache *cache, void *const *objects, size_t n, bool *closed)
{
    struct tp_detail_local *local;
    size_t put = 0;
    enum room room = ROOM;
    struct tpi_thread *thread = enter(cache, &local);
    while (put < n) {
        *closed = is_wanted(cache);
        if (*closed)
            break;
        room = make_room(cache, local);
        if (room == ROOM_NEEDS_MAGAZINE) {
            leave(thread, cache, local);
            bool stocked =
                tpi_magazine_stock(tpi_load_relaxed_32(&cache->capacity)) && tpi_magazine_stock(6);
            thread = enter(cache, &local);
            if (!stocked)
                break;
            continue;
        }
        if (room == ROOM_NONE)
            break;
        uint32_t level = tpi_local_level(local);
        uint32_t take = (uint32_t)tpi_min(n - put, (size_t)(local->reserved - level));
        memcpy(local->objects + level, objects + put, take * sizeof objects[0]);
        if (tpi_unlikely(is_closed(cache, TPI_CLOSED_MARKING)))
            cache->shade(objects + put, take); /* the visit of this record may be over */
        tpi_store_relaxed_64(&local->word, local->word + take);
        put += take;
    }
    leave(thread, cache, local);
    return put;
}

size_t tpi_cache_put_many(struct tpi_cache *cache, void *const *objects, size_t n)
{
    bool closed;
    return put_some(cache, objects, n, &closed);
}

bool tpi_cache_put_unless(struct tpi_cache *cache, void *object, bool *closed)
{
    return put_some(cache, &object, 1, closed) == 1;
}

bool tpi_cache_put(struct tpi_cache *cache, void *object)
{
    return tpi_cache_put_many(cache, &object, 1) == 1;
}

void tpi_cache_count_put(struct tpi_cache *cache)
{
    tpi_count(&cache->puts_retired, 1);
}

/* A new magazine, without a record's lock; NULL: ENOMEM. */
static struct tpi_magazine *magazine_get(uint32_t capacity)
{
    for (;;) {
        struct tpi_magazine *magazine = tpi_magazine_new(capacity);
        if (magazine != NULL || !tpi_magazine_stock(capacity))
            return magazine;
    }
}

bool tpi_cache_put_shared(struct tpi_cache *cache, void *object)
{
    if (tpi_budget_take(cache, 1) == 0)
        return false;
    struct tpi_magazine *magazine = magazine_get(1);
    if (magazine == NULL) {
        tpi_budget_give(cache, 1);
        return false;
    }
    magazine->slots[magazine->count++] = object;
    tpi_magazine_store(cache, &cache->depot, magazine);
    tpi_cache_count_put(cache);
    return true;
}

/* Collected objects that are not shaded: before the depot's visit, which has the same lock. */
static void fill_depot(struct tpi_cache *cache, struct tpi_magazine *magazine)
{
    if (cache->shade != NULL)
        tpi_closer_lock();
    if (is_closed(cache, TPI_CLOSED_MARKING))
        cache->shade(magazine->slots, magazine->count);
    tpi_magazine_store(cache, &cache->depot, magazine);
    if (cache->shade != NULL)
        tpi_closer_unlock();
}

/* Loads a full magazine where nothing is loaded but an empty one. */
static bool load_if_empty(struct tpi_cache *cache, struct tpi_magazine *magazine)
{
    struct tp_detail_local *local;
    struct tpi_thread *thread = enter(cache, &local);
    bool empty = tpi_local_level(local) == 0 && tpi_load_relaxed_32(&cache->closed) == 0;
    if (empty)
        load_instead(cache, local, magazine);
    leave(thread, cache, local);
    return empty;
}

size_t tpi_cache_fill(struct tpi_cache *cache, void *const *objects, size_t n, bool load)
{
    size_t filled = 0;
    while (filled < n) {
        uint32_t capacity = tpi_load_relaxed_32(&cache->capacity);
        uint32_t want = (uint32_t)tpi_min(n - filled, (size_t)capacity);
        struct tpi_magazine *magazine = magazine_get(want);
        if (magazine == NULL)
            break;
        uint32_t count = tpi_budget_take(cache, want);
        memcpy(magazine->slots, objects + filled, count * sizeof objects[0]);
        magazine->count = count;
        filled += count;
        if (count == 0 || !load || !load_if_empty(cache, magazine))
            fill_depot(cache, magazine);
        load = false;
        if (count < want)
            break;
    }
    return filled;
}
