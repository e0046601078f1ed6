/* SPDX-License-Identifier: BSD-2-Clause */
/* Of taking.pml: magazines, thread records and depots as they are, how magazines move (lib/cache:
   traffic.c's tpi_local_unload, tpi_local_load, tpi_magazine_store; rotate.c's doom), and the
   search for each object's places.

   A slot at or above its magazine's level is nobody's: it is set to 0 here when it becomes so, and
   fewer states differ. */

#ifndef CAPACITY
#define CAPACITY 2 /* slots of a magazine. With 1, two objects fill loaded and previous. */
#endif
#define OBJECTS   2
#define MAGAZINES 3

#define UNMADE 0
#define IDLE   1
#define HAND   2 /* HAND + t: in use by thread t */

typedef magazine {
    byte slot[CAPACITY];
    byte count; /* while it is loaded the record's level counts */
    byte next;
    bool out;   /* not on the free list */
};
typedef record {
    bool locked;
    bool floor_open, ceiling_open; /* the floor is 0, the ceiling CAPACITY */
    byte level, loaded, previous, victims;
};

magazine m[MAGAZINES + 1]; /* by number; 0 is none */
record r[2];
byte depot, victims;       /* stacks: the top magazine's number */
byte where[OBJECTS + 1];
bool announced[2], restart[2];
bool stopped[2];
byte cycles[2];            /* that began since the thread stopped */
byte thief_holds[2];       /* a magazine in spare_move's hand */

hidden byte i_, j_, n_, t_; /* of d_step and atomic blocks alone: never part of a state */

inline stack_push(stack, number)
{
    m[number].next = stack;
    stack = number;
}

/* Also a record's list of victims. */
inline stack_pop(stack, number)
{
    number = stack;
    stack = m[number].next;
    m[number].next = 0;
}

inline magazine_free(number)
{
    m[number].out = false;
    m[number].next = 0;
    m[number].count = 0;
    for (j_ : 0 .. CAPACITY - 1) {
        m[number].slot[j_] = 0;
    }
}

/* Into a stack where it has objects, else to the free ones. 0 is ignored. */
inline store(stack, number)
{
    if
    :: number != 0 && m[number].count != 0 -> stack_push(stack, number)
    :: number != 0 && m[number].count == 0 -> magazine_free(number)
    :: else
    fi;
}

inline unload(t, number)
{
    number = r[t].loaded;
    if
    :: number != 0 ->
        m[number].count = r[t].level;
        for (j_ : 0 .. CAPACITY - 1) {
            if
            :: j_ >= m[number].count -> m[number].slot[j_] = 0 /* nobody's */
            :: else
            fi
        }
    :: else
    fi;
    r[t].level = 0;
    r[t].loaded = 0;
}

inline load(t, number)
{
    r[t].loaded = number;
    r[t].level = m[number].count;
}

inline hand_out(t, object)
{
    assert(where[object] == IDLE); /* invariant 1 */
    where[object] = HAND + t;
}

inline doom(number)
{
    if
    :: number != 0 ->
        for (j_ : 0 .. CAPACITY - 1) {
            if
            :: j_ < m[number].count ->
                assert(where[m[number].slot[j_]] == IDLE); /* invariant 1 */
                where[m[number].slot[j_]] = UNMADE
            :: else
            fi
        }
        magazine_free(number)
    :: else
    fi;
}

/* All of a record to the depots. */
inline flush()
{
    unload(t, number);
    store(depot, number);
    store(depot, r[t].previous);
    do
    :: r[t].victims != 0 -> stack_pop(r[t].victims, number); store(victims, number)
    :: else -> break
    od
}

/* Adds to n_ how often `object` is in the first `count` slots of a magazine. */
inline seek(number, upto)
{
    for (j_ : 0 .. CAPACITY - 1) {
        if
        :: j_ < upto && m[number].slot[j_] == i_ -> n_++
        :: else
        fi
    }
}

inline seek_chain(first)
{
    t_ = first;
    do
    :: t_ != 0 -> seek(t_, m[t_].count); t_ = m[t_].next
    :: else -> break
    od;
}

inline seek_record(t)
{
    seek(r[t].loaded, r[t].level);
    seek(r[t].previous, m[r[t].previous].count);
    seek_chain(r[t].victims);
    seek(thief_holds[t], m[thief_holds[t]].count);
}

inline check_places()
{
    for (i_ : 1 .. OBJECTS) {
        n_ = 0;
        seek_record(0);
        seek_record(1);
        seek_chain(depot);
        seek_chain(victims);
        assert(n_ == (where[i_] == IDLE)); /* invariant 2 */
    }
}

inline count_cycle(t)
{
    if
    :: stopped[t] && cycles[t] < 2 -> cycles[t]++
    :: else
    fi;
}

inline check_stopped(t)
{
    assert(cycles[t] < 2 || (r[t].level == 0 && r[t].previous == 0 && r[t].victims == 0));
}
