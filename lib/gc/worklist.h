/* SPDX-License-Identifier: BSD-2-Clause */
/* Mark buffers, for mark.c and barrier.c; others hand them on by collector.h. */
#ifndef TPI_GC_WORKLIST_H
#define TPI_GC_WORKLIST_H

#include "gc/collector.h"

enum { TPI_BUFFER_BYTES = 4096, TPI_BUFFER_ITEMS = (TPI_BUFFER_BYTES - 24) / 8 };

/* Items are starts of grey objects; with the lowest bit set, an address within a large one at which
   to go on. One thread's, unless it is on a stack. */
struct tpi_buffer {
    uint32_t next;   /* on a stack: the number of the one below */
    uint32_t number; /* names this memory for ever; from 1 */
    uint32_t count;
    uint32_t unused;
    uint64_t marked_bytes; /* shaded by way of this buffer, and not added to the sum yet */
    uintptr_t items[TPI_BUFFER_ITEMS];
};

_Static_assert(sizeof(struct tpi_buffer) == TPI_BUFFER_BYTES, "a buffer is a page");

/* An empty one; NULL: ENOMEM. */
struct tpi_buffer *tpi_buffer_new(void);
/* Makes room for one item: *buffer, NULL or full, is not full afterwards. Of a full one the older
   half is handed over. False: there is no memory, *buffer is as it was. */
bool tpi_buffer_make_room(struct tpi_buffer **buffer);
/* The one that was handed over last, now the caller's; NULL: there is none. */
struct tpi_buffer *tpi_buffer_take(void);
/* Whether none is handed over. The version differs where anything was put or taken in between. */
bool tpi_buffers_none(uint64_t *version);
/* Forgets everything that is grey, and what was counted. Nobody else uses buffers. */
void tpi_buffers_reset(void);
void tpi_found_set(void);
/* Bytes that were shaded by way of buffers that were handed over. */
uint64_t tpi_buffers_marked_bytes(void);
void tpi_buffers_count(uint64_t bytes); /* the same, where there was no buffer */

/* --- mark.c --- */

/* An object is grey, and there was no memory to say so elsewhere. */
void tpi_mark_lose(uint8_t *mark);

/* Where there is nothing to take: until there is, or for a moment; longer from turn to turn. */
void tpi_mark_wait(unsigned turn);

/* --- workers.c --- */

void tpi_workers_go(void);   /* the collecting thread begins to drain */
void tpi_workers_halt(void); /* afterwards no worker marks */
void tpi_workers_fork_child(void);

#endif
