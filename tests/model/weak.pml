/* SPDX-License-Identifier: BSD-2-Clause */
/* Weak references: tp_gc_weak_get beside the end of marking, clearing and the sweep.

   Here                       in lib/gc/
   weak_get                   weak.c: tp_gc_weak_get, under weak_lock
   terminate, clear           weak.c: tpi_weak_terminate, tpi_weak_clear (all of it: one reference)
   shade                      mark.c: tpi_shade, by a mutator: `found` first, then mark and buffer
   answer, shake, collector   mutator.c, handshake.c, cycle.c, as handshake.pml has them

   Two objects: X, which the weak reference refers to, and Y, which X points to: so it is not enough
   that X has its mark, it has to be scanned. Each of two mutators has one variable. It makes X (and
   holds it), loads Y from it, drops what it holds, gets X by the weak reference, and answers.
   Cycles go on for ever; what is found unreachable is made anew.

   Invariants:
   1. What a variable holds, and what that points to, is not swept.
   2. When marking is over, all of that is marked.
   3. weak_get gives NULL only where X is not reachable.
   4. No deadlock (spin's invalid end states).

   Sizes: 10 thousand states, no time.

   Left out: stores (handshake.pml), blocking, attaching, cleanups, which are found in the same step
   as references are cleared, more than one batch of references, the order of stores.

   Broken: BROKEN_NO_WEAK_LOCK (weak_get takes no lock), BROKEN_NO_GET_SHADE (it does not shade),
   BROKEN_BUFFER_ALONE (it shades into the mutator's buffer, and `found` is not set),
   BROKEN_NO_TERMINATED_CHECK (it gives out X after the end of marking, marked or not),
   BROKEN_TERMINATED_STAYS (terminated is set back when the next cycle begins: the sweep has taken
   the marks away by then, and what is alive looks white). */

#if defined(BROKEN_NO_WEAK_LOCK)
#define LOCK_WEAK skip
#define UNLOCK_WEAK skip
#else
#define LOCK_WEAK atomic { !weak_lock -> weak_lock = true }
#define UNLOCK_WEAK weak_lock = false
#endif
#if defined(BROKEN_NO_GET_SHADE)
#define GET_SHADES false
#else
#define GET_SHADES m[t].marking
#endif
#if defined(BROKEN_BUFFER_ALONE)
#define FOUND_FIRST skip
#else
#define FOUND_FIRST found = true
#endif
#if defined(BROKEN_NO_TERMINATED_CHECK)
#define IS_GARBAGE false
#else
#define IS_GARBAGE (seen && color[X] != MARKED)
#endif
#if defined(BROKEN_TERMINATED_STAYS)
#define SET_BACK_WHEN_CLEARED skip
#define SET_BACK_AT_BEGIN terminated = false
#else
#define SET_BACK_WHEN_CLEARED terminated = false
#define SET_BACK_AT_BEGIN skip
#endif

#define X 1
#define Y 2 /* X's field, always */

#define FREE   0
#define WHITE  1
#define MARKED 2

#define BARRIER 1
#define BLACK   2
#define SCAN    3
#define OFF     4

typedef mutator {
    byte l;                      /* its stack: 0, X or Y */
    bool asked, marking, black;
    bool late;                   /* has not answered OFF */
    bool x_grey, y_grey;         /* its buffer */
};

mutator m[2];
byte color[3];
bool weak;                       /* it refers to X; else NULL */
bool weak_lock, terminated, found, unswept;
bool x_grey, y_grey;             /* buffers that were handed over */
byte kind;

#define HOLDS(o)    (m[0].l == o || m[1].l == o)
#define X_REACHABLE HOLDS(X)
#define Y_REACHABLE (HOLDS(X) || HOLDS(Y))

/* Atomic by its callers. */
inline answer(t)
{
    if
    :: kind == BARRIER -> m[t].marking = true
    :: kind == BLACK -> m[t].black = true
    :: kind == SCAN ->
        if
        :: m[t].l == X && color[X] != MARKED -> color[X] = MARKED; m[t].x_grey = true
        :: m[t].l == Y && color[Y] != MARKED -> color[Y] = MARKED; m[t].y_grey = true
        :: else
        fi;
        if
        :: m[t].x_grey || m[t].y_grey ->
            found = true;
            x_grey = x_grey || m[t].x_grey;
            y_grey = y_grey || m[t].y_grey;
            m[t].x_grey = false;
            m[t].y_grey = false
        :: else
        fi
    :: kind == OFF ->
        m[t].marking = false;
        m[t].black = false;
        m[t].late = false;
        m[t].x_grey = false;
        m[t].y_grey = false
    fi;
    m[t].asked = false
}

inline weak_get()
{
    LOCK_WEAK;
    atomic { got = (weak -> X : 0); seen = terminated }
    if
    :: atomic { got != 0 && IS_GARBAGE ->
        assert(!X_REACHABLE); /* invariant 3 */
        got = 0 }
    :: got != 0 && !seen && GET_SHADES && color[X] != MARKED ->
        FOUND_FIRST;
        atomic {
            assert(color[X] != FREE);
            if
            :: color[X] != MARKED -> color[X] = MARKED; m[t].x_grey = true
            :: else
            fi
        }
    :: else
    fi;
    atomic { m[t].l = got; got = 0; seen = false }
    UNLOCK_WEAK
}

proctype mutator_thread(byte t)
{
    byte got;
    bool seen;

end_next:
    if
    :: atomic { color[X] == FREE && color[Y] == FREE && m[t].l == 0 && (m[t].late || !unswept) ->
        color[X] = (m[t].black -> MARKED : WHITE);
        color[Y] = color[X];
        weak = true;
        m[t].l = X }
    :: atomic { m[t].l == X -> m[t].l = Y }
    :: atomic { m[t].l != 0 -> m[t].l = 0 }
    :: atomic { m[t].asked -> answer(t) }
    :: m[t].l == 0 -> weak_get()
    fi;
    goto end_next
}

inline shake(what)
{
    atomic {
        kind = what;
        m[0].asked = true;
        m[1].asked = true;
        if
        :: what == OFF -> m[0].late = true; m[1].late = true; unswept = true
        :: else
        fi
    }
    !m[0].asked && !m[1].asked
}

/* Reads X's field, then shades. Reading Y, which points nowhere, is no step. */
inline drain()
{
    do
    :: atomic { x_grey -> x_grey = false }
        atomic {
            assert(color[Y] != FREE);
            if
            :: color[Y] != MARKED -> color[Y] = MARKED; y_grey = true
            :: else
            fi
        }
    :: atomic { y_grey -> y_grey = false }
    :: atomic { !x_grey && !y_grey -> found = false; break }
    od
}

inline sweep(o, reachable)
{
    if
    :: color[o] == MARKED -> color[o] = WHITE
    :: color[o] == WHITE -> assert(!(reachable)); color[o] = FREE /* invariant 1 */
    :: color[o] == FREE
    fi
}

proctype collector()
{
end_begin:
    SET_BACK_AT_BEGIN;
    shake(BARRIER);
    shake(BLACK);
more:
    drain();
    shake(SCAN);
    LOCK_WEAK; /* terminate */
    if
    :: found -> UNLOCK_WEAK; goto more
    :: !found
    fi;
    atomic {
        terminated = true;
        assert(!X_REACHABLE || color[X] == MARKED); /* invariant 2 */
        assert(!Y_REACHABLE || color[Y] == MARKED)
    }
    UNLOCK_WEAK;
    LOCK_WEAK; /* clear */
    weak = weak && color[X] == MARKED;
    SET_BACK_WHEN_CLEARED;
    UNLOCK_WEAK;
    shake(OFF);
    atomic {
        sweep(X, X_REACHABLE);
        sweep(Y, Y_REACHABLE);
        unswept = false;
        found = false;
        x_grey = false;
        y_grey = false
    }
    goto end_begin
}

init
{
    atomic { run mutator_thread(0); run mutator_thread(1); run collector() }
}
