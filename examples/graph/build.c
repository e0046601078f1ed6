/* SPDX-License-Identifier: BSD-2-Clause */
/* From a JSON text to nodes. The text's tree is in an arena and goes with it as a whole; what the
   graph keeps of it are copies. */
#include "graph.h"

#include <errno.h>
#include <stdio.h>

#include "../json/json.h"

/* What a member is where it is an unsigned number; else 0. */
static uint64_t number_of(const struct json_value *object, const char *name)
{
    const struct json_value *value = json_get(object, tp_view_from_str(name));
    return value != NULL && (json_type(value) == JSON_INT || json_type(value) == JSON_UINT)
               ? value->natural
               : 0;
}

static tp_view text_of(const struct json_value *object, const char *name)
{
    const struct json_value *value = json_get(object, tp_view_from_str(name));
    return value != NULL && json_type(value) == JSON_STRING ? json_string(value)
                                                            : tp_view_from_str("");
}

static const struct json_value *member(const struct json_value *object, const char *name)
{
    return object != NULL ? json_get(object, tp_view_from_str(name)) : NULL;
}

static size_t items_of(const struct json_value *array)
{
    return array != NULL && json_type(array) == JSON_ARRAY ? json_length(array) : 0;
}

static struct graph_node *user_of(struct graph *graph, const struct json_value *user)
{
    return graph_intern(graph, GRAPH_USER, number_of(user, "id"), text_of(user, "screen_name"));
}

static bool link_entities(struct graph *graph, struct graph_node *tweet,
                          const struct json_value *entities)
{
    const struct json_value *mentions = member(entities, "user_mentions");
    const struct json_value *hashtags = member(entities, "hashtags");
    for (size_t i = 0; i < items_of(mentions); i++) {
        struct graph_node *user = user_of(graph, &mentions->items[i]);
        if (user == NULL || !graph_link(graph, tweet, GRAPH_MENTIONS, user))
            return false;
    }
    for (size_t i = 0; i < items_of(hashtags); i++) {
        tp_view text = text_of(&hashtags->items[i], "text");
        struct graph_node *hashtag = graph_intern(graph, GRAPH_HASHTAG, graph_hash(text), text);
        if (hashtag == NULL || !graph_link(graph, tweet, GRAPH_TAGGED, hashtag))
            return false;
    }
    return true;
}

/* A tweet with its author and what it names; one that is there already is only found. */
static struct graph_node *one_tweet(struct graph *graph, const struct json_value *status)
{
    const struct json_value *author = member(status, "user");
    uint64_t id = number_of(status, "id");
    struct graph_node *tweet = graph_find(graph, GRAPH_TWEET, id), *user;
    if (tweet != NULL)
        return tweet;
    tweet = graph_intern(graph, GRAPH_TWEET, id, text_of(status, "text"));
    user = author != NULL ? user_of(graph, author) : NULL;
    if (tweet == NULL || user == NULL || !graph_link(graph, user, GRAPH_WROTE, tweet) ||
        !link_entities(graph, tweet, member(status, "entities")))
        return NULL;
    return tweet;
}

/* A tweet and, where it is one, what it is a retweet of. */
static bool add_status(struct graph *graph, const struct json_value *status)
{
    const struct json_value *original = member(status, "retweeted_status");
    struct graph_node *tweet, *retweeted;
    tweet = one_tweet(graph, status);
    if (tweet == NULL || original == NULL || member(original, "user") == NULL)
        return tweet != NULL; /* one whose author is not told is not kept */
    retweeted = one_tweet(graph, original);
    return retweeted != NULL && graph_link(graph, tweet, GRAPH_RETWEETS, retweeted);
}

static bool add_all(struct graph *graph, const char *name, const struct json_value *root)
{
    const struct json_value *statuses = member(root, "statuses");
    for (size_t i = 0; i < items_of(statuses); i++) {
        const struct json_value *status = &statuses->items[i];
        if (number_of(status, "id") == 0 || member(status, "user") == NULL) {
            fprintf(stderr, "tp-graph: %s: status %zu has no id or no user\n", name, i + 1);
            errno = EINVAL;
            return false;
        }
        errno = ENOMEM;
        if (!add_status(graph, status))
            return false;
    }
    if (items_of(statuses) != 0)
        return true;
    fprintf(stderr, "tp-graph: %s: no array \"statuses\"\n", name);
    errno = EINVAL;
    return false;
}

bool graph_build(struct graph *graph, const char *name, tp_view text)
{
    struct json_parser parser = {0};
    tp_arena *arena = tp_arena_create(NULL);
    const struct json_value *root;
    bool built = false;
    if (arena == NULL)
        return false;
    root = json_parse(&parser, arena, text, 0);
    if (root != NULL) {
        built = add_all(graph, name, root);
    } else {
        fprintf(stderr, "tp-graph: %s:%zu:%zu: %s\n", name, parser.error.line, parser.error.column,
                json_fault_text(parser.error.fault));
        errno = EINVAL;
    }
    json_parser_free(&parser);
    tp_arena_destroy(arena);
    return built;
}
