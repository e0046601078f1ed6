/* SPDX-License-Identifier: BSD-2-Clause */
/* sync.Pool: objects that are used again, buffers that must not pin the largest message for ever,
   and pages that stay resident for nobody. */
#include <stdlib.h>
#include <string.h>
#include <tidepool.h>
#include "from_go.h"

#define MESSAGES 1000
#define HUGE_BYTES 1048576
#define BLOCKS 32
#define BLOCK_BYTES 1048576

/* --- pool: one object after the other --- */

struct message {
    size_t length;
    char text[1000];
};

static void message_reset(void *object, void *context)
{
    (void)context;
    ((struct message *)object)->length = 0;
}

TP_POOL_DEFINE(message, struct message, .reset = message_reset)

static uint64_t message_fill(struct message *message, size_t number)
{
    message->length = strlen(words[number % WORDS]);
    memcpy(message->text, words[number % WORDS], message->length);
    return message->length + (unsigned char)message->text[message->length - 1];
}

uint64_t pool_before(void)
{
    uint64_t total = 0;
    for (size_t i = 0; i < MESSAGES; i++) {
        struct message *message = malloc(sizeof *message);
        need(message != NULL);
        total += message_fill(message, i);
        free(message);
    }
    return total;
}

uint64_t pool_after(void)
{
    uint64_t total = 0;
    for (size_t i = 0; i < MESSAGES; i++) {
        struct message *message = message_get();
        need(message != NULL);
        total += message_fill(message, i);
        message_put(message); /* message_reset has run; nobody may look at it any more */
    }
    return total;
}

/* --- huge: one large message among small ones --- */

static size_t message_bytes(int number)
{
    return number == 10 ? HUGE_BYTES : 200;
}

static int buffer_construct(void *object, void *context)
{
    (void)context;
    *(tp_bytes *)object = (tp_bytes){0};
    return 0;
}

static void buffer_reset(void *object, void *context)
{
    (void)context;
    tp_bytes_reset(object);
}

static void buffer_destruct(void *object, void *context)
{
    (void)context;
    tp_bytes_free(object);
}

TP_POOL_DEFINE(buffer, tp_bytes, .construct = buffer_construct, .reset = buffer_reset,
               .destruct = buffer_destruct)

static uint64_t message_append(tp_bytes *buffer, size_t bytes)
{
    while (buffer->len < bytes)
        need(tp_bytes_append_str(buffer, "0123456789abcdef0123"));
    return buffer->len;
}

uint64_t huge_before(void)
{
    uint64_t total = 0;
    for (int i = 0; i < MESSAGES; i++) {
        tp_bytes *buffer = buffer_get();
        need(buffer != NULL);
        total += message_append(buffer, message_bytes(i));
        hold(buffer->cap); /* by the last message: what the pool keeps for the next one */
        buffer_put(buffer);
    }
    return total;
}

uint64_t huge_after(void)
{
    static tp_bytes_pool *buffers;
    uint64_t total = 0;
    if (buffers == NULL)
        need((buffers = tp_bytes_pool_create(NULL)) != NULL);
    for (int i = 0; i < MESSAGES; i++) {
        tp_bytes *buffer = tp_bytes_get(buffers);
        need(buffer != NULL);
        total += message_append(buffer, message_bytes(i));
        hold(buffer->cap);
        tp_bytes_put(buffers, buffer);
    }
    return total;
}

/* --- trim: pages that nobody uses any more --- */

static uint64_t burst(void)
{
    char *blocks[BLOCKS];
    uint64_t total = 0;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = tp_heap_alloc(BLOCK_BYTES);
        need(blocks[i] != NULL);
        memset(blocks[i], i, BLOCK_BYTES);
        total += (unsigned char)blocks[i][BLOCK_BYTES - 1];
    }
    for (int i = 0; i < BLOCKS; i++)
        tp_heap_free(blocks[i]);
    return total;
}

static void hold_idle(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    hold(stats.idle);
}

uint64_t trim_before(void)
{
    uint64_t total = burst();
    hold_idle(); /* until a cycle comes */
    return total;
}

uint64_t trim_after(void)
{
    uint64_t total = burst();
    (void)tp_heap_trim(); /* debug.FreeOSMemory() */
    hold_idle();
    return total;
}
