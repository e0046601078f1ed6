/* SPDX-License-Identifier: BSD-2-Clause */
/* Shading: a white object becomes grey. Mutators do it in barriers, signal handlers and the
   collecting thread for stacks; so it takes no lock and is async-signal-safe. (mark.c shades what
   it finds in objects by itself.)

   Marks are bytes, so that setting one is a store: two threads that shade one object at once push
   it twice, and it is scanned twice. `found` is set before the mark, and the mark stored with
   release: who sees the mark (acquire) and therefore leaves the object alone carries `found` along
   to its answer, and the collecting thread sees that there is something grey in somebody's buffer.
   tests/model/handshake.pml has the case.

   Where there is no memory for a buffer the mark byte itself says so: TPI_MARK_LOST. mark.c looks
   for such marks.

   Spans of roots (TPI_LAYOUT_ROOT) are not marked: all that is allocated there is read each time.

   Nobody need have written the words of stacks and of what is read as a whole, or may read what
   lies below an interrupted frame: Valgrind looks away (base/track.h). */
#include "gc/object.h"
#include "gc/worklist.h"

enum tpi_mark tpi_mark_color; /* written before BARRIER; read between the answers to that and OFF */

static inline bool is_marked(const struct tpi_hit *hit)
{
    uint8_t mark = tpi_peek_acquire_8(hit->mark);
    return (mark & ~(unsigned)TPI_MARK_LOST) == (unsigned)tpi_mark_color;
}

bool tpi_object_is_marked(const void *object)
{
    struct tpi_hit hit;
    if (!tpi_object_at((uintptr_t)object, true, &hit))
        return false;
    return (hit.layout->flags & TPI_LAYOUT_ROOT) != 0 || is_marked(&hit);
}

/* A white object becomes grey; a leaf black. */
static void shade_hit(struct tpi_buffer **buffer, const struct tpi_hit *hit)
{
    bool leaf = hit->layout->leaf;
    bool room =
        (*buffer != NULL && (*buffer)->count < TPI_BUFFER_ITEMS) || tpi_buffer_make_room(buffer);
    if (!leaf)
        tpi_found_set();
    if (*buffer == NULL)
        tpi_buffers_count(hit->bytes);
    else
        (*buffer)->marked_bytes += hit->bytes;
    if (tpi_unlikely(!room && !leaf)) {
        tpi_mark_lose(hit->mark);
        return;
    }
    tpi_store_release_8(hit->mark, (uint8_t)tpi_mark_color);
    if (!leaf)
        (*buffer)->items[(*buffer)->count++] = hit->start;
}

static inline __attribute__((always_inline)) bool shade(struct tpi_buffer **buffer, uintptr_t word,
                                                        bool exact)
{
    struct tpi_hit hit;
    if (!tpi_object_at(word, exact, &hit) || is_marked(&hit))
        return false;
    if (tpi_unlikely(tpi_check_marking))
        return tpi_check_visit(word);
    if (tpi_unlikely((hit.layout->flags & TPI_LAYOUT_ROOT) != 0))
        return false;
    shade_hit(buffer, &hit);
    return true;
}

bool tpi_shade(struct tpi_buffer **buffer, uintptr_t word, bool exact)
{
    return shade(buffer, word, exact);
}

static TPI_COLD size_t shade_watched(struct tpi_buffer **buffer, uintptr_t from, uintptr_t to)
{
    size_t white = 0;
    tpi_track_pause();
    for (uintptr_t at = tpi_align_up(from, 8); at < to && to - at >= 8; at += 8)
        white += shade(buffer, tpi_track_word(tpi_word_read(at)), false);
    tpi_track_resume();
    return white;
}

size_t tpi_shade_words(struct tpi_buffer **buffer, uintptr_t from, uintptr_t to)
{
    size_t white = 0;
    if (tpi_unlikely(tpi_track_knows_bits()))
        return shade_watched(buffer, from, to);
    for (uintptr_t at = tpi_align_up(from, 8); at < to && to - at >= 8; at += 8)
        white += shade(buffer, tpi_word_read(at), false);
    return white;
}

static void shade_field(uintptr_t address, void *context)
{
    (void)shade(context, tpi_word_read(address), false);
}

static void shade_watched_field(uintptr_t address, void *context)
{
    (void)shade(context, tpi_track_word(tpi_word_read(address)), false);
}

static TPI_COLD void shade_watched_fields(struct tpi_buffer **buffer, const struct tpi_hit *hit)
{
    tpi_fields_each(hit->layout, hit->start, hit->start, hit->start + hit->bytes,
                    shade_watched_field, buffer);
}

void tpi_shade_fields(struct tpi_buffer **buffer, void *object)
{
    struct tpi_hit hit;
    if (!tpi_object_at((uintptr_t)object, true, &hit))
        return;
    if (tpi_unlikely(tpi_track_knows_bits()))
        shade_watched_fields(buffer, &hit);
    else
        tpi_fields_each(hit.layout, hit.start, hit.start, hit.start + hit.bytes, shade_field,
                        buffer);
}
