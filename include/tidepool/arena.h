/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas: memory that goes away together, by their prefixed names.

   An allocation is a bump of a pointer, inlined; memory is given back as a whole, by
   tp_arena_reset, tp_arena_rewind or tp_arena_destroy. Memory is aligned to 16 bytes at least and
   is not zeroed unless said otherwise. An arena and its children are used by one thread at a time;
   different ones are independent. Not for signal handlers. What gives back keeps errno.

   In a checked build of the library, in one with AddressSanitizer (which a sanitizer in the
   application alone does not replace) and under Valgrind, every allocation is a call, and what was
   rewound faults, or is reported, when it is touched again. */
#ifndef TIDEPOOL_ARENA_H
#define TIDEPOOL_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidepool/attrs.h>

TP_BEGIN_DECLS

typedef struct tp_arena tp_arena;

/* What is in the arena, and in its children, may point into the collected heap: each aligned word
   of each chunk may be a pointer, and keeps its object alive. Store with tp_gc_store;
   tp_arena_memdup and tp_arena_resize do so by themselves. What reset and rewind gave back still
   counts until it is written over, or its chunk is given back (.retain): where that matters, use
   tp_arena_destroy. Chunks are zeroed when they are taken. AddressSanitizer and Valgrind are not
   told what is free in such an arena. */
#define TP_ARENA_ROOT 1u

/* The largest alignment that an arena serves, in bytes: the heap's page. */
#define TP_ARENA_ALIGN_MAX ((size_t)8192)

typedef struct tp_arena_options {
    const char *name; /* for messages; not copied: it must live as long as the arena; may be NULL */
    size_t first;     /* bytes of the first chunk, 256 at least; 0: 4 KiB. Later chunks grow */
    size_t limit;   /* bound on the bytes that chunks hold, children's too; 0: none. Each chunk has
                       64 of them for itself */
    size_t retain;  /* bound on the bytes of chunks that rewind and reset keep for what comes;
                       0: 1 MiB */
    unsigned flags; /* 0 or TP_ARENA_ROOT */
} tp_arena_options;

/* The most that .retain can ask for: no bound. */
#define TP_ARENA_RETAIN_ALL SIZE_MAX

/* Where an arena stood: tp_arena_save. Plain data; copying it is free. */
typedef struct tp_arena_mark {
    struct tp_detail_arena_chunk *chunk;
    char *next;
    uint64_t serial;
} tp_arena_mark;

/* One arena's figures, in bytes unless said otherwise. */
typedef struct tp_arena_stats {
    uint64_t used;     /* handed out now, rounded to 16 each, the tails of full chunks included */
    uint64_t peak;     /* the most that `used` ever was */
    uint64_t held;     /* chunks, those kept for reuse included; without children */
    uint64_t charged;  /* what counts against the limit: held, and the children's */
    uint64_t limit;    /* 0: none */
    uint64_t chunks;   /* count: those held now */
    uint64_t taken;    /* count: chunks taken from the heap since the arena was created */
    uint64_t cleanups; /* count: deferred calls that wait */
} tp_arena_stats;

/* Runs all cleanups, destroys the children and gives everything back. NULL is ignored. Aborts for a
   scratch arena and one of a tp_arena_pool. */
TP_API void tp_arena_destroy(tp_arena *arena);

/* An empty arena; NULL options: the defaults. The caller's until tp_arena_destroy. NULL and errno:
   ENOMEM, or EINVAL for an unknown flag. Any thread. */
TP_API TP_NODISCARD TP_FREED_BY(tp_arena_destroy, 1)
tp_arena *tp_arena_create(const tp_arena_options *options);

/* An arena that never outlives its parent: whatever gives back the parent's memory of now (reset,
   rewind to a mark before this call, destroy) destroys it first. Its chunks are its own and count
   against the limits of all its ancestors. limit: its own bound in bytes, 0: the ancestors' alone.
   Otherwise it has its parent's options. tp_arena_destroy may end it earlier. NULL and errno
   ENOMEM. */
TP_API TP_NODISCARD tp_arena *tp_arena_child(tp_arena *parent, size_t limit);

/* Runs all cleanups, destroys the children, and empties the arena; chunks up to .retain bytes stay
   for what comes. */
TP_API void tp_arena_reset(tp_arena *arena);

/* Where the arena stands now. Marks nest: rewinding to one ends those made behind it. */
TP_API TP_NODISCARD tp_arena_mark tp_arena_save(tp_arena *arena);

/* Gives back what was allocated since the mark, across chunks; first runs the cleanups and destroys
   the children of since then, last first. A mark that was rewound past, or is another arena's,
   aborts where that can be proven. */
TP_API void tp_arena_rewind(tp_arena *arena, tp_arena_mark mark);

/* Calls fn(arg) when the arena is rewound past this point, reset or destroyed; last in, first out.
   The arena's memory of before the call is still there when fn runs. fn may use the arena: what it
   allocates goes at once, and it rewinds no further than to marks of its own; reset and destroy
   abort. 0, or -1 and errno: ENOMEM, or EINVAL for a NULL fn; then nothing will be called. */
TP_API int tp_arena_defer(tp_arena *arena, void (*fn)(void *arg), void *arg);

/* What the inlined calls fall back on: every size and alignment. Not for applications. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(2) TP_ALLOC_ALIGN(3)
void *tp_detail_arena_alloc(tp_arena *arena, size_t size, size_t align);

/* The head of every arena: what is free of its chunk, both multiples of 16. Closed (next == end)
   where each allocation is to be a call. */
struct tp_detail_arena_window {
    char *next;
    char *end;
};

/* How far ahead of an allocation its cache line is fetched, in bytes; 0: it is not. Whoever
   includes this header may define it before: on some processors 1024 makes megabytes between resets
   faster; on the one that it was measured on (docs/design/arenas.md) nothing is gained. */
#ifndef TP_ARENA_AHEAD
#define TP_ARENA_AHEAD 0
#endif

/* `size` bytes (of 0: a place of its own, nothing to write to), the arena's. NULL and errno ENOMEM,
   also at the limit; the arena is as it was. */
#ifdef TP_CALLS
TP_API TP_NODISCARD TP_ALLOC_SIZE(2) void *tp_arena_alloc(tp_arena *arena, size_t size);
#else
TP_NODISCARD TP_ALLOC_SIZE(2) static inline void *tp_arena_alloc(tp_arena *arena, size_t size)
{
    struct tp_detail_arena_window *window = (struct tp_detail_arena_window *)(void *)arena;
    char *at = window->next;
    size_t last = size - 1; /* of 0: more than there can be */
    if (TP_UNLIKELY(last >= (size_t)(window->end - at)))
        return tp_detail_arena_alloc(arena, size, 16);
    window->next = at + (last | 15) + 1;
    if (TP_ARENA_AHEAD != 0)
        __builtin_prefetch(at + TP_ARENA_AHEAD, 1);
    if (at == (char *)0)
        __builtin_unreachable(); /* so that the caller's look at it costs nothing here */
    return at;
}
#endif

/* `size` bytes at a multiple of `align`, a power of two up to TP_ARENA_ALIGN_MAX. NULL and errno
   ENOMEM, or EINVAL for another alignment. */
#ifdef TP_CALLS
TP_API TP_NODISCARD TP_ALLOC_SIZE(2) TP_ALLOC_ALIGN(3)
void *tp_arena_alloc_aligned(tp_arena *arena, size_t size, size_t align);
#else
TP_NODISCARD TP_ALLOC_SIZE(2) TP_ALLOC_ALIGN(3) static inline
void *tp_arena_alloc_aligned(tp_arena *arena, size_t size, size_t align)
{
    if (__builtin_constant_p(align) && align != 0 && align <= 16 && (align & (align - 1)) == 0)
        return tp_arena_alloc(arena, size);
    return tp_detail_arena_alloc(arena, size, align);
}
#endif

/* n * size bytes of zeroes. NULL and errno ENOMEM, or EOVERFLOW where the product overflows. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(2, 3)
void *tp_arena_alloc_zeroed(tp_arena *arena, size_t n, size_t size);

/* Resizes an allocation of this arena, whose size is old_size now, and returns where it is,
   contents kept up to the smaller size: in place where it was the last one and there is room, or
   where it shrinks; else a new one, aligned to 16 (the old stays until the arena is rewound). What
   it grew by since a mark goes with a rewind. size 0 gives it back, if it was the last one: what is
   returned is no allocation then. memory NULL or old_size 0: as tp_arena_alloc. NULL and errno
   ENOMEM: the old is as it was. */
TP_API TP_NODISCARD TP_ALLOC_SIZE(4)
void *tp_arena_resize(tp_arena *arena, void *memory, size_t old_size, size_t size);

/* Copies into the arena. strndup copies at most n bytes and ends them with a zero; memdup n bytes.
   NULL and errno ENOMEM. */
TP_API TP_NODISCARD char *tp_arena_strdup(tp_arena *arena, const char *string);
TP_API TP_NODISCARD char *tp_arena_strndup(tp_arena *arena, const char *string, size_t n);
TP_API TP_NODISCARD TP_ALLOC_SIZE(3)
void *tp_arena_memdup(tp_arena *arena, const void *memory, size_t n);

/* A formatted string, as by asprintf. NULL and errno ENOMEM, EOVERFLOW or what vsnprintf gave. */
TP_API TP_NODISCARD TP_FORMAT(2, 3)
char *tp_arena_printf(tp_arena *arena, const char *format, ...);
TP_API TP_NODISCARD TP_FORMAT(2, 0)
char *tp_arena_vprintf(tp_arena *arena, const char *format, va_list arguments);

/* Fills *stats. */
TP_API void tp_arena_stats_read(const tp_arena *arena, tp_arena_stats *stats);

/* --- scratch: two arenas a thread, for what does not outlive a function --- */

/* One of the calling thread's two scratch arenas, not `conflict`: give the arena that your result
   goes to, or NULL, and your result does not go with what you allocate here. Calls nest; each needs
   its tp_scratch_end in the same thread, last first. NULL and errno ENOMEM. The arenas go with the
   thread; in a fork's child those of other threads are not given back. */
TP_API TP_NODISCARD tp_arena *tp_scratch_begin(tp_arena *conflict);

/* Rewinds a scratch arena to where the last tp_scratch_begin found it: cleanups, children, memory.
   NULL is ignored. Aborts for an arena that is not this thread's scratch, and out of order. */
TP_API void tp_scratch_end(tp_arena *scratch);

/* --- pools of arenas: a request takes a warm one and gives it back --- */

typedef struct tp_arena_pool tp_arena_pool;

/* A pool whose arenas are all made with these options (NULL: the defaults); idle ones go as a
   pool's objects do, by collection cycles. The caller's until tp_arena_pool_destroy, which may run
   while arenas are still out: they are put later. NULL and errno as tp_arena_create and
   tp_pool_create. Any thread. */
TP_API TP_NODISCARD tp_arena_pool *tp_arena_pool_create(const tp_arena_options *options);

/* As tp_pool_destroy. NULL is ignored. */
TP_API void tp_arena_pool_destroy(tp_arena_pool *pool);

/* Resets the arena (cleanups run on this thread) and takes it back. Aborts where it is not one
   that this pool gave out, or was put since, as far as that can be told. NULL is ignored. Keeps
   errno. Any thread. */
TP_API void tp_arena_pool_put(tp_arena_pool *pool, tp_arena *arena);

/* An empty arena, the caller's until tp_arena_pool_put. NULL and errno ENOMEM. Any thread. */
TP_API TP_NODISCARD TP_FREED_BY(tp_arena_pool_put, 2)
tp_arena *tp_arena_pool_get(tp_arena_pool *pool);

TP_END_DECLS

#endif
