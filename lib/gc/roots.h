/* SPDX-License-Identifier: BSD-2-Clause */
/* What roots.c and pins.c share. */
#ifndef TPI_GC_ROOTS_H
#define TPI_GC_ROOTS_H

#include "gc/collector.h"

extern struct tpi_lock tpi_roots_lock; /* rank ROOTS */

/* Takes the lock, in the runtime if the thread is attached: it shall not be parked with it. Gives
   the mutator, or NULL, for tpi_roots_leave. */
struct tpi_mutator *tpi_roots_enter(void);
void tpi_roots_leave(struct tpi_mutator *mutator);

/* Shades what is pinned. The collecting thread's. */
void tpi_pins_scan(struct tpi_buffer **buffer);

#endif
