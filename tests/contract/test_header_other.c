/* SPDX-License-Identifier: BSD-2-Clause */
/* The second file of test_header: the prefixed names alone, a static pool of the same name as one
   of the first file's, and names of its own that the short header would take. */
#include <tidepool/gc.h>
#include <tidepool/heap.h>
#include <tidepool/pool.h>
#include <tidepool/version.h>

#include "test_header.h"

struct line {
    unsigned long other[3];
};

TP_POOL_DEFINE(shared_name, struct line)

/* What <tidepool/pool.h> must leave to others. */
enum { pool_get, pool_put, gc_collect };

tp_pool *other_pool(void)
{
    return shared_name_pool();
}

int other_get_and_put(void)
{
    struct line *line = shared_name_get();
    if (line == NULL)
        return 1;
    line->other[2] = (unsigned long)pool_put + pool_get + gc_collect;
    shared_name_put(line);
    return 0;
}

void *other_get(tp_pool *pool)
{
    return tp_pool_get(pool);
}

void other_put(tp_pool *pool, void *object)
{
    tp_pool_put(pool, object);
}

void *other_alloc(size_t size)
{
    return tp_heap_alloc(size);
}

void other_free(void *memory)
{
    tp_heap_free(memory);
}
