/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop that growing arrays are timed in: one text, into which each subject's calls are inlined.

   An operation is 1,000 pushes of an int (ProcessItems, as Go programmers know it) between a
   `begin` and an `end`, which say where the storage comes from and where it goes. The subject's
   vector is a local variable, as it would be in a program.

   The compiler may not know the pushed value, or it would turn the plain array's loop, and no
   other, into vector instructions; `array_known` shows what that gives. */
#ifndef BENCH_VEC_LOOP_H
#define BENCH_VEC_LOOP_H

#include "../harness/cases.h"

#define VEC_PUSHES 1000u

/* A value that the compiler knows nothing of. */
BENCH_ALWAYS_INLINE int vec_opaque(int x)
{
    __asm__ volatile("" : "+r"(x));
    return x;
}

BENCH_ALWAYS_INLINE int vec_known(int x)
{
    return x;
}

/* Stamps the loop out: BEGIN(TYPE *, context), PUSH(TYPE *, int), END(TYPE *, context); END fences
   the elements, or the compiler would leave them out. */
#define VEC_LOOP_OF(NAME, TYPE, VALUE, BEGIN, PUSH, END)                                           \
    static void NAME(void *context, uint64_t n)                                                    \
    {                                                                                              \
        for (uint64_t i = 0; i < n; i++) {                                                         \
            TYPE items;                                                                            \
            BEGIN(&items, context);                                                                \
            for (unsigned j = 0; j < VEC_PUSHES; j++)                                              \
                PUSH(&items, VALUE((int)j));                                                       \
            END(&items, context);                                                                  \
        }                                                                                          \
    }
#define VEC_LOOP(NAME, TYPE, BEGIN, PUSH, END) VEC_LOOP_OF(NAME, TYPE, vec_opaque, BEGIN, PUSH, END)

#endif
