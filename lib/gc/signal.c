/* SPDX-License-Identifier: BSD-2-Clause */
/* the signal for threads that do not poll. */
#include "gc/collector.h"

void tpi_signal_start(int number)
{
    (void)number;
}

bool tpi_signal_send(struct tpi_mutator *mutator)
{
    (void)mutator;
    return false;
}

void tp_detail_gc_table_add(const void *start, const void *stop)
{
    (void)start;
    (void)stop;
}

void tp_detail_gc_table_remove(const void *start)
{
    (void)start;
}
