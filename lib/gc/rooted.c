/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools' objects. */
#include "gc/collector.h"

void *tpi_gc_rooted_alloc(const tp_gc_type *type, size_t size)
{
    (void)type;
    (void)size;
    return NULL;
}

void tpi_gc_rooted_free(void *object)
{
    (void)object;
}

void *tpi_gc_pooled_alloc(const tp_gc_type *type)
{
    (void)type;
    return NULL;
}

void tpi_rooted_scan(struct tpi_buffer **buffer)
{
    (void)buffer;
}
