/* SPDX-License-Identifier: BSD-2-Clause */
/* A graph of documents in memory: users, tweets and hashtags that point at each other.

   What it needs a collector for:
   - The links form cycles (a user wrote a tweet that mentions a user who wrote ...), so counting
     references never comes to zero, and no node owns another.
   - A node that is dropped leaves the index, and that is all: it goes when nothing that is left
     leads to it, and nobody has to find out when that is.
   - Readers walk the lists without a lock while others take them apart. An element that was taken
     out stays what it was for whoever stands on it. With malloc, the one who frees it would have to
     wait for all readers (hazard pointers, epochs, RCU).

   What it owes the collector for that: pointers are stored with tp_gc_store, and the one pointer
   outside the collected heap, graph->index, is a root.

   Who changes a list holds graph->lock; nothing is allocated under it, so nobody waits long. Any
   thread may call anything. */
#ifndef EXAMPLES_GRAPH_GRAPH_H
#define EXAMPLES_GRAPH_GRAPH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidepool.h>

enum graph_kind { GRAPH_USER, GRAPH_TWEET, GRAPH_HASHTAG, GRAPH_KINDS };

/* Each but REPLIES has its counterpart, which leads back. */
enum graph_link {
    GRAPH_WROTE,        /* user to tweet */
    GRAPH_WRITTEN_BY,   /* tweet to user */
    GRAPH_MENTIONS,     /* tweet to user */
    GRAPH_MENTIONED_IN, /* user to tweet */
    GRAPH_TAGGED,       /* tweet to hashtag */
    GRAPH_TAGS,         /* hashtag to tweet */
    GRAPH_RETWEETS,     /* tweet to tweet */
    GRAPH_RETWEETED_BY, /* tweet to tweet */
    GRAPH_LINKS
};

struct graph_edge {
    struct graph_edge *next;
    struct graph_node *to;
    enum graph_link link;
};

struct graph_node {
    char *label; /* a name, a tweet's or a hashtag's text */
    struct graph_edge *edges;
    uint64_t id;
    enum graph_kind kind;
    uint32_t check; /* of the label: a node that was lost and used again would not fit */
};

/* A hash table that does not grow: chains, newest first. */
struct graph_entry {
    struct graph_entry *next;
    struct graph_node *node;
};

struct graph_index {
    size_t buckets_n; /* a power of two */
    struct graph_entry *buckets[];
};

struct graph {
    struct graph_index *index; /* a root */
    pthread_mutex_t lock;
    uint64_t counts[GRAPH_KINDS]; /* of what is in the index; under the lock */
    _Atomic uint64_t users_gone;  /* that the collector found unreachable */
};

/* Pointers that others may be changing. What they lead to is complete: tp_gc_store is a release. */
static inline struct graph_edge *graph_edges(const struct graph_node *node)
{
    return __atomic_load_n(&node->edges, __ATOMIC_ACQUIRE);
}

static inline struct graph_edge *graph_next(const struct graph_edge *edge)
{
    return __atomic_load_n(&edge->next, __ATOMIC_ACQUIRE);
}

static inline struct graph_entry *graph_bucket(const struct graph_index *index, size_t bucket)
{
    return __atomic_load_n(&index->buckets[bucket], __ATOMIC_ACQUIRE);
}

static inline struct graph_entry *graph_entry_next(const struct graph_entry *entry)
{
    return __atomic_load_n(&entry->next, __ATOMIC_ACQUIRE);
}

/* --- graph.c. False, NULL: errno ENOMEM, unless said otherwise --- */

/* An empty graph for about so many nodes. It stays where it is until it is closed. */
bool graph_open(struct graph *graph, size_t nodes);

/* Forgets all nodes, which go with the next cycle. */
void graph_close(struct graph *graph);

/* The node of that kind and number, made if it is not there. */
struct graph_node *graph_intern(struct graph *graph, enum graph_kind kind, uint64_t id,
                                tp_view label);

/* NULL: not there. */
struct graph_node *graph_find(struct graph *graph, enum graph_kind kind, uint64_t id);

/* Some node of that kind, from where the number falls; NULL: there is none. */
struct graph_node *graph_pick(struct graph *graph, enum graph_kind kind, uint64_t random);

/* Links two nodes, and back by the counterpart. */
bool graph_link(struct graph *graph, struct graph_node *from, enum graph_link link,
                struct graph_node *to);

/* Takes one link of `from` to `to` away, and one that leads back. */
void graph_unlink(struct graph *graph, struct graph_node *from, enum graph_link link,
                  struct graph_node *to);

/* The first node that such a link leads to, or NULL. */
struct graph_node *graph_linked(const struct graph_node *node, enum graph_link link);

/* Takes the node out of the index. Links to it stay, and so does it for as long as they are
   reachable. False: it was not there. */
bool graph_drop(struct graph *graph, struct graph_node *node);

/* Takes a user and all that it wrote out of the index; how many tweets. */
size_t graph_drop_user(struct graph *graph, struct graph_node *user);

/* Takes everything out of the index. */
void graph_drop_all(struct graph *graph);

uint32_t graph_checksum(tp_view label);

/* A number that stands for a hashtag. */
uint64_t graph_hash(tp_view text);

/* --- build.c --- */

/* Adds the tweets of a JSON text in the form of Twitter's search: {"statuses": [...]}. False and
   errno ENOMEM, or EINVAL and a message on stderr. */
bool graph_build(struct graph *graph, const char *name, tp_view text);

/* --- generate.c --- */

/* Appends such a text with so many tweets, always the same for the same seed. */
bool graph_generate(tp_bytes *out, size_t tweets, uint64_t seed);

/* --- query.c --- */

struct graph_mentioned {
    const struct graph_node *user;
    size_t mentions;
};

/* All users in the index with at least one mention, the most mentioned first, at most `most`.
   Returns how many it filled in. `found` is on the caller's stack. */
size_t graph_most_mentioned(struct graph *graph, struct graph_mentioned *found, size_t most);

/* How many nodes the links lead to from this one, itself too; at most `most`. 0: ENOMEM. */
size_t graph_reach(struct graph_node *from, size_t most);

/* How many nodes the index leads to, whether they are in it or not; each label is held against its
   check. 0 and errno: ENOMEM; EILSEQ: a node is not what it was. An empty graph has 0 and errno
   0. */
size_t graph_check(struct graph *graph);

/* Links of all nodes in the index. */
size_t graph_links(struct graph *graph);

/* --- mutate.c --- */

struct graph_mutations {
    uint64_t added, relinked, dropped, walked; /* what was done */
    bool failed;                               /* ENOMEM */
};

/* So many random changes and short walks. Others may do the same at the same time. */
void graph_mutate(struct graph *graph, uint64_t steps, uint64_t seed, struct graph_mutations *done);

static inline uint64_t graph_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif
