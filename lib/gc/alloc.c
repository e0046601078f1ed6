/* SPDX-License-Identifier: BSD-2-Clause */
/* allocation behind the inlined path: runs, spans, large objects. */
#include "gc/collector.h"

void *tpi_gc_alloc_layout(struct tpi_layout *layout, size_t bytes)
{
    (void)layout;
    (void)bytes;
    return NULL;
}

void tpi_runs_mark(struct tpi_mutator *mutator)
{
    (void)mutator;
}

void tpi_runs_release(struct tpi_mutator *mutator)
{
    (void)mutator;
}

TP_API void *tp_detail_gc_alloc(const tp_gc_type *type)
{
    (void)type;
    return NULL;
}

TP_API void *tp_gc_alloc_array(const tp_gc_type *type, size_t n)
{
    (void)type;
    (void)n;
    return NULL;
}

TP_API void *tp_gc_alloc_flex(const tp_gc_type *type, size_t n)
{
    (void)type;
    (void)n;
    return NULL;
}

TP_API void *tp_gc_alloc_leaf(size_t size)
{
    (void)size;
    return NULL;
}

TP_API void *tp_gc_alloc_conservative(size_t size)
{
    (void)size;
    return NULL;
}
