/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of collected objects: what idles in magazines, beside marking and rotation.

   Here                       in lib/
   inlined put, get           include/tidepool/detail/sequence_x86_64.h: limits, then the commit
   slow put, slow get         cache/traffic.c: tpi_cache_put_many, get_locked; leave
   spare_move, load, shared   cache/traffic.c: a thread's magazine to the depot; the depot's to a
                              thread; one object out of the depots
   close                      gc/pooled.c: tpi_pooled_close (TPI_CLOSED_MARKING)
   rotate, drop               cache/rotate.c: idle, victim, doomed, dropped
   scan                       gc/pooled.c: tpi_pooled_scan: threads first, depots then
   answer, shake, collector   as handshake.pml has them

   An object is in one place: nowhere (free), in a thread's hand (on its stack), idle in a thread or
   in the depot, victim in a thread or in the depot, doomed, dropped, or lost: its thread forgot it.
   Magazines have no number and no room here: taking.pml has those. Objects point nowhere, so that
   one that is grey is black.

   One cycle: BARRIER; close; fence and rotate; drop what is doomed; BLACK; scan all that idles, as
   a root that belongs to no thread; SCAN rounds until one finds nothing; OFF; open; sweep.

   Invariants:
   1. What is in a hand, idle, a victim or doomed is not swept.
   2. What a cycle drops, it sweeps.
   3. No deadlock (spin's invalid end states).

   A sequence that looked at its limits before they were closed is restarted, by the fence or, where
   a signal's handler answers in its midst, by the kernel. One of the two is enough for marking:
   else it ends before its thread answers BLACK, and so before the scan. Rotation needs the fence
   (taking.pml).

   Sizes: 86 thousand states with two objects, 1.6 million with three (OBJECTS=3), 4 s.

   Left out: stores and grey objects, blocking, attaching (handshake.pml), which magazine is stolen,
   puts beside the end of the cycle (tpi_cache_puts_end is waited for in one step), memory order.

   Broken: BROKEN_MAGAZINES_ARE_THREAD_ROOTS (each thread shades what idles in it in its answer to
   SCAN, and the collecting thread looks only at depots: what moves from one who has not answered to
   one who has is lost), BROKEN_NO_CLOSE (inlined puts and gets go on while magazines are read),
   BROKEN_NO_PUT_SHADE, BROKEN_NO_RESTART (neither of the two: the object idles where the scan
   has been), BROKEN_DEPOT_FIRST (the scan looks at depots, then at threads: what goes from a thread
   to the depot in between is missed), BROKEN_LOAD (whole magazines go from the depot to threads
   beside the scan). */

#ifndef OBJECTS
#define OBJECTS 2
#endif

#if defined(BROKEN_NO_CLOSE)
#define CLOSE(t) skip
#define REOPEN true
#else
#define CLOSE(t) open[t] = false
#define REOPEN (!closed)
#endif
#if defined(BROKEN_NO_RESTART)
#define RESTARTS false
#else
#define RESTARTS true
#endif
#if defined(BROKEN_NO_PUT_SHADE)
#define PUT_SHADES false
#else
#define PUT_SHADES saw
#endif
#if defined(BROKEN_LOAD)
#define DEPOTS_STAY false
#else
#define DEPOTS_STAY closed
#endif
#if defined(BROKEN_MAGAZINES_ARE_THREAD_ROOTS)
#define IS_THREADS(o, t) (where[o] == HAND + t || where[o] == IDLE + t || where[o] == VICTIM + t)
#define SCAN_IDLE scan_depots()
#elif defined(BROKEN_DEPOT_FIRST)
#define IS_THREADS(o, t) (where[o] == HAND + t)
#define SCAN_IDLE scan_depots(); scan_thread(0); scan_thread(1)
#else
#define IS_THREADS(o, t) (where[o] == HAND + t)
#define SCAN_IDLE scan_thread(0); scan_thread(1); scan_depots()
#endif

#define WHITE  0
#define MARKED 1

/* Places; + t: of thread t. */
#define FREE         0
#define HAND         1
#define IDLE         3
#define VICTIM       5
#define DEPOT        7
#define DEPOT_VICTIM 8
#define DOOMED       9
#define DROPPED      10
#define LOST         11

#define BARRIER 1
#define BLACK   2
#define SCAN    3
#define OFF     4

byte where[OBJECTS + 1], color[OBJECTS + 1];
bool asked[2], black[2];
bool late[2];            /* has not answered OFF */
bool locked[2], open[2], announced[2], restart[2];
bool closed, found, unswept;
byte kind;

byte i_; /* of atomic blocks alone */

inline shade(o)
{
    if
    :: color[o] != MARKED -> color[o] = MARKED; found = true
    :: else
    fi
}

inline answer(t)
{
    if
    :: kind == BARRIER
    :: kind == BLACK -> black[t] = true
    :: kind == SCAN ->
        for (i_ : 1 .. OBJECTS) {
            if
            :: IS_THREADS(i_, t) -> shade(i_)
            :: else
            fi
        }
        i_ = 0
    :: kind == OFF -> black[t] = false; late[t] = false
    fi;
    asked[t] = false
}

/* Everything in one place to another. */
inline move(from, to)
{
    for (i_ : 1 .. OBJECTS) {
        if
        :: where[i_] == from -> where[i_] = to
        :: else
        fi
    }
    i_ = 0
}

/* object: any in that place, where there is one. */
inline choose(place)
{
    if
    :: where[1] == place -> object = 1
    :: where[2] == place -> object = 2
    :: where[OBJECTS] == place -> object = OBJECTS
    fi
}

#define ANYBODY(place) (where[1] == place || where[2] == place || where[OBJECTS] == place)

proctype mutator_thread(byte t)
{
    byte object;
    bool saw;

end_next:
    if
    :: atomic { asked[t] -> answer(t) }
    :: atomic { ANYBODY(FREE) && (late[t] || !unswept) -> /* make */
        choose(FREE);
        color[object] = (black[t] -> MARKED : WHITE);
        where[object] = HAND + t;
        object = 0 }
    :: atomic { ANYBODY(HAND + t) -> choose(HAND + t); where[object] = LOST; object = 0 }
    /* Inlined: the limits are open. */
    :: atomic { open[t] && ANYBODY(HAND + t) -> choose(HAND + t); announced[t] = true }
        goto sequence
    :: atomic { open[t] && ANYBODY(IDLE + t) -> announced[t] = true }
        goto sequence
    /* The slow path, under the record's lock. */
    :: atomic { ANYBODY(HAND + t) && !locked[t] ->
        choose(HAND + t); locked[t] = true; open[t] = false }
        saw = closed;
        atomic {
            if
            :: PUT_SHADES -> shade(object)
            :: else
            fi
        }
        atomic { where[object] = IDLE + t; object = 0; saw = false }
        atomic { open[t] = REOPEN; locked[t] = false }
    :: atomic { ANYBODY(IDLE + t) && !locked[t] ->
        choose(IDLE + t); where[object] = HAND + t; object = 0; open[t] = REOPEN }
    :: atomic { ANYBODY(VICTIM + t) && !locked[t] ->
        choose(VICTIM + t); where[object] = HAND + t; object = 0; open[t] = REOPEN }
    /* To and from the depots: one's own, and another's (spare_move). */
    :: atomic { ANYBODY(IDLE + t) && !locked[t] -> move(IDLE + t, DEPOT) }
    :: atomic { ANYBODY(IDLE + 1 - t) && !locked[1 - t] -> move(IDLE + 1 - t, DEPOT) }
    :: atomic { ANYBODY(VICTIM + 1 - t) && !locked[1 - t] -> move(VICTIM + 1 - t, DEPOT_VICTIM) }
    :: atomic { ANYBODY(DEPOT) && !locked[t] && !DEPOTS_STAY -> move(DEPOT, IDLE + t) }
    :: atomic { ANYBODY(DEPOT) -> choose(DEPOT); where[object] = HAND + t; object = 0 }
    :: atomic { ANYBODY(DEPOT_VICTIM) ->
        choose(DEPOT_VICTIM); where[object] = HAND + t; object = 0 }
    :: atomic { ANYBODY(DOOMED) -> choose(DOOMED); where[object] = HAND + t; object = 0 }
    fi;
    goto end_next;

sequence: /* object: to be put; 0: a get */
    if
    :: atomic { asked[t] -> answer(t); restart[t] = restart[t] || RESTARTS }
        goto sequence
    :: atomic {
        if
        :: !restart[t] && object != 0 -> where[object] = IDLE + t
        :: !restart[t] && object == 0 && ANYBODY(IDLE + t) ->
            choose(IDLE + t);
            where[object] = HAND + t
        :: else
        fi;
        announced[t] = false; restart[t] = false; object = 0 }
    fi;
    goto end_next
}

inline shake(what)
{
    atomic {
        kind = what;
        asked[0] = true;
        asked[1] = true;
        if
        :: what == OFF -> late[0] = true; late[1] = true; unswept = true
        :: else
        fi
    }
    !asked[0] && !asked[1]
}

inline rotate_thread(t)
{
    atomic {
        !locked[t] -> CLOSE(t);
        move(VICTIM + t, DOOMED);
        move(IDLE + t, VICTIM + t)
    }
}

inline scan_place(place)
{
    for (i_ : 1 .. OBJECTS) {
        if
        :: where[i_] == place -> shade(i_)
        :: else
        fi
    }
    i_ = 0
}

inline scan_thread(t)
{
    atomic { !locked[t] -> scan_place(IDLE + t); scan_place(VICTIM + t) }
}

inline scan_depots()
{
    atomic { scan_place(DEPOT); scan_place(DEPOT_VICTIM); scan_place(DOOMED) }
}

proctype collector()
{
end_begin:
    shake(BARRIER);
    closed = true;
    atomic { move(DEPOT_VICTIM, DOOMED); move(DEPOT, DEPOT_VICTIM) }
    atomic { CLOSE(0); CLOSE(1) }
    atomic { /* the fence */
        restart[0] = announced[0] && RESTARTS;
        restart[1] = announced[1] && RESTARTS
    }
    rotate_thread(0);
    rotate_thread(1);
    atomic { move(DOOMED, DROPPED) }
    shake(BLACK);
    SCAN_IDLE;
more:
    found = false;
    shake(SCAN);
    if
    :: found -> goto more
    :: !found
    fi;
    shake(OFF);
    closed = false;
    !locked[0] && !locked[1];
    atomic {
        for (i_ : 1 .. OBJECTS) {
            if
            :: where[i_] != FREE && color[i_] != MARKED ->
                assert(where[i_] == DROPPED || where[i_] == LOST); /* invariant 1 */
                where[i_] = FREE
            :: else
            fi;
            assert(where[i_] != DROPPED); /* invariant 2 */
            color[i_] = WHITE
        }
        i_ = 0;
        unswept = false;
        found = false
    }
    goto end_begin
}

init
{
    atomic {
        open[0] = true;
        open[1] = true;
        run mutator_thread(0);
        run mutator_thread(1);
        run collector()
    }
}
