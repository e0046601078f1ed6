/* SPDX-License-Identifier: BSD-2-Clause */
/* The C library's obstacks: obstack_alloc, obstack_free of the first object; chunks from malloc, of
   the size that obstacks choose themselves. */
#include <obstack.h>
#include <stdlib.h>
#include "loop.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

struct stack {
    struct obstack obstack;
    void *first;
};

BENCH_ALWAYS_INLINE void *stack_alloc(void *context, size_t size)
{
    struct stack *stack = context;
    return obstack_alloc(&stack->obstack, (int)size);
}

BENCH_ALWAYS_INLINE void stack_reset(void *context)
{
    struct stack *stack = context;
    obstack_free(&stack->obstack, stack->first);
    stack->first = obstack_alloc(&stack->obstack, 0);
}

static void stack(void *context, uint64_t n)
{
    arena_loop(stack_alloc, stack_reset, context, n);
}

static void *stack_open(struct bench_case *self)
{
    static struct stack state;
    arena_prepare(self);
    obstack_init(&state.obstack);
    state.first = obstack_alloc(&state.obstack, 0);
    return &state;
}

static const struct bench_case cases[] = {
    {.measurement = "arena", .subject = "obstack", .open = stack_open, .loop = stack},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
