/* SPDX-License-Identifier: BSD-2-Clause */
/* Sweeping: slots that are allocated and white become free. Lazily by who wants a span, the rest by
   the collecting thread; spans without any object go back to the page heap.

   HOW LONG A MUTATOR IS HELD UP. The collecting thread sweeps without a lock, some spans between
   two lockings: if it swept under the layout's lock, which it takes again at once, a mutator that
   sleeps on that lock would be woken in vain, and sleep again, until the whole layout is swept. A
   mutator sweeps TRIES_MAX spans in one call, and looks at LOOKS_MAX more, swept by others; then it
   takes new pages.

   The sweep epoch goes up by two, so that the number between can say that a span is being swept.
   Epochs are compared by their difference, and a span may be ahead of a mutator: one that has not
   answered OFF yet may get a span that another one has swept. What it marks there is of no
   consequence (C6).

   WHY NO SPAN IS SWEPT WHILE A MUTATOR THAT STILL ALLOCATES BLACK TAKES A RUN FROM IT. Slots of a
   span are taken by its owner alone, in its runtime, and only where the span is swept in the epoch
   that the owner has seen, or later. A span is swept to the newest epoch E, by
   a. its owner O, where O has seen E: one thread cannot do both at once;
   b. a mutator that has seen E and made itself the owner just before: under the layout's lock, and
      only where the span was nobody's. Before that nobody took slots of it, and nobody else will;
   c. the collecting thread, after OFF has ended. All mutators have seen E, so the owner takes
      nothing until the span is swept; the CAS from the last epoch says who of the two does it. The
      same where the span has no owner, or gets one meanwhile: who does not find it swept waits, or
      leaves it alone.
   A mutator that has not seen E owns spans that are unswept in E: a and c do not happen to it, and
   b does not to its spans. What is left of a run is marked, and survives.

   Sweeping a span that somebody was at is safe to begin anew, which a fork's child does: bits are
   only cleared, by marks that are left as they are until `swept` is even again. Marks that were not
   cleared do no harm: the next cycle has the other colour, and its sweep clears them.

   Only tpi_sweep_all takes spans from a layout's list, so a span that was seen in a list stays one
   for whoever holds its layout's lock, or owns it, or is the collecting thread. rooted.c takes its
   large ones out between cycles: for those, the layout's lock alone will do. */
#include "gc/collector.h"

enum {
    SPINS = 100,    /* about a microsecond: a sweep's length */
    BATCH = 16,     /* spans, between two lockings of the collecting thread's */
    TRIES_MAX = 16, /* spans that a mutator sweeps in a row before it takes new pages ... */
    LOOKS_MAX = 64  /* ... and passes over, since they are swept, or somebody's */
};

static uint32_t epoch_now; /* atomic; even; begins as in tpi_modes */
static uint32_t all_swept; /* the collecting thread's: the epoch that everything is swept in */
static struct tpi_sweep_counts counts;    /* atomic, each; live_*: of the last epoch */
static uint64_t live_objects, live_bytes; /* atomic; of this epoch, so far */

uint32_t tpi_sweep_epoch(void)
{
    return tpi_load_acquire_32(&epoch_now);
}

void tpi_sweep_counts(struct tpi_sweep_counts *out)
{
    out->freed_objects = tpi_load_relaxed_64(&counts.freed_objects);
    out->freed_bytes = tpi_load_relaxed_64(&counts.freed_bytes);
    out->live_objects = tpi_load_relaxed_64(&counts.live_objects);
    out->live_bytes = tpi_load_relaxed_64(&counts.live_bytes);
}

static void count(uint64_t live, uint64_t freed, uint64_t object_bytes)
{
    if (freed > 0) {
        tpi_count(&counts.freed_objects, freed);
        tpi_count(&counts.freed_bytes, freed * object_bytes);
    }
    if (live > 0) {
        tpi_count(&live_objects, live);
        tpi_count(&live_bytes, live * object_bytes);
    }
}

/* --- one span --- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first mark is the lowest byte");

/* Bit i: mark i of 64 has the colour. Eight at a time: the product moves bit 0 of byte i to bit
   56 + i, and no other into its way. */
static uint64_t marked_64(const uint8_t *marks, unsigned color_bit)
{
    const uint64_t *eights = (const uint64_t *)(const void *)marks;
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t ones = tpi_load_relaxed_64(&eights[i]) >> color_bit & UINT64_C(0x0101010101010101);
        bits |= (ones * UINT64_C(0x0102040810204080) >> 56) << 8 * i;
    }
    return bits;
}

static TPI_COLD void scribble(const struct tpi_span *span, unsigned word, uint64_t dead)
{
    const struct tpi_layout *layout = span->layout;
    for (; dead != 0; dead &= dead - 1) {
        uintptr_t slot = word * 64 + tpi_lowest_bit(dead);
        memset((void *)(span->base + slot * layout->slot_bytes), TPI_SCRIBBLE, layout->slot_bytes);
    }
}

/* The caller has claimed it: swept is odd. */
static void sweep_small(struct tpi_span *span)
{
    const struct tpi_layout *layout = span->layout;
    unsigned words = (span->slots + 63u) / 64, color_bit = tpi_mark_color == TPI_MARK_ODD;
    unsigned live = 0, freed = 0;
    for (unsigned i = 0; i < words; i++) {
        uint64_t allocated = tpi_load_relaxed_64(&span->alloc_bits[i]);
        uint64_t behind =
            i + 1 < words || span->slots % 64 == 0 ? 0 : ~UINT64_C(0) << span->slots % 64;
        uint64_t dead = allocated & ~marked_64(span->marks + i * 64, color_bit) & ~behind;
        live += tpi_bit_count(allocated & ~dead & ~behind);
        if (dead == 0)
            continue;
        freed += tpi_bit_count(dead);
        span->needs_zero = 1; /* before a bit is cleared: a fork's child may take it from here */
        if (tpi_unlikely(tpi_gc_options.scribble))
            scribble(span, i, dead);
        tpi_store_relaxed_64(&span->alloc_bits[i], allocated & ~dead);
    }
    span->free_slots = (uint16_t)(span->slots - live);
    count(live, freed, layout->slot_bytes);
}

static void sweep_large(struct tpi_span *span)
{
    bool is_live = marked_64(span->marks, tpi_mark_color == TPI_MARK_ODD) & 1;
    span->free_slots = !is_live;
    count(is_live, !is_live, span->pages * TPI_PAGE_BYTES);
}

/* Whether this thread claimed it; false: it is swept in that epoch, or ahead. */
static bool claim(struct tpi_span *span, uint32_t epoch)
{
    for (unsigned spins = 0;;) {
        uint32_t swept = tpi_load_acquire_32(&span->swept);
        if ((int32_t)(swept - epoch) >= 0)
            return false;
        if (swept == epoch - 1 && ++spins % SPINS != 0)
            tpi_pause();
        else if (swept == epoch - 1)
            tpi_os_sleep(1); /* its sweeper is not running */
        else if (tpi_cas_acq_rel_32(&span->swept, &swept, epoch - 1))
            return true;
    }
}

void tpi_span_sweep(struct tpi_span *span, uint32_t epoch)
{
    if (tpi_unlikely(claim(span, epoch))) {
        if (tpi_span_state(span) == TPI_SPAN_COLLECTED)
            sweep_small(span);
        else
            sweep_large(span);
        tpi_store_release_32(&span->swept, epoch); /* pairs with claim's acquire */
        tpi_marks_fill(span->marks, span->slots, TPI_MARK_WHITE);
    }
}

/* --- for a mutator --- */

void tpi_span_disown(struct tpi_layout *layout, struct tpi_span *span)
{
    tpi_store_release_ptr(&span->owner, NULL);
    if (span->free_slots > 0 && span->list == 0)
        tpi_partial_add(layout, span);
}

/* A span that is nobody's, and that the collecting thread is sweeping: it lists it afterwards. */
static bool is_at_sweep(const struct tpi_span *span)
{
    return tpi_load_relaxed_32(&span->swept) % 2 != 0;
}

/* The next span that may be swept, or is swept and has free slots; NULL: none, or *looks of them
   were passed over. Under the layout's lock. */
static struct tpi_span *candidate(struct tpi_layout *layout, const struct tpi_mutator *mutator,
                                  unsigned *looks)
{
    struct tpi_span *span;
    while ((span = layout->partial) != NULL) {
        tpi_partial_remove(layout, span);
        if (tpi_likely(!is_at_sweep(span)))
            return span;
    }
    /* A mutator sweeps in the newest epoch or not at all; and the collecting thread has OFF behind
       it or has not begun, so the epoch stays what it is while this mutator has not answered. */
    if (mutator->epoch != tpi_sweep_epoch())
        return NULL;
    while (*looks > 0 && layout->cursor < layout->count) {
        span = tpi_layout_span(layout, layout->cursor++);
        --*looks;
        if (span->owner == NULL && tpi_load_relaxed_32(&span->swept) != mutator->epoch &&
            !is_at_sweep(span))
            return span;
    }
    return NULL;
}

struct tpi_span *tpi_sweep_for(struct tpi_layout *layout, struct tpi_mutator *mutator)
{
    struct tpi_span *span = NULL;
    unsigned looks = LOOKS_MAX;
    tpi_lock_soon(&layout->lock);
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        if (span != NULL)
            tpi_span_disown(layout, span);
        span = candidate(layout, mutator, &looks);
        if (span == NULL)
            break;
        tpi_store_release_ptr(&span->owner, mutator);
        tpi_unlock(&layout->lock);
        tpi_span_sweep(span, mutator->epoch);
        if (span->free_slots > 0)
            return span;
        tpi_lock_soon(&layout->lock);
    }
    if (span != NULL)
        tpi_span_disown(layout, span);
    tpi_unlock(&layout->lock);
    return NULL;
}

/* --- the collecting thread --- */

void tpi_sweep_begin(void)
{
    tpi_store_relaxed_64(&live_objects, 0);
    tpi_store_relaxed_64(&live_bytes, 0);
    tpi_store_release_32(&epoch_now, epoch_now + 2); /* pairs with tpi_sweep_epoch */
    /* From here on no mutator goes on with a layout's cursor until it has answered OFF. */
    for (uint32_t i = 1; i < tpi_layout_count(); i++) {
        struct tpi_layout *layout = tpi_layout_numbered(i);
        tpi_lock(&layout->lock);
        layout->cursor = 0;
        tpi_unlock(&layout->lock);
    }
}

/* What the collecting thread does between two lockings. */
struct batch {
    struct tpi_span *spans[BATCH], *empty[BATCH];
    unsigned count, empty_count;
};

/* A span that is swept, if it is nobody's: listed, or taken out because nothing is in it. */
static void settle(struct tpi_layout *layout, struct tpi_span *span, struct batch *batch)
{
    if (span->owner != NULL)
        return;
    if (span->free_slots == span->slots) {
        if (span->list != 0)
            tpi_partial_remove(layout, span);
        tpi_layout_span_remove(layout, span);
        batch->empty[batch->empty_count++] = span;
    } else if (span->free_slots > 0 && span->list == 0) {
        tpi_partial_add(layout, span);
    }
}

/* Under the layout's lock. */
static void settle_all(struct tpi_layout *layout, struct batch *batch)
{
    for (unsigned n = 0; n < batch->count; n++)
        settle(layout, batch->spans[n], batch);
}

/* The next spans below place *i of the list. Those of a root layout are not swept, and may go as
   soon as it is unlocked: they are settled at once. */
static void batch_take(struct tpi_layout *layout, uint32_t *i, struct batch *batch)
{
    tpi_lock_soon(&layout->lock);
    *i = tpi_min(*i, layout->count);
    while (*i > 0 && batch->count < BATCH)
        batch->spans[batch->count++] = tpi_layout_span(layout, --*i);
    if ((layout->flags & TPI_LAYOUT_ROOT) != 0)
        settle_all(layout, batch);
    tpi_unlock(&layout->lock);
}

static void batch_sweep(const struct batch *batch)
{
    for (unsigned n = 0; n < batch->count; n++)
        tpi_span_sweep(batch->spans[n], epoch_now);
}

static void batch_settle(struct tpi_layout *layout, struct batch *batch)
{
    tpi_lock_soon(&layout->lock);
    settle_all(layout, batch);
    tpi_unlock(&layout->lock);
}

static void batch_free(const struct batch *batch, bool rooted)
{
    for (unsigned n = 0; n < batch->empty_count; n++) {
        if (rooted)
            tpi_rooted_span_free(batch->empty[n]);
        else
            tpi_collected_span_free(batch->empty[n]);
    }
}

/* Downwards: what is added meanwhile is at the end, and swept. No fork comes between the taking of
   empty spans out of the list and their freeing, or they would be lost to the child. */
static void sweep_layout(struct tpi_layout *layout)
{
    bool rooted = (layout->flags & TPI_LAYOUT_ROOT) != 0;
    uint32_t i = UINT32_MAX;
    while (i > 0) {
        struct batch batch = {.count = 0};
        if (rooted) {
            (void)tpi_phase_hold();
            batch_take(layout, &i, &batch);
        } else {
            batch_take(layout, &i, &batch);
            batch_sweep(&batch);
            (void)tpi_phase_hold();
            batch_settle(layout, &batch);
        }
        batch_free(&batch, rooted);
        tpi_phase_let_go();
    }
    tpi_lock_soon(&layout->lock);
    layout->cursor = layout->count; /* what is added later is swept */
    tpi_unlock(&layout->lock);
}

void tpi_sweep_all(void)
{
    if (all_swept == epoch_now)
        return;
    for (uint32_t i = 1; i < tpi_layout_count(); i++)
        sweep_layout(tpi_layout_numbered(i));
    tpi_store_relaxed_64(&counts.live_objects, tpi_load_relaxed_64(&live_objects));
    tpi_store_relaxed_64(&counts.live_bytes, tpi_load_relaxed_64(&live_bytes));
    all_swept = epoch_now;
}
