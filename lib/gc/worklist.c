/* SPDX-License-Identifier: BSD-2-Clause */
/* mark buffers. */
#include "gc/collector.h"
