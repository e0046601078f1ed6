/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting at live_max: nobody sleeps for ever while there is something to be had.

   Here                       in lib/
   get_wait, try, sleep       pool/wait.c: tp_pool_get_wait, wait_locked, try, waiting_change
   hand_over, wake_one        pool/wait.c: tpi_wait_hand_over, tpi_wait_wake_one
   put                        pool/traffic.c: put_idle, over cache/traffic.c: tpi_cache_put_many
   get                        pool/traffic.c: tpi_pool_get, get_at_bound, over cache/traffic.c:
                              get_locked
   get_shared                 cache/traffic.c: tpi_cache_get_shared
   make, drop                 pool/object.c: live_reserve, live_release
   take                       cache/rotate.c: tpi_cache_take
   service                    a cycle (rotate_depot, then the drop of what was doomed), pool/stock.c's
                              reserve, pool/pool.c's tp_pool_destroy

   Objects have no names here, only numbers of them: in a thread's record (`kept`), in magazines of
   the depot (`depot[n]`: how many magazines hold n), in use (`held`), doomed, or in somebody's hand.
   That an object is in one place is taking.pml's business, and so are sequences and the fence: a
   thread's inlined put is one step here, possible while its limits are open.

   Invariants, when nobody can go on:
   1. No waiter sleeps while an object is idle or live < live_max. (One that sleeps while all
      objects are in use by threads that do nothing more is right to.)
   2. After destroy no waiter sleeps, and nothing idle is left behind.
   3. No deadlock (spin's invalid end states).
   And always: live <= live_max; objects are conserved.

   Left out: timeouts that pass while an object comes are in (a waiter may stop waiting at any time),
   the clock is not; make that fails; callbacks; memory order (each wake and raise has a full fence
   between its store and its load: docs/MEMORY_ORDER.md).

   Broken: BROKEN_BIT_OUTSIDE_LOCK (a put looks at WAITING before it locks its record),
   BROKEN_TAKE_FIRST (a waiter takes, then sets WAITING), BROKEN_WAKE_FIRST (a drop wakes before it
   gives live back), BROKEN_ONE_LOOK (no second look after the lock was left for make),
   BROKEN_WHOLE_MAGAZINE (a get loads a whole magazine although somebody waits), BROKEN_IN_HAND
   (get_shared and a cycle keep a magazine in hand while waiters look), BROKEN_RESERVE (reserve
   wakes nobody), BROKEN_DESTROY_LOOK (no look at DESTROYED right before the sleep),
   BROKEN_HAND_OVER (an object is handed over in a destroyed pool). */

#ifndef THREADS
#define THREADS 3
#endif
#ifndef OPERATIONS
#define OPERATIONS 2
#endif
#define LIVE_MAX 2
#define NOBODY   255

byte live;
byte held[THREADS];      /* objects in use by a thread */
byte kept[THREADS];      /* idle in a thread's record */
bool open[THREADS];      /* its limits */
byte depot[LIVE_MAX + 1]; /* how many magazines hold n objects; 0: not used */
byte doomed;
byte in_hand;            /* idle, but where nobody finds them */
bool waiting_bit, destroyed;
byte waiting;            /* wait_lock */
byte getting;            /* gets under way, which may not be beside a destroy */
bool asleep[THREADS];
byte left = THREADS + 1; /* processes that still do something */

bool wait_lock, closer_lock, record_lock[THREADS];

#define lock(l)   atomic { !l -> l = true }
#define unlock(l) l = false

#if THREADS == 3
#define SUM(a) (a[0] + a[1] + a[2])
#else
#define SUM(a) (a[0] + a[1])
#endif
#define IN_DEPOT (depot[1] + 2 * depot[2])

/* ---- conditions ---- */

inline signal()
{
    atomic {
        if
        :: asleep[0] -> asleep[0] = false
        :: asleep[1] -> asleep[1] = false
#if THREADS == 3
        :: asleep[2] -> asleep[2] = false
        :: !asleep[0] && !asleep[1] && !asleep[2]
#else
        :: !asleep[0] && !asleep[1]
#endif
        fi
    }
}

inline wake_one()
{
    if
    :: waiting == 0
    :: waiting != 0 ->
        lock(wait_lock);
        signal();
        unlock(wait_lock)
    fi
}

/* ---- objects ---- */

/* done: one was made and is in use by the caller. */
inline make()
{
    atomic {
        if
        :: live < LIVE_MAX -> live++; done = true
        :: else -> done = false
        fi
    }
}

/* The last of an object that is in nobody's count any more. */
inline drop()
{
#ifdef BROKEN_WAKE_FIRST
    wake_one();
    live--
#else
    live--;
    wake_one()
#endif
}

/* done: one from the depot. */
inline get_shared()
{
#ifndef BROKEN_IN_HAND
    lock(closer_lock);
#endif
    atomic {
        if
        :: depot[1] > 0 -> depot[1]--; done = true
        :: depot[2] > 0 -> depot[2]--; done = true; in_hand++
        :: else -> done = false
        fi
    }
    /* the magazine goes back, if there is something in it */
    atomic {
        if
        :: done && in_hand > 0 && pushes_back -> depot[1]++; in_hand--
        :: else
        fi
    }
#ifndef BROKEN_IN_HAND
    unlock(closer_lock)
#endif
}
