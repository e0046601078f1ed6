/* SPDX-License-Identifier: BSD-2-Clause */
/* For the white-box tests of lib/cache: threads that do one thing at a time when told, and a walk
   over everything that a cache holds, which checks the invariants of cache.h as it goes.

   The objects are addresses in an array: a cache never looks into them. */
#ifndef TESTS_UNIT_CACHE_HELP_H
#define TESTS_UNIT_CACHE_HELP_H

#include <pthread.h>
#include <semaphore.h>

#include "heap_help.h"

#include "cache/close.h"
#include "cache/local.h"
#include "cache/many.h"

/* --- threads on a lead: each has a record of its own, and runs only while the test waits --- */

struct lead {
    pthread_t thread;
    sem_t go, done;
    void (*run)(void *argument);
    void *argument;
    bool quit;
};

static inline void lead_wait(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ;
}

static inline void *lead_main(void *argument)
{
    struct lead *lead = argument;
    for (;;) {
        lead_wait(&lead->go);
        if (lead->quit)
            return NULL;
        lead->run(lead->argument);
        sem_post(&lead->done);
    }
}

static inline void lead_start(struct lead *lead)
{
    memset(lead, 0, sizeof *lead);
    sem_init(&lead->go, 0, 0);
    sem_init(&lead->done, 0, 0);
    assert_int_equal(pthread_create(&lead->thread, NULL, lead_main, lead), 0);
}

/* Returns when that thread has run it. */
static inline void lead_do(struct lead *lead, void (*run)(void *argument), void *argument)
{
    lead->run = run;
    lead->argument = argument;
    sem_post(&lead->go);
    lead_wait(&lead->done);
}

/* The thread ends, its exit handler included. */
static inline void lead_end(struct lead *lead)
{
    lead->quit = true;
    sem_post(&lead->go);
    pthread_join(lead->thread, NULL);
}

static inline void lead_find_record(void *argument)
{
    struct tpi_thread *record = tpi_thread_lock();
    *(struct tpi_thread **)argument = record;
    tpi_unlock(&record->lock);
}

static inline struct tpi_thread *lead_record(struct lead *lead)
{
    struct tpi_thread *record;
    lead_do(lead, lead_find_record, &record);
    return record;
}

/* --- objects --- */

enum { OBJECTS = 4096 };

static char help_objects[OBJECTS];

static inline void *help_object(size_t i)
{
    return &help_objects[i];
}

static inline size_t help_index(const void *object)
{
    size_t i = (size_t)((const char *)object - help_objects);
    assert_true(i < OBJECTS);
    return i;
}

static bool help_dropped[OBJECTS];

static inline void help_give_back(struct tpi_cache *self, void **objects, uint32_t n)
{
    (void)self;
    while (n > 0) {
        size_t i = help_index(objects[--n]);
        assert_false(help_dropped[i]);
        help_dropped[i] = true;
    }
}

static inline void help_open(struct tpi_cache *cache, uint64_t bytes, uint64_t idle_max)
{
    *cache = (struct tpi_cache){
        .bytes = bytes, .idle_max = idle_max, .give_back = help_give_back};
    tpi_cache_open(cache, tpi_cache_number_take());
}

static inline void help_close(struct tpi_cache *cache)
{
    cache->closed = TPI_CLOSED_DESTROYED;
    tpi_cache_take(cache, TPI_TAKE_TO_DOOM);
    tpi_cache_drop_doomed(cache);
    tpi_cache_close(cache);
    memset(help_dropped, 0, sizeof help_dropped);
}

/* --- the walk. No other thread uses the cache meanwhile --- */

struct walk {
    struct tpi_cache *cache;
    unsigned char seen[OBJECTS]; /* how often */
    size_t loaded, previous, victims;               /* objects in all threads */
    size_t in_depot, in_victim_depot, doomed;       /* objects */
    size_t depot_magazines, empty_magazines;
    uint64_t paid; /* of the budget */
};

static inline void walk_slots(struct walk *walk, const struct tpi_magazine *magazine,
                              uint32_t count)
{
    assert_true(count <= magazine->capacity);
    for (uint32_t i = 0; i < count; i++)
        walk->seen[help_index(magazine->slots[i])]++;
}

/* A chain or a stack's contents; none of them is empty, unless `empties`. How many objects. */
static inline size_t walk_chain(struct walk *walk, uint32_t number, size_t *magazines, bool empties)
{
    size_t objects = 0, n = 0;
    while (number != 0) {
        struct tpi_magazine *magazine = tpi_magazine_at(number);
        assert_int_equal(magazine->number, number);
        assert_int_equal(magazine->count == 0, empties);
        walk_slots(walk, magazine, magazine->count);
        objects += magazine->count;
        assert_true(++n < 100000); /* a cycle otherwise */
        number = magazine->next;
    }
    if (magazines != NULL)
        *magazines = n;
    walk->paid += objects;
    return objects;
}

static inline void walk_local(struct walk *walk, struct tpi_thread *thread)
{
    const struct tp_detail_local *local = tpi_thread_local(thread, walk->cache);
    uint32_t level = tpi_local_level(local);
    bool active = tpi_bit_get(thread->active, walk->cache->number);
    bool open = active && local->floor == 0;
    assert_true(local->floor == 0 || local->floor == TPI_CLOSED_FLOOR);
    if (!active) {
        assert_int_equal(local->word, 0);
        assert_int_equal(local->balance, 0);
        assert_int_equal(local->loaded, 0);
        assert_int_equal(local->previous, 0);
        assert_int_equal(local->victims, 0);
    }
    if (open) { /* I1 */
        assert_true(thread->rseq_cs != NULL && walk->cache->closed == 0 && local->loaded != 0);
        assert_int_equal(local->ceiling_called, local->reserved);
        assert_int_equal(local->ceiling, walk->cache->calls_on_put ? 0 : local->reserved);
    } else {
        assert_true(local->ceiling == 0 && local->ceiling_called == 0);
    }
    if (local->loaded == 0) {
        assert_true(level == 0 && local->objects == NULL && local->reserved == 0);
    } else {
        const struct tpi_magazine *magazine = tpi_magazine_at(local->loaded);
        assert_ptr_equal(local->objects, magazine->slots);
        assert_int_equal(local->capacity, magazine->capacity);
        assert_true(level <= local->reserved && local->reserved <= local->capacity);
        walk_slots(walk, magazine, level);
    }
    walk->loaded += level;
    walk->paid += local->reserved;
    if (local->previous != 0) {
        const struct tpi_magazine *magazine = tpi_magazine_at(local->previous);
        walk_slots(walk, magazine, magazine->count);
        walk->previous += magazine->count;
        walk->paid += magazine->count;
    }
    walk->victims += walk_chain(walk, local->victims, NULL, false);
}

static inline uint32_t walk_top(const struct tpi_stack *stack)
{
    return (uint32_t)stack->head;
}

/* Everything that the cache holds; each object in one place (I3), and the budget to the last
   one. */
static inline void walk_cache(struct walk *walk, struct tpi_cache *cache)
{
    *walk = (struct walk){.cache = cache};
    for (struct tpi_thread *thread = tpi_thread_first(); thread != NULL; thread = thread->next)
        walk_local(walk, thread);
    walk->in_depot = walk_chain(walk, walk_top(&cache->depot), &walk->depot_magazines, false);
    walk->in_victim_depot = walk_chain(walk, walk_top(&cache->victims), NULL, false);
    walk->doomed = walk_chain(walk, walk_top(&cache->doomed), NULL, false);
    walk_chain(walk, walk_top(&cache->empties), &walk->empty_magazines, true);
    for (size_t i = 0; i < OBJECTS; i++)
        assert_true(walk->seen[i] <= 1);
    if (cache->idle_max != 0)
        assert_int_equal(cache->budget + walk->paid, cache->idle_max);
}

static inline size_t walk_idle(const struct walk *walk)
{
    return walk->loaded + walk->previous + walk->victims + walk->in_depot + walk->in_victim_depot;
}

/* --- starting: with sequences where there are any, and the whole group once more without --- */

static inline int cache_tests_run(const char *name, const struct CMUnitTest *tests, size_t n)
{
    bool sequences = !tpi_sanitized && !tpi_checked && tpi_os_rseq_start();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        tpi_sequences_set(TPI_SEQUENCES_OFF);
        exit(_cmocka_run_group_tests(name, tests, n, NULL, NULL));
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "%s: without sequences: wait status 0x%x\n", name, (unsigned)status);
        return 1;
    }
    if (!sequences) {
        printf("%s: no restartable sequences in this build or on this machine\n", name);
        return 0;
    }
    tpi_sequences_set(TPI_SEQUENCES_ON);
    return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

#endif
