/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector's handshakes, barrier, black allocation, rounds, termination and sweep: lib/gc's
   protocol as the head of lib/gc/collector.h has it, for two mutators and three objects of one field.

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
   and put it into its buffer; store (while its barrier is on only what it has shaded: so a store with
   its barrier is three steps, and whatever others do comes in between); allocate, in the colour it
   was told; answer. With
     BLOCKING   blocking regions
     ATTACH     detach and attach at any time, in the midst of a handshake too: counted as having
                answered
     FULL       a buffer that is handed over at any time
     LAZY       sweeping by mutators that have answered OFF, beside others that have not
     SIGNAL     between a barrier's test and its store there is a step, in which a handler answers
     TRANSFER   tp_gc_shade, then the pointer goes through a pipe: it is taken any time until two
                cycles have begun, and the giver may have let go
     KEEP       the pointer goes through a pipe, unshaded; the giver keeps it until it was taken, and
                then shades it: what `found` before the mark is good for
     GARBAGE    invariant 3

   The collecting thread: cycle_begin (the other colour); BARRIER; BLACK; the root and what is on its
   way; drain; SCAN rounds until one finds nothing; OFF; sweep; and so on for ever.

   Invariants:
   1. When marking is over, everything reachable is marked: from a mutator's variables, from the root
      and from a pipe.
   2. What is swept is not reachable. (1 would be enough, but for mutators that sweep and allocate
      before all have answered OFF.) No mutator loads from, stores into or shades a free object.
   3. What cannot be reached when a cycle begins is free when it ends.
   4. Buffers are empty, and no mark of the cycle before the last is left, when a cycle begins.
   5. No deadlock (spin's invalid end states).

   Objects have no identity but what points to them, and the fields of what nobody reaches and
   nothing grey leads to are never read. tidy() renumbers objects in the order in which they are
   reached, and clears such fields: so what is alike is one state.

   Left out: runs and spans (an object is a slot, and a span), weak references (weak.pml), pools
   (rotation.pml), assists and workers, edits, large objects, TPI_MARK_LOST, memory order (each step
   is sequentially consistent; `found` is before the mark by release and acquire).

   Sizes: 4.0 million states with two variables for mutator 0 and one for mutator 1, 10 s and 1.1 GiB
   (of which 0.8 are spin's tables); the run prints the others.

   Broken: BROKEN_NO_BARRIER, BROKEN_NO_BLACK_ALLOC (no mere matter of termination: a mutator that
   has answered the last round holds a new white object, which is swept), BROKEN_ONE_HANDSHAKE
   (BARRIER and BLACK are one: a black object, while another's barrier is off),
   BROKEN_NO_BARRIER_HANDSHAKE (barriers go on one by one in the first SCAN), BROKEN_NO_HANDOVER
   (answers leave the buffers where they are), BROKEN_SINGLE_ROUND (marking is over after one round
   and a drain), BROKEN_EPOCH (a mutator that allocates white takes slots that are not swept yet);
   with SIGNAL BROKEN_NO_RESTART (the handler does not set the thread back to the test); with BLOCKING
   BROKEN_NO_HOLDING (a mutator leaves its blocking region while it is answered for); with FULL
   BROKEN_FOUND_CLEARED_LATE (`found` is cleared when all is drained, with no look afterwards); with
   TRANSFER BROKEN_NO_TRANSFER_SHADE and BROKEN_SHADE_ALONE (in both the giver keeps it until it was
   taken; shading it before is not enough, since the giver's barrier may be off yet); with KEEP
   BROKEN_FOUND_BY_HANDOVER (only answers set `found`: X is in the buffer of one who has answered,
   marked, and so nobody finds it) and BROKEN_FOUND_LAST (mark first, `found` then). */

#define OBJECTS 3
#define BIT(o) ((1 << (o)) & 14) /* a set; 0 for NULL */

#ifndef ALLOCATED
#define ALLOCATED 3 /* of the objects */
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
#if defined(BROKEN_SINGLE_ROUND)
#define GOES_ON(found) false
#else
#define GOES_ON(found) found
#endif
#if defined(BROKEN_NO_HOLDING)
#define HELD BLOCKED
#else
#define HELD 2
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

/* Colours. MARKED is this cycle's mark, OTHER the last one's. */
#define FREE   0
#define WHITE  1
#define MARKED 2
#define OTHER  3

#define RUNNING 0
#define BLOCKED 1

#define NONE    0
#define BARRIER 1
#define BLACK   2
#define SCAN    3
#define OFF     4

typedef mutator {
    byte l[2];          /* its stack and registers: object numbers */
    bool attached, asked;
    bool marking, black;
    bool late;          /* has not answered OFF: has the last sweep epoch */
    byte state;
    byte buffer;        /* a set of grey objects */
};

mutator m[2];
byte field[OBJECTS + 1], color[OBJECTS + 1];
bool unswept[OBJECTS + 1];
byte root;
byte channel, age;       /* a pointer that is on its way, and the cycles that began since */
byte handed[OBJECTS + 1]; /* roots for so many cycles: tp_gc_shade */
byte hand;              /* a pointer that the collecting thread has read, and not shaded yet */
byte list;              /* the buffers that were handed over: a set */
bool found;
bool barrier_mode, black_mode, late_mode;
byte kind;
byte garbage;           /* what was not reachable when the cycle began */

byte i_, live_;

inline shade(set, o)
{
    if
    :: o != 0 ->
        assert(color[o] != FREE);
        if
        :: color[o] != MARKED -> color[o] = MARKED; set = set | BIT(o)
        :: else
        fi
    :: else
    fi
}

inline hand_over(t)
{
    if
    :: m[t].buffer != 0 -> list = list | m[t].buffer; m[t].buffer = 0; found = true
    :: else
    fi
}

c_code {
    static void tidy(void)
    {
        unsigned char order[4] = {0}, number[4] = {0};
        unsigned char color[4], field[4], unswept[4], handed[4];
        int n = 0, seen = 0, live, i, set;
#define VISIT(o) if ((o) != 0 && number[o] == 0) { order[++n] = (o); number[o] = n; }
#define FOLLOW while (seen < n) { seen++; VISIT(now.field[order[seen]]) }
#define SET(x) for (set = 0, i = 1; i < 4; i++) { if ((x) & 1 << i) set |= 1 << number[i]; } x = set;
        VISIT(now.root)
        VISIT(now.m[0].l[0])
        VISIT(now.m[0].l[1])
        VISIT(now.m[1].l[0])
        VISIT(now.m[1].l[1])
        VISIT(now.hand)
        VISIT(now.channel)
        FOLLOW
        for (i = 1; i < 4; i++)
            if ((now.list | now.m[0].buffer | now.m[1].buffer) & 1 << i || now.handed[i]) {
                VISIT(i)
                FOLLOW
            }
        live = n;
        for (set = 3; set >= 0; set--)
            for (i = 1; i < 4; i++)
                if (now.color[i] == set)
                    VISIT(i)
        for (i = 1; i < 4; i++) {
            color[i] = now.color[order[i]];
            field[i] = i > live ? 0 : number[now.field[order[i]]];
            unswept[i] = now.unswept[order[i]];
            handed[i] = now.handed[order[i]];
        }
        for (i = 1; i < 4; i++) {
            now.color[i] = color[i];
            now.field[i] = field[i];
            now.unswept[i] = unswept[i];
            now.handed[i] = handed[i];
        }
        now.root = number[now.root];
        now.m[0].l[0] = number[now.m[0].l[0]];
        now.m[0].l[1] = number[now.m[0].l[1]];
        now.m[1].l[0] = number[now.m[1].l[0]];
        now.m[1].l[1] = number[now.m[1].l[1]];
        now.hand = number[now.hand];
        now.channel = number[now.channel];
        SET(now.list)
        SET(now.m[0].buffer)
        SET(now.m[1].buffer)
        SET(now.garbage)
    }
}
#define TIDY c_code { tidy(); }

/* live_: what can be reached from local variables, the root and what is on its way. */
inline find_live()
{
    live_ = BIT(m[0].l[0]) | BIT(m[0].l[1]) | BIT(m[1].l[0]) | BIT(m[1].l[1]) | BIT(root) |
            BIT(channel);
    for (i_ : 0 .. 5) {
        if
        :: live_ & BIT(1 + i_ % 3) -> live_ = live_ | BIT(field[1 + i_ % 3])
        :: else
        fi
    }
    i_ = 0
}

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

#define RUNS     (m[t].attached && m[t].state == RUNNING)
#define L0       m[t].l[0]
#define L1       m[t].l[1]
#define FORGET   in_object = false; L1 = (locals == 2 -> L1 : 0)
#define IS_WHITE (color[L0] != MARKED)

proctype mutator_thread(byte t; byte locals)
{
    byte own;
    bool in_object; /* a store of l[0]: into the field of l[1], else into the root */

end_next:
    if
    /* Loads and what threads do with local variables. */
    :: atomic { RUNS && root != 0 -> L0 = root; TIDY }
    :: atomic { RUNS && locals == 1 && L0 != 0 ->
        assert(color[L0] != FREE); L0 = field[L0]; TIDY }
    :: atomic { RUNS && locals == 1 && root != 0 -> L0 = field[root]; TIDY }
    :: atomic { RUNS && locals == 2 && L0 != 0 ->
        assert(color[L0] != FREE); L1 = field[L0]; TIDY }
    :: atomic { RUNS && locals == 2 && L1 != 0 ->
        assert(color[L1] != FREE); L0 = field[L1]; TIDY }
    :: atomic { RUNS && locals == 2 -> L1 = L0; TIDY }
    :: atomic { RUNS && L0 != 0 -> L0 = 0; TIDY }
    :: atomic { RUNS && L1 != 0 -> L1 = 0; TIDY }
    /* Stores of NULL need no barrier. */
    :: atomic { RUNS && root != 0 -> root = 0; TIDY }
    :: atomic { RUNS && L0 != 0 -> field[L0] = 0; TIDY }
    :: atomic { RUNS && locals == 1 && root != 0 -> field[root] = 0; TIDY }
    /* Shading, by a store's barrier or by itself; the store is a step of its own. */
    :: atomic { RUNS && SHADES(t) && IS_WHITE -> FOUND_FIRST; goto mark }
    /* Stores. l[1] of a thread with one variable is a register while it stores. */
#ifdef SIGNAL
    :: atomic { RUNS && L0 != 0 && root != L0 && !SHADES(t) -> goto gap }
    :: atomic { RUNS && locals == 1 && L0 != 0 && root != 0 && root != L0 && !SHADES(t) ->
        L1 = root; in_object = true; goto gap }
#endif
    :: atomic { RUNS && L0 != 0 && root != L0 && MAY_STORE(t) -> root = L0; TIDY }
    :: atomic { RUNS && locals == 2 && L0 != 0 && L1 != 0 && L0 != L1 && MAY_STORE(t) ->
        assert(color[L1] != FREE); field[L1] = L0; TIDY }
    :: atomic { RUNS && locals == 1 && L0 != 0 && root != 0 && root != L0 && MAY_STORE(t) ->
        field[root] = L0; TIDY }
    /* Allocation. */
    :: atomic { RUNS && L0 == 0 && (TAKES(t, 1) || TAKES(t, 2) || TAKES(t, 3)) ->
        if
        :: TAKES(t, 1) -> own = 1
        :: TAKES(t, 2) -> own = 2
        :: TAKES(t, 3) -> own = 3
        fi;
        color[own] = COLOR_OF_NEW(t); L0 = own; own = 0; TIDY }
    /* A poll. */
    :: atomic { RUNS && m[t].asked -> answer(t); TIDY }
#ifdef BLOCKING
    :: atomic { RUNS -> m[t].state = BLOCKED; TIDY }
    :: atomic { m[t].attached && m[t].state == BLOCKED -> m[t].state = RUNNING; TIDY }
#endif
#ifdef LAZY
    :: atomic { RUNS && !m[t].late && (unswept[1] || unswept[2] || unswept[3]) ->
        if
        :: unswept[1] -> own = 1
        :: unswept[2] -> own = 2
        :: unswept[3] -> own = 3
        fi;
        sweep(own); own = 0; TIDY }
#endif
#ifdef FULL
    :: atomic { RUNS && m[t].buffer != 0 -> hand_over(t); TIDY } /* a full buffer */
#endif
#ifdef ATTACH
    :: atomic { !m[t].attached ->
        m[t].attached = true; m[t].marking = barrier_mode; m[t].black = black_mode; TIDY }
    :: atomic { RUNS && L0 == 0 && L1 == 0 -> DETACH(t); TIDY }
#endif
#ifdef TRANSFER
    :: atomic { RUNS && channel == 0 && L0 != 0 -> REMEMBER; goto give }
    :: atomic { RUNS && channel != 0 -> L0 = channel; channel = 0; age = 0; TIDY }
#endif
#ifdef KEEP
    :: atomic { RUNS && channel == 0 && L0 != 0 -> channel = L0; goto keep }
    :: atomic { RUNS && channel != 0 -> L0 = channel; channel = 0; TIDY }
#endif
    fi;
    goto end_next;

mark:
    atomic { shade(m[t].buffer, L0); FOUND_LAST; TIDY }
    goto end_next;
#ifdef SIGNAL
gap: /* between the test and the store: a signal's handler answers */
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
#endif

#ifdef TRANSFER
give: /* tp_gc_shade, then the pointer is on its way */
    if
    :: atomic { TRANSFER_SHADES(t) && IS_WHITE -> FOUND_FIRST }
        atomic { shade(m[t].buffer, L0); FOUND_LAST }
    :: atomic { else -> skip }
    fi;
    atomic { channel = L0; TIDY }
    goto SENT;
#endif
#if defined(KEEP) || defined(BROKEN_SHADE_ALONE) || defined(BROKEN_NO_TRANSFER_SHADE)
keep: /* until the taker has it */
    if
    :: atomic { m[t].asked -> answer(t); TIDY } goto keep
    :: channel == 0
    fi;
#ifdef KEEP
    if
    :: atomic { SHADES(t) && IS_WHITE -> FOUND_FIRST }
        atomic { shade(m[t].buffer, L0); FOUND_LAST }
    :: else
    fi;
#endif
    atomic { L0 = 0; TIDY }
    goto end_next
#endif
}

inline answer_for(t)
{
    atomic { m[t].attached && m[t].asked && m[t].state == BLOCKED -> m[t].state = HELD }
    atomic { answer(t); m[t].state = BLOCKED }
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
#ifdef BLOCKING
    :: answer_for(0)
    :: answer_for(1)
#endif
    od
}

inline swap(o)
{
    assert(color[o] != OTHER);
    if
    :: color[o] == MARKED -> color[o] = OTHER
    :: else
    fi
}

inline cycle_begin()
{
        assert(list == 0 && m[0].buffer == 0 && m[1].buffer == 0);
#if defined(TRANSFER)
        if
        :: channel != 0 && !SENT_FOR_EVER ->
            age++;
            channel = (age == 2 -> 0 : channel);
            age = (age == 2 -> 0 : age)
        :: else
        fi;
#endif
        swap(1);
        swap(2);
        swap(3);
#ifdef GARBAGE
        find_live();
        for (i_ : 1 .. OBJECTS) {
            if
            :: color[i_] != FREE && !(live_ & BIT(i_)) -> garbage = garbage | BIT(i_)
            :: else
            fi
        }
        i_ = 0;
        live_ = 0
#endif
}

#ifdef FULL
#define CLEAR_FOUND skip
#else
#define CLEAR_FOUND found = false
#endif

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
    :: atomic { list == 0 -> CLEAR_FOUND; break }
    :: scan(1)
    :: scan(2)
    :: scan(3)
    od
}

proctype collector()
{
begin:
    atomic { cycle_begin() } /* and BARRIER or, when broken, BLACK is asked: nothing happens in between */
#if defined(BROKEN_ONE_HANDSHAKE)
    shake(BLACK, true, true);
#elif defined(BROKEN_NO_BARRIER_HANDSHAKE)
    shake(BLACK, false, true);
#else
    shake(BARRIER, true, false);
    shake(BLACK, true, true);
#endif
    hand = root;
    atomic { shade(list, hand); hand = 0; TIDY }
#ifdef TRANSFER
    atomic { scan_handed(1); scan_handed(2); scan_handed(3); TIDY }
#endif
more:
    drain();
#ifdef FULL
#if defined(BROKEN_FOUND_CLEARED_LATE)
    found = false;
#else
    found = false; /* then one more look: what is handed over from here on is found */
    if
    :: list != 0 -> goto more
    :: list == 0
    fi;
#endif
#endif
    shake(SCAN, true, true);
    if
    :: atomic { GOES_ON(found) -> found = false; goto more }
    :: atomic { !GOES_ON(found) -> found = false }
    fi;
#if defined(BROKEN_SINGLE_ROUND)
    drain();
#endif
    atomic {
        find_live();
        for (i_ : 1 .. OBJECTS) {
            assert(!(live_ & BIT(i_)) || color[i_] == MARKED)
        }
        i_ = 0;
        live_ = 0
    }
    shake(OFF, false, false);
#ifndef LAZY
    atomic { sweep(1); sweep(2); sweep(3) }
#endif
    do
    :: atomic { unswept[1] -> sweep(1); TIDY }
    :: atomic { !unswept[1] && unswept[2] -> sweep(2); TIDY }
    :: atomic { !unswept[1] && !unswept[2] && unswept[3] -> sweep(3); TIDY }
    :: atomic { !unswept[1] && !unswept[2] && !unswept[3] ->
        assert(garbage == 0);
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
