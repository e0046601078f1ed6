/* SPDX-License-Identifier: BSD-2-Clause */
/* Random changes: what a busy site does to its graph. The same seed and one thread: the same
   changes. */
#include "graph.h"

#include <stdio.h>

#define WALK_MOST 200          /* nodes of a walk */
#define NEW_USER_OF 4          /* one new tweet in so many is a new user's */
#define GENERATED (1ull << 60) /* numbers from here on are nobody's in a file */

/* A tweet by some user, or a new one, that mentions another. */
static bool add_tweet(struct graph *graph, uint64_t *seed)
{
    uint64_t id = GENERATED | graph_random(seed) >> 4;
    struct graph_node *author = graph_pick(graph, GRAPH_USER, graph_random(seed));
    struct graph_node *mentioned = graph_pick(graph, GRAPH_USER, graph_random(seed)), *tweet;
    char text[64];
    snprintf(text, sizeof(text), "random %llx", (unsigned long long)id);
    if (author == NULL || graph_random(seed) % NEW_USER_OF == 0)
        author = graph_intern(graph, GRAPH_USER, id, tp_view_from_str(text));
    tweet = graph_intern(graph, GRAPH_TWEET, id, tp_view_from_str(text));
    return author != NULL && tweet != NULL && graph_link(graph, author, GRAPH_WROTE, tweet) &&
           (mentioned == NULL || graph_link(graph, tweet, GRAPH_MENTIONS, mentioned));
}

/* A tweet mentions another user than it did. */
static bool relink(struct graph *graph, uint64_t *seed)
{
    struct graph_node *tweet = graph_pick(graph, GRAPH_TWEET, graph_random(seed));
    struct graph_node *user = graph_pick(graph, GRAPH_USER, graph_random(seed)), *before;
    if (tweet == NULL || user == NULL)
        return true;
    before = graph_linked(tweet, GRAPH_MENTIONS);
    if (before != NULL)
        graph_unlink(graph, tweet, GRAPH_MENTIONS, before);
    return graph_link(graph, tweet, GRAPH_MENTIONS, user);
}

static void drop(struct graph *graph, uint64_t *seed)
{
    struct graph_node *user = graph_pick(graph, GRAPH_USER, graph_random(seed));
    if (user != NULL)
        graph_drop_user(graph, user);
}

static bool walk(struct graph *graph, uint64_t *seed)
{
    struct graph_node *user = graph_pick(graph, GRAPH_USER, graph_random(seed));
    return user == NULL || graph_reach(user, WALK_MOST) != 0;
}

void graph_mutate(struct graph *graph, uint64_t steps, uint64_t seed, struct graph_mutations *done)
{
    for (uint64_t i = 0; i < steps && !done->failed; i++) {
        uint64_t choice = graph_random(&seed) % 16;
        if (choice < 7) {
            done->failed = !add_tweet(graph, &seed);
            done->added++;
        } else if (choice < 12) {
            done->failed = !relink(graph, &seed);
            done->relinked++;
        } else if (choice < 13) {
            drop(graph, &seed);
            done->dropped++;
        } else {
            done->failed = !walk(graph, &seed);
            done->walked++;
        }
    }
}
