/* SPDX-License-Identifier: BSD-2-Clause */
/* Handshakes: the collecting thread asks each mutator, and waits until each has answered.

   Asking, under mutators_lock: tpi_modes change, what is asked (`asked`) is stored, and for each
   mutator on the list its poll flag, then `requested`. Who attaches later finds the new modes.

   Answering is tpi_answer, by the thread at a poll, by its signal handler, or here for one that is
   in a blocking region. `asked` and tpi_modes stay as they are until all have answered; the acquire
   load of `requested` pairs with its release here, the release of `answered` with the acquire in
   has_answered: so the collecting thread sees what the answer did.

   Waiting: rounds over the list. In each, mutators in blocking regions are held and answered for,
   one after the other, without the lock: who is held cannot leave the list. Between rounds it spins
   a little, then sleeps on `answers`, which each answer raises, at most 1 ms, since nobody tells
   that he goes into a region. Those who do not answer are asked by a signal after 10 ms, or almost
   at once where they have not polled since the last signal; after a second a line on stderr names
   them, and tpi_cycle_stalled is called now and then.

   PARK. Who answers it by himself makes himself HELD, and the collecting thread keeps all whom it
   holds: from then on everybody is HELD, and further handshakes are answered for all, here, until
   tpi_world_release. Who attaches waits for that too.

   Locks: mutators_lock, for short times; nothing is held while it sleeps or answers. */
#include "gc/collector.h"

enum {
    SPINS_MAX = 150, /* a running mutator that polls answers within a microsecond */
    SLEEP_NS_MIN = 50000,
    SLEEP_NS_MAX = 1000000,
    SIGNAL_NS = 10000000,  /* without an answer: the first signal, and again */
    EARLY_NS = 200000,     /* the first one to who has not polled since the last one */
    SIGNALS_MAX = 4,       /* at that pace; then only with the warnings' */
    STALL_NS = 1000000000, /* a line on stderr */
    STALLED_NS = 50000000  /* between calls of tpi_cycle_stalled */
};

struct tpi_modes tpi_modes;
static enum tpi_handshake asked; /* written under mutators_lock, see above */
static uint32_t number;          /* of the last handshake; the collecting thread's */
static uint32_t answers;         /* atomic: raised by each own answer; slept on */
static uint32_t sleeping;        /* atomic: on answers */
static uint32_t parked;          /* atomic: from asking PARK to the release; slept on */
static struct tpi_straggle straggle;

static const char *const names[] = {
    [TPI_SHAKE_NONE] = "none", [TPI_SHAKE_BARRIER] = "barrier", [TPI_SHAKE_BLACK] = "black",
    [TPI_SHAKE_SCAN] = "scan", [TPI_SHAKE_OFF] = "off",         [TPI_SHAKE_PARK] = "park"};

void tpi_straggle_clear(void)
{
    straggle = (struct tpi_straggle){0};
}

void tpi_straggle_read(struct tpi_straggle *into)
{
    *into = straggle;
}

/* --- answering --- */

/* The fence: raised before it is asked whether anybody sleeps, as the sleeper says so before it
   looks at what was raised. */
void tpi_handshake_wake(void)
{
    (void)tpi_add_acq_rel_32(&answers, 1);
    tpi_fence_full();
    if (tpi_load_relaxed_32(&sleeping) != 0)
        tpi_os_wake_all(&answers);
}

bool tpi_asked_to_park(void)
{
    return asked == TPI_SHAKE_PARK;
}

/* The owner. The collecting thread finds it HELD, and answers. */
static void park(struct tpi_mutator *mutator, const struct tpi_registers *registers)
{
    mutator->registers = *registers;
    if (!tpi_os_alternate_stack(&mutator->other_low, &mutator->other_high))
        mutator->other_low = mutator->other_high = 0; /* only this thread can tell */
    mutator->parked = true;
    tpi_store_release_32(&mutator->state, TPI_HELD);
    tpi_handshake_wake();
    tpi_mutator_resume(mutator);
    mutator->parked = false;
}

/* Not just parked: a parked thread may be in the midst of an allocation. */
static bool is_in_region(const struct tpi_mutator *mutator)
{
    return tpi_load_relaxed_32(&mutator->state) != TPI_RUNNING && tpi_load_relaxed_32(&parked) == 0;
}

static void act(struct tpi_mutator *mutator, const struct tpi_registers *registers)
{
    switch (asked) {
    case TPI_SHAKE_BARRIER:
        tpi_barrier_adopt(mutator);
        break;
    case TPI_SHAKE_BLACK:
        mutator->color = tpi_modes.color;
        tpi_runs_mark(mutator);
        break;
    case TPI_SHAKE_SCAN:
        tpi_stacks_scan(mutator, registers);
        tpi_buffer_hand_over(&mutator->buffer);
        break;
    case TPI_SHAKE_OFF:
        tpi_modes_adopt(mutator);
        if (is_in_region(mutator))
            tpi_runs_release(mutator);
        tpi_buffer_discard(&mutator->buffer); /* of no cycle's any more */
        break;
    default:
        break;
    }
}

void tpi_answer(struct tpi_mutator *mutator, const struct tpi_registers *registers)
{
    uint32_t request = tpi_load_acquire_32(&mutator->requested);
    bool own = tpi_load_relaxed_32(&mutator->state) == TPI_RUNNING;
    int64_t start = own ? tpi_os_now_ns() : 0;
    int saved = errno;
    if (own)
        tpi_fake_stack_ask(mutator);
    if (own && asked == TPI_SHAKE_PARK) {
        park(mutator, registers);
    } else {
        tpi_store_relaxed_32(&mutator->self->poll, 0); /* before it can be asked again */
        act(mutator, registers);
        tpi_store_release_32(&mutator->answered, request);
        if (own)
            tpi_handshake_wake();
    }
    if (own)
        tpi_held_up(mutator, start);
    errno = saved;
}

/* --- asking --- */

/* mutators_lock. */
static void modes_change(enum tpi_handshake kind)
{
    switch (kind) {
    case TPI_SHAKE_BARRIER:
        tpi_modes.barrier = true;
        break;
    case TPI_SHAKE_BLACK:
        tpi_modes.color = tpi_mark_color;
        break;
    case TPI_SHAKE_OFF:
        tpi_modes = (struct tpi_modes){false, TPI_MARK_WHITE, tpi_sweep_epoch()};
        break;
    case TPI_SHAKE_PARK:
        tpi_store_release_32(&parked, 1);
        break;
    default:
        break;
    }
}

static void ask(enum tpi_handshake kind)
{
    tpi_mutators_lock();
    modes_change(kind);
    asked = kind;
    number++;
    for (struct tpi_mutator *m = tpi_mutators_first(); m != NULL; m = m->next) {
        m->signalled = m->warned = false;
        tpi_store_relaxed_32(&m->self->poll, 1);     /* first: who sees the request clears it */
        tpi_store_release_32(&m->requested, number); /* pairs with tpi_answer's acquire */
    }
    tpi_mutators_unlock();
}

static bool is_parked(void)
{
    return tpi_load_acquire_32(&parked) != 0;
}

/* --- holding: the collecting thread. Its CAS pairs with the owner's release of BLOCKED --- */

static bool hold(struct tpi_mutator *mutator)
{
    uint32_t state = TPI_BLOCKED;
    if (tpi_cas_acq_rel_32(&mutator->state, &state, TPI_HELD))
        return true;
    return is_parked() && state != TPI_RUNNING;
}

/* Pairs with the CAS in tpi_mutator_resume. */
static void let_go(struct tpi_mutator *mutator)
{
    uint32_t state = TPI_HELD;
    if (tpi_cas_acq_rel_32(&mutator->state, &state, TPI_BLOCKED))
        return;
    tpi_store_release_32(&mutator->state, TPI_BLOCKED); /* nobody else changes AWAITED */
    tpi_os_wake_all(&mutator->state);
}

void tpi_world_release(void)
{
    tpi_mutators_lock();
    for (struct tpi_mutator *m = tpi_mutators_first(); is_parked() && m != NULL; m = m->next)
        let_go(m);
    tpi_store_release_32(&parked, 0);
    tpi_mutators_unlock();
    tpi_os_wake_all(&parked);
}

void tpi_world_wait(void)
{
    while (is_parked()) {
        tpi_mutators_unlock();
        tpi_os_wait_on(&parked, 1, 0);
        tpi_mutators_lock();
    }
}

void tpi_world_fork_child(void)
{
    tpi_store_relaxed_32(&parked, 0);
    tpi_store_relaxed_32(&sleeping, 0);
}

/* --- waiting --- */

struct round {
    bool signal;     /* send signals to those that are asked in vain */
    bool early;      /* only to those whom that is known of */
    bool warn;       /* and name one of them */
    bool sent;       /* a signal */
    unsigned asked;  /* how many have not answered yet */
    int32_t warn_of; /* 0: nobody */
};

/* Pairs with tpi_answer's release. */
static bool has_answered(const struct tpi_mutator *mutator)
{
    return tpi_load_acquire_32(&mutator->answered) == number;
}

/* mutators_lock: it is on the list, so its thread has not ended yet, as it may a moment later. One
   of a round, since that reads a file. */
static void name_straggler(const struct tpi_mutator *mutator, struct round *round)
{
    straggle.signals++;
    if (round->sent)
        return;
    round->sent = true;
    straggle.tid = mutator->tid;
    tpi_os_task_name(mutator->tid, straggle.name);
}

/* mutators_lock. */
static void ask_again(struct tpi_mutator *mutator, struct round *round)
{
    round->asked++;
    bool early =
        round->early && !mutator->signalled && tpi_load_relaxed_32(&mutator->straggles) != 0;
    if ((round->signal || early) && tpi_signal_send(mutator)) {
        mutator->signalled = true;
        tpi_store_relaxed_32(&mutator->straggles, 1);
        name_straggler(mutator, round);
    }
    if (round->warn && !mutator->warned && round->warn_of == 0) {
        mutator->warned = true;
        round->warn_of = mutator->tid;
    }
}

static void answer(const struct tpi_registers *registers, void *mutator)
{
    tpi_answer(mutator, registers);
}

/* It is held. This thread itself may have left the function that began its region. */
static void answer_for(struct tpi_mutator *mutator)
{
    if (mutator == tpi_mutator_self)
        tpi_with_registers(answer, mutator);
    else
        tpi_answer(mutator, &mutator->registers);
}

/* Those who attach meanwhile have number's modes and `answered` of an earlier one: `requested`
   tells them from those who were asked. */
static void go_round(struct round *round)
{
    tpi_mutators_lock();
    struct tpi_mutator *m = tpi_mutators_first();
    while (m != NULL) {
        if (tpi_load_relaxed_32(&m->requested) == number && !has_answered(m)) {
            if (hold(m)) {
                tpi_mutators_unlock();
                answer_for(m);
                tpi_mutators_lock();
                if (!is_parked())
                    let_go(m);
            } else {
                ask_again(m, round);
            }
        }
        m = m->next;
    }
    tpi_mutators_unlock();
}

static void warn(int32_t tid)
{
    char name[TPI_TASK_NAME_BYTES];
    int signal = tpi_signal_number();
    tpi_os_task_name(tid, name);
    const char *reason = "it has not run since";
    if (tpi_signals_kept_back())
        reason = "signals are off (ThreadSanitizer keeps them back)";
    else if (signal == 0)
        reason = "signals are off (TIDEPOOL=gcsignal)";
    else if (tpi_os_task_blocks(tid, signal))
        reason = "it blocks the signal that asks for that";
    tpi_warn("thread %d (%s) has not answered the collector (%s) for 1 s: it neither polls nor is "
             "in a blocking region, and %s; see tp_gc_safepoint and tp_gc_blocking_begin",
             (int)tid, name, names[asked], reason);
}

static void sleep_on(uint32_t seen, int64_t timeout_ns)
{
    tpi_store_relaxed_32(&sleeping, 1);
    tpi_fence_full(); /* pairs with the one in tpi_handshake_wake */
    if (tpi_load_relaxed_32(&answers) == seen)
        tpi_os_wait_on(&answers, seen, timeout_ns);
    tpi_store_relaxed_32(&sleeping, 0);
}

static bool spin(uint32_t seen, unsigned *spins)
{
    while (*spins > 0 && tpi_load_relaxed_32(&answers) == seen) {
        tpi_pause();
        --*spins;
    }
    return *spins > 0;
}

static void wait_for_all(void)
{
    int64_t start = tpi_os_now_ns(), sleep = SLEEP_NS_MIN;
    int64_t next_signal = SIGNAL_NS, next_stalled = STALL_NS; /* since start */
    unsigned spins = SPINS_MAX, signals = 0;
    for (;;) {
        uint32_t seen = tpi_load_acquire_32(&answers);
        int64_t waited = tpi_os_now_ns() - start;
        struct round round = {.signal = waited >= next_signal,
                              .early = waited >= EARLY_NS,
                              .warn = waited >= STALL_NS};
        if (round.signal)
            next_signal = waited + (++signals < SIGNALS_MAX ? SIGNAL_NS : STALL_NS);
        go_round(&round);
        if (round.warn_of != 0)
            warn(round.warn_of);
        if (round.asked == 0)
            return;
        if (spin(seen, &spins))
            continue;
        if (waited >= next_stalled && tpi_cycle_stalled != NULL) {
            tpi_cycle_stalled();
            next_stalled = waited + STALLED_NS;
        }
        sleep_on(seen, sleep);
        sleep = tpi_min(sleep * 2, (int64_t)SLEEP_NS_MAX);
    }
}

void tpi_handshake(enum tpi_handshake kind)
{
    ask(kind);
    wait_for_all();
}
