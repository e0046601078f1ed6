/* SPDX-License-Identifier: BSD-2-Clause */
/* Tweets that nobody wrote, for where there is no file of real ones. */
#include "graph.h"

#include <inttypes.h>

#define TWEETS_PER_USER 4
#define HASHTAGS 50

static bool append_user(tp_bytes *out, uint64_t user)
{
    return tp_bytes_printf(out, "{\"id\":%" PRIu64 ",\"screen_name\":\"user%" PRIu64 "\"}",
                           user + 1, user + 1);
}

/* Small numbers are drawn more often than large ones, as names are in life. */
static uint64_t draw(uint64_t *seed, uint64_t below)
{
    uint64_t a = graph_random(seed) % below, b = graph_random(seed) % below;
    return a < b ? a : b;
}

static bool append_entities(tp_bytes *out, uint64_t users, uint64_t *seed)
{
    bool fine = tp_bytes_append_str(out, ",\"entities\":{\"user_mentions\":[");
    uint64_t mentions = graph_random(seed) % 3, hashtags = graph_random(seed) % 2;
    for (uint64_t i = 0; fine && i < mentions; i++)
        fine = (i == 0 || tp_bytes_append_byte(out, ',')) && append_user(out, draw(seed, users));
    fine = fine && tp_bytes_append_str(out, "],\"hashtags\":[");
    if (fine && hashtags != 0)
        fine = tp_bytes_printf(out, "{\"text\":\"tag%" PRIu64 "\"}", draw(seed, HASHTAGS) + 1);
    return fine && tp_bytes_append_str(out, "]}");
}

static bool append_status(tp_bytes *out, uint64_t id, uint64_t users, uint64_t *seed)
{
    return tp_bytes_printf(out, "{\"id\":%" PRIu64 ",\"text\":\"tweet %" PRIu64 "\",\"user\":", id,
                           id) &&
           append_user(out, graph_random(seed) % users) && append_entities(out, users, seed);
}

bool graph_generate(tp_bytes *out, size_t tweets, uint64_t seed)
{
    uint64_t users = tweets / TWEETS_PER_USER + 1;
    bool fine = tp_bytes_append_str(out, "{\"statuses\":[");
    for (size_t i = 0; fine && i < tweets; i++) {
        fine =
            (i == 0 || tp_bytes_append_byte(out, ',')) && append_status(out, i + 1, users, &seed);
        /* every fifth repeats an earlier one */
        if (fine && i > 0 && i % 5 == 0)
            fine = tp_bytes_append_str(out, ",\"retweeted_status\":") &&
                   append_status(out, draw(&seed, i) + 1, users, &seed) &&
                   tp_bytes_append_byte(out, '}');
        fine = fine && tp_bytes_append_byte(out, '}');
    }
    return fine && tp_bytes_append_str(out, "]}");
}
