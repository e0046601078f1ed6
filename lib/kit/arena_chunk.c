/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks: how large, from where, and what stays of them. arena.h has the invariants. */
#include "kit/arena.h"

typedef struct tp_detail_arena_chunk chunk_t;

/* --- budgets --- */

static struct tp_arena *budget_above(const struct tp_arena *budget)
{
    return budget->parent == NULL ? NULL : budget->parent->budget;
}

static void charge(struct tp_arena *arena, size_t bytes)
{
    arena->held += bytes;
    for (struct tp_arena *at = arena->budget; at != NULL; at = budget_above(at))
        at->charged += bytes;
}

static void uncharge(struct tp_arena *arena, size_t bytes)
{
    charge(arena, (size_t)0 - bytes);
}

/* --- one chunk --- */

static size_t total(const chunk_t *chunk)
{
    return chunk->bytes + TPI_ARENA_HEAD;
}

static void chunk_release(void *owner)
{
    chunk_t *chunk = owner;
    if (tpi_checked)
        tpi_quarantine(chunk);
    else
        tp_heap_free(chunk);
}

/* What others left in its memory must not be taken for pointers. False: ENOMEM. */
static bool root_add(chunk_t *chunk)
{
    if (!tpi_checked)
        memset(chunk->start, 0, chunk->bytes);
    chunk->root = tpi_gc_chunk_add(chunk->start, chunk->bytes);
    return chunk->root != NULL;
}

/* `bytes` in all. Where a tool looks on, a redzone more that nobody is charged for. NULL: ENOMEM.
 */
static chunk_t *chunk_new(struct tp_arena *arena, size_t bytes)
{
    size_t extra = arena->tracked ? TPI_ARENA_REDZONE : 0;
    chunk_t *chunk = tp_heap_alloc(tpi_checked ? TPI_ARENA_HEAD : bytes + extra);
    if (chunk == NULL)
        return NULL;
    chunk->start = (char *)chunk + TPI_ARENA_HEAD;
    chunk->bytes = bytes - TPI_ARENA_HEAD;
    if (tpi_checked) {
        size_t pages = tpi_quarantine_pages(chunk->bytes + extra);
        chunk->start = tpi_large_alloc(pages, tpi_quarantine_pages(1), tpi_arena_is_root(arena));
        if (chunk->start == NULL) {
            tp_heap_free(chunk);
            return NULL;
        }
    }
    chunk->root = NULL;
    if (tpi_arena_is_root(arena) && !root_add(chunk)) {
        chunk_release(chunk);
        return NULL;
    }
    if (arena->tracked)
        tpi_track_hide(chunk->start, chunk->bytes + extra);
    charge(arena, total(chunk));
    arena->chunks++;
    arena->taken++;
    return chunk;
}

static void chunk_give(struct tp_arena *arena, chunk_t *chunk)
{
    uncharge(arena, total(chunk));
    arena->chunks--;
    if (arena->tracked)
        tpi_track_hide(chunk->start, chunk->bytes);
    if (chunk->root != NULL)
        tpi_gc_chunk_remove(chunk->root, chunk_release, chunk);
    else
        chunk_release(chunk);
}

/* --- what is kept though nobody uses it --- */

static void cursor_set(struct tp_arena *arena, char *next)
{
    arena->cursor->next = arena->saved = next;
    arena->cursor->end = tpi_checked ? next : tpi_chunk_end(arena->top->window);
}

static bool spares_drop(struct tp_arena *arena)
{
    bool any = false;
    if (arena->spare != NULL) {
        chunk_give(arena, arena->spare);
        arena->spare = NULL;
        any = true;
    }
    if (arena->top != &arena->bottom && tpi_arena_is_empty(arena)) {
        chunk_t *chunk = arena->top;
        arena->top = &arena->bottom;
        arena->in_use = 0;
        cursor_set(arena, arena->bottom.start);
        chunk_give(arena, chunk);
        any = true;
    }
    return any;
}

/* Bytes that the limits leave, after spares of the arenas they bound were given back where it is
   less than `need`. */
static size_t room(struct tp_arena *arena, size_t need)
{
    size_t least = SIZE_MAX;
    for (struct tp_arena *at = arena->budget; at != NULL; at = budget_above(at)) {
        struct tp_arena *spares = need <= at->limit ? at : NULL;
        while (at->limit - at->charged < need && spares != NULL) {
            (void)spares_drop(spares);
            spares = tpi_arena_next(at, spares);
        }
        least = tpi_min(least, at->limit - at->charged);
    }
    return least;
}

/* --- push --- */

/* What a chunk for `need` bytes should have: as much as there is already, up to a bound. */
static size_t wanted(const struct tp_arena *arena, size_t need)
{
    size_t growth = tpi_min(arena->in_use, (size_t)TPI_ARENA_GROWTH_MAX);
    size_t usual = tpi_max(arena->first, growth);
    bool own = need - TPI_ARENA_HEAD > usual / TPI_ARENA_OWN_SHARE;
    return own && arena->top->window != &arena->bottom ? need : tpi_max(need, usual);
}

/* Rounded to what the heap gives anyway, but not beyond the limits, nor beyond what may be kept. */
static size_t fitted(const struct tp_arena *arena, size_t bytes, size_t bytes_max)
{
    size_t extra = arena->tracked ? TPI_ARENA_REDZONE : 0;
    size_t good = tpi_checked ? bytes : tp_heap_good_size(bytes + extra) - extra;
    if (bytes <= arena->retain)
        bytes_max = tpi_min(bytes_max, arena->retain);
    size_t fits = tpi_min(tpi_max(good, bytes), bytes_max);
    return fits & ~(size_t)(TPI_ARENA_UNIT - 1);
}

static chunk_t *chunk_get(struct tp_arena *arena, size_t need)
{
    chunk_t *spare = arena->spare;
    if (spare != NULL && total(spare) >= need) {
        arena->spare = NULL;
        return spare;
    }
    size_t bytes_max = room(arena, need);
    if (bytes_max < need) {
        errno = ENOMEM;
        return NULL;
    }
    size_t want = tpi_min(wanted(arena, need), bytes_max);
    chunk_t *chunk = chunk_new(arena, fitted(arena, want, bytes_max));
    if (chunk == NULL && (spares_drop(arena) || want > need))
        chunk = chunk_new(arena, need);
    if (chunk == NULL)
        errno = ENOMEM;
    return chunk;
}

char *tpi_arena_push(struct tp_arena *arena, size_t bytes, size_t align)
{
    chunk_t *chunk = chunk_get(arena, TPI_ARENA_HEAD + bytes + align - TPI_ARENA_UNIT);
    if (chunk == NULL)
        return NULL;
    char *at = (char *)tpi_align_up((uintptr_t)chunk->start, align);
    char *end = tpi_chunk_end(chunk), *next = tpi_arena_behind(arena, at + bytes, end);
    chunk_t *window = arena->top->window;
    chunk->below = arena->top;
    chunk->window = window;
    chunk->serial = ++arena->serial;
    chunk->rewound = 0;
    /* Of this one and the window, the one with more room is the window from now on. */
    if (window == &arena->bottom || end - next >= arena->cursor->end - arena->cursor->next) {
        chunk->window = chunk;
        *arena->cursor = (struct tp_detail_arena_window){next, end};
        arena->saved = chunk->start;
    }
    arena->top = chunk;
    arena->in_use += chunk->bytes;
    return at;
}

/* --- rewinding --- */

/* Pops to `to`. The largest that may be kept, of what was popped and the spare, is the spare; how
   many bytes might be, in one chunk. */
static size_t pop(struct tp_arena *arena, const chunk_t *to)
{
    chunk_t *best = arena->spare;
    size_t sum = best == NULL ? 0 : total(best), retain = tpi_checked ? 0 : arena->retain;
    while (arena->top != to) {
        chunk_t *chunk = arena->top, *worse = chunk;
        arena->top = chunk->below;
        arena->in_use -= chunk->bytes;
        sum += total(chunk);
        if (total(chunk) <= retain && (best == NULL || chunk->bytes > best->bytes)) {
            worse = best;
            best = chunk;
        }
        if (worse != NULL)
            chunk_give(arena, worse);
    }
    arena->spare = best;
    if (best != NULL && arena->tracked)
        tpi_track_hide(best->start, best->bytes);
    return tpi_min(sum, retain);
}

/* One spare of that size for the one that there is; none, for want of memory. Given back first: its
   pages, and those of the others that went, are what the heap gives next. */
static void spare_enlarge(struct tp_arena *arena, size_t bytes)
{
    int saved = errno;
    chunk_give(arena, arena->spare);
    arena->spare = NULL;
    arena->spare = chunk_new(arena, fitted(arena, bytes, bytes));
    errno = saved;
}

static inline void settle(struct tp_arena *arena, chunk_t *top, char *next)
{
    cursor_set(arena, next);
    top->rewound_next = next;
    top->rewound = arena->serial;
}

static __attribute__((noinline)) void unwind_far(struct tp_arena *arena, chunk_t *to, char *next)
{
    size_t most = pop(arena, to);
    if (arena->tracked)
        tpi_track_hide(next, (size_t)(tpi_chunk_end(to->window) - next));
    settle(arena, to, next);
    if (arena->spare != NULL && total(arena->spare) < most)
        spare_enlarge(arena, most);
}

void tpi_arena_unwind(struct tp_arena *arena, chunk_t *to, char *next)
{
    arena->peak = tpi_max(arena->peak, tpi_arena_used(arena));
    arena->serial++;
    if (!tpi_checked && to == &arena->bottom && arena->top->below == to && arena->spare == NULL &&
        total(arena->top) <= arena->retain) {
        to = arena->top; /* the only chunk stays where it is */
        next = to->start;
    }
    if (tpi_likely(arena->top == to && !arena->tracked))
        settle(arena, to, next);
    else
        unwind_far(arena, to, next);
}

void tpi_arena_release(struct tp_arena *arena)
{
    arena->retain = 0;
    (void)pop(arena, &arena->bottom);
    if (arena->spare != NULL)
        chunk_give(arena, arena->spare);
}

void tpi_arena_close(struct tp_arena *arena)
{
    chunk_t *window = arena->top->window;
    size_t used = (size_t)(arena->cursor->next - window->start), surplus = window->bytes - used;
    if (!tpi_checked || surplus == 0)
        return;
    if (!tpi_arena_is_root(arena)) /* of that the collector may be reading it all */
        (void)tpi_large_resize(window->start, tpi_quarantine_pages(used));
    window->bytes = used;
    arena->in_use -= surplus;
    uncharge(arena, surplus);
    arena->cursor->end = arena->cursor->next;
}
