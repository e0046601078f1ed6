/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector's handshakes, barrier, black allocation, rounds, termination and sweep: lib/gc's
   protocol as the head of lib/gc/collector.h has it, for two mutators and three objects of one
   field.

   Here                       in lib/gc/
   mutator_thread             what a program does; barrier.c, alloc.c, transfer.c
   shade                      mark.c: tpi_shade. A mutator sets `found`, then the mark
   answer, answer_for         mutator.c, handshake.c: the mutator's, or the collecting thread's for
                              one that is BLOCKED (and meanwhile HELD)
   shake                      handshake.c: tpi_handshake
   scan, drain                mark.c: tpi_mark_drain
   collector                  cycle.c

   What a mutator does, each a step: load a field or the root into a variable of its own (its stack
   and registers); copy, clear; store NULL; shade what a variable holds: set `found`, then mark it
   and put it into its buffer; store (while its barrier is on only what it has shaded: so a store
   with its barrier is three steps, and whatever others do comes in between); allocate, in the
   colour it was told; answer. With
     BLOCKING   blocking regions
     ATTACH     detach and attach at any time, in the midst of a handshake too: counted as having
                answered
     FULL       a buffer that is handed over at any time
     LAZY       sweeping by mutators that have answered OFF, beside others that have not
     SIGNAL     between a barrier's test and its store there is a step, in which a handler answers
     TRANSFER   tp_gc_shade, then the pointer goes through a pipe: it is taken any time until two
                cycles have begun, and the giver may have let go
     KEEP       the pointer goes through a pipe, unshaded; the giver keeps it until it was taken,
                and then shades it: what `found` before the mark is good for
     GARBAGE    invariant 3

   The collecting thread: cycle_begin (the other colour); BARRIER; BLACK; the root, and what is on
   its way; drain; SCAN rounds until one finds nothing; OFF; sweep; and so on for ever.

   Invariants:
   1. When marking is over, everything reachable is marked: from a mutator's variables, from the
      root and from a pipe.
   2. What is swept is not reachable. (1 would be enough, but for mutators that sweep and allocate
      before all have answered OFF.) No mutator loads from, stores into or shades a free object.
   3. What cannot be reached when a cycle begins is free when it ends.
   4. Buffers are empty, and no mark of the cycle before the last is left, when a cycle begins.
   5. No deadlock (spin's invalid end states).

   Objects have no identity but what points to them: objects.pml sees to it that what is alike is
   one state.

   Left out: runs and spans (an object is a slot, and a span), weak references (weak.pml), pools
   (rotation.pml), assists and workers, edits, large objects, TPI_MARK_LOST, memory order (each step
   is sequentially consistent; `found` is before the mark by release and acquire).

   Sizes: 4.3 million states with two variables for mutator 0 and one for mutator 1 (LOCALS0=2),
   11 s of one core, 0.65 GiB. With one each 1.0 million, 3 s. The run prints the others.

   Broken: BROKEN_NO_BARRIER, BROKEN_NO_BLACK_ALLOC (no mere matter of termination: a mutator that
   has answered the last round holds a new white object, which is swept), BROKEN_ONE_HANDSHAKE
   (BARRIER and BLACK are one: a black object, while another's barrier is off),
   BROKEN_NO_BARRIER_HANDSHAKE (barriers go on one by one in the first SCAN), BROKEN_NO_HANDOVER
   (answers leave the buffers where they are), BROKEN_SINGLE_ROUND (marking is over after one round
   and a drain), BROKEN_EPOCH (a mutator that allocates white takes slots that are not swept yet);
   with SIGNAL BROKEN_NO_RESTART (the handler does not set the thread back to the test); with
   BLOCKING BROKEN_NO_HOLDING (a mutator leaves its blocking region while it is answered for); with
   FULL BROKEN_FOUND_CLEARED_LATE (`found` is cleared when all is drained, with no look afterwards);
   with TRANSFER BROKEN_NO_TRANSFER_SHADE and BROKEN_SHADE_ALONE (in both the giver keeps it until
   it was taken; shading it before is not enough, since the giver's barrier may be off yet); with
   KEEP BROKEN_FOUND_BY_HANDOVER (only answers set `found`: X is in the buffer of one who has
   answered, marked, and so nobody finds it) and BROKEN_FOUND_LAST (mark first, `found` then). */

#ifndef ALLOCATED
#define ALLOCATED 3 /* of the objects */
#endif
/* Features: 0 or 1. */
#ifndef BLOCKING
#define BLOCKING 0
#endif
#ifndef ATTACH
#define ATTACH 0
#endif
#ifndef FULL
#define FULL 0
#endif
#ifndef LAZY
#define LAZY 0
#endif
#ifndef SIGNAL
#define SIGNAL 0
#endif
#ifndef TRANSFER
#define TRANSFER 0
#endif
#ifndef KEEP
#define KEEP 0
#endif
#ifndef GARBAGE
#define GARBAGE 0
#endif
#ifndef LOCALS0
#define LOCALS0 1 /* variables of mutator 0: one or two */
#endif
#ifndef LOCALS1
#define LOCALS1 1
#endif

#if defined(BROKEN_NO_BARRIER)
#define MAY_STORE(t) true
#else
#define MAY_STORE(t) (!m[t].marking || !IS_WHITE)
#endif
#define SHADES(t) (m[t].marking && L0 != 0)
#if defined(BROKEN_NO_BLACK_ALLOC)
#define COLOR_OF_NEW(t) WHITE
#else
#define COLOR_OF_NEW(t) (m[t].black -> MARKED : WHITE)
#endif
#if defined(BROKEN_NO_RESTART)
#define AFTER_SIGNAL TIDY; goto gap
#else
#define AFTER_SIGNAL FORGET; TIDY
#endif
#if defined(BROKEN_NO_HANDOVER)
#define HAND_OVER_IN_ANSWER(t)
#else
#define HAND_OVER_IN_ANSWER(t) hand_over(t)
#endif
#if defined(BROKEN_NO_TRANSFER_SHADE)
#define REMEMBER skip
#define TRANSFER_SHADES(t) false
#elif defined(BROKEN_SHADE_ALONE)
#define REMEMBER skip
#define TRANSFER_SHADES(t) m[t].marking
#else
#define REMEMBER handed[L0] = 2
#define TRANSFER_SHADES(t) m[t].marking
#endif
#if defined(BROKEN_NO_TRANSFER_SHADE) || defined(BROKEN_SHADE_ALONE)
#define SENT keep
#define SENT_FOR_EVER true
#else
#define SENT end_next
#define SENT_FOR_EVER false
#endif
#if defined(BROKEN_FOUND_BY_HANDOVER)
#define FOUND_FIRST skip
#define FOUND_LAST skip
#elif defined(BROKEN_FOUND_LAST)
#define FOUND_FIRST skip
#define FOUND_LAST } found = true; atomic { skip
#else
#define FOUND_FIRST found = true
#define FOUND_LAST skip
#endif
#if defined(BROKEN_ONE_HANDSHAKE)
#define BEGIN_MARKING shake(BLACK, true, true)
#elif defined(BROKEN_NO_BARRIER_HANDSHAKE)
#define BEGIN_MARKING shake(BLACK, false, true)
#else
#define BEGIN_MARKING shake(BARRIER, true, false); shake(BLACK, true, true)
#endif
#if defined(BROKEN_FOUND_CLEARED_LATE)
#define LOOKS_AGAIN false
#else
#define LOOKS_AGAIN true
#endif
#if defined(BROKEN_SINGLE_ROUND)
#define GOES_ON(found) false
#define DRAIN_AFTER drain()
#else
#define GOES_ON(found) found
#define DRAIN_AFTER skip
#endif
#if defined(BROKEN_NO_HOLDING)
#define IS_HELD IS_BLOCKED
#else
#define IS_HELD 2
#endif
#if defined(BROKEN_EPOCH)
#define MAY_TAKE(t, o) true
#else
#define MAY_TAKE(t, o) (m[t].late || !unswept[o])
#endif

#define TAKES(t, o) (o <= ALLOCATED && color[o] == FREE && MAY_TAKE(t, o))
#define DETACH(t)                                                                                  \
    hand_over(t);                                                                                  \
    m[t].attached = false;                                                                         \
    m[t].asked = false;                                                                            \
    m[t].marking = false;                                                                          \
    m[t].black = false;                                                                            \
    m[t].late = false

#define RUNNING    0
#define IS_BLOCKED 1

#define NONE    0
#define BARRIER 1
#define BLACK   2
#define SCAN    3
#define OFF     4

#include "objects.pml"

inline sweep(o)
{
    if
    :: !unswept[o]
    :: unswept[o] && color[o] == FREE
    :: unswept[o] && color[o] == MARKED -> color[o] = WHITE
    :: unswept[o] && (color[o] == WHITE || color[o] == OTHER) ->
        find_live();
        assert(!(live_ & BIT(o)) && handed[o] == 0);
        live_ = 0;
        color[o] = FREE;
        field[o] = 0;
        garbage = garbage & ~BIT(o)
    fi;
    unswept[o] = false
}

/* Atomic by its callers. */
inline answer(t)
{
    if
    :: kind == BARRIER -> m[t].marking = true
    :: kind == BLACK ->
        m[t].black = true;
        m[t].marking = barrier_mode
    :: kind == SCAN ->
        m[t].marking = barrier_mode;
        shade(m[t].buffer, m[t].l[0]);
        shade(m[t].buffer, m[t].l[1]);
        HAND_OVER_IN_ANSWER(t)
    :: kind == OFF ->
        m[t].marking = false;
        m[t].black = false;
        m[t].late = false;
        m[t].buffer = 0
    fi;
    m[t].asked = false
}

#include "mutators.pml"

proctype mutator_thread(byte t; byte locals)
{
    byte own;
    bool in_object; /* a store of l[0]: into the field of l[1], else into the root */

end_next:
    if
    :: use_variables()
    :: store()
    :: allocate()
    :: sweep_one()
    :: meet_the_collector()
    :: transfer()
    fi;
    goto end_next;

mark: /* of a store's barrier; the store is a step of its own, by what is marked now */
    atomic { shade(m[t].buffer, L0); FOUND_LAST; TIDY }
    goto end_next;

gap: /* between a barrier's test and its store: a signal's handler may answer */
    if
    :: atomic { m[t].asked -> answer(t); AFTER_SIGNAL }
    :: atomic { !in_object -> root = L0; TIDY }
    :: atomic { in_object ->
        assert(color[L1] != FREE);
        field[L1] = L0;
        FORGET;
        TIDY }
    fi;
    goto end_next;

give: /* tp_gc_shade, then the pointer is on its way */
    shade_now(TRANSFER_SHADES(t));
    atomic { channel = L0; TIDY }
    goto SENT;

keep: /* until the taker has it */
    if
    :: atomic { m[t].asked -> answer(t); TIDY } goto keep
    :: channel == 0
    fi;
    shade_now(KEEP && SHADES(t));
    atomic { L0 = 0; TIDY }
    goto end_next
}

inline answer_for(t)
{
    atomic { m[t].attached && m[t].asked && m[t].state == IS_BLOCKED -> m[t].state = IS_HELD }
    atomic { answer(t); m[t].state = IS_BLOCKED }
}

inline shake(what, with_barrier, with_black)
{
    atomic {
        kind = what;
        barrier_mode = with_barrier;
        black_mode = with_black;
        m[0].asked = m[0].attached;
        m[1].asked = m[1].attached;
        if
        :: what == OFF ->
            m[0].late = m[0].attached;
            m[1].late = m[1].attached;
            unswept[1] = true;
            unswept[2] = true;
            unswept[3] = true
        :: else
        fi
    }
    do
    :: atomic { !m[0].asked && !m[1].asked -> kind = NONE; break }
    :: answer_for(0)
    :: answer_for(1)
    od
}

inline cycle_begin()
{
    assert(list == 0 && m[0].buffer == 0 && m[1].buffer == 0); /* invariant 4 */
    swap(1);
    swap(2);
    swap(3);
    if
    :: TRANSFER && channel != 0 && !SENT_FOR_EVER ->
        age++;
        channel = (age == 2 -> 0 : channel);
        age = (age == 2 -> 0 : age)
    :: else
    fi;
    if
    :: GARBAGE ->
        find_live();
        for (i_ : 1 .. OBJECTS) {
            if
            :: color[i_] != FREE && !(live_ & BIT(i_)) -> garbage = garbage | BIT(i_)
            :: else
            fi
        }
        i_ = 0;
        live_ = 0
    :: else
    fi
}

inline scan(o)
{
    atomic { list & BIT(o) -> list = list & ~BIT(o); hand = field[o]; TIDY }
    atomic { shade(list, hand); hand = 0; TIDY }
}

inline scan_handed(o)
{
    if
    :: handed[o] != 0 -> shade(list, o); handed[o]--
    :: else
    fi
}

inline drain()
{
    do
    :: atomic { list == 0 -> found = found && FULL; break } /* see `more` */
    :: scan(1)
    :: scan(2)
    :: scan(3)
    od
}

inline check_marked()
{
    find_live();
    for (i_ : 1 .. OBJECTS) {
        assert(!(live_ & BIT(i_)) || color[i_] == MARKED) /* invariant 1 */
    }
    i_ = 0;
    live_ = 0
}

proctype collector()
{
begin:
    atomic { cycle_begin() }
    BEGIN_MARKING;
    hand = root;
    atomic { shade(list, hand); hand = 0; TIDY }
    atomic { scan_handed(1); scan_handed(2); scan_handed(3); TIDY }
more:
    drain();
    if /* what is handed over after the drain is looked for after `found` is cleared */
    :: FULL -> found = false;
        if
        :: LOOKS_AGAIN && list != 0 -> goto more
        :: else
        fi
    :: else
    fi;
    shake(SCAN, true, true);
    if
    :: atomic { GOES_ON(found) -> found = false; goto more }
    :: atomic { !GOES_ON(found) -> found = false }
    fi;
    DRAIN_AFTER;
    atomic { check_marked() }
    shake(OFF, false, false);
    if
    :: atomic { !LAZY -> sweep(1); sweep(2); sweep(3) } /* all in one step */
    :: else
    fi;
    do
    :: atomic { unswept[1] -> sweep(1); TIDY }
    :: atomic { !unswept[1] && unswept[2] -> sweep(2); TIDY }
    :: atomic { !unswept[1] && !unswept[2] && unswept[3] -> sweep(3); TIDY }
    :: atomic { !unswept[1] && !unswept[2] && !unswept[3] ->
        assert(garbage == 0); /* invariant 3 */
        list = 0;
        found = false;
        TIDY;
        goto begin }
    od
}

init
{
    atomic {
        m[0].attached = true;
        m[1].attached = true;
        run mutator_thread(0, LOCALS0);
        run mutator_thread(1, LOCALS1);
        run collector()
    }
}
