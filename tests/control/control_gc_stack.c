/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong: nobody looks at stacks. */
#include "control_gc.h"

static size_t see_nothing(struct tpi_buffer **buffer, uintptr_t from, uintptr_t to)
{
    (void)buffer;
    (void)from;
    (void)to;
    return 0;
}

#define tpi_shade_words see_nothing
#include "gc/stack.c"

int main(void)
{
    return control_gc_main("control_gc_stack");
}
