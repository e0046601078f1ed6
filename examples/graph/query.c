/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the graph, by any number of threads while others change it. What is walked is what
   was there at some moment in between; no node goes while somebody stands on it. */
#include "graph.h"

#include <errno.h>
#include <string.h>

#define SET_FIRST 64 /* a power of two */

/* Nodes in the order in which they were found, and where each is: open addressing, at most half
   full. The set itself is a local variable, and `order` keeps its nodes alive. */
struct node_set {
    struct slot *order;
    uint32_t *places; /* index in `order`, from 1; 0: free */
    size_t n, room;   /* twice as many places as room */
};

struct slot {
    struct graph_node *node;
};

TP_GC_TYPE(slot_type, struct slot, node);

static uint32_t *place_of(const struct node_set *set, const struct graph_node *node)
{
    size_t mask = set->room * 2 - 1;
    size_t at = (size_t)((uintptr_t)node * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (set->places[at] != 0 && set->order[set->places[at] - 1].node != node)
        at = (at + 1) & mask;
    return &set->places[at];
}

static bool set_grow(struct node_set *set)
{
    struct node_set larger = {.n = set->n, .room = set->room != 0 ? set->room * 2 : SET_FIRST};
    larger.order = tp_gc_alloc_array(&slot_type, larger.room);
    larger.places = tp_gc_alloc_leaf(larger.room * 2 * sizeof(*larger.places));
    if (larger.order == NULL || larger.places == NULL)
        return false;
    if (set->n != 0)
        tp_gc_move(larger.order, set->order, set->n);
    for (size_t i = 0; i < set->n; i++)
        *place_of(&larger, larger.order[i].node) = (uint32_t)i + 1;
    *set = larger;
    return true;
}

static bool set_add(struct node_set *set, struct graph_node *node)
{
    uint32_t *place;
    if (set->n == set->room && !set_grow(set))
        return false;
    place = place_of(set, node);
    if (*place != 0)
        return true;
    tp_gc_store(&set->order[set->n].node, node);
    *place = (uint32_t)++set->n;
    return true;
}

/* Adds what the nodes of the set lead to, and what that leads to, until there are `most`. */
static bool set_spread(struct node_set *set, size_t most)
{
    for (size_t i = 0; i < set->n; i++) {
        struct graph_edge *edge = graph_edges(set->order[i].node);
        for (; edge != NULL && set->n < most; edge = graph_next(edge)) {
            if (!set_add(set, edge->to))
                return false;
        }
    }
    return true;
}

size_t graph_reach(struct graph_node *from, size_t most)
{
    struct node_set set = {0};
    return set_add(&set, from) && set_spread(&set, most) ? set.n : 0;
}

size_t graph_check(struct graph *graph)
{
    struct node_set set = {0};
    for (size_t i = 0; i < graph->index->buckets_n; i++) {
        struct graph_entry *entry = graph_bucket(graph->index, i);
        for (; entry != NULL; entry = graph_entry_next(entry)) {
            if (!set_add(&set, entry->node))
                return 0;
        }
    }
    if (!set_spread(&set, SIZE_MAX))
        return 0;
    errno = 0;
    for (size_t i = 0; i < set.n; i++) {
        const struct graph_node *node = set.order[i].node;
        if (node->kind >= GRAPH_KINDS || node->label == NULL ||
            node->check != graph_checksum(tp_view_from_str(node->label))) {
            errno = EILSEQ;
            return 0;
        }
    }
    return set.n;
}

static size_t count_links(const struct graph_node *node, enum graph_link link)
{
    size_t n = 0;
    for (struct graph_edge *edge = graph_edges(node); edge != NULL; edge = graph_next(edge))
        n += edge->link == link || link == GRAPH_LINKS;
    return n;
}

size_t graph_links(struct graph *graph)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->index->buckets_n; i++) {
        struct graph_entry *entry = graph_bucket(graph->index, i);
        for (; entry != NULL; entry = graph_entry_next(entry))
            n += count_links(entry->node, GRAPH_LINKS);
    }
    return n;
}

static bool comes_before(const struct graph_mentioned *a, const struct graph_mentioned *b)
{
    if (a->mentions != b->mentions)
        return a->mentions > b->mentions;
    return strcmp(a->user->label, b->user->label) < 0;
}

/* Sorts one in, behind which the last may drop out. */
static size_t rank(struct graph_mentioned *found, size_t n, size_t most,
                   struct graph_mentioned candidate)
{
    size_t at = n;
    if (n == most && !comes_before(&candidate, &found[n - 1]))
        return n;
    if (n == most)
        at--;
    n = at + 1;
    for (; at > 0 && comes_before(&candidate, &found[at - 1]); at--)
        found[at] = found[at - 1];
    found[at] = candidate;
    return n;
}

size_t graph_most_mentioned(struct graph *graph, struct graph_mentioned *found, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->index->buckets_n; i++) {
        struct graph_entry *entry = graph_bucket(graph->index, i);
        for (; entry != NULL; entry = graph_entry_next(entry)) {
            struct graph_mentioned candidate = {.user = entry->node};
            if (candidate.user->kind != GRAPH_USER)
                continue;
            candidate.mentions = count_links(candidate.user, GRAPH_MENTIONED_IN);
            if (candidate.mentions != 0)
                n = rank(found, n, most, candidate);
        }
    }
    return n;
}
