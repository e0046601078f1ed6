/* SPDX-License-Identifier: BSD-2-Clause */
/* Pointers on their way from one thread to another, where no collected memory holds them: in a
   pipe, in a queue of malloc's, in pthread_create's argument.

   To shade is not enough: a giver whose barrier is off shades nothing, and when the taker has
   answered a round before it takes, and the giver lets go before it answers, nobody shows the
   object to the collector. So tp_gc_shade also leaves a byte beside the slot's mark, which is a
   root for the next two cycles that read the roots:
   1. The giver, in its runtime: stores 2 into the byte, then 1 into the span's `handed` (release).
      If its barrier is on it shades as well, since the roots may have been read already.
   2. The collecting thread, with the roots (all barriers are on by then): takes each span's
      `handed` back to 0 (acquire; pairs with 1), shades the slots whose bytes are not 0, and lowers
      those by a compare and exchange: one that was raised meanwhile stays. Where a byte is still
      not 0, `handed` is set again.
   A giver that comes between two cycles' roots is seen by both of the next two; one that comes
   while the roots are read, by its shading, and by at least one of the next two. So an object is
   kept through the cycle that runs and the next that begins; never through more than two further
   ones. An object whose byte is not 0 is shaded by each cycle, so a slot that is freed has 0. */
#include "gc/object.h"

enum { CYCLES = 2 };

static uint32_t any; /* atomic: some span's `handed` is set */

/* Remembers a collected object. */
static void remember(uintptr_t object)
{
    struct tpi_hit hit;
    if (!tpi_object_at(object, false, &hit))
        return;
    tpi_store_relaxed_8(hit.mark + TPI_HANDED_OFFSET, CYCLES);
    tpi_store_release_32(&tpi_span_of(object)->handed, 1);
    tpi_store_release_32(&any, 1);
}

void tp_gc_shade(void *object)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    if (object == NULL)
        return;
    if (mutator == NULL) {
        remember((uintptr_t)object);
        return;
    }
    (void)tpi_mutator_ensure(); /* in no blocking region */
    tpi_runtime_enter(mutator);
    remember((uintptr_t)object);
    if (tpi_load_relaxed_32(&mutator->self->marking) != 0)
        tpi_shade(&mutator->buffer, (uintptr_t)object, false);
    tpi_runtime_leave(mutator);
}

/* Whether a slot of it is still on its way. */
static bool span_scan(struct tpi_buffer **buffer, struct tpi_span *span,
                      const struct tpi_layout *layout)
{
    bool left = false;
    for (unsigned slot = 0; slot < span->slots; slot++) {
        uint8_t *byte = span->marks + TPI_HANDED_OFFSET + slot;
        uint8_t cycles = tpi_load_relaxed_8(byte);
        if (tpi_likely(cycles == 0))
            continue;
        tpi_shade(buffer, span->base + (uintptr_t)slot * layout->slot_bytes, false);
        if (tpi_check_marking) { /* it only looks */
            left = true;
            continue;
        }
        left |= !tpi_cas_acq_rel_8(byte, &cycles, (uint8_t)(cycles - 1)) || cycles > 1;
    }
    return left;
}

void tpi_handed_scan(struct tpi_buffer **buffer)
{
    bool left = false;
    if (tpi_load_acquire_32(&any) == 0)
        return;
    tpi_store_relaxed_32(&any, 0);
    tpi_fence_full(); /* a giver's 1 comes before this 0, and its spans are seen below, or stays */
    for (uint32_t number = 1; number < tpi_layout_count(); number++) {
        struct tpi_layout *layout = tpi_layout_numbered(number);
        if (layout == NULL)
            continue;
        tpi_lock(&layout->lock);
        for (uint32_t i = 0; i < layout->count; i++) {
            struct tpi_span *span = tpi_layout_span(layout, i);
            if (span == NULL || tpi_load_acquire_32(&span->handed) == 0)
                continue;
            tpi_store_relaxed_32(&span->handed, 0);
            tpi_fence_full();
            if (span_scan(buffer, span, layout)) {
                tpi_store_release_32(&span->handed, 1);
                left = true;
            }
        }
        tpi_unlock(&layout->lock);
    }
    if (left)
        tpi_store_release_32(&any, 1);
}
