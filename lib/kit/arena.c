/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas: their lives, marks, cleanups and children. arena.h has the invariants; allocation is in
   arena_alloc.c, chunks in arena_chunk.c.

   Children are cleanups among the others, so that one list says in which order things end. A tree
   of arenas ends without recursion, however deep it is: run_cleanups goes down to a child, and back
   up when nothing waits there any more. */
#include "kit/arena.h"

const char *tpi_arena_name(const struct tp_arena *arena)
{
    return arena->name != NULL ? arena->name : "(unnamed)";
}

/* --- create --- */

struct tp_arena *tpi_arena_create(const tp_arena_options *options, enum tpi_arena_kind kind)
{
    static const tp_arena_options defaults;
    options = options != NULL ? options : &defaults;
    if ((options->flags & ~TP_ARENA_ROOT) != 0) {
        errno = EINVAL;
        return NULL;
    }
    struct tp_arena *arena = tp_heap_alloc(sizeof *arena);
    if (arena == NULL)
        return NULL;
    size_t first = tpi_min(options->first, TPI_ARENA_BYTES_MAX);
    *arena = (struct tp_arena){
        .kind = (uint8_t)kind,
        .tracked = tpi_track_is_on() && (options->flags & TP_ARENA_ROOT) == 0,
        .flags = options->flags,
        .name = options->name,
        .first = first == 0 ? TPI_ARENA_FIRST : tpi_max(first, (size_t)TPI_ARENA_FIRST_MIN),
        .retain = options->retain == 0 ? TPI_ARENA_RETAIN : options->retain,
        .limit = options->limit,
        .budget = options->limit == 0 ? NULL : arena,
    };
    char *nowhere = (char *)arena;
    arena->bottom.window = arena->top = &arena->bottom;
    arena->bottom.start = arena->saved = nowhere;
    arena->window = arena->hidden = (struct tp_detail_arena_window){nowhere, nowhere};
    arena->cursor = tpi_checked || arena->tracked ? &arena->hidden : &arena->window;
    return arena;
}

tp_arena *tp_arena_create(const tp_arena_options *options)
{
    return tpi_arena_create(options, TPI_ARENA_PLAIN);
}

/* --- the list of what waits --- */

static void cleanup_add(struct tp_arena *arena, struct tpi_arena_cleanup *cleanup)
{
    cleanup->serial = ++arena->serial;
    cleanup->newer = NULL;
    cleanup->older = arena->cleanups;
    if (arena->cleanups != NULL)
        arena->cleanups->newer = cleanup;
    arena->cleanups = cleanup;
}

static void cleanup_remove(struct tp_arena *arena, struct tpi_arena_cleanup *cleanup)
{
    if (cleanup->newer != NULL)
        cleanup->newer->older = cleanup->older;
    else
        arena->cleanups = cleanup->older;
    if (cleanup->older != NULL)
        cleanup->older->newer = cleanup->newer;
}

int tp_arena_defer(tp_arena *arena, void (*fn)(void *arg), void *arg)
{
    if (fn == NULL) {
        errno = EINVAL;
        return -1;
    }
    struct tpi_arena_cleanup *cleanup = tp_arena_alloc(arena, sizeof *cleanup);
    if (cleanup == NULL)
        return -1;
    cleanup->fn = fn;
    cleanup->arg = arg;
    cleanup_add(arena, cleanup);
    arena->deferred++;
    return 0;
}

tp_arena *tp_arena_child(tp_arena *parent, size_t limit)
{
    tp_arena_options options = {
        .name = parent->name,
        .first = parent->first,
        .limit = limit,
        .retain = parent->retain,
        .flags = parent->flags,
    };
    struct tp_arena *arena = tpi_arena_create(&options, TPI_ARENA_CHILD);
    if (arena == NULL)
        return NULL;
    arena->parent = parent;
    if (limit == 0)
        arena->budget = parent->budget;
    cleanup_add(parent, &arena->node);
    return arena;
}

struct tp_arena *tpi_arena_child_from(struct tpi_arena_cleanup *cleanup)
{
    while (cleanup != NULL && cleanup->fn != NULL)
        cleanup = cleanup->older;
    return cleanup == NULL ? NULL : tpi_container_of(cleanup, struct tp_arena, node);
}

struct tp_arena *tpi_arena_next(const struct tp_arena *root, struct tp_arena *at)
{
    struct tp_arena *next = tpi_arena_child_from(at->cleanups);
    for (; next == NULL && at != root; at = at->parent)
        next = tpi_arena_child_from(at->node.older);
    return next;
}

/* --- the end of things --- */

/* A cleanup may rewind its own arena to a mark that it made itself, and no further. */
static void check_idle(const struct tp_arena *arena, uint64_t serial, const char *call)
{
    tpi_check(arena->busy == 0 || serial >= arena->busy,
              "%s: called from a cleanup of arena '%s' at %p, which is being rewound", call,
              tpi_arena_name(arena), (const void *)arena);
}

/* Nothing waits any more. */
static void end(struct tp_arena *arena)
{
    if (arena->parent != NULL)
        cleanup_remove(arena->parent, &arena->node);
    tpi_arena_release(arena);
    arena->kind = TPI_ARENA_ENDED;
    tp_heap_free(arena);
}

/* Runs and destroys all that is newer than `serial`, newest first. */
static void run_cleanups(struct tp_arena *arena, uint64_t serial, const char *call)
{
    struct tp_arena *at = arena;
    uint64_t before = arena->busy;
    check_idle(arena, serial, call);
    arena->busy = ++arena->serial;
    for (;;) {
        struct tpi_arena_cleanup *last = at->cleanups;
        if (last == NULL || last->serial <= (at == arena ? serial : 0)) {
            if (at == arena)
                break;
            struct tp_arena *ended = at;
            at = at->parent;
            end(ended);
        } else if (last->fn == NULL) {
            at = tpi_arena_child_from(last);
            check_idle(at, 0, call);
            at->busy = ++at->serial;
        } else {
            cleanup_remove(at, last);
            at->deferred--;
            last->fn(last->arg);
        }
    }
    arena->busy = before;
}

void tpi_arena_destroy(struct tp_arena *arena)
{
    int saved = errno;
    run_cleanups(arena, 0, "tp_arena_destroy");
    end(arena);
    errno = saved;
}

void tp_arena_destroy(tp_arena *arena)
{
    if (arena == NULL)
        return;
    tpi_check(arena->kind != TPI_ARENA_ENDED, "tp_arena_destroy: arena %p was destroyed before",
              (void *)arena);
    tpi_check(arena->kind != TPI_ARENA_SCRATCH,
              "tp_arena_destroy: arena %p is its thread's scratch: tp_scratch_end ends its use",
              (void *)arena);
    tpi_check(arena->kind != TPI_ARENA_POOLED,
              "tp_arena_destroy: arena '%s' at %p is a pool's: tp_arena_pool_put takes it",
              tpi_arena_name(arena), (void *)arena);
    tpi_arena_destroy(arena);
}

/* --- back to a mark --- */

void tp_arena_reset(tp_arena *arena)
{
    tpi_check(arena->use == NULL,
              "tp_arena_reset: arena %p is a scratch arena in use: tp_scratch_end rewinds it",
              (void *)arena);
    if (tpi_unlikely(arena->cleanups != NULL || arena->busy != 0)) {
        int saved = errno;
        run_cleanups(arena, 0, "tp_arena_reset");
        errno = saved;
    }
    tpi_arena_unwind(arena, &arena->bottom, arena->bottom.start);
}

tp_arena_mark tp_arena_save(tp_arena *arena)
{
    if (tpi_checked)
        tpi_arena_close(arena);
    arena->saved = arena->cursor->next;
    /* The chunk that an empty arena may have kept can be taken from it: no mark names it. */
    if (tpi_arena_is_empty(arena))
        return (tp_arena_mark){&arena->bottom, arena->bottom.start, arena->serial};
    return (tp_arena_mark){arena->top, arena->cursor->next, arena->serial};
}

/* The mark's chunk; aborts where it proves that the mark does not hold any more, or never did. */
static struct tp_detail_arena_chunk *check_mark(struct tp_arena *arena, const tp_arena_mark *mark,
                                                const char *call)
{
    struct tp_detail_arena_chunk *chunk = arena->top;
    while (chunk != NULL && chunk != mark->chunk)
        chunk = chunk->below;
    bool holds = chunk != NULL && chunk->serial <= mark->serial && mark->serial <= arena->serial &&
                 mark->next >= chunk->window->start && mark->next <= tpi_chunk_end(chunk->window) &&
                 !(chunk == arena->top && mark->next > arena->cursor->next) &&
                 !(chunk->rewound > mark->serial && mark->next > chunk->rewound_next);
    tpi_check(holds, "%s: the mark is not one of arena '%s' at %p, or was rewound past", call,
              tpi_arena_name(arena), (void *)arena);
    return chunk;
}

void tpi_arena_rewind(struct tp_arena *arena, const tp_arena_mark *mark, const char *call)
{
    struct tp_detail_arena_chunk *chunk = check_mark(arena, mark, call);
    struct tpi_arena_cleanup *last = arena->cleanups;
    if (tpi_unlikely((last != NULL && last->serial > mark->serial) || arena->busy != 0)) {
        int saved = errno;
        run_cleanups(arena, mark->serial, call);
        errno = saved;
    }
    tpi_arena_unwind(arena, chunk, mark->next);
}

void tp_arena_rewind(tp_arena *arena, tp_arena_mark mark)
{
    tpi_check(arena->use == NULL || mark.serial > tpi_scratch_since(arena->use),
              "tp_arena_rewind: the mark is older than the tp_scratch_begin that arena %p is in",
              (void *)arena);
    tpi_arena_rewind(arena, &mark, "tp_arena_rewind");
}

/* --- stats --- */

void tp_arena_stats_read(const tp_arena *arena, tp_arena_stats *stats)
{
    uint64_t used = tpi_arena_used(arena), charged = 0;
    struct tp_arena *at = (struct tp_arena *)(uintptr_t)arena; /* the walk changes nothing */
    for (; at != NULL; at = tpi_arena_next(arena, at))
        charged += at->held;
    *stats = (tp_arena_stats){
        .used = used,
        .peak = tpi_max(used, arena->peak),
        .held = arena->held,
        .charged = charged,
        .limit = arena->limit,
        .chunks = arena->chunks,
        .taken = arena->taken,
        .cleanups = arena->deferred,
    };
}
