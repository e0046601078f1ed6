/* SPDX-License-Identifier: BSD-2-Clause */
/* checkmark: was all that is reachable marked? With the world parked, marking over and nothing
   cleared or swept yet, everything is marked a second time, by TPI_MARK_CHECK beside the colour,
   from the same roots and by the same walks over roots, stacks and fields; but one thread does it,
   with a queue of its own, and nothing moves meanwhile. Only writable data (dsoroots) are left out:
   a parked thread may hold the loader's lock. What it reaches and finds without the
   cycle's colour was lost; it says which object that is and who points to it, and aborts.

   A word of a stack that leads to an unmarked object proves nothing: between the round that found
   nothing and the parking each thread ran on, and its new frames have old words in the places that
   nobody wrote yet. What hangs on those is not looked at; but with stw, where nobody ran on, it is
   an error. All that hangs on roots and on marked objects must be marked (C2, C3).

   The caller is the collecting thread. The walk over mutators holds mutators_lock, that over roots
   what tpi_roots_scan takes. Where there is no memory for the queue the check is left unfinished,
   with a warning. */
#include "gc/collector.h"

bool tpi_check_marking;

enum from { FROM_ROOTS, FROM_OBJECT, FROM_STACK };

/* Used by the collecting thread alone, while the world is parked. */
static struct {
    enum tpi_mark color; /* the cycle's */
    enum from from;      /* who points at what is visited now */
    uintptr_t object;    /* FROM_OBJECT */
    int32_t tid;         /* FROM_STACK */
    bool stood_still;    /* FROM_STACK: it is as it was when it was searched */
    uintptr_t *queue;    /* all objects that were reached; those below `done` were looked into */
    size_t count, room, done;
    bool unfinished;
} check;

bool tpi_check_name(uintptr_t address, struct tpi_named *named)
{
    struct tpi_span *span = tpi_span_of(address);
    if (span == NULL)
        return false;
    enum tpi_span_state state = tpi_span_state(span);
    if (state != TPI_SPAN_COLLECTED && state != TPI_SPAN_COLLECTED_LARGE)
        return false;
    const struct tpi_layout *layout = span->layout;
    unsigned slot = 0;
    size_t bytes = span->pages * TPI_PAGE_BYTES;
    if (state == TPI_SPAN_COLLECTED) {
        slot = tpi_class_slot(&tpi_classes[tpi_span_class(span)], address - span->base);
        bytes = layout->slot_bytes;
        if (slot >= span->slots ||
            (tpi_load_acquire_64(&span->alloc_bits[slot / 64]) >> slot % 64 & 1) == 0)
            return false;
    }
    *named = (struct tpi_named){span, slot, span->base + slot * bytes, bytes,
                                layout->name != NULL ? layout->name : "?"};
    return true;
}

static TPI_COLD void lost(const struct tpi_named *found, uintptr_t word)
{
    struct tpi_named by;
    if (check.from == FROM_STACK)
        tpi_fatal("checkmark: object %p (%s, %zu bytes) is reachable and was not marked; the stack "
                  "of thread %d leads to it",
                  (void *)found->start, found->name, found->bytes, (int)check.tid);
    if (check.from == FROM_ROOTS || !tpi_check_name(check.object, &by))
        tpi_fatal("checkmark: object %p (%s, %zu bytes) is reachable and was not marked; a root "
                  "leads to it",
                  (void *)found->start, found->name, found->bytes);
    size_t offset = 0;
    const uintptr_t *words = (const uintptr_t *)by.start;
    while (offset + sizeof *words < by.bytes && words[offset / sizeof *words] != word)
        offset += sizeof *words;
    tpi_fatal("checkmark: object %p (%s, %zu bytes) is reachable and was not marked; object %p "
              "(%s, %zu bytes) leads to it at offset %zu",
              (void *)found->start, found->name, found->bytes, (void *)by.start, by.name, by.bytes,
              offset);
}

static bool push(uintptr_t object)
{
    if (check.count == check.room) {
        size_t room = check.room == 0 ? (size_t)1 << 16 : check.room * 2;
        uintptr_t *queue = tpi_os_map(room * sizeof *queue);
        if (queue == NULL)
            return false;
        if (check.room != 0) {
            memcpy(queue, check.queue, check.count * sizeof *queue);
            tpi_os_unmap(check.queue, check.room * sizeof *queue);
        }
        check.queue = queue;
        check.room = room;
    }
    check.queue[check.count++] = object;
    return true;
}

bool tpi_check_visit(uintptr_t word)
{
    struct tpi_named found;
    if (!tpi_check_name(word, &found))
        return false;
    const struct tpi_layout *layout = found.span->layout;
    if ((layout->flags & TPI_LAYOUT_ROOT) != 0) /* it is a root by itself */
        return false;
    uint8_t *mark = &found.span->marks[found.slot];
    if ((*mark & TPI_MARK_CHECK) != 0)
        return false;
    if ((*mark & ~TPI_MARK_LOST) != check.color) {
        if (check.from != FROM_STACK || check.stood_still)
            lost(&found, word);
        return false;
    }
    if (!check.unfinished && push(found.start))
        *mark |= TPI_MARK_CHECK;
    else
        check.unfinished = true;
    return false;
}

/* Everything behind what was reached. */
static void look_into_all(void)
{
    while (check.done < check.count && !check.unfinished) {
        struct tpi_buffer *none = NULL;
        check.from = FROM_OBJECT;
        check.object = check.queue[check.done++];
        tpi_shade_fields(&none, (void *)check.object);
    }
}

static void look_at_own_stack(const struct tpi_registers *registers, void *mutator)
{
    (void)tpi_stacks_scan(mutator, registers);
}

static void look_at_stack(struct tpi_mutator *mutator, void *context)
{
    (void)context;
    check.from = FROM_STACK;
    check.tid = mutator->tid;
    check.stood_still = tpi_gc_options.stw && mutator->parked;
    if (mutator == tpi_mutator_self)
        tpi_with_registers(look_at_own_stack, mutator);
    else
        (void)tpi_stacks_scan(mutator, &mutator->registers);
    look_into_all();
}

static void clear(void)
{
    for (size_t i = 0; i < check.count; i++) {
        struct tpi_named found;
        if (tpi_check_name(check.queue[i], &found))
            found.span->marks[found.slot] &= (uint8_t)~TPI_MARK_CHECK;
    }
    if (check.room != 0)
        tpi_os_unmap(check.queue, check.room * sizeof *check.queue);
    check.queue = NULL;
    check.room = 0;
}

/* Threads in blocking regions run, and may fork, while the check goes on. The queue may be half
   moved, and is left where it is; TPI_MARK_CHECK goes with all marks, as marking was abandoned. */
void tpi_check_marks_fork_child(void)
{
    if (!tpi_check_marking)
        return;
    tpi_check_marking = false;
    tpi_mark_color = check.color;
    check.queue = NULL;
    check.room = 0;
}

void tpi_check_marks(void)
{
    check.color = tpi_mark_color;
    check.count = check.done = 0;
    check.unfinished = false;
    tpi_mark_color = TPI_MARK_CHECK;
    tpi_check_marking = true;
    check.from = FROM_ROOTS;
    tpi_roots_scan();
    check.from = FROM_ROOTS;
    tpi_cleanups_scan();
    look_into_all();
    tpi_mutators_visit(look_at_stack, NULL);
    clear();
    tpi_check_marking = false;
    tpi_mark_color = check.color;
    if (check.unfinished)
        tpi_warn("checkmark: no memory to look at all objects in this cycle");
}
