/* SPDX-License-Identifier: BSD-2-Clause */
/* Records: one log line each, in one allocation of RECORD_BYTES. A longer line is a chain of them.

   This file is all that differs between --alloc=malloc, heap, pool and gc. A record comes as it was
   given back, so whoever gets one sets its header; the text behind `length` is nobody's.
   record_get is called by threads that log, record_put by the writer.

   With gc nobody gives a record back: the collector finds out when no thread and no batch leads to
   it any more. For that, pointers to records are stored with tp_gc_store (which is a plain store
   where nothing is collected), the batches of producers are roots, and threads say when they
   block. The other modes pay for that with a test of a thread-local flag. */
#ifndef EXAMPLES_LOGGER_RECORD_H
#define EXAMPLES_LOGGER_RECORD_H

#include <stdlib.h>
#include <tidepool.h>
#include "logger.h"

#define RECORD_BYTES 1024
#define RECORD_TEXT_BYTES (RECORD_BYTES - 2 * sizeof(void *) - sizeof(uint64_t))

struct record {
    struct record *next; /* the next line of its batch */
    struct record *more; /* the rest of its line */
    uint64_t length;     /* of text */
    char text[RECORD_TEXT_BYTES];
};

_Static_assert(sizeof(struct record) == RECORD_BYTES, "a record fills its size class");

struct records {
    enum logger_alloc alloc;
    tp_pool *pool;          /* LOGGER_POOL */
    uint64_t heap_at_start; /* LOGGER_HEAP: allocations that were not ours */
};

/* False and errno, as tp_pool_create. */
bool records_open(struct records *records, enum logger_alloc alloc);

/* With gc: each word of the memory may be a record's address, until records_forget. False and errno
   ENOMEM. */
bool records_remember(struct records *records, void *memory, size_t bytes);
void records_forget(struct records *records, void *memory);

/* With gc: the calling thread is going to have records in its hands, and did not get them from
   record_get. False and errno ENOMEM. */
bool records_enter(struct records *records);

/* One from the collector. NULL and errno ENOMEM. */
struct record *record_collected(void);

/* Every record was put before. */
void records_close(struct records *records);

/* Fills in what was allocated; `gets` is how many records were asked for. */
void records_stats_read(struct records *records, uint64_t gets, struct logger_stats *stats);

/* NULL and errno ENOMEM. */
static inline struct record *record_get(struct records *records)
{
    switch (records->alloc) {
    case LOGGER_POOL:
        return pool_get(records->pool);
    case LOGGER_HEAP:
        return tp_heap_alloc(sizeof(struct record));
    case LOGGER_GC:
        return record_collected();
    default:
        return malloc(sizeof(struct record));
    }
}

static inline void record_put(struct records *records, struct record *record)
{
    switch (records->alloc) {
    case LOGGER_POOL:
        pool_put(records->pool, record);
        break;
    case LOGGER_HEAP:
        tp_heap_free(record);
        break;
    case LOGGER_GC:
        break;
    default:
        free(record);
        break;
    }
}

/* Puts a whole line. */
static inline void record_put_line(struct records *records, struct record *line)
{
    while (line != NULL) {
        struct record *more = line->more;
        record_put(records, line);
        line = more;
    }
}

#endif
