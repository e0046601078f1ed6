/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes, links and the index: see graph.h.

   Lists are changed under graph->lock and read without it. What is taken out of a list keeps its
   own `next`, so a reader that stands on it walks on; it must not be linked in again elsewhere, so
   elements are always made anew. */
#include "graph.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

TP_GC_TYPE(node_type, struct graph_node, label, edges);
TP_GC_TYPE(edge_type, struct graph_edge, next, to);
TP_GC_TYPE(entry_type, struct graph_entry, next, node);
TP_GC_TYPE(index_type, struct graph_index, buckets);

/* Whoever has the lock may have to wait for the collector, in a store; so the collector must not
   have to wait for those who wait for the lock. */
static void lock(struct graph *graph)
{
    if (pthread_mutex_trylock(&graph->lock) == 0)
        return;
    tp_gc_blocking_begin();
    pthread_mutex_lock(&graph->lock);
    tp_gc_blocking_end();
}

static void unlock(struct graph *graph)
{
    pthread_mutex_unlock(&graph->lock);
}

uint64_t graph_hash(tp_view text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ text.data[i]) * 0x100000001b3u;
    return hash;
}

uint32_t graph_checksum(tp_view label)
{
    return (uint32_t)(graph_hash(label) >> 32) | 1;
}

bool graph_open(struct graph *graph, size_t nodes)
{
    struct graph_index *index;
    size_t buckets = 16;
    while (buckets < nodes)
        buckets *= 2;
    memset(graph, 0, sizeof(*graph));
    index = tp_gc_alloc_flex(&index_type, buckets);
    if (index == NULL || tp_gc_root_add(&graph->index, sizeof(struct graph_index *)) != 0)
        return false;
    index->buckets_n = buckets;
    tp_gc_store(&graph->index, index);
    pthread_mutex_init(&graph->lock, NULL);
    return true;
}

void graph_close(struct graph *graph)
{
    tp_gc_root_remove(&graph->index);
    pthread_mutex_destroy(&graph->lock);
}

static size_t bucket_of(const struct graph *graph, enum graph_kind kind, uint64_t id)
{
    uint64_t mixed = (id * GRAPH_KINDS + kind) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) & (graph->index->buckets_n - 1);
}

struct graph_node *graph_find(struct graph *graph, enum graph_kind kind, uint64_t id)
{
    struct graph_entry *entry = graph_bucket(graph->index, bucket_of(graph, kind, id));
    while (entry != NULL && (entry->node->id != id || entry->node->kind != kind))
        entry = graph_entry_next(entry);
    return entry != NULL ? entry->node : NULL;
}

struct graph_node *graph_pick(struct graph *graph, enum graph_kind kind, uint64_t random)
{
    size_t n = graph->index->buckets_n;
    for (size_t i = 0; i < n; i++) {
        struct graph_entry *entry = graph_bucket(graph->index, (random + i) & (n - 1));
        for (; entry != NULL; entry = graph_entry_next(entry)) {
            if (entry->node->kind == kind)
                return entry->node;
        }
    }
    return NULL;
}

/* Runs when a user can no longer be reached, after it has gone. */
static void user_gone(void *count)
{
    atomic_fetch_add_explicit((_Atomic uint64_t *)count, 1, memory_order_relaxed);
}

/* New, and known to nobody: but a cycle may be running, and it does not look into what was made
   since it began. So its pointers are stored with tp_gc_store from the first. */
static struct graph_node *node_make(struct graph *graph, enum graph_kind kind, uint64_t id,
                                    tp_view text)
{
    struct graph_node *node = tp_gc_alloc(&node_type);
    char *label = tp_gc_alloc_leaf(text.len + 1);
    if (node == NULL || label == NULL)
        return NULL;
    if (text.len != 0)
        memcpy(label, text.data, text.len);
    node->id = id;
    node->kind = kind;
    node->check = graph_checksum(text);
    tp_gc_store(&node->label, label);
    if (kind == GRAPH_USER && tp_gc_cleanup_add(node, user_gone, &graph->users_gone) == NULL)
        return NULL;
    return node;
}

struct graph_node *graph_intern(struct graph *graph, enum graph_kind kind, uint64_t id,
                                tp_view label)
{
    struct graph_entry **bucket = &graph->index->buckets[bucket_of(graph, kind, id)];
    struct graph_node *node = graph_find(graph, kind, id), *there;
    struct graph_entry *entry;
    if (node != NULL)
        return node;
    node = node_make(graph, kind, id, label);
    entry = tp_gc_alloc(&entry_type);
    if (node == NULL || entry == NULL)
        return NULL;
    tp_gc_store(&entry->node, node);
    lock(graph);
    there = graph_find(graph, kind, id); /* somebody was faster */
    if (there == NULL) {
        tp_gc_store(&entry->next, *bucket);
        tp_gc_store(bucket, entry);
        graph->counts[kind]++;
    }
    unlock(graph);
    return there != NULL ? there : node;
}

static enum graph_link counterpart(enum graph_link link)
{
    return (enum graph_link)((unsigned)link ^ 1); /* they stand in pairs */
}

static struct graph_edge *edge_make(enum graph_link link, struct graph_node *to)
{
    struct graph_edge *edge = tp_gc_alloc(&edge_type);
    if (edge == NULL)
        return NULL;
    edge->link = link;
    tp_gc_store(&edge->to, to);
    return edge;
}

/* Under the lock. */
static void edge_add(struct graph_node *node, struct graph_edge *edge)
{
    tp_gc_store(&edge->next, node->edges);
    tp_gc_store(&node->edges, edge);
}

/* Under the lock. */
static void edge_remove(struct graph_node *node, enum graph_link link, const struct graph_node *to)
{
    struct graph_edge **at = &node->edges;
    while (*at != NULL && ((*at)->link != link || (*at)->to != to))
        at = &(*at)->next;
    if (*at != NULL)
        tp_gc_store(at, (*at)->next);
}

bool graph_link(struct graph *graph, struct graph_node *from, enum graph_link link,
                struct graph_node *to)
{
    struct graph_edge *there = edge_make(link, to), *back = edge_make(counterpart(link), from);
    if (there == NULL || back == NULL)
        return false;
    lock(graph);
    edge_add(from, there);
    edge_add(to, back);
    unlock(graph);
    return true;
}

void graph_unlink(struct graph *graph, struct graph_node *from, enum graph_link link,
                  struct graph_node *to)
{
    lock(graph);
    edge_remove(from, link, to);
    edge_remove(to, counterpart(link), from);
    unlock(graph);
}

struct graph_node *graph_linked(const struct graph_node *node, enum graph_link link)
{
    struct graph_edge *edge = graph_edges(node);
    while (edge != NULL && edge->link != link)
        edge = graph_next(edge);
    return edge != NULL ? edge->to : NULL;
}

bool graph_drop(struct graph *graph, struct graph_node *node)
{
    struct graph_entry **at = &graph->index->buckets[bucket_of(graph, node->kind, node->id)];
    bool found;
    lock(graph);
    while (*at != NULL && (*at)->node != node)
        at = &(*at)->next;
    found = *at != NULL;
    if (found) {
        tp_gc_store(at, (*at)->next);
        graph->counts[node->kind]--;
    }
    unlock(graph);
    return found;
}

size_t graph_drop_user(struct graph *graph, struct graph_node *user)
{
    size_t tweets = 0;
    for (struct graph_edge *edge = graph_edges(user); edge != NULL; edge = graph_next(edge)) {
        if (edge->link == GRAPH_WROTE)
            tweets += graph_drop(graph, edge->to);
    }
    graph_drop(graph, user);
    return tweets;
}

void graph_drop_all(struct graph *graph)
{
    lock(graph);
    for (size_t i = 0; i < graph->index->buckets_n; i++)
        tp_gc_store(&graph->index->buckets[i], NULL);
    memset(graph->counts, 0, sizeof(graph->counts));
    unlock(graph);
}
