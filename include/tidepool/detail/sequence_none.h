/* SPDX-License-Identifier: BSD-2-Clause */
/* Not for applications: no restartable sequences here, so every operation is a call. */
#ifndef TIDEPOOL_DETAIL_SEQUENCE_NONE_H
#define TIDEPOOL_DETAIL_SEQUENCE_NONE_H

struct tp_detail_heap_arena;
extern TP_API struct tp_detail_heap_arena *tp_detail_heap_arenas[];

TP_ALWAYS_INLINE struct tp_detail_heap_arena **tp_detail_arena_table(void)
{
    return tp_detail_heap_arenas;
}

TP_ALWAYS_INLINE bool tp_detail_get(struct tp_detail_local *local, void **object)
{
    (void)local;
    *object = (void *)0;
    return false;
}

TP_ALWAYS_INLINE bool tp_detail_put(struct tp_detail_local *local, void *object)
{
    (void)local;
    (void)object;
    return false;
}

#endif
