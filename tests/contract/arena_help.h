/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of arenas: patterns, figures, and what this build does. */
#ifndef TESTS_CONTRACT_ARENA_HELP_H
#define TESTS_CONTRACT_ARENA_HELP_H

#include "support.h"

/* Bytes of a chunk that are its own; docs/design/arenas.md. */
enum { ARENA_HEAD = 64 };

static inline tp_arena *arena_new(const tp_arena_options *options)
{
    tp_arena *arena = tp_arena_create(options);
    assert_non_null(arena);
    return arena;
}

static inline void *arena_take(tp_arena *arena, size_t size)
{
    void *memory = tp_arena_alloc(arena, size);
    assert_non_null(memory);
    return memory;
}

static inline tp_arena_stats arena_stats(const tp_arena *arena)
{
    tp_arena_stats stats;
    tp_arena_stats_read(arena, &stats);
    return stats;
}

static inline void arena_stats_equal(tp_arena_stats a, tp_arena_stats b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static inline uint64_t heap_allocations(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations;
}

/* Whether allocations are inlined here: neither a checked build, nor AddressSanitizer's, nor under
   Valgrind. Only there do figures depend on sizes alone. */
static inline bool arena_is_inlined(void)
{
    tp_arena *arena = arena_new(NULL);
    arena_take(arena, 1);
    const struct tp_detail_arena_window *window = (const void *)arena;
    bool inlined = window->next != window->end;
    tp_arena_destroy(arena);
    return inlined;
}

#define arena_skip_unless_inlined()                                                                \
    do {                                                                                           \
        if (!arena_is_inlined())                                                                   \
            skip();                                                                                \
    } while (0)

/* Bytes that say which allocation they are of: all of them, or the ends of a large one. */
static inline unsigned char arena_pattern(size_t which, size_t i)
{
    return (unsigned char)(which * 131 + i * 7 + (i >> 8) + 1);
}

static inline size_t arena_stride(size_t size)
{
    return size < 1024 ? 1 : 251;
}

static inline void arena_mark(void *memory, size_t size, size_t which)
{
    unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i += arena_stride(size))
        bytes[i] = arena_pattern(which, i);
    if (size > 0)
        bytes[size - 1] = arena_pattern(which, size - 1);
}

static inline bool arena_is_marked(const void *memory, size_t size, size_t which)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i += arena_stride(size))
        if (bytes[i] != arena_pattern(which, i))
            return false;
    return size == 0 || bytes[size - 1] == arena_pattern(which, size - 1);
}

#endif
