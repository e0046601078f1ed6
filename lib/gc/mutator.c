/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutators: threads that are attached, from the first call that needs it to the thread's end.

   A mutator's life:
   1. Attached: a record from the free list, or a new one, gets the thread's stack bounds and the
      modes that were asked for last, and is published on the list, all under mutators_lock; so no
      handshake misses it, and none waits for it that was asked before.
   2. RUNNING. It answers at its polls (tpi_runtime_leave is one), or its signal handler does while
      in_runtime is 0. poll is set before requested by who asks: one who finds the request by other
      means than poll must not clear it too early, and find it set for ever. It is cleared by who
      answers before answered is stored; the next request comes after that, so no poll is lost.
   3. In a blocking region: tp_gc_blocking_begin (stack.c's stub) gives its registers and stack
      pointer to tpi_blocking_began, which stores them and then, as a release, BLOCKED. Pairs with
      the CAS to HELD of the collecting thread, which now may do to the record what its owner may.
      The CAS from BLOCKED to RUNNING pairs with the release that ends the hold. An owner that comes
      while it is held sleeps on the state word (AWAITED). In the region it finds no runs: so a use
      of the heap there comes to tpi_mutator_ensure, and aborts, as it does in a thread that was
      cancelled in a region, until our exit handler has run. With wbcheck, and in a checked
      build, it is trapped: it finds its barrier on as well, so that each store comes there too.
      `barrier` has what its answers made of it, and comes back at the end.
   4. Its end: by tp_gc_thread_detach or an exit handler. Spans and runs are given back, then, under
      mutators_lock, the mark buffer is handed over and the record leaves the list.

   Exit handlers that allocate attach their thread again. libc calls each key's handler in four
   rounds at most; whoever attached behind the last call of ours would stay on the list for ever. So
   ours marks the thread anew, to see how many there were, and after EXIT_ROUNDS of them attaching
   ends in ENOMEM. (Not four: a thread that an exit handler attached first came in a round that
   nobody counted.)

   Locks: mutators_lock (rank MUTATORS), for the list, for attaching and leaving, and for asking. */
#include "gc/collector.h"

enum { EXIT_ROUNDS = 2 };

static struct tp_detail_gc_run no_runs[TPI_LAYOUTS_MAX];

/* A thread that is not attached seems to mark: its first store goes out of line, and attaches it.
 */
__thread struct tp_detail_gc_self tp_detail_gc_self = {no_runs, 1, 0};
__thread struct tpi_mutator *tpi_mutator_self __attribute__((tls_model("initial-exec")));
static __thread bool fork_in_region __attribute__((tls_model("initial-exec")));
static __thread unsigned exit_rounds __attribute__((tls_model("initial-exec")));

static struct tpi_lock mutators_lock = TPI_LOCK_INIT(TPI_RANK_MUTATORS);
static struct tpi_mutator *all;          /* mutators_lock */
static struct tpi_mutator *free_records; /* mutators_lock */
static bool exit_is_hooked;              /* mutators_lock */

void tpi_mutators_lock(void)
{
    tpi_lock(&mutators_lock);
}

void tpi_mutators_unlock(void)
{
    tpi_unlock(&mutators_lock);
}

struct tpi_mutator *tpi_mutators_first(void)
{
    return all;
}

void tpi_mutators_visit(void (*visit)(struct tpi_mutator *mutator, void *context), void *context)
{
    tpi_lock(&mutators_lock);
    for (struct tpi_mutator *mutator = all; mutator != NULL; mutator = mutator->next)
        visit(mutator, context);
    tpi_unlock(&mutators_lock);
}

/* --- runtime sections and polls --- */

/* What the thread's own signal handler sees in this order. */
static void in_runtime_set(struct tpi_mutator *mutator, uint32_t depth)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    tpi_store_relaxed_32(&mutator->in_runtime, depth);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void tpi_runtime_enter(struct tpi_mutator *mutator)
{
    in_runtime_set(mutator, mutator->in_runtime + 1);
}

/* Nobody answers for himself in a blocking region: the collecting thread may be at it. Only the
   owner goes to RUNNING and leaves it, so its own look is exact. */
static bool is_running(const struct tpi_mutator *mutator)
{
    return tpi_load_relaxed_32(&mutator->state) == TPI_RUNNING;
}

static bool is_asked(const struct tpi_mutator *mutator)
{
    return tpi_load_relaxed_32(&mutator->self->poll) != 0 && is_running(mutator);
}

void tpi_runtime_leave(struct tpi_mutator *mutator)
{
    if (mutator->in_runtime > 1) {
        in_runtime_set(mutator, mutator->in_runtime - 1);
        return;
    }
    for (;;) {
        in_runtime_set(mutator, 0);
        if (tpi_likely(!is_asked(mutator)))
            return;
        in_runtime_set(mutator, 1); /* a signal that came before found it set */
        tpi_mutator_poll(mutator);
    }
}

static void answer(const struct tpi_registers *registers, void *mutator)
{
    tpi_answer(mutator, registers);
}

void tpi_mutator_poll(struct tpi_mutator *mutator)
{
    /* Pairs with the release in tpi_handshake. */
    if (!is_running(mutator) ||
        tpi_load_acquire_32(&mutator->requested) == tpi_load_relaxed_32(&mutator->answered))
        return;
    tpi_store_relaxed_32(&mutator->straggles, 0);
    tpi_with_registers(answer, mutator);
}

void tp_detail_gc_safepoint(void)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    if (mutator == NULL)
        return;
    tpi_runtime_enter(mutator);
    tpi_runtime_leave(mutator);
}

/* --- blocking regions --- */

void tpi_blocking_began(const struct tpi_registers *registers, struct tpi_mutator *mutator);

/* Called by tp_gc_blocking_begin in an attached thread. */
__attribute__((used)) void tpi_blocking_began(const struct tpi_registers *registers,
                                              struct tpi_mutator *mutator)
{
    if (mutator->blocking_depth++ != 0)
        return;
    if (tpi_unlikely(is_asked(mutator))) {
        tpi_runtime_enter(mutator);
        tpi_runtime_leave(mutator);
    }
    /* Word by word, as the stub pushed them: wider loads would wait for those stores. */
    mutator->registers.sp = registers->sp;
    for (unsigned i = 0; i < TPI_SAVED_REGISTERS; i++)
        tpi_store_relaxed_64(&mutator->registers.saved[i],
                             tpi_load_relaxed_64(&registers->saved[i]));
    tpi_fake_stack_ask(mutator);
    tp_detail_gc_self.runs = no_runs;
    if (tpi_unlikely(tpi_checked || tpi_gc_options.wbcheck)) {
        mutator->trapped = true;
        tpi_store_relaxed_32(&tp_detail_gc_self.marking, 1);
    }
    tpi_store_release_32(&mutator->state, TPI_BLOCKED); /* pairs with hold() in handshake.c */
}

/* RUNNING again. No signal's handler answers in between. */
static TPI_COLD void untrap(struct tpi_mutator *mutator)
{
    uint32_t depth = mutator->in_runtime;
    in_runtime_set(mutator, depth + 1);
    mutator->trapped = false;
    tpi_store_relaxed_32(&tp_detail_gc_self.marking, mutator->barrier);
    in_runtime_set(mutator, depth);
}

void tpi_mutator_resume(struct tpi_mutator *mutator)
{
    enum { SPINS_MAX = 200 };
    for (unsigned spins = 0;; spins++) {
        uint32_t state = TPI_BLOCKED;
        if (tpi_cas_acq_rel_32(&mutator->state, &state, TPI_RUNNING))
            return;
        if (spins < SPINS_MAX)
            tpi_pause();
        else if (state == TPI_AWAITED || tpi_cas_acq_rel_32(&mutator->state, &state, TPI_AWAITED))
            tpi_os_wait_on(&mutator->state, TPI_AWAITED, 0);
    }
}

static TPI_COLD void resume_held(struct tpi_mutator *mutator)
{
    int64_t start = tpi_os_now_ns();
    tpi_mutator_resume(mutator);
    tpi_held_up(mutator, start);
}

void tp_gc_blocking_end(void)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    if (mutator == NULL)
        return;
    tpi_check(mutator->blocking_depth != 0,
              "tp_gc_blocking_end: this thread is in no blocking region");
    if (--mutator->blocking_depth != 0)
        return;
    uint32_t state = TPI_BLOCKED;
    if (tpi_unlikely(!tpi_cas_acq_rel_32(&mutator->state, &state, TPI_RUNNING)))
        resume_held(mutator);
    if (tpi_unlikely(mutator->trapped))
        untrap(mutator);
    tp_detail_gc_self.runs = mutator->runs;
    if (tpi_unlikely(is_asked(mutator)))
        tp_detail_gc_safepoint();
}

void *tp_gc_blocking_call(void *(*fn)(void *arg), void *arg)
{
    tp_gc_blocking_begin();
    void *result = fn(arg);
    tp_gc_blocking_end();
    return result;
}

/* --- attaching --- */

/* Tables behind the record, in one mapping. */
enum {
    RECORD_BYTES = 4096,
    RUNS_BYTES = TPI_LAYOUTS_MAX * sizeof(struct tp_detail_gc_run),
    OWNED_BYTES = TPI_LAYOUTS_MAX * sizeof(struct tpi_owned),
    USED_BYTES = TPI_LAYOUTS_MAX * sizeof(uint32_t)
};
_Static_assert(sizeof(struct tpi_mutator) <= RECORD_BYTES, "the tables follow a page later");

static struct tpi_mutator *record_make(void)
{
    char *memory = tpi_os_map(RECORD_BYTES + RUNS_BYTES + OWNED_BYTES + USED_BYTES);
    if (memory == NULL)
        return NULL;
    struct tpi_mutator *record = (struct tpi_mutator *)(void *)memory;
    memory += RECORD_BYTES;
    record->runs = (struct tp_detail_gc_run *)(void *)memory;
    record->owned = (struct tpi_owned *)(void *)(memory + RUNS_BYTES);
    record->layouts_used = (uint32_t *)(void *)(memory + RUNS_BYTES + OWNED_BYTES);
    return record;
}

/* mutators_lock. The next thread finds the record as if it were new. */
static void record_give(struct tpi_mutator *record)
{
    for (uint32_t i = 0; i < record->layouts_used_count; i++) {
        record->runs[record->layouts_used[i]] = (struct tp_detail_gc_run){0, 0};
        record->owned[record->layouts_used[i]] = (struct tpi_owned){0};
    }
    tpi_store_relaxed_32(&record->layouts_used_count, 0);
    tpi_stats_retire(record);
    record->self = NULL;
    record->buffer = NULL;
    record->edit_count = 0;
    record->straggles = 0;
    record->stacks = NULL;
    record->blocking_depth = 0;
    record->trapped = false;
    record->uncharged = 0;
    tpi_store_relaxed_64(&record->stack_bytes, 0);
    record->next = free_records;
    free_records = record;
}

void tpi_barrier_adopt(struct tpi_mutator *mutator)
{
    mutator->barrier = tpi_modes.barrier;
    if (!mutator->trapped)
        tpi_store_relaxed_32(&mutator->self->marking, tpi_modes.barrier);
}

void tpi_modes_adopt(struct tpi_mutator *mutator)
{
    mutator->color = tpi_modes.color;
    mutator->epoch = tpi_modes.epoch;
    tpi_barrier_adopt(mutator);
}

/* mutators_lock. In the runtime from the first, so that a signal finds nothing half done. */
static void publish(struct tpi_mutator *record)
{
    record->self = &tp_detail_gc_self;
    record->tid = tpi_os_tid();
    record->in_runtime = 1;
    record->answered = record->requested;
    tpi_store_relaxed_32(&record->state, TPI_RUNNING);
    tpi_modes_adopt(record);
    record->previous = NULL;
    record->next = all;
    if (all != NULL)
        all->previous = record;
    all = record;
    tp_detail_gc_self.runs = record->runs;
    tpi_mutator_self = record;
}

static void thread_exit(void *mark);

/* mutators_lock. The exit handler will run in this thread. */
static bool exit_mark(void)
{
    exit_is_hooked = exit_is_hooked || tpi_os_thread_exit_hook(TPI_EXIT_GC, thread_exit);
    return exit_rounds < EXIT_ROUNDS && exit_is_hooked &&
           tpi_os_thread_mark(TPI_EXIT_GC, &exit_rounds);
}

static TPI_COLD struct tpi_mutator *attach(void)
{
    struct tpi_os_stack stack;
    tpi_start_ensure();
    bool known = tpi_os_stack_bounds(&stack); /* libc may call malloc */
    tpi_lock(&mutators_lock);
    tpi_world_wait();
    struct tpi_mutator *record = free_records;
    if (!known || !exit_mark())
        record = NULL;
    else if (record != NULL)
        free_records = record->next;
    else
        record = record_make();
    if (record != NULL) {
        record->stack_low = stack.low;
        record->stack_high = stack.high;
        record->stack_grows = stack.grows;
        publish(record);
    }
    tpi_unlock(&mutators_lock);
    if (record != NULL)
        tpi_runtime_leave(record);
    else
        errno = ENOMEM;
    return record;
}

struct tpi_mutator *tpi_mutator_ensure(void)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    if (tpi_unlikely(mutator == NULL))
        return attach();
    tpi_check(is_running(mutator),
              "the collected heap was used between tp_gc_blocking_begin and tp_gc_blocking_end, or "
              "in a signal handler");
    return mutator;
}

int tp_gc_thread_attach(void)
{
    return tpi_mutator_ensure() != NULL ? 0 : -1;
}

/* --- leaving --- */

/* mutators_lock. */
static void unlink_record(struct tpi_mutator *record)
{
    if (record->previous != NULL)
        record->previous->next = record->next;
    else
        all = record->next;
    if (record->next != NULL)
        record->next->previous = record->previous;
}

static void detach(struct tpi_mutator *mutator)
{
    struct tpi_stack_range *stacks = mutator->stacks;
    tpi_runtime_enter(mutator);
    tpi_runs_release(mutator);
    tpi_lock(&mutators_lock);
    if (tpi_load_relaxed_32(&mutator->self->marking) != 0)
        tpi_buffer_hand_over(&mutator->buffer);
    else
        tpi_buffer_discard(&mutator->buffer);
    unlink_record(mutator);
    tp_detail_gc_self.runs = no_runs;
    tpi_store_relaxed_32(&tp_detail_gc_self.marking, 1);
    tpi_store_relaxed_32(&tp_detail_gc_self.poll, 0);
    tpi_mutator_self = NULL;
    record_give(mutator);
    tpi_unlock(&mutators_lock);
    tpi_handshake_wake(); /* it may have been the last to answer */
    tpi_stacks_free(stacks);
    tpi_cache_close_here(); /* pools of collected objects: the next get attaches again */
}

void tp_gc_thread_detach(void)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    tpi_check(!tpi_in_callback(), "tp_gc_thread_detach was called in a callback");
    if (mutator == NULL)
        return;
    tpi_check(mutator->blocking_depth == 0, "tp_gc_thread_detach was called between "
                                            "tp_gc_blocking_begin and tp_gc_blocking_end");
    detach(mutator);
}

static void thread_exit(void *mark)
{
    struct tpi_mutator *mutator = tpi_mutator_self;
    if (++exit_rounds < EXIT_ROUNDS && !tpi_os_thread_mark(TPI_EXIT_GC, mark))
        exit_rounds = EXIT_ROUNDS;
    if (mutator == NULL)
        return;
    mutator->blocking_depth = 0;
    if (tpi_load_relaxed_32(&mutator->state) != TPI_RUNNING) /* cancelled in a region */
        tpi_mutator_resume(mutator);
    if (mutator->trapped)
        untrap(mutator);
    detach(mutator);
}

/* --- fork --- */

/* A thread that forks in a blocking region may be held just now, its record half changed: for the
   time of the fork it comes back, so that nobody answers for it. Nothing is locked yet. */
void tpi_collector_fork_claim(void)
{
    struct tpi_mutator *self = tpi_mutator_self;
    fork_in_region = self != NULL && !is_running(self);
    if (fork_in_region)
        tpi_mutator_resume(self);
}

static void fork_return(void)
{
    if (fork_in_region)
        tpi_store_release_32(&tpi_mutator_self->state, TPI_BLOCKED);
}

void tpi_mutators_fork_prepare(void)
{
    tpi_lock(&mutators_lock);
}

void tpi_mutators_fork_parent(void)
{
    tpi_unlock(&mutators_lock);
    fork_return();
}

void tpi_mutators_fork_child(void)
{
    struct tpi_mutator *survivor = tpi_mutator_self;
    struct tpi_mutator *record = all;
    tpi_lock_reset_in_child(&mutators_lock);
    tpi_world_fork_child();
    all = NULL;
    while (record != NULL) {
        struct tpi_mutator *next = record->next;
        if (record != survivor)
            record_give(record);
        record = next;
    }
    if (survivor == NULL)
        return;
    survivor->next = survivor->previous = NULL;
    all = survivor;
    survivor->tid = tpi_os_tid();
    survivor->buffer = NULL;
    survivor->answered = survivor->requested;
    tpi_store_relaxed_32(&survivor->self->poll, 0);
    tpi_modes_adopt(survivor);
    fork_return();
}
