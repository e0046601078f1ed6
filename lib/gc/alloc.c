/* SPDX-License-Identifier: BSD-2-Clause */
/* allocation behind the inlined path: runs, spans, large objects. */
#include "gc/collector.h"
