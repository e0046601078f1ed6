/* SPDX-License-Identifier: BSD-2-Clause */
/* What must be true of the graph while all threads rest, after two cycles: what the shadow reaches
   is there and as the shadow says; what it does not reach is gone, by the weak references and
   cleanups that one object in 16 has. What is not gone hangs on old words that lie about on stacks:
   the fewest places that it can hang on are counted, and there may be few of them. */
#ifndef TESTS_STRESS_GRAPH_CHECK_H
#define TESTS_STRESS_GRAPH_CHECK_H

#include "graph.h"

enum { GRAPH_TOPS_MAX = 12, GRAPH_BAD = UINT32_MAX };

static struct {
    uint32_t queue[GRAPH_ENTRIES]; /* indices of entries */
    uint32_t count;
    uint64_t live, dead, kept, tops, tops_max, rounds;
} graph_check;

/* Writes over what calls left below the caller's frame. */
__attribute__((noinline)) static void graph_scrub(void)
{
    volatile char deep[32 << 10];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = 0;
}

/* --- what must live --- */

static void graph_reach(uint64_t number)
{
    struct entry *entry = graph_entry(number);
    if (number == 0 || entry->reached == graph_round)
        return;
    STRESS_CHECK(entry->number == number, "number %#llx is in a shadow, and is free",
                 (unsigned long long)number);
    entry->reached = graph_round;
    graph_check.queue[graph_check.count++] = (uint32_t)(entry - graph);
}

static void graph_is(const struct object *object, uint64_t number, const char *where)
{
    uint64_t is = graph_number(object);
    STRESS_CHECK(is == number, "%s: number %#llx, the shadow says %#llx", where,
                 (unsigned long long)is, (unsigned long long)number);
    graph_reach(number);
}

static void graph_reach_links(struct entry *entry)
{
    struct object *object = (struct object *)~entry->disguise;
    STRESS_CHECK(graph_of(object) == entry, "an object is not where it was");
    for (uint32_t i = 0; i < entry->links; i++)
        graph_is(graph_load(graph_slot(object, entry, i)), entry->targets[i], "link");
}

__attribute__((noinline)) static void graph_reach_all(void)
{
    graph_check.count = 0;
    for (unsigned t = 0; t < graph_thread_count; t++) {
        for (unsigned i = 0; i < GRAPH_OWN; i++)
            graph_is(graph_roots.own[t][i], graph_own_numbers[t][i], "own root");
        for (unsigned i = 0; i < GRAPH_LOCALS; i++)
            graph_reach(graph_number(graph_local(&graph_threads[t], i)));
    }
    for (unsigned i = 0; i < GRAPH_SHARED; i++) {
        graph_is(graph_roots.shared[i], graph_shared_numbers[i], "shared root");
        graph_reach(graph_number(graph_roots.open[i]));
    }
    for (uint32_t at = 0; at < graph_check.count; at++)
        graph_reach_links(&graph[graph_check.queue[at]]);
}

/* --- what must not: each entry that is in use and not reached --- */

static bool graph_is_dead(const struct entry *entry)
{
    return entry->number != 0 && entry->reached != graph_round;
}

/* Whether the object is still there; only sampled ones tell. */
static bool graph_is_kept(struct entry *entry)
{
    if (entry->weak != NULL)
        return tp_gc_weak_get(entry->weak) != NULL;
    return __atomic_load_n(&entry->cleanup, __ATOMIC_SEQ_CST) == 1;
}

__attribute__((noinline)) static void graph_living_are_kept(void)
{
    for (uint32_t at = 0; at < graph_check.count; at++) {
        struct entry *entry = &graph[graph_check.queue[at]];
        STRESS_CHECK(entry->weak == NULL || tp_gc_weak_get(entry->weak) == (void *)~entry->disguise,
                     "number %#llx lives, and its weak reference does not",
                     (unsigned long long)entry->number);
        STRESS_CHECK(entry->cleanup != 2, "number %#llx lives, and its cleanup ran",
                     (unsigned long long)entry->number);
    }
}

/* A dead target of a dead object; NULL. */
static struct entry *graph_dead_target(const struct entry *entry, uint32_t link)
{
    uint64_t number = entry->targets[link];
    struct entry *target = graph_entry(number);
    return number != 0 && target->number == number && graph_is_dead(target) ? target : NULL;
}

/* order becomes GRAPH_BAD for all that cannot be there, since they lead to what is gone. */
static void graph_find_gone(void)
{
    bool changed = true;
    for (struct entry *entry = graph; entry < graph + GRAPH_ENTRIES; entry++) {
        bool sampled = entry->weak != NULL || entry->cleanup != 0;
        entry->order = graph_is_dead(entry) && sampled && !graph_is_kept(entry) ? GRAPH_BAD : 0;
    }
    while (changed) {
        changed = false;
        for (struct entry *entry = graph; entry < graph + GRAPH_ENTRIES; entry++) {
            for (uint32_t i = 0; graph_is_dead(entry) && i < entry->links; i++) {
                const struct entry *target = graph_dead_target(entry, i);
                if (entry->order == GRAPH_BAD || target == NULL || target->order != GRAPH_BAD)
                    continue;
                entry->order = GRAPH_BAD;
                changed = true;
            }
        }
    }
}

/* Depth first from one object, over what is not behind order `seen` yet. Appends to the queue in
   the order of leaving; how many sampled ones it met. */
static uint32_t graph_walk(struct entry *start, uint32_t seen)
{
    static struct {
        struct entry *entry;
        uint32_t link;
    } path[GRAPH_ENTRIES];
    uint32_t depth = 0, kept = 0;
    if (!graph_is_dead(start) || start->order >= seen)
        return 0;
    start->order = seen;
    path[depth].entry = start;
    path[depth++].link = 0;
    while (depth > 0) {
        struct entry *entry = path[depth - 1].entry;
        if (path[depth - 1].link < entry->links) {
            struct entry *target = graph_dead_target(entry, path[depth - 1].link++);
            if (target == NULL || target->order >= seen)
                continue;
            target->order = seen;
            path[depth].entry = target;
            path[depth++].link = 0;
        } else {
            kept += entry->weak != NULL || entry->cleanup != 0;
            graph_check.queue[graph_check.count++] = (uint32_t)(entry - graph);
            depth--;
        }
    }
    return kept;
}

/* The fewest objects from which all that was kept is reached. */
static uint32_t graph_count_tops(void)
{
    uint32_t tops = 0;
    graph_find_gone();
    graph_check.count = 0;
    for (uint32_t i = 0; i < GRAPH_ENTRIES; i++)
        (void)graph_walk(&graph[i], 1);
    uint32_t left = graph_check.count;
    static uint32_t order[GRAPH_ENTRIES];
    memcpy(order, graph_check.queue, left * sizeof order[0]);
    graph_check.count = 0;
    while (left-- > 0)
        tops += graph_walk(&graph[order[left]], 2) != 0;
    return tops;
}

static void graph_forget(struct entry *entry)
{
    tp_gc_weak_free(entry->weak);
    free(entry->targets);
    entry->weak = NULL;
    entry->targets = NULL;
    entry->number = 0;
    entry->links = 0;
}

__attribute__((noinline)) static uint32_t graph_kept(void)
{
    uint32_t kept = 0;
    for (struct entry *entry = graph; entry < graph + GRAPH_ENTRIES; entry++)
        kept += graph_is_dead(entry) && graph_is_kept(entry);
    return kept;
}

static void graph_dead_are_gone(void)
{
    uint32_t kept = graph_kept();
    if (kept != 0) { /* what is left may hang on this thread's stack, by the last look at it */
        graph_scrub();
        tp_gc_collect();
        kept = graph_kept();
    }
    uint32_t tops = kept != 0 ? graph_count_tops() : 0;
    if (tops > GRAPH_TOPS_MAX)
        stress_fail("%u dead objects with weak references or cleanups are still there, by at least "
                    "%u places",
                    kept, tops);
    graph_check.kept += kept;
    graph_check.tops += tops;
    graph_check.tops_max = tops > graph_check.tops_max ? tops : graph_check.tops_max;
    for (struct entry *entry = graph; entry < graph + GRAPH_ENTRIES; entry++) {
        if (!graph_is_dead(entry))
            continue;
        graph_check.dead++;
        if (!graph_is_kept(entry))
            graph_forget(entry);
    }
}

/* --- all of it. The threads rest in blocking regions; the caller is attached --- */

static void graph_give_entries(void)
{
    unsigned next = 0;
    for (unsigned t = 0; t < graph_thread_count; t++)
        graph_threads[t].free_count = 0;
    for (uint32_t i = 0; i < GRAPH_ENTRIES; i++) {
        struct graph_thread *thread = &graph_threads[next++ % graph_thread_count];
        if (graph[i].number == 0 && thread->free_count < sizeof thread->free / sizeof(uint32_t))
            thread->free[thread->free_count++] = i;
    }
}

/* Cuts links where there is more than a round should begin with. */
__attribute__((noinline)) static void graph_prune(struct stress_random *random)
{
    uint32_t live = graph_check.count;
    for (uint32_t at = 0; live > GRAPH_LIVE_MAX && at < live; at++) {
        struct entry *entry = &graph[graph_check.queue[at]];
        struct object *object = (struct object *)~entry->disguise;
        for (uint32_t i = 0; i < entry->links && stress_below(random, 3) == 0; i++) {
            tp_gc_store(graph_slot(object, entry, i), NULL);
            entry->targets[i] = 0;
        }
    }
}

static void graph_check_all(struct stress_random *random)
{
    graph_round++;
    graph_check.rounds++;
    graph_reach_all();
    graph_check.live += graph_check.count;
    graph_scrub();
    tp_gc_collect();
    tp_gc_collect();
    graph_living_are_kept();
    graph_prune(random);
    graph_scrub();
    graph_dead_are_gone();
    graph_give_entries();
}

#endif
