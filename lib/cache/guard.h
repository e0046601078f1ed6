/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to lib/cache: the guard of small objects in checked builds.

   The last 16 bytes of each slot say whether the object is out. The user's part is so much
   shorter. A free that finds them as the last free left them is a double free (the object idles
   in a cache or a span); one that finds anything else means that somebody wrote past the end.
   Nothing in other builds: TPI_GUARD_BYTES is 0 and the functions are empty. */
#ifndef TPI_CACHE_GUARD_H
#define TPI_CACHE_GUARD_H

#include "cache/cache.h"

enum { TPI_GUARD_BYTES = tpi_checked ? 16 : 0 };

#define TPI_GUARD_OUT UINT64_C(0x4f5554a5c396f00d)
#define TPI_GUARD_IDLE UINT64_C(0x1d1ea5c396f0dead)

static inline uint64_t *tpi_guard_of(void *object, size_t slot_bytes)
{
    return (uint64_t *)(void *)((char *)object + slot_bytes - TPI_GUARD_BYTES);
}

static inline void tpi_guard_set(void *object, size_t slot_bytes, uint64_t state)
{
    if (!tpi_checked)
        return;
    uint64_t *guard = tpi_guard_of(object, slot_bytes);
    guard[0] = guard[1] = state;
}

/* Before a free or realloc: aborts unless the object is out and whole. */
static inline void tpi_guard_check(void *object, size_t slot_bytes)
{
    if (!tpi_checked)
        return;
    const uint64_t *guard = tpi_guard_of(object, slot_bytes);
    tpi_check(guard[0] != TPI_GUARD_IDLE || guard[1] != TPI_GUARD_IDLE,
              "double free of %p: the object of %zu bytes is free already", object,
              slot_bytes - TPI_GUARD_BYTES);
    tpi_check(guard[0] == TPI_GUARD_OUT && guard[1] == TPI_GUARD_OUT,
              "overflow: something wrote past the end of the object %p of %zu bytes", object,
              slot_bytes - TPI_GUARD_BYTES);
}

#endif
