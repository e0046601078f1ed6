/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/cache: magazines, by number, and stacks of them. */
#ifndef TPI_CACHE_MAGAZINE_H
#define TPI_CACHE_MAGAZINE_H

#include "cache/cache.h"

/* Four sizes: 64, 128, 256 and 512 bytes. */
struct tpi_magazine {
    uint32_t next; /* atomic while in a stack: the one below; in a chain: the one behind; 0: none */
    uint32_t number;   /* its own; never changes */
    uint32_t count; /* objects in slots[]; while it is loaded, the record's level counts instead */
    uint32_t capacity; /* never changes while it has this number */
    void *slots[];
};

enum {
    TPI_GRANULE = 64,             /* bytes; a magazine's number counts them */
    TPI_CHUNK_GRANULES = 4096,    /* 256 KiB */
    TPI_CHUNKS_MAX = 65536,       /* 16 GiB of magazines */
    TPI_MAGAZINE_SIZES = 4
};

extern char *tpi_magazine_chunks[TPI_CHUNKS_MAX];

/* number is not 0 and was given out by tpi_magazine_new. */
static inline struct tpi_magazine *tpi_magazine_at(uint32_t number)
{
    char *chunk = tpi_magazine_chunks[number / TPI_CHUNK_GRANULES];
    return (struct tpi_magazine *)(void *)(chunk +
                                           (size_t)(number % TPI_CHUNK_GRANULES) * TPI_GRANULE);
}

/* An empty magazine for at least `capacity` objects (at most TPI_MAGAZINE_MAX), from the free ones
   alone: takes no lock. NULL: there is none; tpi_magazine_stock makes some. */
struct tpi_magazine *tpi_magazine_new(uint32_t capacity);
/* Makes free magazines for `capacity` objects. Takes locks: not under a record's. False: ENOMEM. */
bool tpi_magazine_stock(uint32_t capacity);
void tpi_magazine_free(struct tpi_magazine *magazine); /* takes no lock */
void tpi_magazine_free_chain(uint32_t chain);

/* Asks for a magazine's objects ahead: another processor has written them. */
static inline void tpi_magazine_prefetch(const struct tpi_magazine *magazine)
{
    const char *slots = (const char *)magazine->slots;
    for (uint32_t i = 0; i < magazine->count * sizeof(void *); i += TPI_CACHE_LINE)
        __builtin_prefetch(slots + i, 1);
}

/* Both lock-free. push returns, and pop adds to *lost, how often another thread was faster. */
uint32_t tpi_stack_push(struct tpi_stack *stack, struct tpi_magazine *magazine);
struct tpi_magazine *tpi_stack_pop(struct tpi_stack *stack, uint32_t *lost);
/* Takes all: the first one's number, the others behind it by next; 0: none. */
uint32_t tpi_stack_take_all(struct tpi_stack *stack);
/* Installs a chain in an empty stack, or pushes it one by one where it is not. */
void tpi_stack_put_all(struct tpi_stack *stack, uint32_t chain);

uint64_t tpi_magazine_bytes(void); /* of chunks in use */

void tpi_magazine_fork_prepare(void);
void tpi_magazine_fork_parent(void);
void tpi_magazine_fork_child(void);

#endif
