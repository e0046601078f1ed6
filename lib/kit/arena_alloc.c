/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation from arenas, behind the inlined bump: alignment, new chunks, resizing, copies,
   formatted strings; and all of it where a tool looks on. */
#include <stdio.h>

#include "kit/arena.h"

static char *bump(struct tp_arena *arena, size_t bytes, size_t align)
{
    struct tp_detail_arena_window *cursor = arena->cursor;
    char *at = (char *)tpi_align_up((uintptr_t)cursor->next, align);
    if (at > cursor->end || bytes > (size_t)(cursor->end - at))
        return NULL;
    cursor->next = tpi_arena_behind(arena, at + bytes, cursor->end);
    return at;
}

void *tp_detail_arena_alloc(tp_arena *arena, size_t size, size_t align)
{
    if (!tpi_is_power_of_two(align) || align > TP_ARENA_ALIGN_MAX) {
        errno = EINVAL;
        return NULL;
    }
    if (size > TPI_ARENA_BYTES_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    tpi_check(arena->kind != TPI_ARENA_ENDED, "tp_arena_alloc: arena %p was destroyed before",
              (void *)arena);
    size = tpi_max(size, (size_t)1);
    align = tpi_max(align, (size_t)TPI_ARENA_UNIT);
    char *at = bump(arena, tpi_arena_round(size), align);
    if (at == NULL)
        at = tpi_arena_push(arena, tpi_arena_round(size), align);
    if (at != NULL && arena->tracked)
        tpi_track_show(at, size);
    return at;
}

void *tp_arena_alloc_zeroed(tp_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (tpi_multiply_overflows(n, size, &bytes)) {
        errno = EOVERFLOW;
        return NULL;
    }
    void *memory = tp_arena_alloc(arena, bytes);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

/* A copy of n bytes in the arena; NULL: ENOMEM. What a root arena gets may be pointers: the
   collector may have read the place already, and the source may go before it is read. */
static void *copy_in(struct tp_arena *arena, const void *memory, size_t n, size_t size)
{
    size_t words = tpi_arena_is_root(arena) ? n & ~(size_t)7 : 0;
    if (words != 0 && tp_gc_thread_attach() != 0)
        return NULL;
    char *to = tp_arena_alloc(arena, size);
    if (to == NULL)
        return NULL;
    if (words != 0)
        tp_detail_gc_move(to, memory, words);
    if (n != words)
        memcpy(to + words, (const char *)memory + words, n - words);
    return to;
}

/* --- resizing --- */

/* Where an allocation of the window begins and ends, if it is the last one there. */
static bool is_last(const struct tp_arena *arena, const char *memory, size_t size)
{
    const struct tp_detail_arena_window *cursor = arena->cursor;
    uintptr_t at = (uintptr_t)memory, start = (uintptr_t)arena->top->window->start;
    if (at < start || at >= (uintptr_t)cursor->next)
        return false;
    char *behind = (char *)(at + tpi_arena_round(tpi_max(size, (size_t)1)));
    return behind <= cursor->end && tpi_arena_behind(arena, behind, cursor->end) == cursor->next;
}

/* Whether `memory` has the top chunk for its own, and how far that reaches. */
static bool is_own(const struct tp_arena *arena, const char *memory, const char **end)
{
    const struct tp_detail_arena_chunk *top = arena->top;
    *end = tpi_chunk_end(top);
    return top != top->window && (uintptr_t)memory - (uintptr_t)top->start < top->bytes;
}

static void shrink(struct tp_arena *arena, char *memory, size_t old_size, size_t size)
{
    struct tp_detail_arena_window *cursor = arena->cursor;
    if (arena->tracked)
        tpi_track_hide(memory + size, old_size - size);
    /* What a mark's place is in must not be bumped again. */
    if (!is_last(arena, memory, old_size) || memory < arena->saved)
        return;
    arena->peak = tpi_max(arena->peak, tpi_arena_used(arena));
    cursor->next = memory;
    if (size > 0)
        cursor->next = tpi_arena_behind(arena, memory + tpi_arena_round(size), cursor->end);
}

static bool grow(struct tp_arena *arena, char *memory, size_t old_size, size_t size)
{
    struct tp_detail_arena_window *cursor = arena->cursor;
    const char *end;
    size_t bytes = tpi_arena_round(size);
    if (is_last(arena, memory, old_size)) {
        if (bytes > (size_t)(cursor->end - memory))
            return false;
        cursor->next = tpi_arena_behind(arena, memory + bytes, cursor->end);
    } else if (!is_own(arena, memory, &end) || bytes > (size_t)(end - memory)) {
        return bytes == tpi_arena_round(tpi_max(old_size, (size_t)1));
    }
    return true;
}

void *tp_arena_resize(tp_arena *arena, void *memory, size_t old_size, size_t size)
{
    if (memory == NULL || (old_size == 0 && size != 0)) /* of size 0 it was given back */
        return tp_arena_alloc(arena, size);
    if (size <= old_size) {
        shrink(arena, memory, old_size, size);
        return memory;
    }
    if (size <= TPI_ARENA_BYTES_MAX && grow(arena, memory, old_size, size)) {
        if (arena->tracked)
            tpi_track_show((char *)memory + old_size, size - old_size);
        return memory;
    }
    return copy_in(arena, memory, old_size, size);
}

/* --- copies --- */

void *tp_arena_memdup(tp_arena *arena, const void *memory, size_t n)
{
    return copy_in(arena, memory, n, n);
}

char *tp_arena_strdup(tp_arena *arena, const char *string)
{
    return tp_arena_memdup(arena, string, strlen(string) + 1);
}

char *tp_arena_strndup(tp_arena *arena, const char *string, size_t n)
{
    size_t length = strnlen(string, n);
    char *copy = tp_arena_alloc(arena, length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, string, length);
    copy[length] = '\0';
    return copy;
}

/* --- formatted strings --- */

/* First into what is free of the window, where it mostly fits; else once more, into its place. */
char *tp_arena_vprintf(tp_arena *arena, const char *format, va_list arguments)
{
    struct tp_detail_arena_window *cursor = arena->cursor;
    size_t room = arena->tracked ? 0 : (size_t)(cursor->end - cursor->next);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(cursor->next, room, format, arguments);
    char *text = NULL;
    if (length >= 0) {
        text = tp_arena_alloc(arena, (size_t)length + 1);
        /* It may want memory too, for many digits, and not get it this time. */
        if (text != NULL && (size_t)length >= room &&
            vsnprintf(text, (size_t)length + 1, format, again) < 0) {
            (void)!tp_arena_resize(arena, text, (size_t)length + 1, 0);
            text = NULL;
        }
    }
    va_end(again);
    return text;
}

char *tp_arena_printf(tp_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = tp_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}
