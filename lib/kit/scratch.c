/* SPDX-License-Identifier: BSD-2-Clause */
/* Scratch arenas: two a thread, made when they are first wanted, gone when the thread ends.

   Each use leaves a record in its arena: the mark to go back to. The thread counts its uses, so
   that one which ends before a newer one is found. What a thread's exit handlers use after this
   room's has run (or where no handler could be installed) is destroyed at the end of its outermost
   use, so that nothing is left whatever order they run in. In a fork's child the scratch arenas of
   the threads that are not there are memory that nobody gives back. */
#include "kit/arena.h"

struct tpi_scratch_use {
    tp_arena_mark mark;
    struct tpi_scratch_use *outer; /* of the same arena */
    uint64_t depth;                /* how many uses the thread had open with this one */
};

struct scratch {
    struct tp_arena *arenas[2];
    uint64_t depth;
    bool is_kept; /* the exit handler will run */
    bool is_over; /* it ran */
};

static __thread struct scratch scratch __attribute__((tls_model("initial-exec")));
static bool hooked; /* written once, in start */

static void thread_exit(void *mark)
{
    (void)mark;
    struct scratch before = scratch;
    scratch = (struct scratch){.is_over = true}; /* what cleanups use now is their own */
    for (int i = 0; i < 2; i++)
        if (before.arenas[i] != NULL)
            tpi_arena_destroy(before.arenas[i]);
}

static void start(void)
{
    hooked = tpi_os_thread_exit_hook(TPI_EXIT_SCRATCH, thread_exit);
}

static struct tp_arena *scratch_make(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    if (hooked && !scratch.is_kept && !scratch.is_over)
        scratch.is_kept = tpi_os_thread_mark(TPI_EXIT_SCRATCH, &scratch);
    return tpi_arena_create(&(tp_arena_options){.name = "scratch"}, TPI_ARENA_SCRATCH);
}

uint64_t tpi_scratch_since(const struct tpi_scratch_use *use)
{
    return use->mark.serial;
}

/* Once the outermost use has ended, or could not begin. */
static void scratch_leave(struct tp_arena *arena)
{
    if (scratch.is_kept || arena->use != NULL)
        return;
    scratch.arenas[arena == scratch.arenas[1]] = NULL;
    tpi_arena_destroy(arena);
}

tp_arena *tp_scratch_begin(tp_arena *conflict)
{
    struct tp_arena **at = &scratch.arenas[conflict != NULL && conflict == scratch.arenas[0]];
    if (tpi_unlikely(*at == NULL) && (*at = scratch_make()) == NULL)
        return NULL;
    struct tp_arena *arena = *at;
    tp_arena_mark mark = tp_arena_save(arena);
    arena->serial++; /* marks that are made from here on are newer than this one */
    struct tpi_scratch_use *use = tp_arena_alloc(arena, sizeof *use);
    if (use == NULL) {
        scratch_leave(arena);
        errno = ENOMEM;
        return NULL;
    }
    *use = (struct tpi_scratch_use){mark, arena->use, ++scratch.depth};
    arena->use = use;
    return arena;
}

void tp_scratch_end(tp_arena *arena)
{
    if (arena == NULL)
        return;
    tpi_check(arena == scratch.arenas[0] || arena == scratch.arenas[1],
              "tp_scratch_end: arena %p is no scratch arena of this thread", (void *)arena);
    struct tpi_scratch_use use;
    tpi_check(arena->use != NULL, "tp_scratch_end: arena %p has no tp_scratch_begin left to end",
              (void *)arena);
    use = *arena->use;
    tpi_check(use.depth == scratch.depth,
              "tp_scratch_end: arena %p is ended while a later tp_scratch_begin is not: last first",
              (void *)arena);
    tpi_arena_rewind(arena, &use.mark, "tp_scratch_end");
    arena->use = use.outer;
    scratch.depth--;
    scratch_leave(arena);
}
