/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/cache: closing other threads' limits and taking what is behind them. */
#ifndef TPI_CACHE_CLOSE_H
#define TPI_CACHE_CLOSE_H

#include "cache/local.h"

/* Visits the record of `cache` (NULL: of every cache) in every thread that has used it, each with
   its thread's lock held, its limits closed, and no sequence under way that saw them open. The
   visitor leaves limits closed: owners open them at their next slow path. It may not lock or call
   back. Waits for another closer; so no lock of rank CLOSER or above may be held. */
void tpi_close_and_visit(struct tpi_cache *cache,
                         void (*visit)(struct tpi_thread *thread, struct tpi_cache *cache,
                                       void *context),
                         void *context);

/* Excludes closers, and fork. */
void tpi_closer_lock(void);
void tpi_closer_unlock(void);

/* rotate.c: what the parent was dropping goes back to be dropped here. */
void tpi_rotate_fork_child(void);

#endif
