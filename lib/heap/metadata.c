/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for the heap's own tables: span descriptors, cut from chunks and recycled through a free
   list, and arenas' maps. Nothing is ever returned to the operating system, so a pointer to a
   descriptor stays one. All under the page lock. */
#include "heap/span.h"

enum { CHUNK_BYTES = 1 << 18, MAP_GRAIN = 1 << 16 };

static struct tpi_span *free_descriptors;
static unsigned free_count;
static struct tpi_span *fresh, *fresh_end; /* the rest of the newest chunk, never used */
static uint64_t mapped_bytes;

static bool chunk_add(void)
{
    struct tpi_span *chunk = tpi_os_map(CHUNK_BYTES);
    if (chunk == NULL)
        return false;
    /* What was left of the last chunk: fewer descriptors than were asked for. */
    while (fresh < fresh_end)
        tpi_descriptor_give(fresh++);
    fresh = chunk;
    fresh_end = chunk + CHUNK_BYTES / sizeof *chunk;
    mapped_bytes += CHUNK_BYTES;
    return true;
}

bool tpi_descriptors_ready(unsigned n)
{
    return free_count + (size_t)(fresh_end - fresh) >= n || chunk_add();
}

struct tpi_span *tpi_descriptor_take(void)
{
    struct tpi_span *span = free_descriptors;
    if (span == NULL)
        return fresh++;
    free_descriptors = span->next;
    free_count--;
    span->next = NULL;
    return span;
}

/* Everything but the extent is cleared here, not at the take: the lines are warm, and a lookup that
   follows a stale entry finds an empty extent. */
void tpi_descriptor_give(struct tpi_span *span)
{
    tpi_span_kind_set(span, TPI_SPAN_UNUSED, 0);
    tpi_span_extent_set(span, 0, 0);
    span->dirty_pages = 0;
    span->previous = NULL;
    span->next = free_descriptors;
    free_descriptors = span;
    free_count++;
}

void *tpi_metadata_map(size_t bytes)
{
    void *at = tpi_os_map(bytes);
    if (at != NULL)
        mapped_bytes += bytes;
    return at;
}

struct tpi_heap_arena *tpi_heap_arenas_new(size_t n)
{
    return tpi_metadata_map(tpi_align_up(n * sizeof(struct tpi_heap_arena), MAP_GRAIN));
}

uint64_t tpi_metadata_bytes(void)
{
    return mapped_bytes;
}
