/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks and registers. */
#include "gc/collector.h"

void tpi_with_registers(void (*fn)(const struct tpi_registers *registers, void *context),
                        void *context)
{
    struct tpi_registers registers = {0};
    fn(&registers, context);
}

bool tpi_stack_bounds(uintptr_t *low, uintptr_t *high)
{
    *low = *high = 0;
    return true;
}

size_t tpi_stacks_scan(struct tpi_mutator *mutator, const struct tpi_registers *registers)
{
    (void)mutator;
    (void)registers;
    return 0;
}

int tp_gc_stack_add(void *base, size_t bytes)
{
    (void)base;
    (void)bytes;
    return 0;
}

int tp_gc_stack_remove(void *base)
{
    (void)base;
    return 0;
}
