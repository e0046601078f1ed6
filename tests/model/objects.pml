/* SPDX-License-Identifier: BSD-2-Clause */
/* Of handshake.pml: objects, mutators' records, what is reachable, and which states are alike.

   An object is known by what points to it, not by its number; and the field of one that nobody
   reaches, and that nothing grey leads to, is never read. tidy() renumbers objects in the order in
   which they are reached, and clears such fields. It is called at the end of each step that moves a
   pointer; where it is not, there are more states, and no other ones. A number may be kept from one
   step to the next only in a variable that tidy() knows. */

#define OBJECTS 3
#define BIT(o) ((1 << (o)) & 14) /* a set; 0 for NULL */

/* Colours. MARKED is this cycle's mark, OTHER the last one's. */
#define FREE   0
#define WHITE  1
#define MARKED 2
#define OTHER  3

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
byte root;
byte channel, age;       /* a pointer that is on its way, and the cycles that began since */
byte handed[OBJECTS + 1]; /* roots for so many cycles: tp_gc_shade */
byte hand;              /* a pointer that the collecting thread has read, and not shaded yet */
byte list;              /* the buffers that were handed over: a set */
bool found;
bool barrier_mode, black_mode; /* what those who attach take over */
byte kind;
byte garbage;           /* what was not reachable when the cycle began */

hidden byte i_, live_; /* of atomic blocks alone */

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
        unsigned char order[4] = {0}, number[4] = {0};
        unsigned char color[4], field[4], unswept[4], handed[4];
        int n = 0, seen = 0, live, i, set;
#define VISIT(o) if ((o) != 0 && number[o] == 0) { order[++n] = (o); number[o] = n; }
#define FOLLOW while (seen < n) { seen++; VISIT(now.field[order[seen]]) }
#define SET(x)                                                                                     \
    for (set = 0, i = 1; i < 4; i++) {                                                             \
        if ((x) & 1 << i)                                                                          \
            set |= 1 << number[i];                                                                 \
    }                                                                                              \
    x = set;
        VISIT(now.root)
        VISIT(now.m[0].l[0])
        VISIT(now.m[0].l[1])
        VISIT(now.m[1].l[0])
        VISIT(now.m[1].l[1])
        VISIT(now.hand)
        VISIT(now.channel)
        FOLLOW
        for (i = 1; i < 4; i++)
            if ((now.list | now.m[0].buffer | now.m[1].buffer) & 1 << i || now.handed[i]) {
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
            handed[i] = now.handed[order[i]];
        }
        for (i = 1; i < 4; i++) {
            now.color[i] = color[i];
            now.field[i] = field[i];
            now.unswept[i] = unswept[i];
            now.handed[i] = handed[i];
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

/* The other colour of two: no mark of the cycle before the last may be left. */
inline swap(o)
{
    assert(color[o] != OTHER);
    if
    :: color[o] == MARKED -> color[o] = OTHER
    :: else
    fi
}
