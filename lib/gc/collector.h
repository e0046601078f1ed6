/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/gc: the collector's protocol, and what its files promise each other.

   On the fly, non-moving, tri-colour mark-sweep: Dijkstra's insertion barrier with grey stacks
   (Dijkstra, Lamport et al. 1978), soft handshakes (Doligez and Leroy 1993, Doligez and Gonthier
   1994). White: not marked. Grey: marked, and in a mark buffer. Black: marked, and its fields were
   read.

   ONE CYCLE, as the collecting thread (the service thread, or whoever runs the cycle) sees it:
   1. All spans are swept (each cycle ends with that). Choose the other colour of two.
   2. Handshake BARRIER: each mutator turns its barrier on.
   3. Pools of collected objects are closed to the inlined path; all caches rotate; what that dooms
      is dropped. Handshake BLACK: each mutator marks what is left of its runs, and from now on marks
      each run that it takes. So what it allocates is black.
   4. Global roots are read: root ranges, pins, pooled objects, magazines of collected objects, root
      arenas, cleanups' arguments.
   5. Drain: take grey objects, shade what their fields point to, until no buffer has any and nobody
      is at it.
   6. Handshake SCAN: each mutator shades what its stack and registers point to, and hands its mark
      buffer over. If anything was shaded or handed over in this round, by anybody: 5.
   7. Under the weak lock: if nothing was since the round began, marking is over (`terminated`);
      otherwise 5.
   8. Weak references to white objects are cleared; cleanups of white objects are queued.
   9. The sweep epoch goes up: every span is unswept. Handshake OFF: barrier off, allocate white; a
      mutator takes runs only from spans that are swept in the epoch it has seen.
   10. All spans are swept: slots that are allocated and white are free. Pools open again.
   11. Cleanups run.

   INVARIANTS
   C1. While a mutator's barrier is off no object is black. (2 ends before 3 begins.)
   C2. From the end of 3 to the end of marking, a black object points at no white object but through
       a slot whose store is under way, and that store's value is shaded before.
   C3. A white object that is reachable is reachable by white objects from a mutator's stack, or is
       in a mark buffer's objects' reach.
   C4. In a round that nobody shaded anything in, stacks hold no pointer to a white object: a
       mutator that has answered can load a white pointer only from a grey or white object, hence
       only if one that had not answered yet held it or its shading; and that one then finds it.
   C5. Nobody sweeps between 1 and the end of 9. Nobody marks between 9's end and the next 3.
   C6. A mark of the other colour is no mark. So a mutator that answers OFF late, and marks a run in
       a span that another one has swept, does no harm; sweeping clears all marks.

   ANSWERING. A handshake asks each mutator on the list (`requested`), and sets its poll flag. It is
   answered exactly once, by one of
   - the mutator, at a poll: entry and exit of the allocator's slow path, tp_gc_safepoint, a store's
     slow path after its store, the ends of blocking regions, pool slow paths;
   - the collecting thread, while the mutator is in a blocking region: state BLOCKED -> HELD by CAS,
     answer, HELD -> BLOCKED. The mutator leaves by CAS BLOCKED -> RUNNING; where that fails it waits;
   - the signal handler in that thread (signal.c), if in_runtime is 0; else the exit of the runtime
     polls. In a barrier's block it first sets the instruction pointer back to the block's start.
     It does not answer PARK where its thread holds one of the library's locks.
   Whoever answers takes no lock and calls no libc function that is not async-signal-safe.
   A mutator that attaches counts as having answered; it takes over the modes asked for last. One
   that detaches hands its buffer over and leaves the list, both under mutators_lock.

   Any runtime code of a mutator that a signal handler must not see half done lies between
   tpi_runtime_enter and tpi_runtime_leave.

   RUNS AND SPANS. alloc_bits: 1 = allocated, or in a mutator's run. A run is taken in this order:
   zero it; mark it (if black); set its alloc bits (release). A conservative hit reads the alloc bit,
   then the mark. Slots above a run's next are the mutator's own through sweeps: they were marked
   when the run was taken, or at BLACK. A span has one owner (a mutator) or none; only its owner takes
   runs, only under its own in_runtime.
   swept: even = swept in that epoch; odd = somebody is at it. Whoever wins the CAS from the last
   epoch sweeps.

   MARKS are bytes, so that setting one is a plain store: two threads that shade one object at once
   push it twice, and it is scanned twice. TPI_MARK_LOST: shaded, but there was no memory for a
   buffer; the drain then looks for such marks in all spans.

   Locks, in order: COLLECTOR, MUTATORS, ROOTS, WEAK, LAYOUTS (interning), LAYOUT (one layout's
   spans), then the heap's. The collecting thread waits for answers with COLLECTOR alone. */
#ifndef TPI_GC_COLLECTOR_H
#define TPI_GC_COLLECTOR_H

#include <pthread.h>

#include "gc/gc.h"

enum {
    TPI_LAYOUTS_MAX = 8192,
    TPI_RUN_BYTES_MAX = 4096, /* of a run: what is zeroed at once */
    TPI_EDITS_MAX = 8,
    TPI_PIECE_BYTES = 128 << 10 /* of a large object, scanned at once */
};

/* Mark bytes. */
enum tpi_mark {
    TPI_MARK_WHITE = 0,
    TPI_MARK_EVEN = 1, /* the two colours; a cycle has one */
    TPI_MARK_ODD = 2,
    TPI_MARK_LOST = 4, /* with a colour: grey, and in no buffer */
    TPI_MARK_CHECK = 8 /* checkmark's second marking */
};

/* n marks in a row become the same. */
#if defined(TPI_THREAD_SANITIZER)
static inline void tpi_marks_fill(uint8_t *marks, size_t n, uint8_t mark)
{
    for (size_t i = 0; i < n; i++)
        __atomic_store_n(&marks[i], mark, __ATOMIC_RELAXED);
}
#else
static inline void tpi_marks_fill(uint8_t *marks, size_t n, uint8_t mark)
{
    memset(marks, mark, n);
}
#endif

/* --- layouts: layout.c. Interned: types of one size class with pointers at the same places share
   one, and its spans. Immutable once published; never freed --- */

enum tpi_layout_flags {
    TPI_LAYOUT_POOLED = 1, /* collected objects of a pool */
    TPI_LAYOUT_ROOT = 2    /* a pool's explicit objects: each allocated slot is a root, never swept */
};

struct tpi_layout {
    uint32_t number;     /* place in mutators' tables; from 1 */
    uint32_t size_class; /* 0: large objects */
    uint32_t slot_bytes; /* 0: large */
    uint32_t flags;
    /* Bit i of head: word i may be a pointer, for the first head_words; behind them the pattern of
       tail_words is repeated up to the object's end (0: nothing). Leaf: both 0. Conservative:
       head_words 0, tail_words 1. head_words and tail_words up to 64 have their bits in the first
       word of head, tail. */
    uint32_t head_words, tail_words;
    const uint64_t *head, *tail;
    uint64_t head_bits, tail_bits; /* the first words of those */
    bool leaf;
    const char *name; /* the type's that came first; our copy */

    /* Spans. */
    struct tpi_lock lock TPI_ALIGNED(TPI_CACHE_LINE); /* rank LAYOUT */
    struct tpi_span **spans; /* all of this layout: `few`, or from pages. Where one goes, the last one
                                takes its place; so a walk that unlocks meanwhile goes downwards */
    uint32_t count, room;
    uint32_t cursor; /* who wants a span sweeps from here upwards; those below were looked at */
    struct tpi_span *partial, *partial_last; /* without owner, with free slots; by next, previous */
    struct tpi_span *few[4];
};

/* Layout numbers that exist from the start. */
static inline uint32_t tpi_layout_leaf(unsigned size_class)
{
    return 1 + size_class; /* size_class 0: large */
}

static inline uint32_t tpi_layout_conservative(unsigned size_class)
{
    return 1 + TP_DETAIL_CLASSES + size_class;
}

struct tpi_layout *tpi_layout_numbered(uint32_t number);
uint32_t tpi_layout_count(void); /* numbers below this, from 1, are in use; acquire */
enum tpi_form { TPI_FORM_SINGLE, TPI_FORM_ARRAY, TPI_FORM_FLEX };
/* For one object of `bytes`; where no number is left, the conservative layout of that size. NULL:
   ENOMEM. */
struct tpi_layout *tpi_layout_of(const tp_gc_type *type, enum tpi_form form, size_t bytes,
                                 uint32_t flags);
void tpi_layouts_start(void); /* before the first use of any; again is nothing */
struct tpi_mutator;
/* Fork: LAYOUTS and all layouts' locks. */
void tpi_layouts_lock_all(void);
void tpi_layouts_unlock_all(void);
void tpi_layouts_reset_in_child(const struct tpi_mutator *survivor); /* spans of others: nobody's */
/* A span of a layout, and one no more. Under its lock; add: false: ENOMEM. */
bool tpi_layout_span_add(struct tpi_layout *layout, struct tpi_span *span);
void tpi_layout_span_remove(struct tpi_layout *layout, struct tpi_span *span);
/* The list of those without owner. Under the layout's lock. */
void tpi_partial_add(struct tpi_layout *layout, struct tpi_span *span);
void tpi_partial_remove(struct tpi_layout *layout, struct tpi_span *span);

/* --- mutators: mutator.c --- */

enum tpi_mutator_state {
    TPI_RUNNING = 0,
    TPI_BLOCKED = 1,
    TPI_HELD = 2,
    TPI_AWAITED = 3 /* HELD, and its thread sleeps until it is not */
};

enum tpi_handshake { /* step of the protocol above */
    TPI_SHAKE_NONE,
    TPI_SHAKE_BARRIER,
    TPI_SHAKE_BLACK,
    TPI_SHAKE_SCAN,
    TPI_SHAKE_OFF,
    TPI_SHAKE_PARK /* stw and checks: waits, as if in a blocking region, until the world goes on */
};

#if defined(__aarch64__)
enum { TPI_SAVED_REGISTERS = 20 };
#else
enum { TPI_SAVED_REGISTERS = 6 };
#endif
struct tpi_registers {
    uintptr_t sp;
    uintptr_t saved[TPI_SAVED_REGISTERS]; /* callee-saved */
};

/* A registered coroutine stack. */
struct tpi_stack_range {
    uintptr_t low, high;
    struct tpi_stack_range *next;
};

struct tpi_buffer;

struct tpi_owned { /* what a run was taken from */
    struct tpi_span *span;
    uint32_t epoch; /* in which the span was swept when this began: */
    uint16_t slot;  /* slots below were looked at */
    bool listed;    /* in layouts_used */
};

/* Type-stable: given from one thread to the next. */
struct tpi_mutator {
    struct tpi_mutator *next, *previous; /* mutators_lock */
    struct tp_detail_gc_self *self;      /* the thread's; valid while on the list */
    struct tp_detail_gc_run *runs;       /* TPI_LAYOUTS_MAX */
    struct tpi_owned *owned;             /* TPI_LAYOUTS_MAX */
    uint32_t *layouts_used;              /* numbers; for walking the runs */
    uint32_t layouts_used_count;         /* written by the owner in its runtime, release */

    uint32_t state;                      /* atomic: enum tpi_mutator_state */
    uint32_t requested, answered;        /* atomic: numbers of handshakes */
    uint32_t in_runtime;                 /* the owner's and its handler's */
    uint32_t blocking_depth;             /* the owner's */
    struct tpi_registers registers;      /* of a BLOCKED mutator */

    enum tpi_mark color;                 /* runs are marked with this; WHITE: not at all */
    uint32_t epoch;                      /* the sweep epoch that it has seen */
    struct tpi_buffer *buffer;           /* what its barriers shaded */
    void *edits[TPI_EDITS_MAX];          /* objects under plain stores */
    uint32_t edit_count;
    struct tpi_stack_range *stacks;      /* own coroutine stacks; changed in_runtime */
    uintptr_t stack_low, stack_high;     /* the thread's own stack */
    bool stack_grows;                    /* not all of it is mapped */
    uint64_t stack_bytes;                /* atomic: of its stacks, at the last SCAN */

    int32_t tid;
    pthread_t thread;
    bool signalled, warned;              /* in this handshake; the collecting thread's */
    int64_t assist_debt;                 /* bytes of marking that it owes */

    /* Counters: owner writes, anybody reads. */
    uint64_t allocated_slots, allocated_bytes; /* in runs that were taken, large objects too */
    uint64_t held_up_max_ns, held_up_total_ns; /* of this cycle; taken by the collecting thread */
};

extern __thread struct tpi_mutator *tpi_mutator_self; /* NULL: not attached; initial-exec */

/* The calling thread's, attached now if need be; NULL: ENOMEM. */
struct tpi_mutator *tpi_mutator_ensure(void);
void tpi_runtime_enter(struct tpi_mutator *mutator);
/* Polls where something was asked meanwhile. */
void tpi_runtime_leave(struct tpi_mutator *mutator);
/* Answers if asked. in_runtime is 1 and the caller holds no lock and nothing half done. */
void tpi_mutator_poll(struct tpi_mutator *mutator);
/* A call of the owner's took since start_ns for the collector's sake. */
static inline void tpi_held_up(struct tpi_mutator *mutator, int64_t start_ns)
{
    uint64_t ns = (uint64_t)(tpi_os_now_ns() - start_ns);
    if (ns > tpi_load_relaxed_64(&mutator->held_up_max_ns))
        tpi_store_relaxed_64(&mutator->held_up_max_ns, ns);
    tpi_store_relaxed_64(&mutator->held_up_total_ns,
                         tpi_load_relaxed_64(&mutator->held_up_total_ns) + ns);
}
/* For who was HELD: back to RUNNING as soon as it is let. Async-signal-safe. */
void tpi_mutator_resume(struct tpi_mutator *mutator);
/* mutators_lock, and the list of all that are attached, by `next`. */
void tpi_mutators_lock(void);
void tpi_mutators_unlock(void);
struct tpi_mutator *tpi_mutators_first(void);
/* Calls visit for each mutator, under mutators_lock. */
void tpi_mutators_visit(void (*visit)(struct tpi_mutator *mutator, void *context), void *context);
/* By fork.c. The child keeps the calling thread's record alone, in the modes that tpi_modes says,
   with nothing asked and no mark buffer; the others' tables are emptied, their spans are the
   caller's to free. No world is parked there. */
void tpi_mutators_fork_prepare(void);
void tpi_mutators_fork_parent(void);
void tpi_mutators_fork_child(void);

/* --- handshake.c: the collecting thread's side --- */

/* Sets tpi_modes, asks all, and returns when all have answered. The caller is itself in a blocking
   region, if attached, and holds no lock. In a parked world it answers for all. */
void tpi_handshake(enum tpi_handshake kind);
void tpi_world_release(void); /* after PARK */
bool tpi_asked_to_park(void); /* a mutator that has not answered */
/* For who attaches: under mutators_lock, which it lets go of while the world is parked. */
void tpi_world_wait(void);
void tpi_world_fork_child(void);
/* Something changed that the collecting thread may wait for. Async-signal-safe. */
void tpi_handshake_wake(void);
/* The modes that a mutator has that answers, or attaches, now. */
struct tpi_modes {
    bool barrier;
    enum tpi_mark color; /* WHITE: allocate white */
    uint32_t epoch;
};
extern struct tpi_modes tpi_modes; /* written by tpi_handshake under mutators_lock; by fork.c */
/* The owner, the collecting thread for it while it is held, or both are one. */
void tpi_modes_adopt(struct tpi_mutator *mutator);
/* Who had to be asked by a signal since tpi_straggle_clear, for gctrace. The collecting thread's. */
struct tpi_straggle {
    uint64_t signals; /* sent */
    char name[16];    /* of the last one; "" where none was */
    int32_t tid;
};
void tpi_straggle_clear(void);
void tpi_straggle_read(struct tpi_straggle *straggle);
/* Acts on what was asked, for a mutator whose registers and stack pointer are given; answers.
   Called by whoever answers (see ANSWERING). Keeps errno. */
void tpi_answer(struct tpi_mutator *mutator, const struct tpi_registers *registers);

/* --- stack.c --- */

/* Calls fn with the calling thread's callee-saved registers and stack pointer, at or below which
   its caller's frames lie. */
void tpi_with_registers(void (*fn)(const struct tpi_registers *registers, void *context),
                        void *context);
/* Shades what a mutator's stacks, registers and edited objects point to; how many were white. */
size_t tpi_stacks_scan(struct tpi_mutator *mutator, const struct tpi_registers *registers);
void tpi_stacks_free(struct tpi_stack_range *stacks); /* the list's nodes; no lock, not in_runtime */

/* --- signal.c --- */

/* A real-time signal's number; 0: none. Once, at start. */
void tpi_signal_start(int number);
int tpi_signal_number(void); /* 0: none are sent */
/* Under mutators_lock, so that the thread is still there. False: it was not sent. */
bool tpi_signal_send(struct tpi_mutator *mutator);

/* --- mark.c, worklist.c --- */

extern enum tpi_mark tpi_mark_color; /* this cycle's; written between cycles */

/* Shades what the word points into, if that is a white collected object; whether it was. exact:
   the word is from a precise field (no look at the alloc bits). buffer: where it goes. */
bool tpi_shade(struct tpi_buffer **buffer, uintptr_t word, bool exact);
/* The same for each aligned word in [from, to), read with volatile loads; how many were white. */
size_t tpi_shade_words(struct tpi_buffer **buffer, uintptr_t from, uintptr_t to);
/* Shades what an object's fields point to now, whatever its colour. */
void tpi_shade_fields(struct tpi_buffer **buffer, void *object);
/* Hands a buffer over; *buffer becomes NULL. Whether there was anything in it. */
bool tpi_buffer_hand_over(struct tpi_buffer **buffer);
/* Forgets what is in it. */
void tpi_buffer_discard(struct tpi_buffer **buffer);
/* Something became grey since tpi_found_clear; set by every handing over, and by shading that finds
   no buffer. */
void tpi_found_clear(void);
bool tpi_found(void);
/* Scans up to about `bytes` bytes of grey objects; how many it did. Any thread, in_runtime; leaves
   nothing in its own hands. */
size_t tpi_mark_some(size_t bytes);
/* Until nothing is grey in any buffer and nobody is in tpi_mark_some. The collecting thread's. */
void tpi_mark_drain(void);
void tpi_mark_begin(enum tpi_mark color);
uint64_t tpi_marked_bytes(void); /* of slots, in this cycle */
/* So many threads mark beside the collecting one, from the next drain on; 0: a quarter of the cores,
   less one. */
void tpi_workers_start(unsigned n);
/* Nothing is grey in a fork's child, and nobody marks. */
void tpi_mark_fork_child(void);
bool tpi_object_is_marked(const void *object); /* of this cycle's colour */

/* --- roots.c --- */

void tpi_roots_scan(void);
void tpi_roots_hold(void); /* the roots lock: no range is added or removed */
void tpi_roots_let_go(void);
void tpi_roots_fork_child(void); /* instead of tpi_roots_let_go */
uint64_t tpi_roots_bytes(void);  /* of root ranges, now */

/* --- transfer.c --- */

/* Shades the objects that tp_gc_shade keeps alive; each counts for two cycles. Step 4. */
void tpi_handed_scan(struct tpi_buffer **buffer);

/* --- alloc.c --- */

void *tpi_gc_alloc_layout(struct tpi_layout *layout, size_t bytes); /* bytes: of a large one */
/* What BLACK does to a mutator's runs. Owner, its handler, or the collecting thread for it. */
void tpi_runs_mark(struct tpi_mutator *mutator);
/* A mutator ends: slots that it did not use are free again, its spans nobody's. */
void tpi_runs_release(struct tpi_mutator *mutator);

/* --- rooted.c --- */

/* Shades what pools' explicit objects point to. The collecting thread's. */
void tpi_rooted_scan(struct tpi_buffer **buffer);

/* --- sweep.c --- */

void tpi_sweep_begin(void); /* the epoch goes up; before OFF */
void tpi_sweep_all(void);   /* after OFF has ended */
/* Sweeps one span unless it is in `epoch` already; afterwards it is. Returns free slots. */
uint32_t tpi_span_sweep(struct tpi_span *span, uint32_t epoch);
/* A span of the layout with free slots, swept in `epoch`, and now the mutator's; NULL: none. */
struct tpi_span *tpi_sweep_for(struct tpi_layout *layout, struct tpi_mutator *mutator);
/* The owner, in its runtime, gives a span up. Under the layout's lock. */
void tpi_span_disown(struct tpi_layout *layout, struct tpi_span *span);
uint32_t tpi_sweep_epoch(void);

/* What the sweeps freed since the process began, and what the last ended one left: of slots' bytes,
   large objects' too. Any thread; approximate during a sweep. */
struct tpi_sweep_counts {
    uint64_t freed_objects, freed_bytes;
    uint64_t live_objects, live_bytes;
};
void tpi_sweep_counts(struct tpi_sweep_counts *counts);

/* --- pacer.c: what it wants to know of allocation. No lock held, in_runtime 0 --- */

/* Before pages for `bytes` are taken; may wait for a cycle. False: the memory limit cannot be held:
   the allocation ends in ENOMEM. */
bool tpi_pacer_admit(size_t bytes);
/* A span or a large object of `bytes` was taken; may start a cycle and assists marking. */
void tpi_pacer_allocated(struct tpi_mutator *mutator, size_t bytes);

/* One whole cycle, unless one ended just now and left too little: whether there was one. For who
   was refused memory; then it tries once more. */
bool tpi_pacer_make_room(size_t bytes);

/* The collecting thread, about its cycle: allocation is about to be black; marking is over. */
void tpi_pacer_marking_begins(void);
void tpi_pacer_marking_ended(void);

struct tpi_pacer_counts {
    int percent;
    uint64_t live;     /* bytes of collected objects, those in runs too; approximate */
    uint64_t explicit_bytes; /* of explicit spans */
    uint64_t goal;     /* of both; UINT64_MAX: never by growth */
    uint64_t marked;   /* by the last cycle */
    uint64_t stacks, roots; /* bytes that it searched */
    uint64_t assist_ns; /* of mutators' time, since the start */
};
void tpi_pacer_read(struct tpi_pacer_counts *counts);

void tpi_pacer_marked(void); /* by assist.c: the goal follows from what was marked */
/* assist.c's part, under the pacer's lock. */
uint64_t tpi_growth_live(void); /* no lock */
void tpi_growth_read(struct tpi_pacer_counts *counts);
void tpi_growth_set(int percent, uint64_t room); /* room: what the limit leaves, in live bytes */
uint64_t tpi_growth_left(void); /* bytes until the next cycle, and a tenth more; no lock */

/* --- stats.c: a cycle's times --- */

enum tpi_clock_phase { TPI_CLOCK_SETUP, TPI_CLOCK_MARK, TPI_CLOCK_FINISH, TPI_CLOCK_SWEEP };
enum { TPI_CLOCK_PHASES = 4 };

struct tpi_cycle_clock {
    bool forced;
    enum tpi_clock_phase phase;
    int64_t begun_ns, phase_ns, phase_cpu_ns; /* when, and at what of the thread's own time */
    int64_t wall_ns[TPI_CLOCK_PHASES], cpu_ns[TPI_CLOCK_PHASES];
    uint64_t heap_begin, heap_end, goal;
};
void tpi_clock_start(struct tpi_cycle_clock *clock, bool forced);
void tpi_clock_step(struct tpi_cycle_clock *clock, enum tpi_clock_phase to);
void tpi_clock_stop(struct tpi_cycle_clock *clock); /* and what is told of the cycle */
/* Takes the counters of a mutator that leaves. Under mutators_lock. */
void tpi_stats_retire(struct tpi_mutator *mutator);

/* --- pooled.c --- */

/* Pools of collected objects: closed to the inlined path, or open again. */
void tpi_pooled_close(bool close);
/* Step 4, and checkmark's walk: what idles in them; root arenas' chunks. */
void tpi_pooled_scan(struct tpi_buffer **buffer);
void tpi_chunks_scan(struct tpi_buffer **buffer);
void tpi_chunks_release_parked(void); /* marking is over; no lock held */
/* fork: the lock of both, of rank ROOTS, after roots.c's. */
void tpi_pooled_fork_prepare(void);
void tpi_pooled_fork_parent(void);
void tpi_pooled_fork_child(void);

/* --- fork.c: what a fork's child finds --- */

enum tpi_phase {
    TPI_PHASE_IDLE,
    TPI_PHASE_MARKING, /* from the choice of the colour to the end of step 8 */
    TPI_PHASE_SWEEPING /* from the new epoch to the end of step 10 */
};
/* The collecting thread's. With SWEEPING the sweep begins: no fork finds the one without the
   other. */
void tpi_phase_set(enum tpi_phase to);
/* How often marking was abandoned: in a child whose parent was marking when it forked. */
uint64_t tpi_phase_abandoned(void);
/* All spans are swept. Clears the marks that abandoned marking left. */
void tpi_phase_clear_marks(void);

/* --- cleanups.c, weak.c --- */

/* Under the weak lock, at step 7: if nothing was found, marking is over. */
bool tpi_weak_terminate(void);
void tpi_weak_clear(void);    /* step 8; the end of "marking is over" */
void tpi_cleanups_find(void); /* step 8 */
void tpi_cleanups_scan(void); /* step 4: the arguments */
void tpi_cleanups_run(void);  /* step 11; callbacks, no lock */
/* The layout of the collected object that begins at `object`; NULL: it is none. An explicit object
   of a pool is none. */
const struct tpi_layout *tpi_object_layout(const void *object);
/* fork: the locks of both. */
void tpi_cleanups_fork_prepare(void); /* weak.c's part of them */
void tpi_cleanups_fork_parent(void);
void tpi_cleanups_fork_child(void);
void tpi_weak_fork_prepare(void);
void tpi_weak_fork_parent(void);
void tpi_weak_fork_child(void);

/* --- checks.c, wbcheck.c: TIDEPOOL=checkmark, wbcheck, scribble --- */

/* What a report says of an object. */
struct tpi_named {
    struct tpi_span *span;
    unsigned slot;
    uintptr_t start;
    size_t bytes;
    const char *name; /* its layout's */
};
/* The collected or rooted object that holds the address; a free slot is none. */
bool tpi_check_name(uintptr_t address, struct tpi_named *named);

/* checkmark. The world is parked, marking is over, weak references are not cleared yet: marks all
   that is reachable once more and aborts where something is not marked in this cycle's colour. */
void tpi_check_marks(void);
/* While it does so tpi_shade hands what it finds to tpi_check_visit instead: tpi_mark_color is
   TPI_MARK_CHECK then, which no mark equals, so that the test is on the path of the unmarked.
   Returns false. */
extern bool tpi_check_marking;
bool tpi_check_visit(uintptr_t word);

/* wbcheck; all but begin and compare by any thread, and only with the option on. Called by
   - begin: the collecting thread, before the handshake BARRIER;
   - scanned: whoever is about to read the words of an object, of a piece of one, or of a root range;
   - log: a barrier's slow path, for each slot; tp_gc_edit_end for all of its object;
   - forget: tp_gc_root_remove and the like, before the memory may go, under the roots lock;
   - compare: the collecting thread, the world parked, marking over. Aborts at a missed store. */
void tpi_wbcheck_begin(void);
void tpi_wbcheck_scanned(const void *from, size_t bytes);
void tpi_wbcheck_log(const void *slot, size_t words);
void tpi_wbcheck_forget(const void *from, size_t bytes);
void tpi_wbcheck_compare(void);

#endif
