/* SPDX-License-Identifier: BSD-2-Clause */
/* the signal for threads that do not poll. */
#include "gc/collector.h"
