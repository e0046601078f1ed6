/* SPDX-License-Identifier: BSD-2-Clause */
/* fork: the collector's locks in rank order, and what its child does with a cycle that the parent
   had under way.

   The parent's cycle goes on. In the child the calling thread is the only one, and the only
   mutator, if it was one.
   - Marking is abandoned. Grey objects were in the hands of threads that are gone; so all buffers
   are forgotten. Marks stay until the child's next cycle, which clears them before it marks: two
     cycles that are abandoned one after the other would otherwise meet the first one's colour.
   - Sweeping is left to who allocates and to the next cycle, which begins with it. A span whose
     sweep was under way is swept again (sweep.c).
   - Of weak references and cleanups those that were dealt with stay so: their objects are not
     reachable.
   The phase and the sweep epoch change together under the collector's lock, which fork takes.
   Handshakes are waited for without it, so that a stuck thread holds up no fork. */
#include "gc/collector.h"

static struct tpi_lock collector_lock = TPI_LOCK_INIT(TPI_RANK_COLLECTOR);
static enum tpi_phase phase; /* collector_lock; the collecting thread's */
static uint64_t abandoned;   /* in a child, before it has a second thread */
static bool marks_are_stale; /* the same */

void tpi_phase_set(enum tpi_phase to)
{
    tpi_lock(&collector_lock);
    phase = to;
    if (to == TPI_PHASE_SWEEPING)
        tpi_sweep_begin();
    tpi_unlock(&collector_lock);
}

bool tpi_phase_hold(void)
{
    tpi_lock(&collector_lock);
    return phase == TPI_PHASE_IDLE;
}

void tpi_phase_let_go(void)
{
    tpi_unlock(&collector_lock);
}

uint64_t tpi_phase_abandoned(void)
{
    return abandoned;
}

void tpi_phase_clear_marks(void)
{
    if (tpi_likely(!marks_are_stale))
        return;
    marks_are_stale = false;
    tpi_layouts_lock_all();
    for (uint32_t number = 1; number < tpi_layout_count(); number++) {
        struct tpi_layout *layout = tpi_layout_numbered(number);
        for (uint32_t i = 0; layout != NULL && i < layout->count; i++)
            memset(tpi_layout_span(layout, i)->marks, TPI_MARK_WHITE,
                   tpi_layout_span(layout, i)->slots);
    }
    tpi_layouts_unlock_all();
}

void tpi_collector_fork_prepare(void)
{
    tpi_lock(&collector_lock);
    tpi_mutators_fork_prepare();
    tpi_roots_hold();
    tpi_pooled_fork_prepare();
    tpi_weak_fork_prepare();
    tpi_layouts_lock_all();
}

void tpi_collector_fork_parent(void)
{
    tpi_layouts_unlock_all();
    tpi_weak_fork_parent();
    tpi_pooled_fork_parent();
    tpi_roots_let_go();
    tpi_mutators_fork_parent();
    tpi_unlock(&collector_lock);
}

void tpi_collector_fork_child(void)
{
    tpi_layouts_reset_in_child(tpi_mutator_self);
    tpi_check_marks_fork_child();
    tpi_mark_fork_child();
    tpi_signal_fork_child();
    if (phase == TPI_PHASE_MARKING) {
        abandoned++;
        marks_are_stale = true;
    }
    phase = TPI_PHASE_IDLE;
    tpi_modes = (struct tpi_modes){.barrier = false, .color = TPI_MARK_WHITE, tpi_sweep_epoch()};
    tpi_weak_fork_child();
    tpi_pooled_fork_child();
    tpi_roots_fork_child();
    tpi_mutators_fork_child();
    tpi_lock_reset_in_child(&collector_lock);
}
