/* SPDX-License-Identifier: BSD-2-Clause */
/* Slices: make with a capacity, append, slices of slices, s[:0], and small parts that keep large
   arrays alive. The befores are what C programs do with malloc and realloc. */
#include <stdlib.h>
#include <string.h>
#include <tidepool.h>
#include "from_go.h"

#define ITEMS 1000
#define REQUESTS 100
#define WINDOW 10
#define PACKETS 32
#define PACKET_BYTES 65536
#define HEADER_BYTES 20

TP_VEC_DEFINE(numbers, int64_t)

static uint64_t sum(const int64_t *data, size_t n)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += (uint64_t)data[i];
    return total;
}

/* --- make: room for all at once --- */

uint64_t make_before(void)
{
    int64_t *doubled = NULL;
    size_t n = 0, room = 0;
    for (int64_t i = 0; i < ITEMS; i++) {
        if (n == room) {
            room = room == 0 ? 1 : 2 * room;
            doubled = realloc(doubled, room * sizeof *doubled); /* leaks where it fails */
            need(doubled != NULL);
        }
        doubled[n++] = 2 * i;
    }
    uint64_t total = sum(doubled, n);
    free(doubled);
    return total;
}

uint64_t make_after(void)
{
    tp_vec(int64_t) doubled = {0};
    need(tp_vec_reserve(&doubled, ITEMS));
    for (int64_t i = 0; i < ITEMS; i++)
        need(tp_vec_push(&doubled, 2 * i));
    uint64_t total = sum(doubled.data, doubled.len);
    tp_vec_free(&doubled);
    return total;
}

/* --- append: growing where the size is not known --- */

uint64_t append_before(void)
{
    int64_t *found = NULL;
    size_t n = 0;
    for (int64_t i = 0; i < ITEMS; i++) {
        int64_t *larger = realloc(found, (n + 1) * sizeof *found);
        need(larger != NULL);
        found = larger;
        found[n++] = i;
    }
    uint64_t total = sum(found, n);
    free(found);
    return total;
}

uint64_t append_after(void)
{
    tp_vec(int64_t) found = {0};
    for (int64_t i = 0; i < ITEMS; i++)
        need(tp_vec_push(&found, i));
    uint64_t total = sum(found.data, found.len);
    tp_vec_free(&found);
    return total;
}

/* --- slice: parts of an array for functions that only read --- */

static void fill(numbers *all)
{
    for (int64_t i = 0; i < ITEMS; i++)
        need(tp_vec_push(all, i));
}

static uint64_t window_sum(numbers_view window)
{
    return sum(window.data, window.len);
}

uint64_t slice_before(void)
{
    static numbers all;
    uint64_t total = 0;
    if (all.len == 0)
        fill(&all);
    for (size_t i = 0; i + WINDOW <= all.len; i += WINDOW) {
        int64_t *window = malloc(WINDOW * sizeof *window);
        need(window != NULL);
        memcpy(window, &all.data[i], WINDOW * sizeof *window);
        total += sum(window, WINDOW);
        free(window);
    }
    return total;
}

uint64_t slice_after(void)
{
    static numbers all;
    uint64_t total = 0;
    if (all.len == 0)
        fill(&all);
    for (size_t i = 0; i + WINDOW <= all.len; i += WINDOW)
        total += window_sum(tp_vec_slice(&all, i, i + WINDOW));
    return total;
}

/* --- reset: one array for all requests --- */

uint64_t reset_before(void)
{
    uint64_t total = 0;
    for (int64_t request = 0; request < REQUESTS; request++) {
        tp_vec(int64_t) ids = {0};
        for (int64_t i = 0; i < 50; i++)
            need(tp_vec_push(&ids, request + i));
        total += sum(ids.data, ids.len);
        tp_vec_free(&ids);
    }
    return total;
}

uint64_t reset_after(void)
{
    uint64_t total = 0;
    tp_vec(int64_t) ids = {0};
    for (int64_t request = 0; request < REQUESTS; request++) {
        tp_vec_reset(&ids);
        for (int64_t i = 0; i < 50; i++)
            need(tp_vec_push(&ids, request + i));
        total += sum(ids.data, ids.len);
    }
    tp_vec_free(&ids);
    return total;
}

/* --- clip: a result that is kept, in an array that was sized for the worst case --- */

static void find_multiples(numbers *found)
{
    need(tp_vec_reserve(found, ITEMS));
    for (int64_t i = 0; i < ITEMS; i += 50)
        need(tp_vec_push(found, i));
}

static uint64_t kept(numbers *found)
{
    hold(found->cap * sizeof *found->data);
    uint64_t total = sum(found->data, found->len);
    tp_vec_free(found);
    return total;
}

uint64_t clip_before(void)
{
    numbers found = {0};
    find_multiples(&found);
    return kept(&found);
}

uint64_t clip_after(void)
{
    numbers found = {0};
    find_multiples(&found);
    need(tp_vec_clip(&found));
    return kept(&found);
}

/* --- leaky: a small part of a large array --- */

static void receive(unsigned char *packet, int number)
{
    memset(packet, number, PACKET_BYTES);
}

uint64_t leaky_before(void)
{
    unsigned char *headers[PACKETS];
    uint64_t total = 0;
    for (int i = 0; i < PACKETS; i++) {
        unsigned char *packet = malloc(PACKET_BYTES);
        need(packet != NULL);
        receive(packet, i);
        headers[i] = packet; /* 20 bytes are wanted, 64 KiB stay */
    }
    hold((uint64_t)PACKETS * PACKET_BYTES);
    for (int i = 0; i < PACKETS; i++) {
        total += headers[i][HEADER_BYTES - 1];
        free(headers[i]);
    }
    return total;
}

uint64_t leaky_after(void)
{
    unsigned char *headers[PACKETS];
    uint64_t total = 0;
    tp_arena *arena = tp_arena_create(NULL);
    unsigned char *packet = tp_heap_alloc(PACKET_BYTES);
    need(arena != NULL && packet != NULL);
    for (int i = 0; i < PACKETS; i++) {
        receive(packet, i);
        headers[i] = tp_arena_memdup(arena, packet, HEADER_BYTES);
        need(headers[i] != NULL);
    }
    tp_heap_free(packet);
    tp_arena_stats stats;
    tp_arena_stats_read(arena, &stats);
    hold(stats.held);
    for (int i = 0; i < PACKETS; i++)
        total += headers[i][HEADER_BYTES - 1];
    tp_arena_destroy(arena);
    return total;
}
