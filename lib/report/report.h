/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/report: ways of looking at the heap, the pools and the collector. */
#ifndef TPI_REPORT_H
#define TPI_REPORT_H

#include "gc/gc.h"

#endif
