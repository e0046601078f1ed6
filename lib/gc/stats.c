/* SPDX-License-Identifier: BSD-2-Clause */
/* the collector's counters. */
#include "gc/collector.h"
