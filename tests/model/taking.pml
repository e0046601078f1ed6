/* SPDX-License-Identifier: BSD-2-Clause */
/* Closing, taking and stealing: what docs/design/rseq.md promises, for one cache and two threads.

   Here                       in lib/
   get, put                   include/tidepool/detail/sequence_x86_64.h: one step for each shared
                              access: the word (and announcement), the limit, objects, the slot,
                              the word again
   slow_get, slow_put         cache/traffic.c: get_locked, make_room; leave (open, then unlock)
   steal                      cache/traffic.c: spare_move
   exit                       cache/thread.c: thread_exit, record_leave. Then the record is a new
                              thread's (attach), which is what the owner goes on as
   closer                     cache/close.c: tpi_close_and_visit, with cache/rotate.c's rotate_depot
                              and rotate_local (a cycle), or take_local (tpi_cache_take)
   fence                      os/rseq.c: membarrier(PRIVATE_EXPEDITED_RSEQ)

   Preemption, migration and signals need no steps of their own: a process that is not scheduled
   stands where it is for as long as the search likes, and may restart by itself anywhere. The fence
   restarts each owner that is between announcement and commit.

   Invariants:
   1. An object that is handed out or dropped was idle: it is never in two hands.
   2. An idle object is in exactly one place; none is lost (checked whenever the closer is done).
   3. While a closer visits a record its limits are closed.
   4. A thread that stops for ever, in mid-sequence too, holds nothing idle after the second cycle
      that began since; when both have stopped, nothing at all is idle then.
   5. No deadlock (spin's invalid end states).

   Left out: the depots are atomic (stack.pml has what is inside), counts, budgets, capacities that
   change, the order of stores (x86-64 and the fence order them: docs/MEMORY_ORDER.md), and that a
   doomed object is dropped later rather than at once.

   Broken: BROKEN_PLAIN_FENCE (PRIVATE_EXPEDITED orders memory and restarts nobody), BROKEN_CEILING
   (the closer leaves one limit open), BROKEN_TAKE_FIRST (takes, then fences), BROKEN_REOPEN (an
   owner opens its limits when it has unlocked already), BROKEN_EXIT (no flush), BROKEN_ZERO_FLOOR
   (a visit leaves a floor of zero: open to a sequence that read the level before the visit, and
   that no fence restarts, since it began after the fence). */

#if defined(BROKEN_PLAIN_FENCE)
#define FENCE_RESTARTS(t) false
#else
#define FENCE_RESTARTS(t) (fence_due && announced[t])
#endif
#if defined(BROKEN_CEILING)
#define CLOSE_CEILING(t)
#define LIMITS_OPEN(t) r[t].floor_open
#else
#define CLOSE_CEILING(t) r[t].ceiling_open = false
#define LIMITS_OPEN(t)   (r[t].floor_open || r[t].ceiling_open)
#endif
#if defined(BROKEN_TAKE_FIRST)
#define FENCE_AND_VISIT visit(0); visit(1); fence()
#else
#define FENCE_AND_VISIT fence(); visit(0); visit(1)
#endif
#if defined(BROKEN_REOPEN)
#define LEAVE r[t].locked = false; atomic { open_own(); FORGET }
#else
#define LEAVE open_own(); atomic { r[t].locked = false; FORGET }
#endif
#if defined(BROKEN_EXIT)
#define FLUSH skip
#else
#define FLUSH flush()
#endif
#if defined(BROKEN_ZERO_FLOOR)
#define FLOOR_AFTER_VISIT true
#else
#define FLOOR_AFTER_VISIT false
#endif

#include "records.pml"

/* ---- an owner ---- */

/* Before each step of a sequence: the fence was here, or the kernel restarts it by itself. */
#define STEP(again)                                                                                \
    if                                                                                             \
    :: true -> restart[t] = false; level = 0; number = 0; goto again                               \
    :: !restart[t]                                                                                 \
    fi

inline lock_own()
{
    atomic {
        !r[t].locked -> r[t].locked = true;
        r[t].floor_open = false;
        r[t].ceiling_open = false
    }
}

inline open_own()
{
    atomic {
        if
        :: r[t].loaded != 0 -> r[t].floor_open = true; r[t].ceiling_open = true
        :: else
        fi
    }
}

/* The process's own variables are cleared with its last step, so that spin sees fewer states. */
#define FORGET object = 0; level = 0; number = 0

/* Any object that the thread has in use, to be put. */
inline select_held()
{
    do
    :: object < OBJECTS -> object++;
        if
        :: where[object] == HAND + t -> goto put
        :: true
        fi
    :: else -> object = 0; goto end_outside
    od
}

/* The parts of an owner; each goes on at the label of another. */

inline sequence_get()
{
    atomic { object = 0; announced[t] = true; level = r[t].level }
    atomic {
        STEP(get);
        if
        :: r[t].floor_open && level > 0
        :: else -> announced[t] = false; restart[t] = false; level = 0; goto slow_get
        fi
    }
    atomic { STEP(get); number = r[t].loaded }
    atomic { STEP(get); object = m[number].slot[level - 1] }
    atomic {
        if
        :: goto stop /* in mid-sequence; the object is not handed out */
        :: STEP(get)
        fi;
        r[t].level = level - 1;
        m[number].slot[level - 1] = 0;
        announced[t] = false;
        hand_out(t, object);
        FORGET;
        goto end_outside
    }
}

inline sequence_put()
{
    atomic { announced[t] = true; level = r[t].level }
    atomic {
        STEP(put);
        if
        :: r[t].ceiling_open && level < CAPACITY
        :: else -> announced[t] = false; restart[t] = false; level = 0; goto slow_put
        fi
    }
    atomic { STEP(put); number = r[t].loaded }
    atomic { STEP(put); m[number].slot[level] = object }
    atomic {
        if
        :: goto stop
        :: STEP(put)
        fi;
        r[t].level = level + 1;
        announced[t] = false;
        where[object] = IDLE;
        FORGET;
        goto end_outside
    }
}

inline find()
{
    lock_own();
    atomic {
        if
        :: r[t].level > 0
        :: r[t].level == 0 && r[t].previous != 0 && m[r[t].previous].count > 0 ->
            unload(t, number);
            load(t, r[t].previous);
            r[t].previous = number
        :: else ->
            if
            :: r[t].victims != 0 -> goto take_victim
            :: else -> goto refill
            fi
        fi;
        goto take_loaded
    }
refill:
    atomic {
        if
        :: depot != 0 ->
            unload(t, number);
            if
            :: number != 0 -> store(depot, r[t].previous); r[t].previous = number
            :: else
            fi;
            /* store puts no magazine with objects there: previous_count was 0 */
            stack_pop(depot, number);
            load(t, number);
            goto take_loaded
        :: else
        fi
    }
    atomic {
        if
        :: victims != 0 -> stack_pop(victims, number); r[t].victims = number; goto take_victim
        :: else -> goto missed
        fi
    }
}

inline take_found()
{
    atomic {
        r[t].level--;
        object = m[r[t].loaded].slot[r[t].level];
        m[r[t].loaded].slot[r[t].level] = 0;
        hand_out(t, object);
        FORGET
    }
    LEAVE;
    goto end_outside;
take_victim:
    atomic {
        number = r[t].victims;
        m[number].count--;
        object = m[number].slot[m[number].count];
        m[number].slot[m[number].count] = 0;
        hand_out(t, object);
        if
        :: m[number].count == 0 -> r[t].victims = m[number].next; magazine_free(number)
        :: else
        fi;
        FORGET
    }
    LEAVE;
    goto end_outside
}

inline steal_or_make()
{
    LEAVE;
    atomic {
        number = 0;
        if
        :: r[1 - t].locked || (r[1 - t].previous == 0 && r[1 - t].victims == 0) -> goto make
        :: else -> r[1 - t].locked = true
        fi
    }
    atomic { /* steal: previous, or the first victims */
        if
        :: r[1 - t].previous != 0 && m[r[1 - t].previous].count > 0 ->
            thief_holds[t] = r[1 - t].previous;
            r[1 - t].previous = 0;
            goto stolen_previous
        :: else ->
            if
            :: r[1 - t].victims != 0 -> stack_pop(r[1 - t].victims, thief_holds[t])
            :: else -> r[1 - t].locked = false; goto make
            fi
        fi
    }
    atomic { stack_push(victims, thief_holds[t]); thief_holds[t] = 0 }
    r[1 - t].locked = false;
    goto slow_get;
stolen_previous:
    atomic { stack_push(depot, thief_holds[t]); thief_holds[t] = 0 }
    r[1 - t].locked = false;
    goto slow_get;
make:
    atomic {
        object = 1;
        do
        :: object <= OBJECTS && where[object] != UNMADE -> object++
        :: else -> break
        od;
        if
        :: object <= OBJECTS -> where[object] = HAND + t
        :: else
        fi;
        FORGET;
        goto end_outside
    }
}

/* Makes the loaded magazine have room for one more. */
inline make_room()
{
    if
    :: r[t].loaded != 0 && r[t].level < CAPACITY
    :: else ->
        if
        :: r[t].previous != 0 && m[r[t].previous].count < CAPACITY ->
            unload(t, number);
            load(t, r[t].previous);
            r[t].previous = number
        :: else -> /* a new one; the full previous one goes to the depot */
            n_ = 1;
            do
            :: n_ <= MAGAZINES && m[n_].out -> n_++
            :: else -> break
            od;
            if
            :: n_ > MAGAZINES -> where[object] = UNMADE; n_ = 0; goto slow_put_end
            :: else
            fi;
            m[n_].out = true;
            unload(t, number);
            if
            :: number != 0 -> store(depot, r[t].previous); r[t].previous = number
            :: else
            fi;
            load(t, n_);
            n_ = 0
        fi
    fi
}

inline put_slow()
{
    lock_own();
    atomic {
        make_room();
        m[r[t].loaded].slot[r[t].level] = object;
        r[t].level++;
        where[object] = IDLE
    }
slow_put_end:
    LEAVE;
    goto end_outside
}

inline leave_for_good()
{
    atomic { !r[t].locked -> r[t].locked = true }
    atomic {
        FLUSH;
        r[t].level = 0;
        r[t].loaded = 0;
        r[t].previous = 0;
        r[t].victims = 0;
        r[t].floor_open = false;
        r[t].ceiling_open = false
    }
    atomic { r[t].locked = false; FORGET }
    goto end_outside
}

proctype owner(byte t)
{
    byte object, level, number;

end_outside:
    atomic {
        if
        :: goto get
        :: select_held()
        :: goto exit
        :: goto stop
        fi
    }
get:
    sequence_get();
put:
    sequence_put();
slow_get:
    find();
take_loaded:
    take_found();
missed:
    steal_or_make();
slow_put:
    put_slow();
exit:
    leave_for_good();
stop:
    atomic { FORGET; announced[t] = false; restart[t] = false; stopped[t] = true }
end_stopped:
    false
}

/* ---- a closer ---- */

inline close(t)
{
    atomic {
        !r[t].locked -> r[t].locked = true;
        if
        :: r[t].floor_open || r[t].ceiling_open -> fence_due = true
        :: else
        fi;
        r[t].floor_open = false;
        CLOSE_CEILING(t)
    }
}

inline fence()
{
    atomic {
        if
        :: FENCE_RESTARTS(0) -> restart[0] = true
        :: else
        fi;
        if
        :: FENCE_RESTARTS(1) -> restart[1] = true
        :: else
        fi
    }
}

inline visit(t)
{
    atomic {
        assert(!LIMITS_OPEN(t)); /* invariant 3 */
        unload(t, number);
        if
        :: cycle ->
            do
            :: r[t].victims != 0 -> stack_pop(r[t].victims, n_); doom(n_)
            :: else -> break
            od;
            store(r[t].victims, r[t].previous);
            store(r[t].victims, number)
        :: else ->
            store(depot, number);
            store(depot, r[t].previous);
            do
            :: r[t].victims != 0 -> stack_pop(r[t].victims, n_); store(victims, n_)
            :: else -> break
            od
        fi;
        r[t].previous = 0;
        r[t].floor_open = FLOOR_AFTER_VISIT;
        number = 0;
        n_ = 0
    }
    r[t].locked = false
}

proctype closer()
{
    bool cycle, fence_due;
    byte number, chain;

end_idle:
    atomic {
        fence_due = false;
        if
        :: cycle = false; goto records
        :: cycle = true
        fi;
        count_cycle(0);
        count_cycle(1);
        do /* rotate_depot */
        :: victims != 0 -> stack_pop(victims, number); doom(number)
        :: else -> break
        od;
        number = 0
    }
    atomic { chain = depot; depot = 0 }
    atomic {
        if
        :: victims == 0 -> victims = chain
        :: else ->
            do
            :: chain != 0 -> stack_pop(chain, number); stack_push(victims, number)
            :: else -> break
            od
        fi;
        chain = 0;
        number = 0
    }
records:
    close(0);
    close(1);
    FENCE_AND_VISIT;
    d_step {
        check_places();
        check_stopped(0);
        check_stopped(1);
        i_ = 1;
        do
        :: i_ <= OBJECTS ->
            assert(!cycle || cycles[0] < 2 || cycles[1] < 2 || where[i_] != IDLE); /* invariant 4 */
            i_++
        :: else -> break
        od;
        cycle = false
    }
    goto end_idle
}

init
{
    atomic { run owner(0); run owner(1); run closer() }
}
