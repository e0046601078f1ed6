/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/gc: mutators, handshakes, stacks and signals. collector.h includes it and has the
   protocol. */
#ifndef TPI_GC_MUTATOR_H
#define TPI_GC_MUTATOR_H

#include <pthread.h>

#include "gc/gc.h"

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
    bool parked;                         /* the owner's, before HELD: it answered PARK by itself */
    bool trapped;                        /* the owner's, before BLOCKED: a store there aborts */
    bool barrier;                        /* is on; self->marking says so too, but where trapped */

    enum tpi_mark color;                 /* runs are marked with this; WHITE: not at all */
    uint32_t epoch;                      /* the sweep epoch that it has seen */
    int64_t uncharged;                   /* bytes that the pacer does not know of yet */
    uint32_t flushed;                    /* the one in which it gave its spans back */
    struct tpi_buffer *buffer;           /* what its barriers shaded */
    void *edits[TPI_EDITS_MAX];          /* objects under plain stores */
    uint32_t edit_count;
    struct tpi_stack_range *stacks;      /* own coroutine stacks; changed in_runtime */
    uintptr_t stack_low, stack_high;     /* the thread's own stack */
    bool stack_grows;                    /* not all of it is mapped */
    void *fake_stack;                    /* AddressSanitizer's; NULL: none. The owner's, as above */
    uintptr_t other_low, other_high;     /* the sigaltstack that it parked on; 0, 0: none */
    uint64_t stack_bytes;                /* atomic: of its stacks, at the last SCAN */

    int32_t tid;
    bool signalled, warned;              /* in this handshake; the collecting thread's */
    uint32_t straggles;                  /* atomic: has not polled since a signal was sent */

    /* Counters: owner writes, anybody reads. */
    uint64_t allocated_slots, allocated_bytes; /* in runs that were taken, large objects too */
    uint64_t held_up_max_ns; /* of this cycle; taken by the collecting thread */
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
void tpi_barrier_adopt(struct tpi_mutator *mutator); /* that part of it */
/* Who was asked by a signal since tpi_straggle_clear, for gctrace. The collecting thread's. */
struct tpi_straggle {
    uint64_t signals; /* sent */
    char name[16];    /* of one of the last; "" where none was */
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
/* By the owner, before it is searched: AddressSanitizer may keep its variables elsewhere. */
void tpi_fake_stack_ask(struct tpi_mutator *mutator);
void tpi_stacks_free(struct tpi_stack_range *stacks); /* the nodes; no lock held */

/* --- signal.c --- */

/* A real-time signal's number; 0: none. Once, at start. */
void tpi_signal_start(int number);
int tpi_signal_number(void); /* 0: none are sent */
bool tpi_signals_kept_back(void); /* by ThreadSanitizer: therefore none are */
/* Under mutators_lock, so that the thread is still there. False: it was not sent. */
bool tpi_signal_send(struct tpi_mutator *mutator);
void tpi_signal_fork_child(void);

#endif
