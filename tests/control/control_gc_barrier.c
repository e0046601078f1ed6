/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong: the write barrier shades nothing. */
#include "control_gc.h"

#define tpi_shade(buffer, word, exact) ((void)(buffer), (void)(word), false)
#include "gc/barrier.c"

int main(void)
{
    return control_gc_main("control_gc_barrier");
}
