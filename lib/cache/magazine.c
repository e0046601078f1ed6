/* SPDX-License-Identifier: BSD-2-Clause */
/* Magazines and stacks of them.

   A stack's head is one 64-bit word: the top magazine's 32-bit number and a 32-bit tag that grows
   with each change (Treiber's stack, IBM RJ 5118, 1986, with a version against ABA). A number
   names the same memory for ever, so a thread that was overtaken reads a stale next and its
   exchange fails by the tag; it would succeed wrongly only if 2^32 changes happened in between.

   Free magazines are four such stacks, by size. Chunks of 256 KiB come from the page heap; a
   chunk that is free as a whole has its memory released by a cycle, and keeps its numbers.

   Locks: stock_lock (rank STOCK) for making and releasing chunks. Nothing for the rest. */
#include "cache/magazine.h"

char *tpi_magazine_chunks[TPI_CHUNKS_MAX];

static struct tpi_lock stock_lock = TPI_LOCK_INIT(TPI_RANK_STOCK);
static uint32_t chunks_made;                    /* stock_lock; number 0's chunk is never made */
static uint8_t chunk_size[TPI_CHUNKS_MAX];      /* stock_lock; its magazines' size, for ever */
static uint32_t chunk_next[TPI_CHUNKS_MAX];     /* stock_lock; links of the idle lists */
static uint32_t chunks_idle[TPI_MAGAZINE_SIZES]; /* stock_lock; lists of released chunks */
static uint32_t chunks_idle_count;              /* stock_lock */
static uint64_t span_bytes;                     /* atomic; of all chunks */
static struct {
    struct tpi_stack stack TPI_ALIGNED(TPI_CACHE_LINE);
} free_magazines[TPI_MAGAZINE_SIZES];

_Static_assert(sizeof(struct tpi_magazine) == 16, "four sizes of 64 << i bytes hold 6, 14, 30, 62");

static uint64_t head_of(uint64_t before, uint32_t number)
{
    return ((before >> 32) + 1) << 32 | number;
}

uint32_t tpi_stack_push(struct tpi_stack *stack, struct tpi_magazine *magazine)
{
    uint32_t lost = 0;
    uint64_t head = tpi_load_relaxed_64(&stack->head);
    for (;; lost++) {
        tpi_store_relaxed_32(&magazine->next, (uint32_t)head);
        /* Release: pairs with the acquire in pop and take_all; the slots go with it. */
        if (tpi_cas_acq_rel_64(&stack->head, &head, head_of(head, magazine->number)))
            return lost;
    }
}

struct tpi_magazine *tpi_stack_pop(struct tpi_stack *stack, uint32_t *lost)
{
    uint64_t head = tpi_load_acquire_64(&stack->head);
    for (;; ++*lost) {
        if ((uint32_t)head == 0)
            return NULL;
        struct tpi_magazine *top = tpi_magazine_at((uint32_t)head);
        uint32_t below = tpi_load_relaxed_32(&top->next); /* stale: then the exchange fails */
        if (tpi_cas_acq_rel_64(&stack->head, &head, head_of(head, below)))
            return top;
    }
}

uint32_t tpi_stack_take_all(struct tpi_stack *stack)
{
    uint64_t head = tpi_load_acquire_64(&stack->head);
    while ((uint32_t)head != 0)
        if (tpi_cas_acq_rel_64(&stack->head, &head, head_of(head, 0)))
            return (uint32_t)head;
    return 0;
}

void tpi_stack_put_all(struct tpi_stack *stack, uint32_t chain)
{
    uint64_t head = tpi_load_relaxed_64(&stack->head);
    if (chain == 0)
        return;
    while ((uint32_t)head == 0)
        if (tpi_cas_acq_rel_64(&stack->head, &head, head_of(head, chain)))
            return;
    while (chain != 0) {
        struct tpi_magazine *magazine = tpi_magazine_at(chain);
        chain = magazine->next;
        tpi_stack_push(stack, magazine);
    }
}

/* The size (0 to 3) whose magazines hold `capacity` objects. */
static unsigned size_for(uint32_t capacity)
{
    return capacity <= 6 ? 0 : capacity <= 14 ? 1 : capacity <= 30 ? 2 : 3;
}

static uint32_t capacity_of(unsigned size)
{
    return (8u << size) - 2;
}

struct tpi_magazine *tpi_magazine_new(uint32_t capacity)
{
    uint32_t lost = 0;
    struct tpi_magazine *magazine = tpi_stack_pop(&free_magazines[size_for(capacity)].stack, &lost);
    if (magazine != NULL)
        magazine->count = 0;
    return magazine;
}

void tpi_magazine_free(struct tpi_magazine *magazine)
{
    magazine->count = 0;
    tpi_stack_push(&free_magazines[size_for(magazine->capacity)].stack, magazine);
}

void tpi_magazine_free_chain(uint32_t chain)
{
    while (chain != 0) {
        struct tpi_magazine *magazine = tpi_magazine_at(chain);
        chain = magazine->next;
        tpi_magazine_free(magazine);
    }
}

/* A chunk's number whose memory is there and unused; 0: ENOMEM. */
static uint32_t chunk_make(unsigned size)
{
    uint32_t chunk = chunks_idle[size];
    if (chunk != 0) {
        chunks_idle[size] = chunk_next[chunk];
        chunks_idle_count--;
        return chunk;
    }
    if (chunks_made + 1 >= TPI_CHUNKS_MAX)
        return 0;
    char *memory = tpi_pages_alloc(TPI_CHUNK_GRANULES * TPI_GRANULE / TPI_PAGE_BYTES);
    if (memory == NULL)
        return 0;
    tpi_magazine_chunks[++chunks_made] = memory;
    tpi_count(&span_bytes, TPI_CHUNK_GRANULES * TPI_GRANULE);
    chunk_size[chunks_made] = (uint8_t)size;
    return chunks_made;
}

bool tpi_magazine_stock(uint32_t capacity)
{
    unsigned size = size_for(capacity);
    uint32_t granules = 1u << size;
    tpi_lock(&stock_lock);
    if ((uint32_t)tpi_load_relaxed_64(&free_magazines[size].stack.head) != 0) {
        tpi_unlock(&stock_lock);
        return true; /* another thread was faster */
    }
    uint32_t chunk = chunk_make(size);
    if (chunk != 0) {
        uint32_t first = chunk * TPI_CHUNK_GRANULES;
        for (uint32_t i = 0; i < TPI_CHUNK_GRANULES; i += granules) {
            struct tpi_magazine *magazine = tpi_magazine_at(first + i);
            magazine->number = first + i;
            magazine->capacity = capacity_of(size);
            tpi_store_relaxed_32(&magazine->next,
                                 i + granules < TPI_CHUNK_GRANULES ? first + i + granules : 0);
        }
        tpi_stack_put_all(&free_magazines[size].stack, first);
    }
    tpi_unlock(&stock_lock);
    return chunk != 0;
}

/* Of the free magazines of one size, keeps aside those whose chunk is free as a whole, pushes the
   others back, and releases the memory of those chunks. Under stock_lock: so that nobody has to
   wait for it, the first few are pushed back at once. */
static void release_size(unsigned size, uint32_t *free_in_chunk)
{
    enum { AT_ONCE = 16 };
    uint32_t chain = tpi_stack_take_all(&free_magazines[size].stack);
    uint32_t per_chunk = TPI_CHUNK_GRANULES >> size;
    for (unsigned i = 0; i < AT_ONCE && chain != 0; i++) {
        struct tpi_magazine *magazine = tpi_magazine_at(chain);
        chain = magazine->next;
        tpi_stack_push(&free_magazines[size].stack, magazine);
    }
    for (uint32_t number = chain; number != 0; number = tpi_magazine_at(number)->next)
        free_in_chunk[number / TPI_CHUNK_GRANULES]++;
    while (chain != 0) {
        struct tpi_magazine *magazine = tpi_magazine_at(chain);
        uint32_t chunk = chain / TPI_CHUNK_GRANULES;
        chain = magazine->next;
        if (free_in_chunk[chunk] != per_chunk)
            tpi_stack_push(&free_magazines[size].stack, magazine);
    }
    for (uint32_t chunk = 1; chunk <= chunks_made; chunk++) {
        if (free_in_chunk[chunk] == per_chunk && chunk_size[chunk] == size) {
            tpi_os_release(tpi_magazine_chunks[chunk], TPI_CHUNK_GRANULES * TPI_GRANULE);
            chunk_next[chunk] = chunks_idle[size];
            chunks_idle[size] = chunk;
            chunks_idle_count++;
        }
        free_in_chunk[chunk] = 0;
    }
}

void tpi_magazines_release(void)
{
    static uint32_t free_in_chunk[TPI_CHUNKS_MAX]; /* stock_lock; all 0 between calls */
    tpi_lock(&stock_lock);
    for (unsigned size = 0; size < TPI_MAGAZINE_SIZES; size++)
        release_size(size, free_in_chunk);
    tpi_unlock(&stock_lock);
}

uint64_t tpi_magazine_bytes(void)
{
    tpi_lock(&stock_lock);
    uint64_t chunks = chunks_made - chunks_idle_count;
    tpi_unlock(&stock_lock);
    return chunks * TPI_CHUNK_GRANULES * TPI_GRANULE;
}

uint64_t tpi_cache_span_bytes(void)
{
    return tpi_load_relaxed_64(&span_bytes);
}

void tpi_magazine_fork_prepare(void)
{
    tpi_lock(&stock_lock);
}

void tpi_magazine_fork_parent(void)
{
    tpi_unlock(&stock_lock);
}

void tpi_magazine_fork_child(void)
{
    tpi_lock_reset_in_child(&stock_lock);
}
