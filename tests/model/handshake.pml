/* SPDX-License-Identifier: BSD-2-Clause */

#define OBJECTS 3
#define BIT(o) ((1 << (o)) & 14) /* 0 for NULL */

#ifndef LOCALS0
#define LOCALS0 2
#endif
#ifndef LOCALS1
#define LOCALS1 1
#endif

#define BARRIER_ON(t) m[t].marking
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
#define SHADE_BEFORE_GIVING skip
#define GIVER_FOUND skip
#define GIVER_SHADE skip
#define TAKE channel = 0
#if defined(BROKEN_NO_TRANSFER_SHADE)
#elif defined(BROKEN_GIVER_SHADES_FIRST)
#undef SHADE_BEFORE_GIVING
#define SHADE_BEFORE_GIVING found_if_marking(t); shade_if_marking(t, L0)
#elif defined(TAKER)
#undef TAKE
#define TAKE found_if_marking(t); goto taken
#else
#undef GIVER_FOUND
#undef GIVER_SHADE
#define GIVER_FOUND found_if_marking(t)
#define GIVER_SHADE shade_if_marking(t, L0)
#endif
#if defined(BROKEN_FOUND_BY_HANDOVER)
#define FOUND_FIRST skip
#define FOUND_LAST
#define SHADE_FINDS(t) false
#elif defined(BROKEN_FOUND_LAST)
#define FOUND_FIRST skip
#define FOUND_LAST } found = true; atomic { skip
#define SHADE_FINDS(t) BARRIER_ON(t)
#else
#define FOUND_FIRST found = true
#define FOUND_LAST
#define SHADE_FINDS(t) BARRIER_ON(t)
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

inline shade_if_marking(t, o)
{
    if
    :: BARRIER_ON(t) -> shade(m[t].buffer, o)
    :: else
    fi
}

inline found_if_marking(t)
{
    if
    :: SHADE_FINDS(t) && m[t].l[0] != 0 && color[m[t].l[0]] != MARKED -> found = true
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
        unsigned char order[4] = {0}, number[4] = {0}, color[4], field[4], unswept[4];
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
            if ((now.list | now.m[0].buffer | now.m[1].buffer) & 1 << i) {
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
        }
        for (i = 1; i < 4; i++) {
            now.color[i] = color[i];
            now.field[i] = field[i];
            now.unswept[i] = unswept[i];
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
        assert(!(live_ & BIT(o)));
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
    :: atomic { RUNS && locals == 1 && L0 != 0 -> assert(color[L0] != FREE); L0 = field[L0]; TIDY }
    :: atomic { RUNS && locals == 1 && root != 0 -> L0 = field[root]; TIDY }
    :: atomic { RUNS && locals == 2 && L0 != 0 -> assert(color[L0] != FREE); L1 = field[L0]; TIDY }
    :: atomic { RUNS && locals == 2 && L1 != 0 -> assert(color[L1] != FREE); L0 = field[L1]; TIDY }
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
    /* Allocation: which free object is no matter, so it is the first. */
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
    :: atomic { RUNS && channel == 0 && L0 != 0 -> SHADE_BEFORE_GIVING; channel = L0; goto give }
    :: atomic { RUNS && channel != 0 -> L0 = channel; TAKE; TIDY }
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
give: /* it keeps it until the taker has it */
    if
    :: atomic { m[t].asked -> answer(t) } goto give
    :: atomic { channel == 0 -> GIVER_FOUND; TIDY }
    fi;
    atomic { GIVER_SHADE; L0 = 0; TIDY }
    goto end_next;
taken: /* the channel is empty only when the taker has shaded */
    atomic { shade_if_marking(t, L0); channel = 0; TIDY }
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
