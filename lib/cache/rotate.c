/* SPDX-License-Identifier: BSD-2-Clause */
/* What cycles and trims do to caches: rotate, take, drop.

   A cycle rotates each cache (Go's sync.Pool victim, per thread and whole magazines at a time):
   1. The victim depot's magazines are doomed; the depot's become the victim depot's.
   2. In each thread, closed and fenced: its victims are doomed; its loaded and previous magazines
      become its victims.
   So what stays idle survives one cycle and is doomed by the second. Each step moves magazines, and
   takes a time that does not depend on how many objects they hold.
   3. Without any lock, what is doomed is dropped: destructed and given back.

   What is doomed is on a stack of its own, pushed by whoever takes and emptied by whoever drops.
   While collected objects are visited (tpi_cache_visit_idle) those to come are on another one. An
   object that is doomed lives until it is destructed: so those that are doomed then, or in a
   dropper's hands, are visited too.
   Rotation and dropping look caches up by number: the caller (lib/gc) lets no cache be closed
   meanwhile. */
#include "cache/close.h"

static void doom(struct tpi_cache *cache, struct tpi_magazine *magazine)
{
    if (magazine == NULL)
        return;
    if (magazine->count == 0)
        tpi_magazine_free(magazine);
    else
        tpi_stack_push(&cache->doomed, magazine);
}

static void doom_chain(struct tpi_cache *cache, uint32_t chain)
{
    while (chain != 0) {
        struct tpi_magazine *magazine = tpi_magazine_at(chain);
        chain = magazine->next;
        doom(cache, magazine);
    }
}

/* Puts a magazine at the head of a thread's victims. */
static void victims_add(struct tp_detail_local *local, struct tpi_magazine *magazine)
{
    if (magazine == NULL)
        return;
    if (magazine->count == 0) {
        tpi_magazine_free(magazine);
        return;
    }
    tpi_store_relaxed_32(&magazine->next, local->victims);
    tpi_store_relaxed_32(&local->victims, magazine->number);
}

static void rotate_local(struct tpi_thread *thread, struct tpi_cache *cache, void *context)
{
    struct tp_detail_local *local = tpi_thread_local(thread, cache);
    (void)context;
    doom_chain(cache, tpi_local_take_victims(local));
    victims_add(local, tpi_local_take_previous(local));
    victims_add(local, tpi_local_unload(cache, local));
    if (local->victims == 0)
        tpi_local_retire(thread, cache); /* nothing for a whole cycle: the next one need not look */
}

/* OpenBSD's rule for pools' lists: longer when the list was fought for, shorter again when it was
   not at all. Here by about a factor of two, between what the object's size suggests and four times
   that. */
static void capacity_tune(struct tpi_cache *cache)
{
    enum { FOUGHT_FOR = 8 };
    uint64_t contention = tpi_load_relaxed_64(&cache->contention);
    uint64_t lost = contention - cache->contention_seen;
    uint32_t capacity = tpi_load_relaxed_32(&cache->capacity);
    cache->contention_seen = contention;
    if (lost > FOUGHT_FOR)
        capacity = tpi_min(cache->capacity_max, capacity * 2 + 2);
    else if (lost == 0 && capacity > cache->capacity_base)
        capacity = tpi_max(cache->capacity_base, (capacity - 2) / 2);
    tpi_store_relaxed_32(&cache->capacity, capacity);
}

static void rotate_depot(struct tpi_cache *cache)
{
    tpi_stack_put_all(&cache->doomed, tpi_stack_take_all(&cache->victims));
    tpi_stack_put_all(&cache->doomed, tpi_stack_take_all(&cache->unvisited)); /* a fork's child's */
    tpi_stack_put_all(&cache->victims, tpi_stack_take_all(&cache->depot));
    tpi_magazine_free_chain(tpi_stack_take_all(&cache->empties));
    capacity_tune(cache);
}

void tpi_cache_rotate_all(void)
{
    tpi_closer_lock(); /* chains are in hand: no fork now */
    for (uint32_t number = 1; number < TPI_CACHES_MAX; number++) {
        struct tpi_cache *cache = tpi_cache_numbered(number);
        if (cache != NULL)
            rotate_depot(cache);
    }
    tpi_closer_unlock();
    tpi_close_and_visit(NULL, rotate_local, NULL);
}

static void take_local(struct tpi_thread *thread, struct tpi_cache *cache, void *context)
{
    struct tp_detail_local *local = tpi_thread_local(thread, cache);
    const enum tpi_take *how = context;
    struct tpi_magazine *loaded = tpi_local_unload(cache, local);
    struct tpi_magazine *previous = tpi_local_take_previous(local);
    uint32_t victims = tpi_local_take_victims(local);
    if (*how == TPI_TAKE_TO_DOOM) {
        doom(cache, loaded);
        doom(cache, previous);
        doom_chain(cache, victims);
    } else {
        tpi_magazine_store(cache, &cache->depot, loaded);
        tpi_magazine_store(cache, &cache->depot, previous);
        tpi_stack_put_all(&cache->victims, victims);
    }
    tpi_local_retire(thread, cache);
}

/* Of a visit that is under way, and will not see them where they go; so marking is on, and cannot
   end while we have the closers' lock. */
static void doom_unvisited(struct tpi_cache *cache)
{
    uint32_t lost = 0;
    for (struct tpi_magazine *magazine;
         (magazine = tpi_stack_pop(&cache->unvisited, &lost)) != NULL;) {
        if ((tpi_load_relaxed_32(&cache->closed) & TPI_CLOSED_MARKING) != 0)
            cache->shade(magazine->slots, magazine->count);
        tpi_stack_push(&cache->doomed, magazine);
    }
}

void tpi_cache_take(struct tpi_cache *cache, enum tpi_take how)
{
    tpi_close_and_visit(cache, take_local, &how);
    if (how == TPI_TAKE_TO_DOOM) {
        tpi_closer_lock();
        tpi_stack_put_all(&cache->doomed, tpi_stack_take_all(&cache->depot));
        tpi_stack_put_all(&cache->doomed, tpi_stack_take_all(&cache->victims));
        doom_unvisited(cache);
        tpi_closer_unlock();
    }
}

/* What is being dropped now: one magazine by whom the caller (lib/gc) lets work, and others by
   those who unload a plugin (tpi_cache_drop_doomed on its cache alone), perhaps in a destruct.
   The list changes under the closers' lock, which fork takes: so a child knows what its parent's
   droppers had done, gives that back, and dooms the rest anew. */
struct dropping {
    struct dropping *next;
    const unsigned *owner; /* its thread's dropping_here */
    struct tpi_cache *cache;
    struct tpi_magazine *magazine; /* its count: objects that have not ended */
    uint32_t count;                /* what it held */
};
static struct dropping *droppings;
static __thread unsigned dropping_here __attribute__((tls_model("initial-exec")));

static bool dropping_begin(struct dropping *dropping, struct tpi_cache *cache)
{
    uint32_t lost = 0;
    tpi_closer_lock();
    struct tpi_magazine *magazine = tpi_stack_pop(&cache->doomed, &lost);
    if (magazine != NULL) {
        *dropping = (struct dropping){droppings, &dropping_here, cache, magazine, magazine->count};
        droppings = dropping;
        dropping_here++;
    }
    tpi_closer_unlock();
    return magazine != NULL;
}

/* Under the closers' lock, or alone in a fork's child: gives back what has ended. */
static void dropping_end(struct dropping *dropping)
{
    struct tpi_cache *cache = dropping->cache;
    struct tpi_magazine *magazine = dropping->magazine;
    uint32_t ended = dropping->count - magazine->count;
    struct dropping **link = &droppings;
    cache->give_back(cache, magazine->slots + magazine->count, ended);
    tpi_budget_give(cache, ended);
    while (*link != dropping)
        link = &(*link)->next;
    *link = dropping->next;
    if (magazine->count > 0)
        tpi_stack_push(&cache->doomed, magazine);
    else
        tpi_magazine_free(magazine);
}

bool tpi_cache_is_dropped_elsewhere(const struct tpi_cache *cache)
{
    bool found = false;
    tpi_closer_lock();
    for (const struct dropping *dropping = droppings; dropping != NULL; dropping = dropping->next)
        found |= dropping->cache == cache && dropping->owner != &dropping_here;
    tpi_closer_unlock();
    return found;
}

static void drop_magazine(struct dropping *dropping)
{
    struct tpi_cache *cache = dropping->cache;
    struct tpi_magazine *magazine = dropping->magazine;
    while (magazine->count > 0) {
        void *object = magazine->slots[magazine->count - 1];
        tpi_store_relaxed_32(&magazine->count, magazine->count - 1);
        if (cache->end != NULL)
            cache->end(cache, object);
    }
    tpi_closer_lock();
    dropping_end(dropping);
    dropping_here--;
    tpi_closer_unlock();
    if (cache->given_back != NULL)
        cache->given_back(cache, dropping->count);
}

void tpi_cache_drop_doomed(struct tpi_cache *cache)
{
    struct dropping dropping;
    if (tpi_unlikely(tpi_load_relaxed_32(&cache->owed) != 0)) {
        tpi_closer_lock();
        uint32_t owed = cache->owed;
        tpi_store_relaxed_32(&cache->owed, 0);
        tpi_closer_unlock();
        if (owed != 0 && cache->given_back != NULL)
            cache->given_back(cache, owed);
    }
    if ((uint32_t)tpi_load_relaxed_64(&cache->doomed.head) == 0)
        return;
    while (dropping_begin(&dropping, cache))
        drop_magazine(&dropping);
}

/* --- visiting --- */

static void uncover(struct tpi_cache *cache, struct tpi_magazine *magazine)
{
    if (magazine != NULL && magazine->count == 0)
        tpi_magazine_free(magazine);
    else if (magazine != NULL)
        tpi_stack_push(&cache->unvisited, magazine);
}

static void uncover_local(struct tpi_thread *thread, struct tpi_cache *cache, void *context)
{
    struct tp_detail_local *local = tpi_thread_local(thread, cache);
    (void)context;
    uncover(cache, tpi_local_unload(cache, local));
    uncover(cache, tpi_local_take_previous(local));
    tpi_stack_put_all(&cache->unvisited, tpi_local_take_victims(local));
    tpi_local_retire(thread, cache);
}

/* What stays where it is. Under the closers' lock. */
static void visit_doomed(struct tpi_cache *cache,
                         void (*visit)(void *const *objects, size_t n, void *context),
                         void *context)
{
    uint32_t chain = tpi_stack_take_all(&cache->doomed);
    for (uint32_t number = chain; number != 0; number = tpi_magazine_at(number)->next)
        visit(tpi_magazine_at(number)->slots, tpi_magazine_at(number)->count, context);
    tpi_stack_put_all(&cache->doomed, chain);
    for (const struct dropping *dropping = droppings; dropping != NULL; dropping = dropping->next)
        if (dropping->cache == cache)
            visit(dropping->magazine->slots, dropping->count, context);
}

/* Magazines go from threads to depots, under their record's lock, and from no depot to a thread: so
   what was in a thread when its record was locked here is uncovered by that or with the depots. A
   magazine is visited and goes to the victims in one step, as others see it. */
void tpi_cache_visit_idle(struct tpi_cache *cache,
                          void (*visit)(void *const *objects, size_t n, void *context),
                          void *context)
{
    struct tpi_magazine *magazine;
    uint32_t lost = 0;
    tpi_close_and_visit(cache, uncover_local, NULL);
    tpi_closer_lock();
    tpi_stack_put_all(&cache->unvisited, tpi_stack_take_all(&cache->depot));
    tpi_stack_put_all(&cache->unvisited, tpi_stack_take_all(&cache->victims));
    visit_doomed(cache, visit, context);
    while ((magazine = tpi_stack_pop(&cache->unvisited, &lost)) != NULL) {
        visit(magazine->slots, magazine->count, context);
        tpi_stack_push(&cache->victims, magazine);
        tpi_closer_unlock(); /* so that nobody waits for all of them */
        tpi_closer_lock();
    }
    tpi_closer_unlock();
}

static void visit_nothing(struct tpi_thread *thread, struct tpi_cache *cache, void *context)
{
    (void)thread;
    (void)cache;
    (void)context;
}

void tpi_cache_puts_end(struct tpi_cache *cache)
{
    tpi_close_and_visit(cache, visit_nothing, NULL);
}

/* --- fork --- */

void tpi_rotate_fork_child(void)
{
    struct dropping *next;
    for (struct dropping *dropping = droppings; dropping != NULL; dropping = next) {
        next = dropping->next;
        if (dropping->owner == &dropping_here)
            continue; /* fork was called in a destruct: this thread goes on with it */
        /* On the stack of a thread that is not here; its memory is. */
        dropping->cache->owed += dropping->count - dropping->magazine->count;
        dropping_end(dropping);
    }
}

void tpi_cache_drop_doomed_all(void)
{
    for (uint32_t number = 1; number < TPI_CACHES_MAX; number++) {
        struct tpi_cache *cache = tpi_cache_numbered(number);
        if (cache != NULL)
            tpi_cache_drop_doomed(cache);
    }
}
