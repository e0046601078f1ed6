/* SPDX-License-Identifier: BSD-2-Clause */
/* Tidepool for applications: everything, and the short names (pool_get, pool_put, ...).
   Another library's public header includes <tidepool/pool.h> and its siblings instead: those give
   the prefixed names alone. */
#ifndef TIDEPOOL_H
#define TIDEPOOL_H

#include <tidepool/arena.h>
#include <tidepool/attrs.h>
#include <tidepool/bytes.h>
#include <tidepool/gc.h>
#include <tidepool/heap.h>
#include <tidepool/pool.h>
#include <tidepool/short.h>
#include <tidepool/stats.h>
#include <tidepool/vec.h>
#include <tidepool/version.h>

#endif
