/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/base: what every room stands on, and the one header by which they include it.
   It knows nothing of the heap, of pools or of the operating system but libc's mutexes. */
#ifndef TPI_BASE_H
#define TPI_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/build.h"

#include "base/assert.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/lock.h"
#include "base/track.h"

#endif
