/* SPDX-License-Identifier: BSD-2-Clause */
/* Random mutations of a graph of collected objects by several threads, held against its shadow
   (graph.h), with a rest every now and then at which everything is looked at (graph_check.h).

   Budget: until a deadline, or TP_STRESS_MUTATIONS of all threads together. TP_STRESS_THREADS: how
   many. TP_STRESS_ROUND: mutations of a thread between two rests. */
#ifndef TESTS_STRESS_GRAPH_RUN_H
#define TESTS_STRESS_GRAPH_RUN_H

#include "graph_check.h"

enum { ROUND_MUTATIONS = 20000, WALK_MAX = 6 };

static pthread_barrier_t gather, go;
static _Atomic bool stop_collecting;
static bool ended; /* written while all rest */
static uint32_t round_mutations = ROUND_MUTATIONS;

/* --- what a thread does --- */

static unsigned some_local(struct graph_thread *thread)
{
    return stress_below(&thread->random, GRAPH_GIVEN);
}

/* The object of a local; where it is NULL, of one that follows; NULL. */
static struct object *some_object(struct graph_thread *thread)
{
    unsigned at = some_local(thread);
    for (unsigned i = 0; i < GRAPH_GIVEN; i++) {
        struct object *object = graph_local(thread, (at + i) % GRAPH_GIVEN);
        if (object != NULL)
            return object;
    }
    return NULL;
}

/* A new one, with links to what is there. */
static void make(struct graph_thread *thread)
{
    struct object *object = graph_make(thread);
    if (object == NULL)
        return;
    struct entry *entry = graph_of(object);
    uint32_t n = stress_below(&thread->random, entry->links < 4 ? entry->links + 1 : 5);
    for (uint32_t i = 0; i < n; i++) {
        struct object *value = some_object(thread);
        tp_gc_store(graph_slot(object, entry, i), value);
        entry->targets[i] = graph_number(value);
    }
    graph_local_set(thread, some_local(thread), object);
}

/* An object with links, locked; *link is one of them. */
static struct entry *lock_some(struct graph_thread *thread, struct object **object, uint32_t *link)
{
    *object = some_object(thread);
    if (*object == NULL)
        return NULL;
    struct entry *entry = graph_of(*object);
    if (entry->links == 0)
        return NULL;
    *link = stress_below(&thread->random, entry->links);
    graph_lock(&entry->lock);
    return entry;
}

static void loaded(struct object *object, uint64_t number, const char *where)
{
    uint64_t is = graph_number(object);
    STRESS_CHECK(is == number, "%s: loaded number %#llx, the shadow says %#llx", where,
                 (unsigned long long)is, (unsigned long long)number);
}

static void walk(struct graph_thread *thread)
{
    struct object *at = some_object(thread);
    uint32_t steps = 1 + stress_below(&thread->random, WALK_MAX);
    while (at != NULL && steps-- > 0) {
        struct entry *entry = graph_of(at);
        if (entry->links == 0)
            break;
        uint32_t link = stress_below(&thread->random, entry->links);
        graph_lock(&entry->lock);
        struct object *next = graph_load(graph_slot(at, entry, link));
        uint64_t number = entry->targets[link];
        graph_unlock(&entry->lock);
        loaded(next, number, "walk");
        if (next == NULL)
            break;
        at = next;
    }
    graph_local_set(thread, some_local(thread), at);
}

/* A link of some object, locked, and what shall be there. */
struct change {
    struct entry *entry;
    struct object *object, *value, **slot;
    uint64_t *shadow; /* the number of what is there */
    uint64_t number;  /* of the value */
};

/* False: there is no such link. */
static bool change_begin(struct graph_thread *thread, struct change *change)
{
    uint32_t link;
    change->value = some_object(thread);
    change->entry = lock_some(thread, &change->object, &link);
    if (change->entry == NULL)
        return false;
    change->slot = graph_slot(change->object, change->entry, link);
    change->shadow = &change->entry->targets[link];
    change->number = graph_number(change->value);
    return true;
}

static void change_end(struct change *change, bool done)
{
    if (done)
        *change->shadow = change->number;
    graph_unlock(&change->entry->lock);
}

static void store(struct graph_thread *thread)
{
    struct change change;
    if (!change_begin(thread, &change))
        return;
    loaded(graph_load(change.slot), *change.shadow, "before a store");
    if (stress_below(&thread->random, 8) == 0) {
        tp_gc_edit_begin(change.object);
        __atomic_store_n(change.slot, change.value, __ATOMIC_RELEASE);
        if (stress_below(&thread->random, 4) == 0)
            tp_gc_safepoint();
        tp_gc_edit_end(change.object);
    } else {
        tp_gc_store(change.slot, change.value);
    }
    change_end(&change, true);
}

static void exchange(struct graph_thread *thread)
{
    struct change change;
    if (!change_begin(thread, &change))
        return;
    uint64_t before = *change.shadow;
    struct object *old = tp_gc_exchange(change.slot, change.value);
    change_end(&change, true);
    loaded(old, before, "exchange");
    graph_local_set(thread, some_local(thread), old);
}

static void compare_and_swap(struct graph_thread *thread)
{
    struct change change;
    if (!change_begin(thread, &change))
        return;
    struct object *old = graph_load(change.slot);
    bool fails = stress_below(&thread->random, 4) == 0 && old != change.object;
    bool swapped = tp_gc_cas(change.slot, fails ? change.object : old, change.value);
    STRESS_CHECK(swapped == !fails, "tp_gc_cas: %d", swapped);
    change_end(&change, swapped);
}

/* Within an object, where links lie side by side. */
static void move(struct graph_thread *thread)
{
    uint32_t from;
    struct object *object;
    struct entry *entry = lock_some(thread, &object, &from);
    if (entry == NULL)
        return;
    uint32_t to = stress_below(&thread->random, entry->links);
    uint32_t n = entry->links - (from > to ? from : to);
    n = 1 + stress_below(&thread->random, n < 64 ? n : 64);
    n = n > entry->links - (from > to ? from : to) ? entry->links - (from > to ? from : to) : n;
    if (entry->kind != ARRAY) {
        tp_gc_move(&object->links[to], &object->links[from], n);
        memmove(&entry->targets[to], &entry->targets[from], n * sizeof entry->targets[0]);
    }
    graph_unlock(&entry->lock);
}

static void clear(struct graph_thread *thread)
{
    uint32_t link;
    struct object *object;
    struct entry *entry = lock_some(thread, &object, &link);
    if (entry == NULL)
        return;
    bool all = stress_below(&thread->random, 50) == 0;
    for (uint32_t i = all ? 0 : link; i < (all ? entry->links : link + 1); i++) {
        __atomic_store_n(graph_slot(object, entry, i), NULL, __ATOMIC_RELAXED);
        entry->targets[i] = 0;
    }
    graph_unlock(&entry->lock);
}

static void own_root(struct graph_thread *thread)
{
    unsigned at = stress_below(&thread->random, GRAPH_OWN);
    struct object **slot = &graph_roots.own[thread->index][at];
    uint64_t *number = &graph_own_numbers[thread->index][at];
    struct object *object = some_object(thread), *old = graph_load(slot);
    loaded(old, *number, "own root");
    switch (stress_below(&thread->random, 4)) {
    case 0:
        graph_local_set(thread, some_local(thread), old);
        return;
    case 1:
        if (stress_below(&thread->random, 4) == 0) {
            __atomic_store_n(slot, NULL, __ATOMIC_RELAXED);
            *number = 0;
        }
        return;
    default:
        tp_gc_store(slot, object);
        *number = graph_number(object);
    }
}

static void shared_root(struct graph_thread *thread)
{
    unsigned at = stress_below(&thread->random, GRAPH_SHARED);
    struct object *object = stress_below(&thread->random, 4) == 0 ? NULL : some_object(thread);
    graph_lock(&graph_shared_locks[at]);
    struct object *old = tp_gc_exchange(&graph_roots.shared[at], object);
    uint64_t number = graph_shared_numbers[at];
    graph_shared_numbers[at] = graph_number(object);
    graph_unlock(&graph_shared_locks[at]);
    loaded(old, number, "shared root");
    graph_local_set(thread, some_local(thread), old);
}

/* Without a lock: whatever is there must be an object in order. */
static void open_root(struct graph_thread *thread)
{
    struct object **slot = &graph_roots.open[stress_below(&thread->random, GRAPH_SHARED)];
    struct object *object = stress_below(&thread->random, 4) == 0 ? NULL : some_object(thread);
    struct object *old = graph_load(slot);
    (void)graph_number(old);
    switch (stress_below(&thread->random, 3)) {
    case 0:
        old = tp_gc_exchange(slot, object);
        break;
    case 1:
        if (!tp_gc_cas(slot, old, object))
            return;
        break;
    default:
        break;
    }
    (void)graph_number(old);
    graph_local_set(thread, some_local(thread), old);
}

/* To the next thread, by memory that the collector does not read: shaded, and kept until it was
   taken. */
static void hand_over(struct graph_thread *thread)
{
    struct graph_thread *next = &graph_threads[(thread->index + 1) % graph_thread_count];
    uintptr_t mail = atomic_load(&thread->mailbox);
    if (mail != 0) {
        struct object *object = (struct object *)~mail;
        (void)graph_number(object);
        graph_local_set(thread, some_local(thread), object);
        atomic_store(&thread->mailbox, 0);
    }
    if (atomic_load(&next->mailbox) != 0)
        return;
    struct object *object = some_object(thread);
    graph_local_set(thread, GRAPH_GIVEN, object);
    if (object != NULL) {
        tp_gc_shade(object);
        atomic_store(&next->mailbox, graph_disguised(object));
    }
}

static void rare(struct graph_thread *thread)
{
    switch (stress_below(&thread->random, 40)) {
    case 0:
        tp_gc_collect();
        break;
    case 1:
        tp_gc_blocking_begin();
        stress_sleep_ns(1000 * (long)(1 + stress_below(&thread->random, 1000)));
        tp_gc_blocking_end();
        break;
    default:
        tp_gc_safepoint();
    }
}

static void mutate_once(struct graph_thread *thread)
{
    uint32_t dice = stress_below(&thread->random, 2000);
    if (dice < 500)
        make(thread);
    else if (dice < 800)
        walk(thread);
    else if (dice < 1100)
        store(thread);
    else if (dice < 1250)
        exchange(thread);
    else if (dice < 1350)
        compare_and_swap(thread);
    else if (dice < 1400)
        move(thread);
    else if (dice < 1500)
        clear(thread);
    else if (dice < 1700)
        own_root(thread);
    else if (dice < 1800)
        shared_root(thread);
    else if (dice < 1900)
        open_root(thread);
    else if (dice < 1930)
        hand_over(thread);
    else if (dice < 1998)
        graph_local_set(thread, some_local(thread), NULL);
    else
        rare(thread);
    thread->mutations++;
}

static void rest(void)
{
    graph_scrub();
    tp_gc_blocking_begin();
    pthread_barrier_wait(&gather);
    pthread_barrier_wait(&go);
    tp_gc_blocking_end();
}

__attribute__((noinline)) static void mutate(struct graph_thread *thread)
{
    for (uint32_t i = 0; i < round_mutations; i++)
        mutate_once(thread);
}

static void *work(void *argument)
{
    struct local locals[GRAPH_LOCALS] = {{NULL}};
    struct graph_thread *thread = argument;
    STRESS_CHECK(tp_gc_thread_attach() == 0, "a thread cannot attach");
    thread->locals = locals;
    rest();
    while (!ended) {
        mutate(thread);
        rest();
    }
    return NULL;
}

/* Cycles one after the other, so that most mutations are beside one. */
static void *collect_always(void *argument)
{
    while (!atomic_load(&stop_collecting))
        tp_gc_collect();
    return argument;
}

/* --- the main thread --- */

static uint64_t mutations_so_far(void)
{
    uint64_t sum = 0;
    for (unsigned t = 0; t < graph_thread_count; t++)
        sum += graph_threads[t].mutations;
    return sum;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

/* share: one in so many of the mutations. */
static void graph_run(int64_t deadline, unsigned share)
{
    pthread_t threads[GRAPH_THREADS_MAX], collector;
    struct stress_random random = stress_stream(99, 0);
    uint64_t limit = number_of("TP_STRESS_MUTATIONS", 0) / share;
    graph_thread_count = (unsigned)number_of("TP_STRESS_THREADS", 4);
    round_mutations = (uint32_t)number_of("TP_STRESS_ROUND", ROUND_MUTATIONS);
    if (limit != 0)
        alarm(0);
    STRESS_CHECK(tp_gc_root_add(&graph_roots, sizeof graph_roots) == 0, "no root");
    pthread_barrier_init(&gather, NULL, graph_thread_count + 1);
    pthread_barrier_init(&go, NULL, graph_thread_count + 1);
    graph_give_entries();
    for (unsigned t = 0; t < graph_thread_count; t++) {
        graph_threads[t].index = t;
        graph_threads[t].random = stress_stream(t, 1);
        STRESS_CHECK(pthread_create(&threads[t], NULL, work, &graph_threads[t]) == 0, "no thread");
    }
    STRESS_CHECK(pthread_create(&collector, NULL, collect_always, NULL) == 0, "no thread");
    STRESS_CHECK(tp_gc_thread_attach() == 0, "main's thread cannot attach");
    do {
        tp_gc_blocking_begin();
        pthread_barrier_wait(&gather);
        tp_gc_blocking_end();
        graph_check_all(&random);
        uint64_t mutations = mutations_so_far();
        ended = limit != 0 ? mutations >= limit : mutations != 0 && stress_now_ns() > deadline;
        tp_gc_blocking_begin();
        pthread_barrier_wait(&go);
        tp_gc_blocking_end();
    } while (!ended);
    tp_gc_blocking_begin();
    for (unsigned t = 0; t < graph_thread_count; t++)
        pthread_join(threads[t], NULL);
    atomic_store(&stop_collecting, true);
    pthread_join(collector, NULL);
    tp_gc_blocking_end();
    printf("%llu mutations, %llu cycles; at %llu rests %llu lived, %llu were dead; of those with a "
           "weak reference or a cleanup %llu were kept by old words, from %llu places (at most "
           "%llu at once)\n",
           (unsigned long long)mutations_so_far(), (unsigned long long)tp_gc_cycle(),
           (unsigned long long)graph_check.rounds, (unsigned long long)graph_check.live,
           (unsigned long long)graph_check.dead, (unsigned long long)graph_check.kept,
           (unsigned long long)graph_check.tops, (unsigned long long)graph_check.tops_max);
}

#endif
