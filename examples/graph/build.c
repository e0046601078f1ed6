/* SPDX-License-Identifier: BSD-2-Clause */
/* From a JSON text to nodes. The text's tree is in an arena and goes with it as a whole; what the
   graph keeps of it are copies. */
#include "graph.h"

#include <errno.h>
#include <stdio.h>

#include "../json/json.h"

static const struct json_value *member(const struct json_value *object, const char *name)
{
    return object != NULL ? json_get(object, tp_view_from_str(name)) : NULL;
}

static bool is_a(const struct json_value *value, enum json_type type)
{
    return value != NULL && json_type(value) == type;
}

/* The member "id" where it is a whole number above 0; else 0. */
static uint64_t id_of(const struct json_value *object)
{
    const struct json_value *id = member(object, "id");
    return is_a(id, JSON_UINT) || (is_a(id, JSON_INT) && id->integer > 0) ? id->natural : 0;
}

static tp_view text_of(const struct json_value *object, const char *name)
{
    const struct json_value *value = member(object, name);
    return is_a(value, JSON_STRING) ? json_string(value) : tp_view_from_str("");
}

static size_t items_of(const struct json_value *array)
{
    return is_a(array, JSON_ARRAY) ? json_length(array) : 0;
}

static bool is_user(const struct json_value *user)
{
    return id_of(user) != 0 && is_a(member(user, "screen_name"), JSON_STRING);
}

static struct graph_node *user_of(struct graph *graph, const struct json_value *user)
{
    return graph_intern(graph, GRAPH_USER, id_of(user), text_of(user, "screen_name"));
}

static bool link_entities(struct graph *graph, struct graph_node *tweet,
                          const struct json_value *entities)
{
    const struct json_value *mentions = member(entities, "user_mentions");
    const struct json_value *hashtags = member(entities, "hashtags");
    for (size_t i = 0; i < items_of(mentions); i++) {
        struct graph_node *user;
        if (!is_user(&mentions->items[i]))
            continue; /* it names nobody */
        user = user_of(graph, &mentions->items[i]);
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

/* A tweet with its author and what it names; one that is there already is only found. The status
   is a good one. */
static struct graph_node *one_tweet(struct graph *graph, const struct json_value *status)
{
    uint64_t id = id_of(status);
    struct graph_node *tweet = graph_find(graph, GRAPH_TWEET, id), *user;
    if (tweet != NULL)
        return tweet;
    tweet = graph_intern(graph, GRAPH_TWEET, id, text_of(status, "text"));
    user = user_of(graph, member(status, "user"));
    if (tweet == NULL || user == NULL || !graph_link(graph, user, GRAPH_WROTE, tweet) ||
        !link_entities(graph, tweet, member(status, "entities")))
        return NULL;
    return tweet;
}

/* The rule that a status breaks; NULL: it is a good one. */
static const char *fault_of(const struct json_value *status)
{
    if (id_of(status) == 0)
        return "\"id\" must be a whole number above 0";
    if (!is_user(member(status, "user")))
        return "\"user\" must be an object with an \"id\" above 0 and a \"screen_name\"";
    return NULL;
}

/* A good status' tweet and, where it is one, what it is a retweet of. */
static bool add_status(struct graph *graph, const struct json_value *status)
{
    const struct json_value *original = member(status, "retweeted_status");
    struct graph_node *tweet, *retweeted;
    if (graph_find(graph, GRAPH_TWEET, id_of(status)) != NULL)
        return true; /* it is not read again */
    tweet = one_tweet(graph, status);
    if (tweet == NULL || fault_of(original) != NULL)
        return tweet != NULL; /* one without an id, or whose author is not told, is not kept */
    retweeted = one_tweet(graph, original);
    return retweeted != NULL && graph_link(graph, tweet, GRAPH_RETWEETS, retweeted);
}

/* False: errno is EINVAL, and what is wrong was told; or ENOMEM. */
static bool add_all(struct graph *graph, const char *name, const struct json_value *root)
{
    const struct json_value *statuses = member(root, "statuses");
    if (!is_a(statuses, JSON_ARRAY)) {
        fprintf(stderr, "tp-graph: %s: no array \"statuses\"\n", name);
        errno = EINVAL;
        return false;
    }
    for (size_t i = 0; i < json_length(statuses); i++) {
        const char *fault = fault_of(&statuses->items[i]);
        if (fault != NULL) {
            fprintf(stderr, "tp-graph: %s: status %zu: %s\n", name, i + 1, fault);
            errno = EINVAL;
            return false;
        }
        if (!add_status(graph, &statuses->items[i])) {
            errno = ENOMEM;
            return false;
        }
    }
    return true;
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
