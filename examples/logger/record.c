/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening, closing and counting for record.h. What is counted as an allocation: in malloc mode each
   malloc, with gc each tp_gc_alloc, in heap mode what the heap says it handed out, in pool mode the
   objects that the pool had to make. */
#include "record.h"

TP_GC_TYPE(record_type, struct record, next, more);

struct record *record_collected(void)
{
    return tp_gc_alloc(&record_type);
}

bool records_remember(struct records *records, void *memory, size_t bytes)
{
    return records->alloc != LOGGER_GC || tp_gc_root_add(memory, bytes) == 0;
}

void records_forget(struct records *records, void *memory)
{
    if (records->alloc == LOGGER_GC)
        tp_gc_root_remove(memory);
}

bool records_enter(struct records *records)
{
    return records->alloc != LOGGER_GC || tp_gc_thread_attach() == 0;
}

static uint64_t heap_allocations(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations;
}

bool records_open(struct records *records, enum logger_alloc alloc)
{
    *records = (struct records){.alloc = alloc};
    if (alloc == LOGGER_HEAP)
        records->heap_at_start = heap_allocations();
    if (alloc != LOGGER_POOL)
        return true;
    records->pool = pool_create(&(tp_pool_options){
        .name = "log record", .size = sizeof(struct record), .align = _Alignof(struct record)});
    return records->pool != NULL;
}

void records_close(struct records *records)
{
    pool_destroy(records->pool);
    records->pool = NULL;
}

void records_stats_read(struct records *records, uint64_t gets, struct logger_stats *stats)
{
    tp_pool_stats pool;
    switch (records->alloc) {
    case LOGGER_POOL:
        pool_stats_read(records->pool, &pool);
        stats->allocations = pool.made;
        stats->allocated_bytes = pool.made * tp_heap_good_size(sizeof(struct record));
        stats->pool_hits = pool.hits;
        break;
    case LOGGER_HEAP:
        stats->allocations = heap_allocations() - records->heap_at_start;
        stats->allocated_bytes = stats->allocations * tp_heap_good_size(sizeof(struct record));
        break;
    default: /* malloc, gc */
        stats->allocations = gets;
        stats->allocated_bytes = gets * sizeof(struct record);
        break;
    }
}
