/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting at live_max: nobody sleeps for ever while there is something to be had.

   Here                       in lib/
   get_wait                   pool/wait.c: tpi_wait_get, wait_locked, try: tp_pool_get_wait's, and a
                              get's at live_max, which does not sleep
   hand_over, wake_one        pool/wait.c: tpi_wait_hand_over, tpi_wait_wake_one
   put                        pool/traffic.c: put_idle; cache/traffic.c: tpi_cache_put_many
   cache_get                  cache/traffic.c: tpi_cache_get, get_locked
   get_shared, steal          cache/traffic.c: tpi_cache_get_shared, spare_move
   make, drop                 pool/object.c: live_reserve, live_released
   take                       cache/rotate.c: tpi_cache_take
   cycle, reserve, destroy    cache/rotate.c: rotate_depot, rotate_local, and the drop of what was
                              doomed; pool/stock.c: tp_pool_reserve; pool/pool.c: tp_pool_destroy

   Objects have no names here, only numbers: in a thread's record (kept), in the depots (depot[n]:
   how many magazines hold n), in use (held), doomed. That each is in one place is taking.pml's
   business, and so are sequences and the fence: a thread's inlined put is one step here, possible
   while its limits are open. Both depots are one: a waiter looks in both.

   Invariants, when nobody can go on:
   1. No waiter sleeps while an object is idle or live < live_max. (It may, when all objects are in
      use by threads that do nothing any more.)
   2. After destroy no waiter sleeps, and nothing idle is left behind.
   3. No deadlock (spin's invalid end states).
   4. live is the number of objects that exist.

   Left out: the clock (thread 0 may give up waiting at any time, woken or not), make that fails,
   callbacks, memory order (a raise and a drop each have a full fence between store and load:
   docs/MEMORY_ORDER.md).

   Broken: BROKEN_BIT_OUTSIDE_LOCK (a put looks at WAITING before it locks its record),
   BROKEN_TAKE_FIRST (a waiter takes, then sets WAITING), BROKEN_WAKE_FIRST (a drop wakes before it
   gives live back), BROKEN_ONE_LOOK (no second look at the depots after the lock was left for
   make), BROKEN_WHOLE_MAGAZINE (a get loads a whole magazine although somebody waits),
   BROKEN_IN_HAND (get_shared and cycles have a magazine in hand while a waiter looks),
   BROKEN_RESERVE (reserve wakes nobody), BROKEN_DESTROY_LOOK (no look at DESTROYED right before the
   sleep), BROKEN_HAND_OVER (handed over in a destroyed pool). */

#if defined(BROKEN_BIT_OUTSIDE_LOCK)
#define LOCK_AND_LOOK done = !CLOSED; atomic { LOCK(record_lock[t]); open[t] = false }
#else
#define LOCK_AND_LOOK atomic { LOCK(record_lock[t]); open[t] = false; done = !CLOSED }
#endif
#if defined(BROKEN_TAKE_FIRST)
#define RAISE_AND_TAKE take(); raise()
#else
#define RAISE_AND_TAKE raise(); take()
#endif
#if defined(BROKEN_WAKE_FIRST)
#define GIVE_BACK_AND_WAKE(count) wake_one(); atomic { live--; count-- }
#else
#define GIVE_BACK_AND_WAKE(count) atomic { live--; count-- } wake_one()
#endif
#if defined(BROKEN_ONE_LOOK)
#define SECOND_LOOK skip
#else
#define SECOND_LOOK get_shared()
#endif
#if defined(BROKEN_WHOLE_MAGAZINE)
#define SEES_WAITING false
#else
#define SEES_WAITING waiting_bit
#endif
/* What keeps magazines out of everybody's hands while somebody looks. */
#if defined(BROKEN_IN_HAND)
#define HANDS_BEGIN true
#define HANDS_END
#else
#define HANDS_BEGIN !closer_lock -> closer_lock = true
#define HANDS_END   closer_lock = false
#endif
#if defined(BROKEN_RESERVE)
#define RESERVE_WAKES false
#else
#define RESERVE_WAKES done
#endif
#if defined(BROKEN_DESTROY_LOOK)
#define SEES_DESTROYED false
#else
#define SEES_DESTROYED destroyed
#endif
#if defined(BROKEN_HAND_OVER)
#define TAKES_HAND_OVER (waiting != 0)
#else
#define TAKES_HAND_OVER (waiting != 0 && !destroyed)
#endif

/* How much each thread does, and the one for cycles, reserves and destroys. */
#ifndef FIRST
#define FIRST 1
#endif
#ifndef SECOND
#define SECOND 1
#endif
#ifndef THIRD
#define THIRD 1
#endif
#ifndef SERVICES
#define SERVICES 1
#endif
#define THREADS  3
#define LIVE_MAX 2

byte live;
byte held[THREADS];       /* objects in use by a thread */
byte kept[THREADS];       /* idle in a thread's record */
bool open[THREADS];       /* its limits */
byte depot[LIVE_MAX + 1]; /* magazines with n objects */
byte doomed;
bool waiting_bit, destroyed;
byte waiting;             /* changes under wait_lock */
byte getting;             /* gets and reserves under way: destroy may not be beside them */
bool asleep[THREADS];
bool wait_lock, closer_lock, record_lock[THREADS];

#define IDLE       (kept[0] + kept[1] + kept[2] + depot[1] + 2 * depot[2] + doomed)
#define HELD       (held[0] + held[1] + held[2])
#define ANY_ASLEEP (asleep[0] || asleep[1] || asleep[2])
#define CLOSED     (waiting_bit || destroyed)

/* What is done under a lock and seen by nobody else until it is unlocked is one step. */
#define LOCK(l) !l -> l = true

/* Under wait_lock. */
inline signal()
{
    if
    :: asleep[0] -> asleep[0] = false
    :: asleep[1] -> asleep[1] = false
    :: asleep[2] -> asleep[2] = false
    :: !ANY_ASLEEP
    fi
}

inline wake_one()
{
    if
    :: waiting == 0
    :: waiting != 0 -> atomic { !wait_lock -> signal() }
    fi
}

/* done: one more exists, and is the caller's. */
inline make(count)
{
    atomic {
        if
        :: live < LIVE_MAX -> live++; count++; done = true
        :: else -> done = false
        fi
    }
}

inline drop(count)
{
    GIVE_BACK_AND_WAKE(count)
}

/* done: one from the depots. */
inline get_shared()
{
    atomic {
        HANDS_BEGIN;
        if
        :: depot[1] > 0 -> depot[1]--; held[t]++; done = true
        :: depot[2] > 0 -> depot[2]--; held[t]++; done = true; rest = 1
        :: depot[1] == 0 && depot[2] == 0 -> done = false
        fi
    }
    atomic { depot[1] = depot[1] + rest; rest = 0; HANDS_END } /* the magazine goes back */
}

/* A record's objects to the depot. */
inline take_record(u)
{
    atomic {
        !record_lock[u] -> open[u] = false;
        depot[kept[u]]++;
        depot[0] = 0;
        kept[u] = 0
    }
}

inline take()
{
    atomic { LOCK(closer_lock) }
    take_record(0);
    take_record(1);
    atomic { take_record(2); closer_lock = false }
}

/* Limits open at the end of a slow path, before the record is unlocked. */
inline leave()
{
    atomic {
        if
        :: !CLOSED -> open[t] = true
        :: CLOSED
        fi;
        record_lock[t] = false
    }
}

/* ---- what threads do ---- */

/* done: one from the thread's own record or, as a whole magazine, from the depots. */
inline cache_get()
{
    atomic {
        LOCK(record_lock[t]);
        open[t] = false;
        seen = SEES_WAITING
    }
    atomic {
        if
        :: kept[t] > 0 -> kept[t]--; held[t]++; done = true
        :: kept[t] == 0 && !seen && depot[1] > 0 -> depot[1]--; held[t]++; done = true
        :: kept[t] == 0 && !seen && depot[2] > 0 -> depot[2]--; held[t]++; kept[t]++; done = true
        :: kept[t] == 0 && (seen || depot[1] + depot[2] == 0)
        fi;
        seen = false
    }
    leave()
}

inline hand_over()
{
    atomic {
        !wait_lock -> done = TAKES_HAND_OVER;
        if
        :: done -> held[t]--; depot[1]++; signal()
        :: !done
        fi
    }
}

inline put()
{
    do
    :: true ->
        LOCK_AND_LOOK;
        atomic {
            if
            :: done -> held[t]--; kept[t]++
            :: !done
            fi
        }
        leave();
        if
        :: done -> break
        :: !done && waiting_bit -> hand_over()
        :: !done && !waiting_bit -> drop(held[t]); break
        fi;
        if
        :: done -> break
        :: !done && waiting != 0 -> drop(held[t]); break
        :: !done && waiting == 0
        fi
    od;
    done = false
}

inline raise()
{
    waiting++;
    waiting_bit = true
}

/* in_time: it may sleep; not so a get at live_max. */
inline get_wait()
{
    atomic { LOCK(wait_lock) }
    RAISE_AND_TAKE;
    do
    :: destroyed -> break
    :: !destroyed ->
        get_shared();
        if
        :: done -> break
        :: !done
        fi;
        wait_lock = false;
        make(held[t]);
        atomic { LOCK(wait_lock) }
        if
        :: done
        :: !done -> SECOND_LOOK
        fi;
        if
        :: done || !in_time -> break
        :: !done && in_time && live < LIVE_MAX
        :: !done && in_time && live >= LIVE_MAX && SEES_DESTROYED -> break
        :: !done && in_time && live >= LIVE_MAX && !SEES_DESTROYED ->
            atomic { wait_lock = false; asleep[t] = true }
end_asleep:
            atomic {
                if
                :: !asleep[t]
                :: t == 0 -> asleep[t] = false; in_time = false
                fi
            }
            atomic { LOCK(wait_lock) }
        fi
    od;
    waiting--;
    atomic { waiting_bit = (waiting != 0); wait_lock = false }
}

proctype thread(byte t; byte operations)
{
    bool done, in_time, seen, gets, waits;
    byte rest;

    do
    :: operations == 0 -> break
    :: operations > 0 ->
        operations--;
        if
        :: atomic { held[t] > 0 && open[t] -> held[t]--; kept[t]++ } /* inlined */
        :: atomic { kept[t] > 0 && open[t] -> kept[t]--; held[t]++ }
        :: held[t] > 0 -> put()
        :: held[t] > 0 -> drop(held[t]) /* keep said no */
        :: atomic { !destroyed -> getting++; gets = true }
            cache_get();
            if
            :: done
            :: !done -> make(held[t])
            fi;
            waits = !done
        :: atomic { !destroyed -> waits = true; in_time = true }
        :: take_record((t + 1) % THREADS) /* steal: all that a thread has, here */
        :: break
        fi;
        if
        :: waits -> get_wait()
        :: !waits
        fi;
        atomic {
            getting = getting - gets;
            done = false;
            gets = false;
            waits = false;
            in_time = false
        }
    od
}

/* ---- cycles, reserve, destroy ---- */

inline drop_doomed()
{
    do
    :: doomed > 0 -> drop(doomed)
    :: doomed == 0 -> break
    od
}

inline doom_record(u)
{
    atomic { !record_lock[u] -> open[u] = false; doomed = doomed + kept[u]; kept[u] = 0 }
}

/* With the depots' magazines in hand for a moment: some are doomed, some go back. */
inline cycle()
{
    atomic { HANDS_BEGIN; one = depot[1]; two = depot[2]; depot[1] = 0; depot[2] = 0 }
    atomic {
        if
        :: depot[1] = depot[1] + one; depot[2] = depot[2] + two
        :: doomed = doomed + one + 2 * two
        fi;
        one = 0;
        two = 0;
        HANDS_END
    }
    if
    :: true
    :: doom_record(0)
    fi;
    drop_doomed()
}

inline reserve()
{
    make(one);
    atomic { depot[1] = depot[1] + one; one = 0; getting-- }
    if
    :: RESERVE_WAKES -> wake_one()
    :: !RESERVE_WAKES
    fi;
    done = false
}

inline destroy()
{
    atomic { !wait_lock -> asleep[0] = false; asleep[1] = false; asleep[2] = false }
    atomic { LOCK(closer_lock) }
    doom_record(0);
    doom_record(1);
    doom_record(2);
    atomic { doomed = doomed + depot[1] + 2 * depot[2]; depot[1] = 0; depot[2] = 0 }
    closer_lock = false;
    drop_doomed()
}

proctype service(byte operations)
{
    bool done;
    byte one, two;

    do
    :: operations == 0 -> break
    :: operations > 0 ->
        operations--;
        if
        :: cycle()
        :: atomic { !destroyed -> getting++ } reserve()
        :: atomic { !destroyed && getting == 0 -> destroyed = true } destroy()
        :: break
        fi
    od
}

init
{
    atomic {
        do
        :: live < LIVE_MAX ->
            live++;
            if
            :: held[0]++
            :: held[1]++
            :: kept[0]++; open[0] = true
            fi
        :: break
        od;
        run thread(0, FIRST);
        run thread(1, SECOND);
        run thread(2, THIRD);
        run service(SERVICES)
    }
    timeout; /* nobody can go on */
    assert(live == HELD + IDLE);                                        /* invariant 4 */
    assert(!ANY_ASLEEP || (IDLE == 0 && live == LIVE_MAX && !destroyed)); /* invariants 1, 2 */
    assert(!destroyed || IDLE == 0)                                     /* invariant 2 */
}
