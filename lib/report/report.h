/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/report: ways of looking at the heap, the pools and the collector. */
#ifndef TPI_REPORT_H
#define TPI_REPORT_H

#include "gc/gc.h"

/* Writes one cycle's line to stderr. */
void tpi_gctrace_print(const struct tpi_cycle_trace *trace);

#endif
