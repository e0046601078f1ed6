/* SPDX-License-Identifier: BSD-2-Clause */
/* One cycle: the steps of collector.h, in their order.

   Caller: whoever is busy in service.c, one at a time, in a blocking region if it is attached; so
   everything here that is not atomic is the collecting thread's own. What runs callbacks (the drop,
   cleanups, and drops while a handshake is stuck) holds no lock. A callback may fork: in the child
   marking was abandoned then (fork.c), and this thread, the only one, begins again. */
#include "gc/collector.h"

void (*tpi_cycle_stalled)(void);
struct tpi_gc_options tpi_gc_options;

static uint32_t used; /* atomic */

bool tpi_gc_is_used(void)
{
    return tpi_load_acquire_32(&used) != 0;
}

void tpi_gc_use(void)
{
    uint32_t before = 0;
    if (tpi_likely(tpi_gc_is_used()) || !tpi_cas_acq_rel_32(&used, &before, 1))
        return;
    tpi_signal_start(tpi_gc_options.signal);
    tpi_service_start();
}

/* False: this is a fork's child now, and marking was abandoned. */
static bool handshake(enum tpi_handshake kind)
{
    uint64_t abandoned = tpi_phase_abandoned();
    tpi_handshake(kind);
    return tpi_phase_abandoned() == abandoned;
}

/* Steps 2 and 3. The two handshakes follow each other closely: what is allocated between them is
   white, and marked by the first store of a pointer to it. So pools rotate before, and what is
   dropped is: it is no root then, and dies in this cycle. What calls the C library, whose locks a
   parked thread may hold, comes before PARK. */
static bool begin_marking(void (*drop)(void))
{
    tpi_cache_rotate_all();
    drop();
    tpi_workers_start(tpi_gc_options.workers);
    if (tpi_gc_options.wbcheck)
        tpi_wbcheck_begin();
    tpi_phase_set(TPI_PHASE_MARKING);
    tpi_mark_begin(tpi_mark_color == TPI_MARK_EVEN ? TPI_MARK_ODD : TPI_MARK_EVEN);
    if (!handshake(TPI_SHAKE_BARRIER))
        return false;
    tpi_pooled_close(true);
    tpi_roots_scan_data();
    if (tpi_gc_options.stw && !handshake(TPI_SHAKE_PARK))
        return false;
    tpi_pacer_marking_begins();
    return handshake(TPI_SHAKE_BLACK);
}

/* Steps 5 to 7. A buffer that comes in between the drain's end and tpi_found_clear is nobody's
   find: so it is drained for again. */
static bool mark_to_the_end(void)
{
    for (;;) {
        tpi_mark_drain();
        tpi_found_clear();
        tpi_mark_drain();
        if (!handshake(TPI_SHAKE_SCAN))
            return false;
        if (!tpi_found() && tpi_weak_terminate())
            return true;
    }
}

static bool check(void)
{
    if (!tpi_gc_options.checkmark && !tpi_gc_options.wbcheck)
        return true;
    if (!tpi_gc_options.stw && !handshake(TPI_SHAKE_PARK))
        return false;
    tpi_track_pause(); /* they look at whole objects, gaps too */
    if (tpi_gc_options.wbcheck)
        tpi_wbcheck_compare();
    if (tpi_gc_options.checkmark)
        tpi_check_marks();
    tpi_track_resume();
    if (!tpi_gc_options.stw)
        tpi_world_release();
    return true;
}

/* Steps 1 to 10. False: abandoned. */
static bool collect(void (*drop)(void), struct tpi_cycle_clock *clock)
{
    tpi_sweep_all(); /* what a fork's child inherited */
    tpi_phase_clear_marks();
    if (!begin_marking(drop))
        return false;
    tpi_clock_step(clock, TPI_CLOCK_MARK);
    tpi_roots_scan();
    if (!mark_to_the_end())
        return false;
    tpi_clock_step(clock, TPI_CLOCK_FINISH);
    tpi_pacer_marking_ended();
    if (!check())
        return false;
    tpi_weak_clear();
    tpi_cleanups_find();
    tpi_phase_set(TPI_PHASE_SWEEPING);
    handshake(TPI_SHAKE_OFF);
    tpi_pooled_close(false);
    if (tpi_gc_options.stw)
        tpi_world_release();
    tpi_chunks_release_parked();
    tpi_clock_step(clock, TPI_CLOCK_SWEEP);
    tpi_sweep_all();
    tpi_phase_set(TPI_PHASE_IDLE);
    return true;
}

void tpi_cycle_run(void (*drop)(void), bool forced)
{
    struct tpi_cycle_clock clock;
    tpi_clock_start(&clock, forced);
    if (tpi_gc_is_used()) {
        while (!collect(drop, &clock))
            ;
    } else {
        tpi_cache_rotate_all();
        drop();
    }
    tpi_clock_stop(&clock);
    if (tpi_gc_is_used())
        tpi_cleanups_run();
}
