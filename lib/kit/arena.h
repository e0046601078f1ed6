/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside lib/kit only: what an arena is made of.

   An arena is a stack of chunks. Allocations are bumped in one of them, the window; a request that
   would waste too much of it gets a chunk of its own, pushed above, and the window stays. So a mark
   is the top chunk and a place in its window, and a rewind pops chunks until that one is the top
   again.

   A1. The stack's lowest chunk is `bottom`, part of the arena and without room: never popped.
   A2. chunk->window is the highest chunk, from that one downwards, that was bumped in.
   A3. Besides the stack an arena keeps at most one chunk, `spare`, as far as .retain allows. Where
   a rewind pops several they are given back for one of their sum: so what is done again and again
   soon happens in one chunk.
   A4. `serial` grows with every push, cleanup, child, rewind and scratch use: it tells what is
   older.
   A5. charged <= limit, in each arena with a limit. Charged is what the chunks of it and of its
   children take, heads included.

   A root arena's chunks are read by the collector, whole, from chunk_new until it has called
   chunk_release. So they are zeroed, and no tool is told of what is free in them.

   Where checked, a chunk is closed at each mark, so that what is rewound is always whole chunks;
   those fault (quarantine.c). A chunk's head and its pages are apart there, since the head must
   stay readable. */
#ifndef TPI_KIT_ARENA_H
#define TPI_KIT_ARENA_H

#include "kit/kit.h"

enum {
    TPI_ARENA_UNIT = 16,            /* allocations are multiples of it, and so aligned */
    TPI_ARENA_HEAD = 64,            /* bytes of a chunk's head */
    TPI_ARENA_FIRST = 4096,         /* bytes of the first chunk, unless .first says otherwise */
    TPI_ARENA_FIRST_MIN = 256,      /* and at least */
    TPI_ARENA_RETAIN = 1 << 20,     /* unless .retain says otherwise */
    TPI_ARENA_GROWTH_MAX = 1 << 20, /* a chunk is as large as all below it, up to this */
    TPI_ARENA_OWN_SHARE = 4,        /* what exceeds this part of the next chunk has its own */
    TPI_ARENA_REDZONE = 16          /* behind each allocation, where a tool looks on */
};

/* The largest request: no sum of a few such overflows. */
#define TPI_ARENA_BYTES_MAX ((size_t)1 << 47)

struct tp_detail_arena_chunk {
    struct tp_detail_arena_chunk *below;
    struct tp_detail_arena_chunk *window; /* A2 */
    char *start;
    size_t bytes;       /* from start; a multiple of TPI_ARENA_UNIT */
    uint64_t serial;    /* when it was pushed */
    char *rewound_next; /* the last rewind that left it the top: to which place ... */
    uint64_t rewound;   /* ... and when; 0: none */
    struct tpi_gc_chunk *root; /* of a root arena: what the collector knows it by; else NULL */
};

_Static_assert(sizeof(struct tp_detail_arena_chunk) <= TPI_ARENA_HEAD, "heads are one cache line");

/* What waits for a rewind: a deferred call or, fn NULL, the child whose part this is. */
struct tpi_arena_cleanup {
    struct tpi_arena_cleanup *older, *newer;
    uint64_t serial;
    void (*fn)(void *arg);
    void *arg;
};

enum tpi_arena_kind {
    TPI_ARENA_PLAIN,
    TPI_ARENA_CHILD,
    TPI_ARENA_SCRATCH,
    TPI_ARENA_POOLED,
    TPI_ARENA_ENDED /* it was destroyed: what is left of it tells until its slot is used again */
};

struct tpi_scratch_use; /* scratch.c */

struct tp_arena {
    /* What a reset of one chunk looks at is in two cache lines. */
    struct tp_detail_arena_window window; /* first: what the inlined calls see */
    struct tp_detail_arena_chunk *top;
    struct tp_detail_arena_chunk *spare; /* A3; NULL: none */
    struct tpi_arena_cleanup *cleanups;  /* newest first */
    struct tpi_scratch_use *use;         /* of a scratch arena: the newest tp_scratch_begin */
    uint64_t busy;                       /* its cleanups run: since when; 0: they do not */
    uint64_t serial;                     /* A4 */

    struct tp_detail_arena_window *cursor; /* &window, or where each allocation is a call &hidden */
    struct tp_detail_arena_window hidden;
    char *saved;   /* the window's place at the newest mark: nothing below may be bumped again */
    size_t in_use; /* bytes of the stack's chunks, heads not included */
    uint64_t peak;
    size_t retain;
    bool tracked; /* a tool looks on: hide and show, redzones */
    bool idle;    /* a pooled one that was put */
    uint8_t kind; /* enum tpi_arena_kind */

    uint32_t flags;
    size_t first;
    size_t held; /* bytes of stack and spare, heads included */
    uint64_t chunks, taken;
    uint64_t deferred; /* calls that wait */
    struct tp_arena *parent;
    struct tp_arena *budget; /* the nearest arena with a limit, from here upwards; NULL: none */
    size_t limit, charged;   /* A5; 0, 0: none */
    struct tpi_arena_cleanup node; /* in the parent's list */
    const char *name;
    const void *pool;                    /* of a pooled one */
    struct tp_detail_arena_chunk bottom; /* A1 */
};

_Static_assert(offsetof(struct tp_arena, flags) <= 2 * TPI_CACHE_LINE, "two lines");

static inline bool tpi_arena_is_root(const struct tp_arena *arena)
{
    return (arena->flags & TP_ARENA_ROOT) != 0;
}

static inline size_t tpi_arena_round(size_t size)
{
    return tpi_align_up(size, TPI_ARENA_UNIT);
}

static inline char *tpi_chunk_end(const struct tp_detail_arena_chunk *chunk)
{
    return chunk->start + chunk->bytes;
}

/* Bytes handed out, the tails of full chunks included. */
static inline size_t tpi_arena_used(const struct tp_arena *arena)
{
    return arena->in_use - (size_t)(arena->cursor->end - arena->cursor->next);
}

static inline bool tpi_arena_is_empty(const struct tp_arena *arena)
{
    const struct tp_detail_arena_chunk *top = arena->top;
    return top->below == NULL || (top->below == &arena->bottom && top == top->window &&
                                  arena->cursor->next == top->start);
}

/* Where the next allocation may begin behind one that ends at `at`. */
static inline char *tpi_arena_behind(const struct tp_arena *arena, char *at, char *end)
{
    return arena->tracked && end - at >= TPI_ARENA_REDZONE ? at + TPI_ARENA_REDZONE : at;
}

/* --- arena.c --- */

struct tp_arena *tpi_arena_create(const tp_arena_options *options, enum tpi_arena_kind kind);
void tpi_arena_destroy(struct tp_arena *arena); /* of any kind */
/* For messages; never NULL. */
const char *tpi_arena_name(const struct tp_arena *arena);
/* Back to a mark of this arena: cleanups, children, memory. */
void tpi_arena_rewind(struct tp_arena *arena, const tp_arena_mark *mark, const char *call);
/* The first child at or behind a cleanup; NULL: none. */
struct tp_arena *tpi_arena_child_from(struct tpi_arena_cleanup *cleanup);
/* All of an arena's tree, one after the other; NULL: that was the last. */
struct tp_arena *tpi_arena_next(const struct tp_arena *root, struct tp_arena *at);

/* --- arena_chunk.c --- */

/* Memory in a new chunk, which becomes the window or the allocation's own. bytes is rounded. NULL:
   ENOMEM, and nothing changed but spares. */
char *tpi_arena_push(struct tp_arena *arena, size_t bytes, size_t align);
/* Makes `to` the top and `next` the place in its window. */
void tpi_arena_unwind(struct tp_arena *arena, struct tp_detail_arena_chunk *to, char *next);
/* Gives all chunks back. */
void tpi_arena_release(struct tp_arena *arena);
/* Where checked: what follows begins in a chunk of its own. */
void tpi_arena_close(struct tp_arena *arena);

/* --- scratch.c --- */

/* The serial of the mark that the use ends at: marks made in it have a larger one. */
uint64_t tpi_scratch_since(const struct tpi_scratch_use *use);

/* --- quarantine.c: where checked --- */

/* A chunk whose pages fault until enough others have come: takes it over. */
void tpi_quarantine(struct tp_detail_arena_chunk *chunk);
/* Whole pages for so many bytes of a chunk. */
size_t tpi_quarantine_pages(size_t bytes);

#endif
