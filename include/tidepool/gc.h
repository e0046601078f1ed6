/* SPDX-License-Identifier: BSD-2-Clause */
/* Collection cycles, by their prefixed names. A cycle rotates every pool and every size class's
   cache (what was idle becomes a victim, what was a victim is dropped) and gives idle pages
   back. */
#ifndef TIDEPOOL_GC_H
#define TIDEPOOL_GC_H

#include <stdint.h>
#include <tidepool/attrs.h>

TP_BEGIN_DECLS

/* Where an object's pointers into the collected heap are. */
typedef struct tp_gc_type tp_gc_type;

/* Runs one whole cycle that begins after the call, and returns its number when it has ended: every
   object that the cycle dropped has been destructed and given back by then. Called from a pool's
   callback it only asks for the cycle and returns the number that the cycle will have.
   Any thread; it waits, so hold no lock that a destruct callback takes. */
TP_API uint64_t tp_gc_collect(void);

/* Cycles completed since the process began. Any thread; never waits. */
TP_API uint64_t tp_gc_cycle(void);

/* Starts a cycle when the heap has grown by `percent` of what was live after the last one (as
   Go's debug.SetGCPercent; 100 at the start, TIDEPOOL=gcpercent=N). A negative value: growth starts
   none. Returns the value before. Any thread. */
TP_API int tp_gc_percent_set(int percent);

/* A soft limit in bytes on the memory of the heap's spans and resident free pages (as Go's
   debug.SetMemoryLimit): beyond it cycles start and idle pages are given back at once. A negative
   value changes nothing; INT64_MAX, the value at the start, means no limit. Returns the value
   before. Any thread. */
TP_API int64_t tp_gc_memory_limit_set(int64_t bytes);

TP_END_DECLS

#endif
