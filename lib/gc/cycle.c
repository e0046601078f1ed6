/* SPDX-License-Identifier: BSD-2-Clause */
/* the phases of one cycle. */
#include "gc/collector.h"
