/* SPDX-License-Identifier: BSD-2-Clause */
/* Mark buffers: where grey objects wait. A thread fills one of its own; when it hands it over, it
   goes onto the stack of full ones, from which whoever marks takes it. Empty ones are on another.

   A stack's head is one 64-bit word, the top buffer's number and a 32-bit tag that grows with each
   change (Treiber's stack with a version; lib/cache/magazine.c tells why that is sound). So nothing
   here takes a lock: a barrier, and a signal handler that shades what its thread's stack holds, may
   interrupt anything. Memory for buffers comes from the kernel in chunks of 256 KiB, whose place in
   a table is the number's; it is never given back, since a thread that was overtaken may still read
   `next` in it.

   found: set before an object is shaded (shade.c), and after a buffer was pushed. Who clears it
   looks at the stack afterwards (tpi_mark_drain does): so what was pushed before the clearing is
   drained, and what is pushed after it is found.

   In a fork's child buffers of threads that are gone stay lost: 4 KiB each. */
#include "gc/worklist.h"

enum {
    CHUNK_BUFFERS = 64,
    CHUNKS_MAX = 1 << 16 /* 16 GiB of buffers: 2^31 objects that are grey at once */
};

static struct tpi_buffer *chunks[CHUNKS_MAX];     /* atomic: NULL until somebody needs it */
static uint32_t numbers_used = 1;                 /* atomic: numbers below this are given out */
static uint64_t full TPI_ALIGNED(TPI_CACHE_LINE); /* atomic: heads */
static uint64_t empty TPI_ALIGNED(TPI_CACHE_LINE);
static uint32_t found TPI_ALIGNED(TPI_CACHE_LINE); /* atomic */
static uint64_t marked_bytes;                      /* atomic */

/* --- stacks --- */

static struct tpi_buffer *buffer_at(uint32_t number)
{
    return tpi_load_acquire_ptr(&chunks[number / CHUNK_BUFFERS]) + number % CHUNK_BUFFERS;
}

static uint64_t head_of(uint64_t before, uint32_t number)
{
    return ((before >> 32) + 1) << 32 | number;
}

static void push(uint64_t *stack, struct tpi_buffer *buffer)
{
    uint64_t head = tpi_load_relaxed_64(stack);
    do
        tpi_store_relaxed_32(&buffer->next, (uint32_t)head);
    /* Release: the items go with it; pairs with the acquire in pop. */
    while (!tpi_cas_acq_rel_64(stack, &head, head_of(head, buffer->number)));
}

static struct tpi_buffer *pop(uint64_t *stack)
{
    uint64_t head = tpi_load_acquire_64(stack);
    while ((uint32_t)head != 0) {
        struct tpi_buffer *top = buffer_at((uint32_t)head);
        uint32_t below = tpi_load_relaxed_32(&top->next); /* stale: then the exchange fails */
        if (tpi_cas_acq_rel_64(stack, &head, head_of(head, below)))
            return top;
    }
    return NULL;
}

/* --- new ones --- */

static bool chunk_ensure(uint32_t chunk)
{
    if (chunk >= CHUNKS_MAX)
        return false;
    if (tpi_load_acquire_ptr(&chunks[chunk]) != NULL)
        return true;
    struct tpi_buffer *memory = tpi_os_map(CHUNK_BUFFERS * sizeof *memory);
    if (memory == NULL)
        return false;
    uint64_t before = 0;
    /* Release: whoever finds it finds zeroes. Pairs with buffer_at's acquire. */
    if (!tpi_cas_acq_rel_64((uint64_t *)(void *)&chunks[chunk], &before,
                            (uint64_t)(uintptr_t)memory))
        tpi_os_unmap(memory, CHUNK_BUFFERS * sizeof *memory); /* another one was faster */
    return true;
}

struct tpi_buffer *tpi_buffer_new(void)
{
    struct tpi_buffer *buffer = pop(&empty);
    if (buffer != NULL)
        return buffer;
    uint32_t number = tpi_load_relaxed_32(&numbers_used);
    do {
        if (!chunk_ensure(number / CHUNK_BUFFERS))
            return NULL;
    } while (!tpi_cas_acq_rel_32(&numbers_used, &number, number + 1));
    buffer = buffer_at(number);
    buffer->number = number;
    return buffer;
}

static void count_marked(struct tpi_buffer *buffer)
{
    if (buffer->marked_bytes != 0)
        tpi_buffers_count(buffer->marked_bytes);
    buffer->marked_bytes = 0;
}

static void hand_over(struct tpi_buffer *buffer)
{
    push(&full, buffer);
    tpi_found_set();
}

bool tpi_buffer_make_room(struct tpi_buffer **buffer)
{
    struct tpi_buffer *fresh = tpi_buffer_new();
    if (fresh == NULL)
        return false;
    struct tpi_buffer *old = *buffer;
    *buffer = fresh;
    if (old == NULL)
        return true;
    /* Half of it stays: who pops as it pushes would else come here with every other item. */
    uint32_t kept = old->count / 2;
    old->count -= kept;
    memcpy(fresh->items, &old->items[old->count], kept * sizeof fresh->items[0]);
    fresh->count = kept;
    count_marked(old);
    hand_over(old);
    return true;
}

bool tpi_buffer_hand_over(struct tpi_buffer **buffer)
{
    struct tpi_buffer *full_one = *buffer;
    if (full_one == NULL)
        return false;
    *buffer = NULL;
    count_marked(full_one);
    if (full_one->count == 0) {
        push(&empty, full_one);
        return false;
    }
    hand_over(full_one);
    return true;
}

void tpi_buffer_discard(struct tpi_buffer **buffer)
{
    if (*buffer == NULL)
        return;
    (*buffer)->count = 0;
    (*buffer)->marked_bytes = 0;
    push(&empty, *buffer);
    *buffer = NULL;
}

struct tpi_buffer *tpi_buffer_take(void)
{
    return pop(&full);
}

bool tpi_buffers_none(uint64_t *version)
{
    *version = tpi_load_acquire_64(&full);
    return (uint32_t)*version == 0;
}

void tpi_buffers_reset(void)
{
    struct tpi_buffer *stale;
    while ((stale = pop(&full)) != NULL)
        tpi_buffer_discard(&stale);
    tpi_store_relaxed_64(&marked_bytes, 0);
    tpi_store_relaxed_32(&found, 0);
}

/* --- what became of them --- */

void tpi_found_set(void)
{
    if (tpi_load_relaxed_32(&found) == 0)
        tpi_store_release_32(&found, 1);
}

void tpi_found_clear(void)
{
    tpi_store_release_32(&found, 0);
    tpi_fence_full(); /* the clearing is seen before the stack is looked at */
}

bool tpi_found(void)
{
    return tpi_load_acquire_32(&found) != 0;
}

void tpi_buffers_count(uint64_t bytes)
{
    tpi_count(&marked_bytes, bytes);
}

uint64_t tpi_buffers_marked_bytes(void)
{
    return tpi_load_relaxed_64(&marked_bytes);
}
