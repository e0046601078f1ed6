/* SPDX-License-Identifier: BSD-2-Clause */
/* Weak references, and the moment at which marking is over. tests/model/weak.pml explores it.

   A weak reference gives a pointer to an object that perhaps no grey or white object leads to. So
   it would break invariant C4: a thread that has answered a round's handshake could come by a white
   pointer out of nothing. Therefore the end of marking is decided under weak_lock, and each
   tp_gc_weak_get happens before or behind it:

   1. Before: a mutator whose barrier is on shades the object, and hands its buffer over if that
      was white. So the round finds something, and there is another one. (In the mutator's buffer
      alone it would be found too late: the mutator may have answered this round.) A mutator whose
      barrier is off has not answered BARRIER; its stack is searched later.
   2. Behind, while `terminated`: what is white is garbage, for nothing in the heap or on a stack
      leads to it, and is not given out any more. What is marked stays.
   3. tpi_weak_clear sets the references to white objects to NULL, some at a time, and then
      `terminated` to false, before the sweep takes the marks away. From then on each reference is
      to an object that stays, or was made later of an object that its maker holds.

   A reference that is made while marking needs nothing: its object is on its maker's stack, and so
   is found by the maker's next answer, or was.

   A barrier that is still on behind step 3, in a mutator that has not answered OFF, shades objects
   that are marked, or that others have allocated white by now: such a mark is not of the next
   cycle's colour, and tpi_mark_begin forgets what is in buffers.

   Locks: weak_lock (rank WEAK). A mutator takes it in its runtime, so that no signal handler parks
   the thread with it. */
#include "gc/collector.h"
#include "gc/links.h"

enum { SIGNATURE = 0x5745414b, BATCH = 64 };

struct tp_gc_weak {
    struct tpi_link link; /* in `references` or `unchecked`; where object is NULL, in none */
    void *object;         /* not a root: this is memory of the explicit heap */
    uint32_t signature;
};

static struct tpi_lock weak_lock = TPI_LOCK_INIT(TPI_RANK_WEAK);
static bool terminated;                                         /* weak_lock */
static struct tpi_link references = TPI_LINKS_INIT(references); /* weak_lock */
static struct tpi_link unchecked = TPI_LINKS_INIT(unchecked);   /* the same; of this clearing */

const struct tpi_layout *tpi_object_layout(const void *object)
{
    struct tpi_where where = tpi_heap_where(object);
    bool is_collected =
        where.state == TPI_SPAN_COLLECTED || where.state == TPI_SPAN_COLLECTED_LARGE;
    if (where.span == NULL || !is_collected || where.start != object || !where.allocated)
        return NULL;
    const struct tpi_layout *layout = where.span->layout;
    return (layout->flags & TPI_LAYOUT_ROOT) != 0 ? NULL : layout;
}

/* The mutator, if the thread is one. */
static struct tpi_mutator *enter(void)
{
    struct tpi_mutator *self = tpi_mutator_self;
    if (self != NULL)
        tpi_runtime_enter(self);
    tpi_lock(&weak_lock);
    return self;
}

static void leave(struct tpi_mutator *self)
{
    tpi_unlock(&weak_lock);
    if (self != NULL)
        tpi_runtime_leave(self);
}

tp_gc_weak *tp_gc_weak_make(void *object)
{
    if (tpi_object_layout(object) == NULL) {
        errno = EINVAL;
        return NULL;
    }
    struct tp_gc_weak *weak = tp_heap_alloc(sizeof *weak);
    if (weak == NULL)
        return NULL;
    weak->object = object;
    weak->signature = SIGNATURE;
    struct tpi_mutator *self = enter();
    tpi_links_add(&references, &weak->link);
    leave(self);
    return weak;
}

static void check(const struct tp_gc_weak *weak, const char *call)
{
    tpi_check(weak != NULL && weak->signature == SIGNATURE,
              "%s: %p is no weak reference, or no longer one", call, (const void *)weak);
}

void *tp_gc_weak_get(tp_gc_weak *weak)
{
    check(weak, "tp_gc_weak_get");
    if (tpi_mutator_ensure() == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    struct tpi_mutator *self = enter();
    void *object = weak->object;
    if (object != NULL && terminated) {
        if (!tpi_object_is_marked(object))
            object = NULL;
    } else if (object != NULL && tpi_load_relaxed_32(&self->self->marking) != 0) {
        if (tpi_shade(&self->buffer, (uintptr_t)object, true))
            (void)tpi_buffer_hand_over(&self->buffer);
    }
    leave(self);
    return object;
}

void tp_gc_weak_free(tp_gc_weak *weak)
{
    if (weak == NULL)
        return;
    check(weak, "tp_gc_weak_free");
    struct tpi_mutator *self = enter();
    tpi_links_remove(&weak->link);
    weak->signature = 0;
    leave(self);
    tp_heap_free(weak);
}

/* --- the collecting thread --- */

bool tpi_weak_terminate(void)
{
    tpi_lock(&weak_lock);
    terminated = !tpi_found();
    bool over = terminated;
    tpi_unlock(&weak_lock);
    return over;
}

void tpi_weak_clear(void)
{
    tpi_lock(&weak_lock);
    tpi_links_move_all(&unchecked, &references);
    while (!tpi_links_empty(&unchecked)) {
        for (unsigned i = 0; i < BATCH && !tpi_links_empty(&unchecked); i++) {
            struct tpi_link *link = unchecked.next;
            struct tp_gc_weak *weak = tpi_container_of(link, struct tp_gc_weak, link);
            tpi_links_remove(link);
            if (tpi_object_is_marked(weak->object))
                tpi_links_add(&references, link);
            else
                weak->object = NULL;
        }
        tpi_unlock(&weak_lock); /* so that nobody waits for all of them */
        tpi_lock(&weak_lock);
    }
    terminated = false;
    tpi_unlock(&weak_lock);
}

/* --- fork --- */

void tpi_weak_fork_prepare(void)
{
    tpi_lock(&weak_lock);
    tpi_cleanups_fork_prepare();
}

void tpi_weak_fork_parent(void)
{
    tpi_cleanups_fork_parent();
    tpi_unlock(&weak_lock);
}

/* What a parent's thread had not looked at, of references and cleanups, the child's next cycle
   looks at first. */
void tpi_weak_fork_child(void)
{
    tpi_cleanups_fork_child();
    terminated = false;
    tpi_lock_reset_in_child(&weak_lock);
}
