/* SPDX-License-Identifier: BSD-2-Clause */
/* The write barrier behind the inlined test, and the stores that are not inlined.

   Each operation lies between tpi_runtime_enter and tpi_runtime_leave: so no signal handler answers
   for this thread between the look at `marking`, the shading and the store, and what was asked
   meanwhile is answered after the store. In there `marking` does not change, and while it is 0 no
   object of any thread is scanned (the collector scans after all have answered BARRIER, and stops
   before it asks OFF).

   Dijkstra's barrier: the value is shaded before it is stored. What a move copies is loaded once,
   shaded and stored, word by word: a scanner sees whole pointers, and shaded ones. */
#include "gc/object.h"

enum { MOVE_BYTES = 64 << 10 }; /* between two polls */

static struct tpi_mutator *enter(const char *call)
{
    struct tpi_mutator *mutator = tpi_mutator_ensure();
    tpi_check(mutator != NULL,
              "%s: the thread cannot be attached: it is ending, or there is no memory", call);
    tpi_runtime_enter(mutator);
    return mutator;
}

/* Inside: whether this thread's barrier is on. */
static bool is_marking(void)
{
    return tpi_load_relaxed_32(&tp_detail_gc_self.marking) != 0;
}

static void shade(struct tpi_mutator *mutator, const void *value)
{
    (void)tpi_shade(&mutator->buffer, (uintptr_t)value, false);
}

static void about_to_store(struct tpi_mutator *mutator, const void *slot, const void *value)
{
    if (!is_marking())
        return;
    shade(mutator, value);
    if (tpi_unlikely(tpi_gc_options.wbcheck))
        tpi_wbcheck_log(slot, 1);
}

/* NULL shades nothing, and storing it makes no mutator of a thread. */
void tp_detail_gc_store_marking(void *slot, const void *value)
{
    if (value == NULL && tpi_mutator_self == NULL) {
        tpi_store_release_64(slot, 0);
        return;
    }
    struct tpi_mutator *mutator = enter("tp_gc_store");
    about_to_store(mutator, slot, value);
    tpi_store_release_64(slot, (uint64_t)(uintptr_t)value);
    tpi_runtime_leave(mutator);
}

bool tp_detail_gc_cas(void *slot, const void *old, const void *value)
{
    struct tpi_mutator *mutator = enter("tp_gc_cas");
    about_to_store(mutator, slot, value);
    bool done = tpi_cas_strict_64(slot, (uint64_t)(uintptr_t)old, (uint64_t)(uintptr_t)value);
    tpi_runtime_leave(mutator);
    return done;
}

void *tp_detail_gc_exchange(void *slot, const void *value)
{
    struct tpi_mutator *mutator = enter("tp_gc_exchange");
    about_to_store(mutator, slot, value);
    uint64_t before = tpi_exchange_strict_64(slot, (uint64_t)(uintptr_t)value);
    tpi_runtime_leave(mutator);
    return (void *)(uintptr_t)before;
}

/* --- moving --- */

/* In words; what is not aligned has no pointers. upwards: from the first word to the last. */
static void move_words(struct tpi_mutator *mutator, uintptr_t to, uintptr_t from, size_t bytes,
                       bool upwards)
{
    if (tpi_unlikely(tpi_gc_options.wbcheck))
        tpi_wbcheck_log((const void *)to, bytes / 8);
    bool watched = tpi_track_knows_bits(); /* there may be gaps in what is moved */
    for (size_t i = 0; i < bytes; i += 8) {
        size_t at = upwards ? i : bytes - 8 - i;
        uintptr_t word = tpi_word_read(from + at);
        shade(mutator, (const void *)(tpi_unlikely(watched) ? tpi_track_word(word) : word));
        tpi_store_release_64((uint64_t *)(to + at), word);
    }
}

static void move_some(struct tpi_mutator *mutator, uintptr_t to, uintptr_t from, size_t bytes,
                      bool upwards)
{
    if (is_marking() && (to | from | bytes) % 8 == 0)
        move_words(mutator, to, from, bytes, upwards);
    else
        memmove((void *)to, (const void *)from, bytes);
}

/* In pieces, with a poll behind each: the barrier may go on or off between two. What was copied
   without it lies in objects that were not black then, and are scanned later. */
void tp_detail_gc_move(void *to, const void *from, size_t bytes)
{
    bool upwards = (uintptr_t)to - (uintptr_t)from >= bytes; /* or `to` is below */
    for (size_t moved = 0; moved < bytes;) {
        struct tpi_mutator *mutator = enter("tp_gc_move");
        size_t piece = tpi_min(bytes - moved, (size_t)MOVE_BYTES);
        size_t at = upwards ? moved : bytes - moved - piece;
        move_some(mutator, (uintptr_t)to + at, (uintptr_t)from + at, piece, upwards);
        moved += piece;
        tpi_runtime_leave(mutator);
    }
}

/* --- plain stores into one object --- */

void tp_gc_edit_begin(void *object)
{
    struct tpi_mutator *mutator = enter("tp_gc_edit_begin");
    tpi_check(mutator->edit_count < TPI_EDITS_MAX,
              "tp_gc_edit_begin: object %p: %d objects of this thread are being edited already",
              object, TPI_EDITS_MAX);
    mutator->edits[mutator->edit_count++] = object;
    tpi_runtime_leave(mutator);
}

static void edit_remove(struct tpi_mutator *mutator, const void *object)
{
    uint32_t i = mutator->edit_count;
    while (i > 0 && mutator->edits[i - 1] != object)
        i--;
    tpi_check(i > 0, "tp_gc_edit_end: object %p is not being edited by this thread", object);
    mutator->edits[i - 1] = mutator->edits[--mutator->edit_count];
}

static void log_all(const void *object)
{
    struct tpi_named named;
    if (tpi_check_name((uintptr_t)object, &named))
        tpi_wbcheck_log((const void *)named.start, named.bytes / 8);
}

void tp_gc_edit_end(void *object)
{
    struct tpi_mutator *mutator = enter("tp_gc_edit_end");
    if (is_marking()) {
        tpi_shade_fields(&mutator->buffer, object);
        if (tpi_unlikely(tpi_gc_options.wbcheck))
            log_all(object);
    }
    edit_remove(mutator, object);
    tpi_runtime_leave(mutator);
}
