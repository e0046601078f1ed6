/* SPDX-License-Identifier: BSD-2-Clause */
/* Controls of the collector: as control.h says, with the stress on a graph of collected objects.
   The library's checks are on or off as TIDEPOOL says. */
#ifndef TESTS_CONTROL_GC_H
#define TESTS_CONTROL_GC_H

#include "../stress/graph_run.h"

#include "gc/collector.h"

static inline int control_gc_main(const char *name)
{
    (void)tp_version(); /* links the start of the library in */
    stress_seed(name);
    alarm(STRESS_HANG_S);
    graph_run(stress_deadline(1), 1);
    return 0;
}

#endif
