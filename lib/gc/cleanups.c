/* SPDX-License-Identifier: BSD-2-Clause */
/* Cleanups: fn(arg) after a cycle found an object unreachable.

   A cleanup's life:
   1. waiting: made by tp_gc_cleanup_add. arg is a root: tpi_cleanups_scan shades it in each cycle
      (step 4), and where the barrier is on, adding one shades it, as a store into a root does.
   2. due: when marking was over its object was white (step 8). It cannot come back: weak
      references to it were cleared before, and arg, whose reach was marked, does not lead to it.
      arg is a root until fn has run.
   3. gone, when fn begins; or cancelled, while its object is reachable, and so never when it is
      due.
   fn runs on the collecting thread behind the sweep, with no lock held, and beside no cycle: the
   next one is run by the same thread, or waits until this one has ended.

   Nodes are in the explicit heap, which is not searched: the object's address there keeps nothing
   alive.

   Walks take some nodes at a time under the lock, from `unseen` back to `waiting`; what is added
   meanwhile needs no look. In a fork's child the next walk begins with what the last one left.

   Locks: cleanups_lock (rank WEAK; with weak.c's it is taken by fork alone). A mutator takes it in
   its runtime, so that no signal handler parks the thread with it. */
#include "gc/collector.h"
#include "gc/links.h"

enum { SIGNATURE = 0x434c4e55, BATCH = 64 };

struct tp_gc_cleanup {
    struct tpi_link link;
    void *object;
    void (*fn)(void *arg);
    void *arg;
    uint32_t signature;
    bool is_due;
};

static struct tpi_lock cleanups_lock = TPI_LOCK_INIT(TPI_RANK_WEAK);
static struct tpi_link waiting = TPI_LINKS_INIT(waiting); /* cleanups_lock, all three */
static struct tpi_link unseen = TPI_LINKS_INIT(unseen);   /* of the walk that is under way */
static struct tpi_link due = TPI_LINKS_INIT(due);

static struct tp_gc_cleanup *cleanup_of(struct tpi_link *link)
{
    return tpi_container_of(link, struct tp_gc_cleanup, link);
}

static bool may_have_cleanup(const void *object, const void *arg)
{
    const struct tpi_layout *layout = tpi_object_layout(object);
    if (layout == NULL || (layout->flags & TPI_LAYOUT_POOLED) != 0)
        return false;
    size_t bytes = layout->slot_bytes;
    if (bytes == 0)
        bytes = tpi_span_of((uintptr_t)object)->pages * TPI_PAGE_BYTES;
    return (uintptr_t)arg - (uintptr_t)object >= bytes; /* else it would keep its object alive */
}

tp_gc_cleanup *tp_gc_cleanup_add(void *object, void (*fn)(void *arg), void *arg)
{
    if (fn == NULL || !may_have_cleanup(object, arg)) {
        errno = EINVAL;
        return NULL;
    }
    struct tpi_mutator *self = tpi_mutator_ensure();
    struct tp_gc_cleanup *cleanup = self == NULL ? NULL : tp_heap_alloc(sizeof *cleanup);
    if (cleanup == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    cleanup->object = object;
    cleanup->fn = fn;
    cleanup->arg = arg;
    cleanup->signature = SIGNATURE;
    cleanup->is_due = false;
    tpi_runtime_enter(self);
    tpi_lock(&cleanups_lock);
    tpi_links_add(&waiting, &cleanup->link);
    tpi_unlock(&cleanups_lock);
    /* Off: step 4 is still to come, or marking is over. It changes at no point in here. */
    if (tpi_load_relaxed_32(&self->self->marking) != 0)
        (void)tpi_shade(&self->buffer, (uintptr_t)arg, false);
    tpi_runtime_leave(self);
    return cleanup;
}

void tp_gc_cleanup_cancel(tp_gc_cleanup *cleanup)
{
    if (cleanup == NULL)
        return;
    struct tpi_where where = tpi_heap_where(cleanup);
    tpi_check(where.span != NULL && where.allocated && cleanup->signature == SIGNATURE,
              "tp_gc_cleanup_cancel: %p is no cleanup: it ran, or was cancelled before",
              (void *)cleanup);
    struct tpi_mutator *self = tpi_mutator_self;
    if (self != NULL)
        tpi_runtime_enter(self);
    tpi_lock(&cleanups_lock);
    tpi_check(!cleanup->is_due,
              "tp_gc_cleanup_cancel: %p is due: its object is not reachable any more",
              (void *)cleanup);
    tpi_links_remove(&cleanup->link);
    cleanup->signature = 0;
    tpi_unlock(&cleanups_lock);
    if (self != NULL)
        tpi_runtime_leave(self);
    tp_heap_free(cleanup);
}

/* --- the collecting thread --- */

/* Calls visit for each that waits, with the lock held; it says which ring the node goes to. */
static void walk(struct tpi_link *(*visit)(struct tp_gc_cleanup *cleanup, void *context),
                 void *context)
{
    tpi_lock(&cleanups_lock);
    tpi_links_move_all(&unseen, &waiting);
    while (!tpi_links_empty(&unseen)) {
        for (unsigned i = 0; i < BATCH && !tpi_links_empty(&unseen); i++) {
            struct tpi_link *link = unseen.next;
            tpi_links_remove(link);
            tpi_links_add(visit(cleanup_of(link), context), link);
        }
        tpi_unlock(&cleanups_lock); /* so that nobody waits for all of them */
        tpi_lock(&cleanups_lock);
    }
    tpi_unlock(&cleanups_lock);
}

static struct tpi_link *scan(struct tp_gc_cleanup *cleanup, void *context)
{
    struct tpi_buffer **buffer = context;
    (void)tpi_shade(buffer, (uintptr_t)cleanup->arg, false);
    return &waiting;
}

void tpi_cleanups_scan(void)
{
    struct tpi_buffer *buffer = NULL;
    walk(scan, &buffer);
    /* Left from a cycle that a callback's fork ended, mostly none. Only this thread takes them out.
     */
    for (struct tpi_link *link = due.next; link != &due; link = link->next)
        (void)scan(cleanup_of(link), &buffer);
    (void)tpi_buffer_hand_over(&buffer);
}

static struct tpi_link *find(struct tp_gc_cleanup *cleanup, void *context)
{
    (void)context;
    if (tpi_object_is_marked(cleanup->object))
        return &waiting;
    cleanup->is_due = true;
    return &due;
}

void tpi_cleanups_find(void)
{
    walk(find, NULL);
}

void tpi_cleanups_run(void)
{
    while (!tpi_links_empty(&due)) {
        struct tp_gc_cleanup *cleanup = cleanup_of(due.next);
        void (*fn)(void *arg) = cleanup->fn;
        void *arg = cleanup->arg;
        tpi_lock(&cleanups_lock);
        tpi_links_remove(&cleanup->link);
        cleanup->signature = 0;
        tpi_unlock(&cleanups_lock);
        tp_heap_free(cleanup);
        tpi_callback_enter_named((uintptr_t)fn, NULL);
        (void)tp_gc_thread_attach(); /* fn has what arg leads to in its hands */
        fn(arg);
        tpi_callback_leave();
    }
}

/* --- fork: beside weak.c's lock, which is of the same rank --- */

void tpi_cleanups_fork_prepare(void)
{
    tpi_lock_next(&cleanups_lock);
}

void tpi_cleanups_fork_parent(void)
{
    tpi_unlock(&cleanups_lock);
}

void tpi_cleanups_fork_child(void)
{
    tpi_lock_reset_in_child(&cleanups_lock);
}
