/* SPDX-License-Identifier: BSD-2-Clause */
/* Where checked: pages of chunks that were rewound fault until some hundred others were, so that a
   stale pointer is found by its first use. For all arenas of the process, those that are gone too.

   A ring of chunks, the oldest given back to the heap by the newest, without a lock: each place is
   changed by exchange, so each chunk is in one thread's hands or in the ring. The newest stays
   however large it is. */
#include "kit/arena.h"

enum { PLACES = 256, BYTES_MAX = 16 << 20 };

static uint64_t ring[PLACES]; /* atomic; chunks, or 0 */
static uint64_t next_place;   /* atomic; where the oldest is, and the next one comes */
static uint64_t ring_bytes;   /* atomic */

size_t tpi_quarantine_pages(size_t bytes)
{
    return tpi_align_up(bytes, tpi_max((size_t)TPI_PAGE_BYTES, tpi_os_page_bytes()));
}

static size_t pages_of(const struct tp_detail_arena_chunk *chunk)
{
    return tpi_heap_where(chunk->start).bytes;
}

static void place_set(uint64_t place, struct tp_detail_arena_chunk *chunk)
{
    uint64_t *at = &ring[place % PLACES], before = tpi_load_relaxed_64(at);
    /* The chunk's head was written by this thread: released with it, for who takes it out. */
    while (!tpi_cas_acq_rel_64(at, &before, (uint64_t)(uintptr_t)chunk))
        ;
    struct tp_detail_arena_chunk *out = (struct tp_detail_arena_chunk *)(uintptr_t)before;
    if (out == NULL)
        return;
    size_t bytes = pages_of(out);
    (void)tpi_add_acq_rel_64(&ring_bytes, (uint64_t)0 - bytes);
    if (!tpi_os_commit(out->start, bytes))
        return; /* the process has all the mappings it may have: these pages stay as they are */
    tpi_large_free(out->start);
    tp_heap_free(out);
}

void tpi_quarantine(struct tp_detail_arena_chunk *chunk)
{
    size_t bytes = pages_of(chunk);
    int saved = errno;
    if (!tpi_os_hide(chunk->start, bytes)) {
        tpi_large_free(chunk->start);
        tp_heap_free(chunk);
        errno = saved;
        return;
    }
    (void)tpi_add_acq_rel_64(&ring_bytes, bytes);
    uint64_t place = tpi_add_acq_rel_64(&next_place, 1);
    place_set(place, chunk);
    for (unsigned i = 1; i < PLACES && tpi_load_relaxed_64(&ring_bytes) > BYTES_MAX; i++)
        place_set(place + i, NULL);
}
