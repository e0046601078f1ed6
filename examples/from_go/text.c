/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings and bytes: conversions, concatenation, formatting. The befores are what C programs do
   with strdup, strcat and asprintf. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidepool.h>
#include "from_go.h"

#define LINES 1000
#define PIECES 100
#define PIECE_BYTES 40 /* more than most have: one allocation, and no exact sum */

const char *const words[WORDS] = {
    "GET /index.html?lang=en HTTP/1.1",
    "Host: www.example.org",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    "Accept: text/html,application/xhtml+xml",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Connection: keep-alive",
    "Cookie: session=8d1f5c0e4b7a4c31a2f0",
    "Upgrade-Insecure-Requests: 1",
    "If-Modified-Since: Tue, 02 Jan 2024 10:00:00 GMT",
    "If-None-Match: W/\"5e15153d-120f\"",
    "Cache-Control: max-age=0",
    "Referer: https://www.example.org/start",
    "DNT: 1",
    "Origin: https://www.example.org",
    "Content-Type: application/json; charset=utf-8",
};

/* --- convert: bytes of one's own, to change them --- */

static uint64_t upper(unsigned char *text, size_t n)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        text[i] = (unsigned char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i]);
        total += text[i];
    }
    return total;
}

uint64_t convert_before(void)
{
    uint64_t total = 0;
    for (size_t i = 0; i < LINES; i++) {
        char *line = strdup(words[i % WORDS]);
        need(line != NULL);
        total += upper((unsigned char *)line, strlen(line));
        free(line);
    }
    return total;
}

uint64_t convert_after(void)
{
    uint64_t total = 0;
    tp_bytes line = {0};
    for (size_t i = 0; i < LINES; i++) {
        need(tp_bytes_from_str(&line, words[i % WORDS]));
        total += upper(line.data, line.len);
    }
    tp_bytes_free(&line);
    return total;
}

/* --- view: a part of a message, to look at --- */

uint64_t view_before(void)
{
    uint64_t hosts = 0;
    for (size_t i = 0; i < LINES; i++) {
        const char *line = words[i % WORDS];
        char *key = strndup(line, strcspn(line, ":"));
        need(key != NULL);
        hosts += strcmp(key, "Host") == 0;
        free(key);
    }
    return hosts;
}

uint64_t view_after(void)
{
    uint64_t hosts = 0;
    for (size_t i = 0; i < LINES; i++) {
        const char *line = words[i % WORDS];
        tp_view key = tp_view_from_mem(line, strcspn(line, ":"));
        hosts += tp_view_equal_str(key, "Host");
    }
    return hosts;
}

/* --- concat: a long string of many pieces --- */

static uint64_t weigh(const char *text)
{
    uint64_t total = 0;
    for (; *text != 0; text++)
        total = 31 * total + (unsigned char)*text;
    return total;
}

uint64_t concat_before(void)
{
    char *all = strdup("");
    need(all != NULL);
    for (size_t i = 0; i < PIECES; i++) {
        const char *piece = words[i % WORDS];
        char *longer = realloc(all, strlen(all) + strlen(piece) + 1);
        need(longer != NULL);
        all = strcat(longer, piece); /* walks all of it, twice a turn */
    }
    uint64_t total = weigh(all);
    free(all);
    return total;
}

uint64_t concat_after(void)
{
    tp_bytes all = {0};
    need(tp_bytes_reserve(&all, PIECES * PIECE_BYTES));
    for (size_t i = 0; i < PIECES; i++)
        need(tp_bytes_append_str(&all, words[i % WORDS]));
    uint64_t total = weigh(tp_bytes_str(&all));
    tp_bytes_free(&all);
    return total;
}

/* --- format: numbers into text --- */

uint64_t format_before(void)
{
    uint64_t total = 0;
    for (int i = 0; i < LINES; i++) {
        char *line;
        need(asprintf(&line, "id=%d", i) >= 0);
        total += weigh(line);
        free(line);
    }
    return total;
}

uint64_t format_after(void)
{
    uint64_t total = 0;
    tp_bytes line = {0};
    for (int i = 0; i < LINES; i++) {
        tp_bytes_reset(&line);
        need(tp_bytes_append_str(&line, "id=") && tp_bytes_append_i64(&line, i));
        total += weigh(tp_bytes_str(&line));
    }
    tp_bytes_free(&line);
    return total;
}
