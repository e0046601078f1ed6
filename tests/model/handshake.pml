/* SPDX-License-Identifier: BSD-2-Clause */

#define OBJECTS 3
#define BIT(o) ((1 << (o)) & 14) /* 0 for NULL */

#ifndef LOCALS0
#define LOCALS0 2
#endif
#ifndef LOCALS1
#define LOCALS1 1
#endif

#if defined(BROKEN_NO_BARRIER)
#define BARRIER_ON(t) false
#else
#define BARRIER_ON(t) m[t].marking
#endif
#if defined(BROKEN_NO_BLACK_ALLOC)
#define COLOR_OF_NEW(t) WHITE
#else
#define COLOR_OF_NEW(t) (m[t].black -> MARKED : WHITE)
#endif
#if defined(BROKEN_NO_RESTART)
#define AFTER_SIGNAL goto gap
#else
#define AFTER_SIGNAL goto again
#endif
#if defined(BROKEN_NO_HANDOVER)
#define HAND_OVER_IN_ANSWER(t)
#else
#define HAND_OVER_IN_ANSWER(t) hand_over(t)
#endif
#if defined(BROKEN_NO_TRANSFER_SHADE)
#define SHADE_BEFORE_GIVING
#define SHADE_BEFORE_DROPPING
#elif defined(BROKEN_SHADE_ONLY_BEFORE)
#define SHADE_BEFORE_GIVING shade_if_marking(t, value)
#define SHADE_BEFORE_DROPPING
#else
#define SHADE_BEFORE_GIVING
#define SHADE_BEFORE_DROPPING shade_if_marking(t, value)
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

#define TAKES(t, o) (color[o] == FREE && MAY_TAKE(t, o))
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
byte root, channel;
byte list;              /* the buffers that were handed over: a set */
bool found;
bool barrier_mode, black_mode, late_mode;
byte kind;
byte garbage;           /* what was not reachable when the cycle began */

hidden byte i_, live_;

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

inline shade_if_marking(t, o)
{
    if
    :: BARRIER_ON(t) -> shade(m[t].buffer, o)
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
    :: color[o] == MARKED -> color[o] = WHITE
    :: color[o] == WHITE || color[o] == OTHER ->
        find_live();
        assert(!(live_ & BIT(o)));
        live_ = 0;
        color[o] = FREE;
        field[o] = 0;
        garbage = garbage & ~BIT(o)
    :: color[o] == FREE
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

#define RUNS (m[t].attached && m[t].state == RUNNING)

proctype mutator_thread(byte t; byte locals)
{
    byte to, value, own; /* of a store: 0 the root, else the field of an object */

end_next:
    if
    /* loads */
    :: atomic { RUNS && root != 0 -> m[t].l[0] = root }
    :: atomic { RUNS && m[t].l[0] != 0 -> assert(color[m[t].l[0]] != FREE); m[t].l[0] = field[m[t].l[0]] }
    :: atomic { RUNS && locals == 2 && m[t].l[0] != 0 -> m[t].l[1] = field[m[t].l[0]] }
    :: atomic { RUNS && locals == 2 && m[t].l[1] != 0 -> m[t].l[0] = field[m[t].l[1]] }
    /* moves and clears */
    :: atomic { RUNS && m[t].l[0] != 0 -> m[t].l[0] = 0 }
    :: atomic { RUNS && m[t].l[1] != 0 -> m[t].l[1] = 0 }
    :: atomic { RUNS && locals == 2 -> m[t].l[1] = m[t].l[0] }
    /* stores of NULL */
    :: atomic { RUNS && root != 0 -> root = 0 }
    :: atomic { RUNS && m[t].l[0] != 0 -> field[m[t].l[0]] = 0 }
    /* stores */
    :: atomic { RUNS && m[t].l[0] != 0 -> value = m[t].l[0]; to = 0; goto again }
    :: atomic { RUNS && m[t].l[0] != 0 -> value = m[t].l[0]; to = m[t].l[0]; goto again }
    :: atomic { RUNS && locals == 2 && m[t].l[0] != 0 && m[t].l[1] != 0 -> 
        value = m[t].l[0]; to = m[t].l[1]; goto again }
    /* allocation */
    :: atomic { RUNS && m[t].l[0] == 0 && (TAKES(t, 1) || TAKES(t, 2) || TAKES(t, 3)) ->
        if
        :: TAKES(t, 1) -> own = 1
        :: !TAKES(t, 1) && TAKES(t, 2) -> own = 2
        :: !TAKES(t, 1) && !TAKES(t, 2) && TAKES(t, 3) -> own = 3
        fi;
        color[own] = COLOR_OF_NEW(t); m[t].l[0] = own; own = 0 }
    /* an answer at a poll */
    :: atomic { RUNS && m[t].asked -> answer(t) }
    /* blocking regions */
#ifdef BLOCKING
    :: atomic { RUNS -> m[t].state = BLOCKED }
    :: atomic { m[t].attached && m[t].state == BLOCKED -> m[t].state = RUNNING }
#endif
    /* lazy sweeping */
#ifdef LAZY
    :: atomic { RUNS && !m[t].late && (unswept[1] || unswept[2] || unswept[3]) ->
        if
        :: unswept[1] -> own = 1
        :: unswept[2] -> own = 2
        :: unswept[3] -> own = 3
        fi;
        sweep(own); own = 0 }
#endif
    /* a full buffer */
#ifdef FULL
    :: atomic { RUNS && m[t].buffer != 0 -> hand_over(t) }
#endif
#ifdef ATTACH
    :: atomic { !m[t].attached ->
        m[t].attached = true; m[t].asked = false;
        m[t].marking = barrier_mode; m[t].black = black_mode; m[t].late = false }
    :: atomic { RUNS && m[t].l[0] == 0 && m[t].l[1] == 0 -> DETACH(t) }
#endif
#ifdef TRANSFER
    :: atomic { RUNS && channel == 0 && m[t].l[0] != 0 ->
        value = m[t].l[0]; SHADE_BEFORE_GIVING; channel = value; goto give }
    :: atomic { RUNS && channel != 0 -> m[t].l[0] = channel; channel = 0 }
#endif
    fi;
    goto end_next;

again:
    atomic {
        if
        :: BARRIER_ON(t) -> shade(m[t].buffer, value); goto store
        :: else -> goto gap
        fi
    }
gap: /* between the test and the store: only a signal's handler answers */
    if
    :: atomic { m[t].asked -> answer(t) } AFTER_SIGNAL
    :: goto store
    fi;
store:
    if /* not a part of the atomic sequence that leads here */
    :: atomic { to == 0 -> root = value; value = 0 }
    :: atomic { to != 0 -> field[to] = value; to = 0; value = 0 }
    fi;
    goto end_next;

#ifdef TRANSFER
give: /* it keeps it until the taker has it */
    if
    :: atomic { m[t].asked -> answer(t) } goto give
    :: atomic { channel == 0 -> SHADE_BEFORE_DROPPING; m[t].l[0] = 0; value = 0 }
    fi;
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

inline begin()
{
        assert(list == 0 && m[0].buffer == 0 && m[1].buffer == 0);
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

inline drain()
{
    do
    :: atomic { list == 0 -> break }
    :: atomic { list & BIT(1) -> list = list & ~BIT(1); value = field[1] } atomic { shade(list, value); value = 0 }
    :: atomic { !(list & BIT(1)) && list & BIT(2) -> list = list & ~BIT(2); value = field[2] } atomic { shade(list, value); value = 0 }
    :: atomic { list == BIT(3) -> list = 0; value = field[3] } atomic { shade(list, value); value = 0 }
    od
}

proctype collector()
{
    byte value;

end_next:
    atomic { begin() }
#if defined(BROKEN_ONE_HANDSHAKE)
    shake(BLACK, true, true);
#elif defined(BROKEN_NO_BARRIER_HANDSHAKE)
    shake(BLACK, false, true);
#else
    shake(BARRIER, true, false);
    shake(BLACK, true, true);
#endif
    value = root;
    atomic { shade(list, value); value = 0 }
more:
    drain();
#if !defined(BROKEN_FOUND_CLEARED_LATE)
    found = false;
#endif
    drain();
#if defined(BROKEN_FOUND_CLEARED_LATE)
    found = false;
#endif
    shake(SCAN, true, true);
    if
    :: atomic { GOES_ON(found) -> found = false; goto more }
    :: atomic { !GOES_ON(found) -> found = false }
    fi;
#if defined(BROKEN_SINGLE_ROUND)
    drain();
#endif
    d_step {
        find_live();
        for (i_ : 1 .. OBJECTS) {
            assert(!(live_ & BIT(i_)) || color[i_] == MARKED)
        }
        i_ = 0;
        live_ = 0
    }
    shake(OFF, false, false);
    do
    :: atomic { unswept[1] -> sweep(1) }
    :: atomic { !unswept[1] && unswept[2] -> sweep(2) }
    :: atomic { !unswept[1] && !unswept[2] && unswept[3] -> sweep(3) }
    :: atomic { !unswept[1] && !unswept[2] && !unswept[3] -> break }
    od;
    atomic { list = 0; found = false; assert(garbage == 0) }
    goto end_next
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
