/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for Concurrency Kit's maps (ck_ht, ck_hs, ck_rhs) and arrays: a struct ck_malloc over the
   heap, and one over an arena.

       ck_ht_init(&map, CK_HT_MODE_BYTESTRING, NULL, &tp_adapt_ck_heap, 2 * n, seed)

   Sizing. ck's maps grow when they are more than half full, and round their capacity up to a power
   of two: one that is initialised with 2 * n takes n entries, and neither allocates nor moves.

   Growing. ck's maps may be read by any number of threads beside the one that writes. A map that
   grows, or is reset, gets new memory, and readers may still be in the old: ck says so (`defer`) to
   whoever frees it, also where nobody reads. What then happens is the difference between
   - tp_adapt_ck_heap: it aborts, with a line that says this. For maps that are sized once;
   - tp_adapt_ck_heap_unshared: the old is freed at once. For maps that nobody reads while they
     change: one thread's, or under a lock;
   - TP_ADAPT_CK_HEAP_DEFER: a function of yours frees the old when its readers are through;
   - TP_ADAPT_CK_ARENA: the old stays in the arena, as long as that does.

   Calls of ck fail where theirs for memory do (NULL, errno ENOMEM). Compile and link with ck's
   flags (pkg-config ck); libtidepool itself knows nothing of it. In C++, ck's own headers need an
   extern "C" around them. */
#ifndef TIDEPOOL_ADAPT_CK_H
#define TIDEPOOL_ADAPT_CK_H

#include <ck_malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidepool/arena.h>
#include <tidepool/attrs.h>
#include <tidepool/heap.h>

/* What the macros and allocators below are made of; not for applications. */

static inline void *tp_detail_ck_malloc(size_t bytes)
{
    return tp_heap_alloc(bytes);
}

/* `to` is new memory, or NULL. */
static inline void *tp_detail_ck_copy(void *to, const void *from, size_t old_bytes, size_t bytes)
{
    if (to != NULL && from != NULL)
        memcpy(to, from, old_bytes < bytes ? old_bytes : bytes);
    return to;
}

static inline void tp_detail_ck_free(void *memory, size_t bytes)
{
    (void)bytes;
    tp_heap_free(memory);
}

__attribute__((cold, noreturn)) static inline void tp_detail_ck_refuse(void *memory, size_t bytes)
{
    fprintf(stderr,
            "tidepool: tp_adapt_ck_heap: a map at %p (%zu bytes) grew or was reset, and may still "
            "be read: size it at its init (twice its entries), or use tp_adapt_ck_heap_unshared, "
            "TP_ADAPT_CK_HEAP_DEFER or TP_ADAPT_CK_ARENA\n",
            memory, bytes);
    abort();
}

/* Defines, for this file, `static struct ck_malloc NAME` over the heap that hands what readers may
   still be in to defer(void *memory, size_t bytes): it, or what it arranges, calls
   tp_heap_free(memory) when no reader can be left, as ck_epoch_call and ck_epoch_barrier can tell
   (not ck_epoch_poll, which is too early in ck 0.7.1). No semicolon follows. */
#define TP_ADAPT_CK_HEAP_DEFER(NAME, DEFER)                                                        \
    static inline void *NAME##_realloc(void *memory, size_t old_bytes, size_t bytes, bool defer)   \
    {                                                                                              \
        void *to;                                                                                  \
        if (!defer)                                                                                \
            return tp_heap_realloc(memory, bytes);                                                 \
        to = tp_detail_ck_copy(tp_heap_alloc(bytes), memory, old_bytes, bytes);                    \
        if (to != NULL)                                                                            \
            DEFER(memory, old_bytes);                                                              \
        return to;                                                                                 \
    }                                                                                              \
    static inline void NAME##_free(void *memory, size_t bytes, bool defer)                         \
    {                                                                                              \
        if (defer)                                                                                 \
            DEFER(memory, bytes);                                                                  \
        else                                                                                       \
            tp_heap_free(memory);                                                                  \
    }                                                                                              \
    __attribute__((unused)) static struct ck_malloc NAME = {tp_detail_ck_malloc, NAME##_realloc,   \
                                                            NAME##_free};

/* For maps that are sized once; any number of readers. */
TP_ADAPT_CK_HEAP_DEFER(tp_adapt_ck_heap, tp_detail_ck_refuse)

/* For maps that nobody reads while they change. */
TP_ADAPT_CK_HEAP_DEFER(tp_adapt_ck_heap_unshared, tp_detail_ck_free)

/* Defines, for this file, `static struct ck_malloc NAME` over an arena. ARENA is an expression, a
   variable mostly, that is evaluated at each call: ck's callbacks have no argument of their own. It
   must give the same arena as long as one map lives, and only the map's writer may use that
   meanwhile. Nothing is freed: the memory goes with the arena, so the map needs no destroy. No
   semicolon follows. */
#define TP_ADAPT_CK_ARENA(NAME, ARENA)                                                             \
    static inline void *NAME##_malloc(size_t bytes)                                                \
    {                                                                                              \
        return tp_arena_alloc((ARENA), bytes);                                                     \
    }                                                                                              \
    static inline void *NAME##_realloc(void *memory, size_t old_bytes, size_t bytes, bool defer)   \
    {                                                                                              \
        if (!defer)                                                                                \
            return tp_arena_resize((ARENA), memory, old_bytes, bytes);                             \
        return tp_detail_ck_copy(tp_arena_alloc((ARENA), bytes), memory, old_bytes, bytes);        \
    }                                                                                              \
    static inline void NAME##_free(void *memory, size_t bytes, bool defer)                         \
    {                                                                                              \
        (void)memory;                                                                              \
        (void)bytes;                                                                               \
        (void)defer;                                                                               \
    }                                                                                              \
    __attribute__((unused)) static struct ck_malloc NAME = {NAME##_malloc, NAME##_realloc,         \
                                                            NAME##_free};

#endif
