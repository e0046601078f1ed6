/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of arenas: a pool (lib/pool) whose objects are arenas. A tp_arena_pool is that pool, by
   another type: so it lingers as a pool does, until the last arena was put. */
#include "kit/arena.h"

/* What make needs. No get, and so no make, runs when the pool is destroyed. */
struct recipe {
    tp_arena_options options;
    tp_pool *pool;
};

static tp_pool *pool_of(tp_arena_pool *pool)
{
    return (tp_pool *)(void *)pool;
}

static void *pooled_make(void *context)
{
    const struct recipe *recipe = context;
    struct tp_arena *arena = tpi_arena_create(&recipe->options, TPI_ARENA_POOLED);
    if (arena != NULL)
        arena->pool = recipe->pool;
    return arena;
}

static void pooled_reset(void *object, void *context)
{
    struct tp_arena *arena = object;
    (void)context;
    tp_arena_reset(arena);
    arena->idle = true;
}

static void pooled_destruct(void *object, void *context)
{
    (void)context;
    tpi_arena_destroy(object);
}

tp_arena_pool *tp_arena_pool_create(const tp_arena_options *options)
{
    if (options != NULL && (options->flags & ~TP_ARENA_ROOT) != 0) {
        errno = EINVAL;
        return NULL;
    }
    struct recipe *recipe = tp_heap_alloc_zeroed(1, sizeof *recipe);
    if (recipe == NULL)
        return NULL;
    if (options != NULL)
        recipe->options = *options;
    recipe->pool = tp_pool_create(&(tp_pool_options){
        .name = recipe->options.name != NULL ? recipe->options.name : "arenas",
        .make = pooled_make,
        .reset = pooled_reset,
        .destruct = pooled_destruct,
        .context = recipe,
    });
    if (recipe->pool == NULL) {
        int error = errno;
        tp_heap_free(recipe);
        errno = error;
        return NULL;
    }
    return (tp_arena_pool *)(void *)recipe->pool;
}

void tp_arena_pool_destroy(tp_arena_pool *arenas)
{
    if (arenas == NULL)
        return;
    tp_pool *pool = pool_of(arenas);
    tpi_pool_check(pool, "tp_arena_pool_destroy");
    struct recipe *recipe = pool->options.context;
    tp_pool_destroy(pool);
    tp_heap_free(recipe);
}

tp_arena *tp_arena_pool_get(tp_arena_pool *arenas)
{
    struct tp_arena *arena = tp_pool_get(pool_of(arenas));
    if (arena != NULL)
        arena->idle = false;
    return arena;
}

void tp_arena_pool_put(tp_arena_pool *arenas, tp_arena *arena)
{
    if (arena == NULL)
        return;
    tp_pool *pool = pool_of(arenas);
    tpi_pool_check(pool, "tp_arena_pool_put");
    tpi_check(arena->kind == TPI_ARENA_POOLED && arena->pool == pool,
              "tp_arena_pool_put: arena '%s' at %p is not of pool '%s'", tpi_arena_name(arena),
              (void *)arena, tpi_pool_name(pool));
    tpi_check(!arena->idle, "tp_arena_pool_put: arena '%s' at %p was put before",
              tpi_arena_name(arena), (void *)arena);
    tp_pool_put(pool, arena);
}
