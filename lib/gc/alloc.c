/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation behind the inlined path.

   A mutator has for each layout a run (zeroed slots in a row, which the inlined path takes one by
   one) and the span that it came from, which it owns. In order:
   1. The next run of the owned span: up to TPI_RUN_BYTES_MAX bytes, so that what is zeroed is still
      in the processor's cache when it is used.
   2. Another span that has room, swept if need be (tpi_sweep_for).
   3. A new span, if the pacer lets it.
   Large objects are spans of their own.

   In its first slow path of each sweep epoch a mutator gives all of that back, swept, as Go flushes
   its mcaches: what it does not use any more is for others, or for the page heap. For one that is
   in a blocking region the collecting thread does it, with OFF.

   Steps 1 and 2 are done within tpi_runtime_enter and leave: a signal handler that answers for this
   thread sees runs and spans whole, and the collecting thread looks at them only while the thread
   is in a blocking region. Steps that may wait, or that may run a cycle (the pacer's), come
   outside, when no object has been taken yet. A large object is zeroed outside too, however long it
   takes; nobody finds it before it has its mark, which it gets inside.

   A run is taken in this order: zero it; mark it, where this mutator allocates black; set its alloc
   bits, with release: a conservative reader that finds the bit finds the mark and the zeroes. */
#include "gc/collector.h"

/* --- bits --- */

/* The first bit at or above `from`, below TPI_SLOTS_MAX, that is set, or is not. */
static unsigned next_bit(const uint64_t *bits, unsigned from, bool set)
{
    while (from < TPI_SLOTS_MAX) {
        uint64_t word = tpi_load_relaxed_64(&bits[from / 64]);
        uint64_t wanted = (set ? word : ~word) >> from % 64;
        if (wanted != 0)
            return from + tpi_lowest_bit(wanted);
        from = (from / 64 + 1) * 64;
    }
    return TPI_SLOTS_MAX;
}

/* Sets or clears n bits from `first` on; the owner's. Release: who reads a bit acquires. */
static void change_bits(uint64_t *bits, unsigned first, unsigned n, bool set)
{
    while (n > 0) {
        unsigned here = tpi_min(n, 64 - first % 64);
        uint64_t mask = ~UINT64_C(0) >> (64 - here) << first % 64;
        uint64_t word = tpi_load_relaxed_64(&bits[first / 64]);
        tpi_store_release_64(&bits[first / 64], set ? word | mask : word & ~mask);
        first += here;
        n -= here;
    }
}

/* --- runs --- */

static void run_set(struct tp_detail_gc_run *run, uintptr_t next, uintptr_t end)
{
    __atomic_store_n(&run->next, next, __ATOMIC_RELAXED);
    __atomic_store_n(&run->end, end, __ATOMIC_RELAXED);
}

/* What is left of a layout's run: its first slot, and how many. */
static unsigned run_rest(const struct tpi_mutator *mutator, uint32_t number, unsigned *first)
{
    const struct tp_detail_gc_run *run = &mutator->runs[number];
    const struct tpi_layout *layout = tpi_layout_numbered(number);
    uintptr_t next = __atomic_load_n(&run->next, __ATOMIC_RELAXED);
    uintptr_t end = __atomic_load_n(&run->end, __ATOMIC_RELAXED);
    if (next >= end)
        return 0;
    *first =
        tpi_class_slot(&tpi_classes[layout->size_class], next - mutator->owned[number].span->base);
    return (unsigned)((end - next) / layout->slot_bytes);
}

static void count_slots(struct tpi_mutator *mutator, uint64_t slots, uint64_t bytes)
{
    tpi_store_relaxed_64(&mutator->allocated_slots, mutator->allocated_slots + slots);
    tpi_store_relaxed_64(&mutator->allocated_bytes, mutator->allocated_bytes + bytes);
}

/* Makes [first, first + n) of the span the layout's run. */
static void run_take(struct tpi_mutator *mutator, const struct tpi_layout *layout,
                     struct tpi_span *span, unsigned first, unsigned n)
{
    uintptr_t next = span->base + (uintptr_t)first * layout->slot_bytes;
    size_t bytes = (size_t)n * layout->slot_bytes;
    if (span->needs_zero != 0)
        memset((void *)next, 0, bytes);
    if (mutator->color != TPI_MARK_WHITE)
        tpi_marks_fill(span->marks + first, n, (uint8_t)mutator->color);
    change_bits(span->alloc_bits, first, n, true);
    span->free_slots = (uint16_t)(span->free_slots - n);
    count_slots(mutator, n, bytes);
    mutator->uncharged += (int64_t)bytes;
    run_set(&mutator->runs[layout->number], next, next + bytes);
}

/* The owned span's next run; false: it has none, or there is no span. */
static bool run_next(struct tpi_mutator *mutator, const struct tpi_layout *layout)
{
    struct tpi_owned *owned = &mutator->owned[layout->number];
    struct tpi_span *span = owned->span;
    if (span == NULL)
        return false;
    unsigned most = tpi_max(TPI_RUN_BYTES_MAX / layout->slot_bytes, 1u);
    unsigned first = next_bit(span->alloc_bits, owned->slot, false);
    if (first == TPI_SLOTS_MAX)
        return false;
    unsigned end = next_bit(span->alloc_bits, first, true);
    owned->slot = (uint16_t)tpi_min(end, first + most);
    run_take(mutator, layout, span, first, owned->slot - first);
    return true;
}

/* --- spans --- */

/* The mutator owns this one now, and nothing of it is in a run. */
static void own(struct tpi_mutator *mutator, const struct tpi_layout *layout, struct tpi_span *span)
{
    struct tpi_owned *owned = &mutator->owned[layout->number];
    owned->span = span;
    owned->slot = 0;
    if (owned->listed)
        return;
    owned->listed = true;
    tpi_store_relaxed_32(&mutator->layouts_used[mutator->layouts_used_count], layout->number);
    tpi_store_release_32(&mutator->layouts_used_count, mutator->layouts_used_count + 1);
}

/* Gives the owned span up, which is full. */
static void disown(struct tpi_mutator *mutator, struct tpi_layout *layout)
{
    struct tpi_owned *owned = &mutator->owned[layout->number];
    if (owned->span == NULL)
        return;
    run_set(&mutator->runs[layout->number], 0, 0);
    tpi_lock_soon(&layout->lock);
    tpi_span_disown(layout, owned->span);
    tpi_unlock(&layout->lock);
    owned->span = NULL;
}

/* Bytes that a span with room has for the mutator, which owns it now; 0: there is none. */
static size_t span_next(struct tpi_mutator *mutator, struct tpi_layout *layout)
{
    disown(mutator, layout);
    struct tpi_span *span = tpi_sweep_for(layout, mutator);
    if (span == NULL)
        return 0;
    own(mutator, layout, span);
    return (size_t)span->free_slots * layout->slot_bytes;
}

/* A span that was just made joins its layout, as the mutator's if it has none; false: ENOMEM, and
   it is gone. In the runtime, so that it is in the list before this mutator answers a handshake. */
static bool span_join(struct tpi_mutator *mutator, struct tpi_layout *layout, struct tpi_span *span)
{
    bool taken = layout->size_class != 0 && mutator->owned[layout->number].span == NULL;
    tpi_lock_soon(&layout->lock);
    span->swept = mutator->epoch;
    span->owner = taken ? mutator : NULL;
    bool joined = tpi_layout_span_add(layout, span);
    if (joined && !taken && span->free_slots > 0)
        tpi_partial_add(layout, span); /* while this thread waited, a callback on it got one */
    tpi_unlock(&layout->lock);
    if (joined && taken)
        own(mutator, layout, span);
    if (!joined)
        tpi_collected_span_free(span);
    return joined;
}

static struct tpi_span *span_try(struct tpi_layout *layout, size_t bytes)
{
    return layout->size_class != 0 ? tpi_collected_span_new(layout->size_class, layout)
                                   : tpi_collected_large_new(bytes, layout);
}

/* Once more in any case: another thread's cycle may have ended meanwhile. */
struct tpi_span *tpi_layout_span_new(struct tpi_layout *layout, size_t bytes)
{
    struct tpi_span *span = span_try(layout, bytes);
    if (tpi_unlikely(span == NULL)) {
        (void)tpi_pacer_make_room(bytes);
        span = span_try(layout, bytes);
    }
    return span;
}

/* A new span for the mutator: bytes; 0: ENOMEM. */
static size_t span_new(struct tpi_mutator *mutator, struct tpi_layout *layout)
{
    size_t bytes = (size_t)tpi_class_span_pages(layout->size_class) * TPI_PAGE_BYTES;
    if (!tpi_pacer_admit(bytes)) {
        errno = ENOMEM;
        return 0;
    }
    struct tpi_span *span = tpi_layout_span_new(layout, bytes);
    if (span == NULL)
        return 0;
    tpi_heap_grown();
    tpi_runtime_enter(mutator);
    bool joined = span_join(mutator, layout, span);
    tpi_runtime_leave(mutator);
    return joined ? bytes : 0;
}

/* --- objects --- */

/* Gives everything back that this mutator has of spans. The caller's, in its runtime; or it is in a
   blocking region, and held. It is on the list still: so a span of its is swept in its epoch by it,
   or by the collecting thread, and not at once with what is done here. */
void tpi_runs_release(struct tpi_mutator *mutator)
{
    mutator->flushed = mutator->epoch;
    for (uint32_t i = 0; i < mutator->layouts_used_count; i++) {
        uint32_t number = mutator->layouts_used[i];
        struct tpi_layout *layout = tpi_layout_numbered(number);
        struct tpi_owned *owned = &mutator->owned[number];
        struct tpi_span *span = owned->span;
        unsigned first = 0, n = run_rest(mutator, number, &first);
        if (span != NULL)
            tpi_span_sweep(span, mutator->epoch);
        if (n > 0) {
            change_bits(span->alloc_bits, first, n, false);
            span->free_slots = (uint16_t)(span->free_slots + n);
            count_slots(mutator, (uint64_t)0 - n, (uint64_t)0 - (uint64_t)n * layout->slot_bytes);
            mutator->uncharged -= (int64_t)n * layout->slot_bytes;
        }
        disown(mutator, layout);
        owned->listed = false;
    }
    tpi_store_relaxed_32(&mutator->layouts_used_count, 0);
}

/* Once an epoch: what it owns is swept, and others may need what is free of it. */
static void flush(struct tpi_mutator *mutator)
{
    if (tpi_unlikely(mutator->flushed != mutator->epoch))
        tpi_runs_release(mutator);
}

/* For want of memory a cycle may have run, and others' spans have room now: bytes; 0: ENOMEM. */
static TPI_COLD size_t span_again(struct tpi_mutator *mutator, struct tpi_layout *layout)
{
    tpi_runtime_enter(mutator);
    tpi_mutator_poll(mutator);
    flush(mutator);
    size_t bytes = span_next(mutator, layout);
    tpi_runtime_leave(mutator);
    errno = ENOMEM;
    return bytes;
}

/* The pacer counts what runs took, not whole spans: with many layouts most of those stays unused.
 */
static void charge(struct tpi_mutator *mutator)
{
    if (tpi_likely(mutator->uncharged < TPI_CHARGE_BYTES))
        return;
    size_t bytes = (size_t)mutator->uncharged;
    mutator->uncharged = 0;
    tpi_pacer_allocated(mutator, bytes);
}

static void *take_small(struct tpi_mutator *mutator, struct tpi_layout *layout)
{
    struct tp_detail_gc_run *run = &mutator->runs[layout->number];
    for (;;) {
        size_t bytes = 0;
        charge(mutator);
        tpi_runtime_enter(mutator);
        tpi_mutator_poll(mutator);
        flush(mutator);
        void *object = tp_detail_gc_take(run, layout->slot_bytes);
        if (object == NULL && run_next(mutator, layout))
            object = tp_detail_gc_take(run, layout->slot_bytes);
        if (object == NULL)
            bytes = span_next(mutator, layout);
        tpi_runtime_leave(mutator);
        if (object != NULL)
            return object;
        if (bytes == 0)
            bytes = span_new(mutator, layout);
        if (bytes == 0)
            bytes = span_again(mutator, layout);
        if (bytes == 0)
            return NULL;
    }
}

static void *take_large(struct tpi_mutator *mutator, struct tpi_layout *layout, size_t bytes)
{
    struct tpi_span *span = NULL;
    if (tpi_pacer_admit(bytes))
        span = tpi_layout_span_new(layout, bytes);
    if (span == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    size_t span_bytes = span->pages * TPI_PAGE_BYTES;
    tpi_heap_grown();
    tpi_pacer_allocated(mutator, span_bytes);
    tpi_runtime_enter(mutator);
    tpi_mutator_poll(mutator);
    void *object = (void *)span->base;
    tpi_collected_large_show(span, (uint8_t)mutator->color);
    if (span_join(mutator, layout, span))
        count_slots(mutator, 1, span_bytes);
    else
        object = NULL;
    tpi_runtime_leave(mutator);
    return object;
}

void *tpi_gc_alloc_layout(struct tpi_layout *layout, size_t bytes)
{
    struct tpi_mutator *mutator = tpi_mutator_ensure();
    if (mutator == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    tpi_gc_use(); /* from now on cycles mark and sweep */
    return layout->size_class != 0 ? take_small(mutator, layout)
                                   : take_large(mutator, layout, bytes);
}

/* --- runs, as handshakes and ends of threads see them --- */

void tpi_runs_mark(struct tpi_mutator *mutator)
{
    uint32_t used = tpi_load_acquire_32(&mutator->layouts_used_count);
    for (uint32_t i = 0; i < used; i++) {
        uint32_t number = mutator->layouts_used[i];
        unsigned first = 0, n = run_rest(mutator, number, &first);
        if (n > 0)
            tpi_marks_fill(mutator->owned[number].span->marks + first, n, (uint8_t)mutator->color);
    }
}

/* --- the calls --- */

/* Where checked: a signal handler that interrupted the library is told so. */
static void check_outside(void)
{
    const struct tpi_mutator *self = tpi_mutator_self;
    if (tpi_checked && (tpi_locks_held() || (self != NULL && self->in_runtime != 0)))
        tpi_fatal("thread %d allocates a collected object while it is inside the library: a signal "
                  "handler may not allocate",
                  (int)tpi_os_tid());
}

/* One object of a layout, by the inlined path where there is a run. */
static void *alloc(struct tpi_layout *layout, size_t bytes)
{
    if (tpi_unlikely(layout == NULL))
        return NULL;
    void *object = tp_detail_gc_take(&tp_detail_gc_self.runs[layout->number], layout->slot_bytes);
    return tpi_likely(object != NULL) ? object : tpi_gc_alloc_layout(layout, bytes);
}

void *tp_detail_gc_alloc(const tp_gc_type *type)
{
    check_outside();
    return alloc(tpi_layout_of(type, TPI_FORM_SINGLE, type->size, 0), type->size);
}

void *tp_gc_alloc_array(const tp_gc_type *type, size_t n)
{
    size_t bytes;
    if (n <= 1)
        return tp_gc_alloc(type);
    if (tpi_multiply_overflows(n, type->size, &bytes)) {
        errno = EOVERFLOW;
        return NULL;
    }
    check_outside();
    return alloc(tpi_layout_of(type, TPI_FORM_ARRAY, bytes, 0), bytes);
}

void *tp_gc_alloc_flex(const tp_gc_type *type, size_t n)
{
    size_t offset = type->size, element = 1, bytes;
    for (size_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].bytes == 0) {
            offset = type->fields[i].offset;
            element = type->fields[i].element;
        }
    }
    if (tpi_multiply_overflows(n, element, &bytes) ||
        __builtin_add_overflow(bytes, offset, &bytes)) {
        errno = EOVERFLOW;
        return NULL;
    }
    bytes = tpi_max(bytes, type->size);
    check_outside();
    return alloc(tpi_layout_of(type, TPI_FORM_FLEX, bytes, 0), bytes);
}

void *tp_gc_alloc_leaf(size_t size)
{
    check_outside();
    tpi_layouts_start();
    return alloc(tpi_layout_numbered(tpi_layout_leaf(tp_detail_class_of_size(size))), size);
}

void *tp_gc_alloc_conservative(size_t size)
{
    check_outside();
    tpi_layouts_start();
    return alloc(tpi_layout_numbered(tpi_layout_conservative(tp_detail_class_of_size(size))), size);
}
