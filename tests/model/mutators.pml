/* SPDX-License-Identifier: BSD-2-Clause */
/* Of handshake.pml: the steps of a mutator. Each lies in the midst of mutator_thread, and may go on
   at its labels; `locals`, `own` and `in_object` are its. */

#define RUNS     (m[t].attached && m[t].state == RUNNING)
#define L0       m[t].l[0]
#define L1       m[t].l[1]
#define FORGET   in_object = false; L1 = (locals == 2 -> L1 : 0)
#define IS_WHITE (color[L0] != MARKED)

inline use_variables()
{
    if
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
    fi
}

/* l[1] of a thread with one variable is a register, while that thread stores. */
inline store()
{
    if
    :: atomic { RUNS && root != 0 -> root = 0; TIDY } /* NULL needs no barrier */
    :: atomic { RUNS && L0 != 0 -> field[L0] = 0; TIDY }
    :: atomic { RUNS && locals == 1 && root != 0 -> field[root] = 0; TIDY }
    :: atomic { RUNS && SHADES(t) && IS_WHITE -> FOUND_FIRST; goto mark }
    :: atomic { SIGNAL && RUNS && L0 != 0 && root != L0 && !SHADES(t) -> goto gap }
    :: atomic { SIGNAL && RUNS && locals == 1 && L0 != 0 && root != 0 && root != L0 && !SHADES(t) ->
        L1 = root; in_object = true; goto gap }
    :: atomic { RUNS && L0 != 0 && root != L0 && MAY_STORE(t) -> root = L0; TIDY }
    :: atomic { RUNS && locals == 2 && L0 != 0 && L1 != 0 && L0 != L1 && MAY_STORE(t) ->
        assert(color[L1] != FREE); field[L1] = L0; TIDY }
    :: atomic { RUNS && locals == 1 && L0 != 0 && root != 0 && root != L0 && MAY_STORE(t) ->
        field[root] = L0; TIDY }
    fi
}

inline allocate()
{
    atomic { RUNS && L0 == 0 && (TAKES(t, 1) || TAKES(t, 2) || TAKES(t, 3)) ->
        if
        :: TAKES(t, 1) -> own = 1
        :: TAKES(t, 2) -> own = 2
        :: TAKES(t, 3) -> own = 3
        fi;
        color[own] = COLOR_OF_NEW(t); L0 = own; own = 0; TIDY }
}

inline sweep_one()
{
    atomic { LAZY && RUNS && !m[t].late && (unswept[1] || unswept[2] || unswept[3]) ->
        if
        :: unswept[1] -> own = 1
        :: unswept[2] -> own = 2
        :: unswept[3] -> own = 3
        fi;
        sweep(own); own = 0; TIDY }
}

inline meet_the_collector()
{
    if
    :: atomic { RUNS && m[t].asked -> answer(t); TIDY }
    :: atomic { BLOCKING && RUNS -> m[t].state = IS_BLOCKED; TIDY }
    :: atomic { m[t].attached && m[t].state == IS_BLOCKED -> m[t].state = RUNNING; TIDY }
    :: atomic { FULL && RUNS && m[t].buffer != 0 -> hand_over(t); TIDY }
    :: atomic { !m[t].attached ->
        m[t].attached = true; m[t].marking = barrier_mode; m[t].black = black_mode; TIDY }
    :: atomic { ATTACH && RUNS && L0 == 0 && L1 == 0 -> DETACH(t); TIDY }
    fi
}

inline transfer()
{
    if
    :: atomic { TRANSFER && RUNS && channel == 0 && L0 != 0 -> REMEMBER; goto give }
    :: atomic { KEEP && RUNS && channel == 0 && L0 != 0 -> channel = L0; goto keep }
    :: atomic { RUNS && channel != 0 -> L0 = channel; channel = 0; age = 0; TIDY }
    fi
}

/* What shading is elsewhere than in a store. */
inline shade_now(condition)
{
    if
    :: atomic { condition && IS_WHITE -> FOUND_FIRST }
        atomic { shade(m[t].buffer, L0); FOUND_LAST }
    :: else
    fi
}
