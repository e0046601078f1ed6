/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/gc: the collector's protocol, and what its files promise each other.

   On the fly, non-moving, tri-colour mark-sweep: Dijkstra's insertion barrier with grey stacks
   (Dijkstra, Lamport et al. 1978), soft handshakes (Doligez and Leroy 1993, Doligez and Gonthier
   1994). White: not marked. Grey: marked, and in a mark buffer. Black: marked, and its fields were
   read.

   ONE CYCLE, as the collecting thread (the service thread, or whoever runs the cycle) sees it:
   1. All spans are swept (each cycle ends with that). Choose the other colour of two.
   2. Handshake BARRIER: each mutator turns its barrier on.
   3. Before 2, all caches rotate and what that dooms is dropped (what is allocated between 2 and
      the end of 3 is white, and its first store shades it: so that time is kept short). Now pools
      of collected objects are closed to the inlined path. Handshake BLACK: each mutator marks what
      is left of its runs, and from now on each run that it takes. So what it allocates is black.
   4. Global roots are read: root ranges, pins, pooled objects, magazines of collected objects, root
      arenas, cleanups' arguments.
   5. Drain: take grey objects, shade what their fields point to, until no buffer has any and nobody
      is at it.
   6. `found` is cleared and 5 repeated, for what came in between. Handshake SCAN: each mutator
      shades what its stack and registers point to, and hands its mark buffer over.
   7. Under the weak lock: if `found` is still clear, nothing became grey since, and marking is over
      (`terminated`); otherwise 5. Whoever shades a white object sets `found` before the mark: a
      mutator that finds the mark, and so nothing to shade, answers after that.
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
   C4. In a round in which nobody shaded anything, stacks hold no pointer to a white object: a
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
     answer, HELD -> BLOCKED. The mutator leaves by CAS BLOCKED -> RUNNING; where that fails it
     waits;
   - the signal handler in that thread (signal.c), if in_runtime is 0; else the exit of the runtime
     polls. In a barrier's block it first sets the instruction pointer back to the block's start.
     It does not answer PARK where its thread holds one of the library's locks.
   Whoever answers takes no lock and calls no libc function that is not async-signal-safe; but for
   OFF, where the collecting thread gives a held mutator's spans back, under the layouts' locks.
   A mutator that attaches counts as having answered; it takes over the modes asked for last. One
   that detaches hands its buffer over and leaves the list, both under mutators_lock.

   Any runtime code of a mutator that a signal handler must not see half done lies between
   tpi_runtime_enter and tpi_runtime_leave.

   RUNS AND SPANS. alloc_bits: 1 = allocated, or in a mutator's run. A run is taken in this order:
   zero it; mark it (if black); set its alloc bits (release). A conservative hit reads the alloc
   bit, then the mark. Slots above a run's next are the mutator's own through sweeps: they were
   marked when the run was taken, or at BLACK. A span has one owner (a mutator) or none; only its
   owner takes runs, only under its own in_runtime. swept: even = swept in that epoch; odd =
   somebody is at it. Whoever wins the CAS from the last epoch sweeps.

   MARKS are bytes, so that setting one is a plain store: two threads that shade one object at once
   push it twice, and it is scanned twice. TPI_MARK_LOST: shaded, but there was no memory for a
   buffer; the drain then looks for such marks in all spans.

   Locks, in order: COLLECTOR, MUTATORS, ROOTS, WEAK, LAYOUTS (interning), LAYOUT (one layout's
   spans), then the heap's. The collecting thread waits for answers with none: a fork must not. */
#ifndef TPI_GC_COLLECTOR_H
#define TPI_GC_COLLECTOR_H

#include "gc/gc.h"

enum {
    TPI_LAYOUTS_MAX = 8192,
    TPI_CHARGE_BYTES = 16 << 10, /* allocated, between a mutator's calls of the pacer */
    TPI_RUN_BYTES_MAX = 4096, /* of a run: what is zeroed at once */
    TPI_EDITS_MAX = 8,
    TPI_PIECE_BYTES = 128 << 10 /* of a large object, scanned at once, at most */
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

#include "gc/layout.h"
#include "gc/mutator.h"

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
/* Something became grey since tpi_found_clear; set before the mark by whoever shades, and by every
   handing over. */
void tpi_found_clear(void);
bool tpi_found(void);
/* Scans up to about `bytes` bytes of grey objects; how many it did. Any thread, in_runtime; leaves
   nothing in its own hands. */
size_t tpi_mark_some(size_t bytes);
/* Until nothing is grey in any buffer and nobody is in tpi_mark_some. The collecting thread's. */
void tpi_mark_drain(void);
void tpi_mark_begin(enum tpi_mark color);
uint64_t tpi_marked_bytes(void); /* of slots, in this cycle */
/* So many threads mark beside the collecting one, from the next drain on; 0: a quarter of the
   cores, less one. Starts those that are missing: no thread may be parked, since what that calls
   takes locks of the C library's. */
void tpi_workers_start(unsigned n);
/* Nothing is grey in a fork's child, and nobody marks. */
void tpi_mark_fork_child(void);
bool tpi_object_is_marked(const void *object); /* of this cycle's colour */

/* --- roots.c --- */

void tpi_roots_scan(void);
/* Writable data, with that option: part of step 4, but as soon as 2 has ended. Nobody may be parked
   yet: it takes the loader's lock. */
void tpi_roots_scan_data(void);
void tpi_roots_hold(void); /* the roots lock: no range is added or removed */
void tpi_roots_let_go(void);
void tpi_roots_fork_child(void); /* instead of tpi_roots_let_go */
uint64_t tpi_roots_bytes(void);  /* of root ranges, now */

/* --- transfer.c --- */

/* Shades the objects that tp_gc_shade keeps alive; each counts for two cycles. Step 4. */
void tpi_handed_scan(struct tpi_buffer **buffer);

/* --- alloc.c --- */

void *tpi_gc_alloc_layout(struct tpi_layout *layout, size_t bytes); /* bytes: of a large one */
/* A span for the layout's objects (lib/heap). Where the system refuses the memory a cycle is run,
   and it is tried once more. NULL: ENOMEM. No lock held, in_runtime 0. */
struct tpi_span *tpi_layout_span_new(struct tpi_layout *layout, size_t bytes);
/* What BLACK does to a mutator's runs. Owner, its handler, or the collecting thread for it. */
void tpi_runs_mark(struct tpi_mutator *mutator);
/* A mutator ends: slots that it did not use are free again, its spans nobody's. */
void tpi_runs_release(struct tpi_mutator *mutator);

/* --- rooted.c --- */

/* Shades what pools' explicit objects point to. The collecting thread's. */
void tpi_rooted_scan(struct tpi_buffer **buffer);
/* One of theirs that is empty and no more in its layout's list. */
void tpi_rooted_span_free(struct tpi_span *span);
struct tpi_rooted_counts {
    uint64_t mallocs, frees, allocated_bytes, freed_bytes; /* of pools' explicit objects */
};
void tpi_rooted_counts(struct tpi_rooted_counts *out);
uint64_t tpi_rooted_bytes(void); /* of their spans' pages, now; any thread */

/* --- sweep.c --- */

void tpi_sweep_begin(void); /* the epoch goes up; before OFF */
void tpi_sweep_all(void);   /* after OFF has ended */
/* Sweeps one span unless it is in `epoch` already; afterwards it is. free_slots are
   its owner's to read, or under its layout's lock where it has none. */
void tpi_span_sweep(struct tpi_span *span, uint32_t epoch);
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

/* One whole cycle, unless one ended just now and left too little, or little was taken since:
   whether there was one. For who was refused memory; then it tries once more. */
bool tpi_pacer_make_room(size_t bytes);

/* The collecting thread, about its cycle: allocation is about to be black; marking is over. */
void tpi_pacer_marking_begins(void);
void tpi_pacer_marking_ended(void);

struct tpi_pacer_counts {
    int percent;
    uint64_t live;           /* bytes of collected objects, those in runs too; approximate */
    uint64_t explicit_bytes; /* of explicit spans */
    uint64_t goal;           /* of both; UINT64_MAX: never by growth */
    uint64_t marked;         /* by the last cycle */
    uint64_t stacks, roots;  /* bytes that it searched */
    uint64_t assist_ns;      /* of mutators' time, since the start */
};
void tpi_pacer_read(struct tpi_pacer_counts *counts);

void tpi_pacer_marked(void); /* by assist.c: the goal follows from what was marked */
/* assist.c's part, under the pacer's lock. */
uint64_t tpi_growth_live(void); /* no lock */
void tpi_growth_read(struct tpi_pacer_counts *counts);
void tpi_growth_set(int percent, uint64_t room); /* room: what the limit leaves, in live bytes */
uint64_t tpi_growth_since_cycle(void); /* bytes allocated since the last cycle ended */
void tpi_growth_cycle_ended(void);
int64_t tpi_growth_begun_ns(void); /* when the last marking began */
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
/* The phase stays as it is until it is let go; whether that is IDLE. Takes the collector's lock. */
bool tpi_phase_hold(void);
void tpi_phase_let_go(void);
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

/* --- callbacks.c: what service.c's busy thread has called --- */

void tpi_callbacks_step(void); /* that thread begins or ends one */
void tpi_callbacks_tell(uintptr_t calls, const char *pool); /* in it: what; NULL: a cleanup */
uint64_t tpi_callbacks_number(void); /* odd: in one; the same as before: in the same one */
/* Whether one has not returned for a second since somebody first asked, and was not told of. Under
   service_lock. */
bool tpi_callbacks_hang(void);
void tpi_callbacks_warn(void);       /* says so, if it still is so; no lock */
void tpi_callbacks_fork_child(void); /* where the thread that was in it is gone */

/* --- checks.c, wbcheck.c: TIDEPOOL=checkmark, wbcheck, scribble --- */

enum { TPI_SCRIBBLE = 0xdb }; /* each byte of what was freed, with scribble */

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
void tpi_check_marks_fork_child(void); /* a check that the parent was at is abandoned */

/* wbcheck; all but begin and compare by any thread, and only with the option on. Called by
   - begin: the collecting thread, before the handshake BARRIER;
   - scanned: whoever is about to read the words of an object, of a piece of one, or of a root
   range;
   - log: a barrier's slow path, for each slot; tp_gc_edit_end for all of its object;
   - forget: tp_gc_root_remove and the like, before the memory may go, under the roots lock;
   - compare: the collecting thread, the world parked, marking over. Aborts at a missed store. */
void tpi_wbcheck_begin(void);
void tpi_wbcheck_scanned(const void *from, size_t bytes);
void tpi_wbcheck_log(const void *slot, size_t words);
void tpi_wbcheck_forget(const void *from, size_t bytes);
void tpi_wbcheck_compare(void);

#endif
