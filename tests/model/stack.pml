/* SPDX-License-Identifier: BSD-2-Clause */
/* A depot: the lock-free stack of magazines whose head is {number of the top one, tag}.

   Here                       in lib/cache/magazine.c
   pop                        tpi_stack_pop: load the head, load the top's next (stale, if the top
                              has left meanwhile), exchange
   push                       tpi_stack_push: load the head, store it in next, exchange
   take_all, put_all          tpi_stack_take_all, tpi_stack_put_all: a cycle's and a closer's
   user                       any thread: what it popped it pushes back, alone or in another order

   A number names the same memory for ever, so a stale next is some number, never a fault.

   Invariants: a magazine that somebody gets was in the stack (so it is in one place), and at the
   end, when all have pushed back what they had, each is in the stack once.

   Left out: that a tag of 32 bits comes round after 2^32 changes within one pop; the order of
   stores (the exchange releases, the loads of the head acquire: docs/MEMORY_ORDER.md). Each process
   does a bounded number of operations; the tag here is wide enough not to come round.

   Broken: BROKEN_NO_TAG (ABA), BROKEN_TAG_OF_ONE_BIT (a tag that comes round within one pop). */

#define MAGAZINES 3
#define USERS     2

#if defined(BROKEN_NO_TAG)
#define NEXT_TAG(tag) 0
#elif defined(BROKEN_TAG_OF_ONE_BIT)
#define NEXT_TAG(tag) (1 - (tag))
#else
#define NEXT_TAG(tag) ((tag) + 1)
#endif

byte top, tag;                /* the head, one word: only ever read and changed together */
byte next[MAGAZINES + 1];
bool stacked[MAGAZINES + 1];  /* nobody has it in hand */
byte left = USERS + 1;        /* processes still at work */

inline load_head()
{
    d_step { seen_top = top; seen_tag = tag }
}

/* exchange(number): true, or the head as it is now. */
#define EXCHANGE(number)                                                                           \
    top == seen_top && tag == seen_tag -> top = number; tag = NEXT_TAG(tag)

inline got(number)
{
    assert(stacked[number]);
    stacked[number] = false
}

inline push(number)
{
    load_head();
    do
    :: next[number] = seen_top;
        atomic {
            if
            :: EXCHANGE(number); stacked[number] = true; break
            :: else -> load_head()
            fi
        }
    od;
    seen_top = 0; seen_tag = 0
}

/* 0: empty. */
inline pop(number)
{
    load_head();
    do
    :: seen_top == 0 -> break
    :: seen_top != 0 ->
        number = next[seen_top];
        atomic {
            if
            :: EXCHANGE(number); number = seen_top; got(number); break
            :: else -> load_head(); number = 0
            fi
        }
    od;
    seen_top = 0; seen_tag = 0
}

proctype user(byte rounds)
{
    byte first, second, seen_top, seen_tag;
    do
    :: rounds == 0 -> break
    :: rounds > 0 ->
        rounds--;
        pop(first);
        if
        :: true
        :: pop(second)
        fi;
        if
        :: first != 0 -> push(first); first = 0
        :: else
        fi;
        if
        :: second != 0 -> push(second); second = 0
        :: else
        fi
    od;
    left--
}

/* Takes all, and puts all back. */
proctype cycle()
{
    byte chain, number, seen_top, seen_tag;
    load_head();
    do
    :: seen_top == 0 -> goto done
    :: seen_top != 0 ->
        atomic {
            if
            :: EXCHANGE(0); chain = seen_top; number = chain; break
            :: else -> load_head()
            fi
        }
    od;
    do /* its own now, each of the chain */
    :: number != 0 -> atomic { got(number); number = next[number] }
    :: number == 0 -> break
    od;
    load_head();
    do
    :: seen_top != 0 -> break
    :: seen_top == 0 ->
        atomic {
            if
            :: EXCHANGE(chain);
                number = chain;
                do
                :: number != 0 -> stacked[number] = true; number = next[number]
                :: number == 0 -> break
                od;
                goto done
            :: else -> load_head()
            fi
        }
    od;
    do
    :: chain != 0 ->
        number = chain;
        chain = next[chain];
        push(number)
    :: chain == 0 -> break
    od;
done:
    left--
}

init
{
    byte number, seen;
    atomic {
        number = 1;
        do
        :: number <= MAGAZINES -> next[number] = number - 1; stacked[number] = true; number++
        :: else -> break
        od;
        top = MAGAZINES;
        run user(1);
        run user(2);
        run cycle()
    }
    left == 0;
    number = top;
    do
    :: number != 0 -> seen++; assert(seen <= MAGAZINES); number = next[number]
    :: number == 0 -> break
    od;
    assert(seen == MAGAZINES)
}
