/* SPDX-License-Identifier: BSD-2-Clause */
/* Cycles and drops, one after the other, on the service thread; or, without one, on the thread
   that asks or finds them due.

   Work is asked for by numbers, so that asking allocates nothing and a fork's child inherits what
   was asked: cycles_wanted (the number of the last cycle that somebody wants) and drops_wanted
   (tickets). Whoever is `busy` does everything that is wanted:
   1. while cycles_begun < cycles_wanted: begin the next one: rotate all caches, drop what is
      doomed, reap dead pools, mark and sweep, set the pacer, give pages back; then cycles_ended
      follows.
   2. while drops_ended < drops_wanted: drop and reap.
   A waiter sleeps until the number that it asked for has ended. One who asks from a callback does
   not sleep: it may be the busy one.

   A handshake that a thread does not answer for a second holds up the cycle, but nobody else:
   tpi_cycle_stalled comes here now and then, does the drops that are wanted, and lets waiters for
   the cycle go. The cycle goes on when the thread answers. Nothing is dropped while threads are
   being parked: callbacks may want locks that parked threads hold, or the collected heap, where
   this thread would wait for the world that it keeps.

   Whoever works cannot be cancelled until it has done: nobody would take over what it is at.

   An allocation that waits for a cycle near the memory limit gives up when a callback has not ended
   for a while: cleanups take locks that their program holds while it allocates. Others wait on; who
   waits, or finds a cycle due, has the callback named on stderr after a second (callbacks.c).

   The collector must not wait for a thread that waits here or works: so each thread that does, and
   is attached, is in a blocking region, but for callbacks, which may use collected objects. The
   region begins before service_lock is taken and ends after: its end may have to wait for the
   collecting thread. A callback may attach the thread; so its end looks again. The service thread
   is apart in this way for good.

   service_lock (rank SERVICE) protects all of it; it is never held in a callback, nor while
   working. */
#include "gc/collector.h"

enum {
    PRESSURE_PERIOD_S = 10,
    PRESSURE_HIGH = 1000, /* a tenth of the last ten seconds was spent waiting for memory */
    PATIENCE_NS = 100000000, /* of who allocates, with a callback that does not end */
    LONG_NS = 1000000000     /* others look so often whether it has */
};

void (*tpi_service_reap)(void);

static struct tpi_lock service_lock = TPI_LOCK_INIT(TPI_RANK_SERVICE);
static struct tpi_condition work_condition = {PTHREAD_COND_INITIALIZER}; /* the thread sleeps */
static struct tpi_condition done_condition = {PTHREAD_COND_INITIALIZER}; /* waiters sleep */
static struct tpi_service_options options;
static bool running; /* the thread exists */
static bool busy;
static bool pressed; /* memory pressure: keep no idle page */
static uint64_t cycles_wanted, cycles_begun;
static uint64_t cycles_ended; /* atomic for tp_gc_cycle */
static uint64_t drops_wanted, drops_ended;
static bool force_wanted;         /* of the next cycle: tp_gc_collect asked for it */
static uint64_t stalls;           /* times that a handshake was found stuck */
static uint64_t hung;             /* the callback with which somebody lost patience; 0: nobody */
static uint32_t poll_wanted;      /* atomic: something is due, and no thread to do it */
static uint32_t pressure_watched; /* atomic: the heap is large enough to look at pressure */

static __thread unsigned callback_depth __attribute__((tls_model("initial-exec")));
static __thread bool at_work __attribute__((tls_model("initial-exec"))); /* the busy one */
static __thread bool apart __attribute__((tls_model("initial-exec")));   /* waits or works here */
static __thread enum {
    REGION_NONE,
    REGION_HERE,
    REGION_DEEPER
} region __attribute__((tls_model("initial-exec"))); /* and is in a region */

/* A thread cancelled in a callback would leave behind what its caller holds. */
static __thread int cancel_state __attribute__((tls_model("initial-exec")));

/* A region's record has its beginner's registers, as its frame has them: so it is begun in the
   frame of the function that ends it, or renewed there. */
TP_ALWAYS_INLINE void region_begin(bool in_this_frame)
{
    region = REGION_NONE;
    if (tpi_mutator_self == NULL)
        return;
    tp_gc_blocking_begin();
    region = in_this_frame ? REGION_HERE : REGION_DEEPER;
}

static void region_end(void)
{
    if (region != REGION_NONE)
        tp_gc_blocking_end();
    region = REGION_NONE;
}

/* Whether it is for this caller to end it: not in a callback, and not when it has begun already. */
TP_ALWAYS_INLINE bool apart_begin(void)
{
    if (tpi_in_callback() || apart)
        return false;
    apart = true;
    region_begin(true);
    return true;
}

/* Under service_lock, when this thread has worked: in the midst of it callbacks began regions. No
   cycle is under way that might hold this thread. */
TP_ALWAYS_INLINE void apart_renew(bool begun)
{
    if (!begun || region != REGION_DEEPER)
        return;
    region_end();
    region_begin(true);
}

static void apart_end(bool begun)
{
    if (!begun)
        return;
    apart = false;
    region_end();
}

void tpi_callback_enter(void)
{
    if (callback_depth++ != 0)
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    if (at_work)
        tpi_callbacks_step();
    region_end();
}

void tpi_callback_enter_named(uintptr_t function, const char *pool)
{
    tpi_callback_enter();
    if (at_work && callback_depth == 1)
        tpi_callbacks_tell(function, pool);
}

/* The collecting thread, which comes back from a callback, answers handshakes with what its
   registers are then (handshake.c); nobody else can ask, until it has renewed its region. */
void tpi_callback_leave(void)
{
    if (--callback_depth != 0)
        return;
    if (at_work)
        tpi_callbacks_step();
    if (apart)
        region_begin(false);
    pthread_setcancelstate(cancel_state, NULL);
}

bool tpi_in_callback(void)
{
    return callback_depth != 0;
}

/* --- the work; busy, unlocked --- */

static void drop_all(void)
{
    tpi_cache_drop_doomed_all();
    if (tpi_service_reap != NULL)
        tpi_service_reap();
}

static void cycle_run(bool forced, bool pressure)
{
    tpi_cycle_run(drop_all, forced);
    tpi_magazines_release();
    tpi_heap_scavenge(tpi_pacer_cycle_ended(pressure));
}

static bool work_is_wanted(void)
{
    return cycles_begun < cycles_wanted || drops_ended < drops_wanted;
}

/* Does all that is wanted. service_lock is held at the beginning and the end. */
static void work(void)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    busy = at_work = true;
    while (work_is_wanted()) {
        uint64_t ticket = drops_wanted;
        bool cycle = cycles_begun < cycles_wanted;
        bool forced = force_wanted;
        bool pressure = pressed;
        if (cycle)
            pressed = force_wanted = false;
        cycles_begun += cycle;
        tpi_unlock(&service_lock);
        if (cycle)
            cycle_run(forced, pressure);
        else
            drop_all();
        tpi_lock(&service_lock);
        drops_ended = tpi_max(drops_ended, ticket); /* a cycle drops as well */
        tpi_store_release_64(&cycles_ended, cycles_begun);
        tpi_condition_wake_all(&done_condition);
    }
    busy = at_work = false;
    tpi_store_relaxed_32(&poll_wanted, 0);
    tpi_condition_wake_all(&done_condition);
    pthread_setcancelstate(state, NULL);
}

/* The busy thread, in a handshake that is stuck. */
static void stalled(void)
{
    tpi_lock(&service_lock);
    stalls++;
    uint64_t ticket = drops_wanted;
    bool drop = drops_ended < ticket && !tpi_asked_to_park();
    tpi_condition_wake_all(&done_condition);
    tpi_unlock(&service_lock);
    if (!drop)
        return;
    drop_all();
    tpi_lock(&service_lock);
    drops_ended = tpi_max(drops_ended, ticket);
    tpi_condition_wake_all(&done_condition);
    tpi_unlock(&service_lock);
}

void tpi_service_configure(const struct tpi_service_options *with)
{
    options = *with;
    tpi_condition_init(&work_condition);
    tpi_condition_init(&done_condition);
    tpi_cycle_stalled = stalled;
}

/* --- the thread --- */

/* The next time at which the thread has to look around. */
static int64_t next_look(int64_t now, int64_t last_cycle)
{
    int64_t next = options.period_ns > 0 ? last_cycle + options.period_ns : INT64_MAX;
    if (tpi_load_relaxed_32(&pressure_watched) != 0)
        next = tpi_min(next, now + PRESSURE_PERIOD_S * INT64_C(1000000000));
    return next;
}

/* service_lock is held at the beginning and the end. */
static void look_around(int64_t now, int64_t last_cycle)
{
    bool due = options.period_ns > 0 && now - last_cycle >= options.period_ns;
    tpi_unlock(&service_lock);
    bool large = tpi_heap_resident() >= TPI_PRESSURE_HEAP_MIN;
    bool high = large && tpi_os_pressure(options.pressure) >= PRESSURE_HIGH;
    tpi_lock(&service_lock);
    tpi_store_relaxed_32(&pressure_watched, large);
    pressed |= high;
    if (due || high)
        cycles_wanted = tpi_max(cycles_wanted, cycles_begun + 1);
}

static __attribute__((noreturn)) void *service_main(void *argument)
{
    int64_t last_cycle = tpi_os_now_ns();
    uint64_t seen = 0;
    (void)argument;
    apart = true;
    tpi_lock(&service_lock);
    for (;;) {
        if (cycles_begun != seen)
            last_cycle = tpi_os_now_ns();
        seen = cycles_begun;
        if (work_is_wanted() && busy) {
            tpi_condition_wait(&done_condition, &service_lock); /* another thread does it */
        } else if (work_is_wanted()) {
            work();
        } else {
            int64_t next = next_look(tpi_os_now_ns(), last_cycle);
            if (next == INT64_MAX)
                tpi_condition_wait(&work_condition, &service_lock);
            else if (!tpi_condition_wait_until(&work_condition, &service_lock, next))
                look_around(tpi_os_now_ns(), last_cycle);
        }
    }
}

/* service_lock is held. */
static bool thread_ensure(void)
{
    if (!running && options.service)
        running = tpi_os_thread_start(service_main, NULL);
    return running;
}

void tpi_service_start(void)
{
    tpi_lock(&service_lock);
    thread_ensure();
    tpi_unlock(&service_lock);
}

/* --- asking --- */

enum wait { WAIT_NOT, WAIT_PATIENTLY, WAIT_FOR_ALL };

/* Has a callback named that holds up what is wanted. True: service_lock, which is held at the
   beginning and the end, was not in between. */
static bool name_callback(void)
{
    if (!tpi_callbacks_hang())
        return false;
    tpi_unlock(&service_lock);
    tpi_callbacks_warn();
    tpi_lock(&service_lock);
    return true;
}

/* Sleeps until something was done, or for a while. service_lock is held. */
static bool sleep_for(int64_t ns)
{
    return tpi_condition_wait_until(&done_condition, &service_lock, tpi_os_now_ns() + ns);
}

/* False: the busy thread is in a callback that has not ended for PATIENCE_NS; it may wait for this
   very thread. service_lock is held. */
static bool sleep_patiently(void)
{
    uint64_t before = tpi_callbacks_number();
    if (before % 2 != 0 && before == hung)
        return false;
    if (sleep_for(PATIENCE_NS) || before % 2 == 0 || tpi_callbacks_number() != before)
        return true;
    hung = before;
    return false;
}

/* Lets the wanted work be done: by the service thread, by whoever is busy, or here. Sleeps until
   `*ended` has reached `number`, where it may; a cycle may be stuck meanwhile. service_lock is held
   at the beginning and the end. */
static void have_done(const uint64_t *ended, uint64_t number, enum wait wait)
{
    if (thread_ensure())
        tpi_condition_wake_one(&work_condition);
    if (wait == WAIT_NOT || tpi_in_callback()) {
        tpi_store_relaxed_32(&poll_wanted, !running);
        return;
    }
    uint64_t stalls_before = stalls;
    while (*ended < number && (ended != &cycles_ended || stalls == stalls_before)) {
        if (name_callback())
            continue;
        if (!running && !busy)
            work();
        else if (wait == WAIT_FOR_ALL)
            (void)sleep_for(LONG_NS);
        else if (!sleep_patiently())
            return;
    }
}

static uint64_t cycle_wait(bool forced)
{
    bool begun = apart_begin();
    tpi_lock(&service_lock);
    uint64_t number = cycles_begun + 1;
    cycles_wanted = tpi_max(cycles_wanted, number);
    force_wanted |= forced;
    have_done(&cycles_ended, number, forced ? WAIT_FOR_ALL : WAIT_PATIENTLY);
    apart_renew(begun);
    tpi_unlock(&service_lock);
    apart_end(begun);
    return number;
}

uint64_t tp_gc_collect(void)
{
    return cycle_wait(true);
}

void tpi_service_cycle_wait(void)
{
    cycle_wait(false);
}

uint64_t tp_gc_cycle(void)
{
    return tpi_load_acquire_64(&cycles_ended);
}

void tpi_service_drop(bool wait)
{
    bool begun = apart_begin();
    tpi_lock(&service_lock);
    uint64_t number = ++drops_wanted;
    have_done(&drops_ended, number, wait ? WAIT_FOR_ALL : WAIT_NOT);
    apart_renew(begun);
    tpi_unlock(&service_lock);
    apart_end(begun);
}

void tpi_service_drop_here(struct tpi_cache *cache)
{
    enum { LOOK_NS = 200000 };
    tpi_cache_drop_doomed(cache);
    tp_gc_blocking_begin(); /* in a callback too: what is waited for may wait for an answer */
    while (tpi_cache_is_dropped_elsewhere(cache))
        tpi_os_sleep(LOOK_NS);
    tp_gc_blocking_end();
}

void tpi_service_cycle_due(void)
{
    tpi_lock(&service_lock);
    if (cycles_wanted <= cycles_begun && cycles_begun == cycles_ended) {
        cycles_wanted = cycles_begun + 1;
        have_done(&cycles_ended, cycles_wanted, WAIT_NOT);
    } else if (tpi_callbacks_hang()) {
        tpi_store_relaxed_32(&poll_wanted, 1); /* here the heap's locks may be held */
    }
    tpi_unlock(&service_lock);
}

void tpi_service_heap_is_large(void)
{
    if (tpi_likely(tpi_load_relaxed_32(&pressure_watched) != 0))
        return;
    tpi_lock(&service_lock);
    tpi_store_relaxed_32(&pressure_watched, 1);
    if (running)
        tpi_condition_wake_one(&work_condition); /* it sleeps too long */
    tpi_unlock(&service_lock);
}

void tpi_service_poll(void)
{
    if (tpi_likely(tpi_load_relaxed_32(&poll_wanted) == 0) || tpi_in_callback())
        return;
    /* The program's own: the callbacks of work would find the collected heap closed. */
    bool in_region = tpi_mutator_self != NULL && tpi_mutator_self->blocking_depth != 0;
    bool begun = apart_begin();
    tpi_lock(&service_lock);
    if (thread_ensure()) { /* in a fork's child it may not be there yet */
        tpi_store_relaxed_32(&poll_wanted, 0);
        tpi_condition_wake_one(&work_condition);
    } else if (!in_region && !busy && work_is_wanted()) {
        work();
    }
    (void)name_callback();
    apart_renew(begun);
    tpi_unlock(&service_lock);
    apart_end(begun);
}

/* --- fork: the child has no service thread; what was wanted is still wanted there --- */

void tpi_gc_fork_prepare(void)
{
    tpi_lock(&service_lock);
    tpi_pacer_fork_prepare();
}

void tpi_gc_fork_parent(void)
{
    tpi_pacer_fork_parent();
    tpi_unlock(&service_lock);
}

void tpi_gc_fork_child(void)
{
    tpi_pacer_fork_child();
    tpi_lock_reset_in_child(&service_lock);
    tpi_condition_init(&work_condition);
    tpi_condition_init(&done_condition);
    running = false;
    /* A sanitizer's runtime may have been forked with its own locks held: no thread can be
       started. */
    options.service = options.service && !tpi_sanitized;
    busy = at_work; /* fork was called in a callback of the work */
    if (!busy)
        tpi_callbacks_fork_child();
    drops_wanted++; /* what the parent's threads had doomed and not dropped */
    if (!busy)
        tpi_store_release_64(&cycles_ended,
                             cycles_begun); /* a cycle that the parent's thread ran */
    tpi_store_relaxed_32(&poll_wanted, 1);
}
