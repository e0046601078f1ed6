/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/kit: arenas, vectors and byte buffers over the heap and pools. What they hold is one thread's
   at a time; what threads share (pools of arenas and of buffers) is lib/pool's. */
#ifndef TPI_KIT_H
#define TPI_KIT_H

#include "base/base.h"
#include "cache/cache.h"
#include "gc/gc.h"
#include "heap/heap.h"
#include "os/os.h"
#include "pool/pool.h"

#include <tidepool/arena.h>
#include <tidepool/bytes.h>
#include <tidepool/vec.h>

/* --- vec.c: where a vector's memory comes from, in the low bits of its home --- */

enum tpi_vec_home { TPI_VEC_HEAP = 0, TPI_VEC_ARENA = 1, TPI_VEC_POOL = 2 };

#endif
