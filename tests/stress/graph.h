/* SPDX-License-Identifier: BSD-2-Clause */
/* A graph of collected objects, and its shadow in memory of malloc, which the collector does not
   read: for each object what it is and whose numbers its links have. So for each pointer that a
   thread loads the shadow says whether it is the right one, and when all threads rest, which
   objects must live and which must not.

   Each object begins with its number and a word that follows from it: freed by mistake, overwritten
   or given out twice, it shows. The shadow keeps addresses disguised, so that no word of the test's
   own keeps an object alive. An entry has a spin lock, held while the object's links and their
   shadows are written. Whoever waits for one answers the collector meanwhile, since its holder may
   have to wait for it. Entries are given out to threads, and taken back, while all rest. */
#ifndef TESTS_STRESS_GRAPH_H
#define TESTS_STRESS_GRAPH_H

#include <errno.h>
#include <pthread.h>

#include "stress.h"

enum {
    GRAPH_ENTRIES = 1 << 17,
    GRAPH_NODE_LINKS = 4,
    GRAPH_LARGE_LINKS = 12000, /* most of a large object */
    GRAPH_LIVE_MAX = 20000
};

/* --- the objects --- */

struct object {
    uint64_t number, check;
    struct object *links[];
};

struct node {
    uint64_t number, check;
    struct object *links[GRAPH_NODE_LINKS];
};

/* Of arrays: the first one's number is the object's. */
struct element {
    uint64_t number, check;
    struct object *link;
    uint64_t unused;
};

TP_GC_TYPE(graph_node_type, struct node, links);
TP_GC_TYPE(graph_flex_type, struct object, links);
TP_GC_TYPE(graph_element_type, struct element, link);

enum kind { NODE, ARRAY, FLEX, LEAF, CONSERVATIVE, KINDS };

struct entry {
    uint64_t number; /* 0: free */
    uint64_t generation;
    uint32_t lock;
    enum kind kind;
    uint32_t links;
    uint64_t *targets; /* numbers; 0: NULL */
    uintptr_t disguise;
    tp_gc_weak *weak; /* of some */
    uint32_t cleanup; /* of some: 1 has one, 2 it ran */
    uint32_t reached; /* the round in which it last was */
    uint32_t order;   /* while tops are counted */
};

static struct entry graph[GRAPH_ENTRIES];
static uint32_t graph_round;

static inline struct entry *graph_entry(uint64_t number)
{
    return &graph[number % GRAPH_ENTRIES];
}

static inline uintptr_t graph_disguised(const void *object)
{
    return ~(uintptr_t)object;
}

/* Never like an address. */
static inline uint64_t graph_check_word(uint64_t number)
{
    return (number * UINT64_C(0x9e3779b97f4a7c15)) | UINT64_C(1) << 63;
}

/* The entry of an object that a pointer leads to; it must be in order. */
static inline struct entry *graph_of(const struct object *object)
{
    struct entry *entry = graph_entry(object->number);
    if (object->number == 0 || entry->number != object->number ||
        object->check != graph_check_word(object->number) ||
        entry->disguise != graph_disguised(object))
        stress_fail("object %p has number %#llx and check word %#llx; the shadow of that number: "
                    "number %#llx at %p, kind %d; cycle %llu",
                    (const void *)object, (unsigned long long)object->number,
                    (unsigned long long)object->check, (unsigned long long)entry->number,
                    (void *)~entry->disguise, (int)entry->kind, (unsigned long long)tp_gc_cycle());
    return entry;
}

static inline uint64_t graph_number(const struct object *object)
{
    return object == NULL ? 0 : graph_of(object)->number;
}

/* Where a link is. Links of all but arrays lie side by side. */
static inline struct object **graph_slot(struct object *object, const struct entry *entry,
                                         uint32_t link)
{
    return entry->kind == ARRAY ? &((struct element *)(void *)object)[link].link
                                : &object->links[link];
}

static inline struct object *graph_load(struct object **slot)
{
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

static inline void graph_lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0)
        tp_gc_safepoint();
}

static inline void graph_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* --- threads --- */

enum {
    GRAPH_THREADS_MAX = 8,
    GRAPH_LOCALS = 17,
    GRAPH_GIVEN = GRAPH_LOCALS - 1, /* the local that a neighbour was given */
    GRAPH_OWN = 48,
    GRAPH_SHARED = 32
};

struct local {
    void *address; /* into the object; NULL */
};

struct graph_thread {
    unsigned index;
    struct stress_random random;
    struct local *locals; /* on the thread's stack; every other one points into the middle */
    uint32_t free[GRAPH_ENTRIES / 2]; /* entries that it may use */
    uint32_t free_count;
    uint64_t mutations;
    _Atomic uintptr_t mailbox; /* for this thread; disguised, not read by the collector; 0: empty */
    bool gave; /* its neighbour: the last of its locals is kept until that mailbox is empty */
};

static struct graph_thread graph_threads[GRAPH_THREADS_MAX];
static unsigned graph_thread_count;

/* Roots: own ones of each thread; shared ones with locks and shadows; shared ones without. */
struct graph_roots {
    struct object *own[GRAPH_THREADS_MAX][GRAPH_OWN];
    struct object *shared[GRAPH_SHARED];
    struct object *open[GRAPH_SHARED];
};

static struct graph_roots graph_roots;
static uint64_t graph_own_numbers[GRAPH_THREADS_MAX][GRAPH_OWN];
static uint64_t graph_shared_numbers[GRAPH_SHARED];
static uint32_t graph_shared_locks[GRAPH_SHARED];

static inline uintptr_t graph_local_offset(unsigned i)
{
    return i % 2 == 0 ? 0 : sizeof(uint64_t);
}

static inline struct object *graph_local(const struct graph_thread *thread, unsigned i)
{
    char *address = thread->locals[i].address;
    return address == NULL ? NULL : (struct object *)(void *)(address - graph_local_offset(i));
}

static inline void graph_local_set(struct graph_thread *thread, unsigned i, struct object *object)
{
    thread->locals[i].address = object == NULL ? NULL : (char *)object + graph_local_offset(i);
}

/* --- making --- */

static void graph_cleaned(void *argument)
{
    struct entry *entry = argument;
    uint32_t before = __atomic_fetch_add(&entry->cleanup, 1, __ATOMIC_SEQ_CST);
    STRESS_CHECK(before == 1, "the cleanup of number %#llx ran with state %u",
                 (unsigned long long)entry->number, before);
}

static inline void graph_fill(struct entry *entry, struct object *object)
{
    entry->disguise = graph_disguised(object);
    uint64_t *words = (uint64_t *)(void *)object;
    for (uint32_t i = 0; i < entry->links; i++)
        STRESS_CHECK(*graph_slot(object, entry, i) == NULL,
                     "new object %p: link %u is %p, not NULL", (void *)object, i,
                     (void *)*graph_slot(object, entry, i));
    STRESS_CHECK(words[0] == 0 && words[1] == 0, "new object %p is not zero", (void *)object);
    object->number = entry->number;
    object->check = graph_check_word(entry->number);
}

static inline struct object *graph_alloc(enum kind kind, uint32_t links)
{
    switch (kind) {
    case NODE:
        return tp_gc_alloc(&graph_node_type);
    case ARRAY:
        return tp_gc_alloc_array(&graph_element_type, links);
    case FLEX:
        return tp_gc_alloc_flex(&graph_flex_type, links);
    case LEAF:
        return tp_gc_alloc_leaf(sizeof(struct object) + links * sizeof(void *));
    default:
        return tp_gc_alloc_conservative(sizeof(struct object) + links * sizeof(void *));
    }
}

/* An object of some kind; NULL: no entry is left in this round. */
static inline struct object *graph_make(struct graph_thread *thread)
{
    if (thread->free_count == 0)
        return NULL;
    uint32_t index = thread->free[--thread->free_count];
    struct entry *entry = &graph[index];
    struct stress_random *random = &thread->random;
    entry->kind = stress_below(random, 2) == 0 ? NODE : (enum kind)stress_below(random, KINDS);
    entry->links = GRAPH_NODE_LINKS;
    if (entry->kind != NODE)
        entry->links = stress_below(random, 1500) == 0
                           ? 1 + stress_below(random, GRAPH_LARGE_LINKS)
                           : 1 + stress_below(random, stress_below(random, 10) == 0 ? 200 : 12);
    entry->number = ++entry->generation * GRAPH_ENTRIES + index;
    entry->weak = NULL;
    entry->cleanup = 0;
    entry->reached = 0;
    struct object *object = graph_alloc(entry->kind, entry->links);
    STRESS_CHECK(object != NULL, "no memory for kind %d with %u links: %s", (int)entry->kind,
                 entry->links, strerror(errno));
    if (entry->kind == LEAF)
        entry->links = 0;
    graph_fill(entry, object);
    entry->targets = calloc(entry->links + 1, sizeof *entry->targets);
    if (stress_below(random, 16) == 0)
        STRESS_CHECK((entry->weak = tp_gc_weak_make(object)) != NULL, "no weak reference");
    if (stress_below(random, 16) == 0) {
        entry->cleanup = 1;
        STRESS_CHECK(tp_gc_cleanup_add(object, graph_cleaned, entry) != NULL, "no cleanup");
    }
    return object;
}

#endif
