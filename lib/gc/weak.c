/* SPDX-License-Identifier: BSD-2-Clause */
/* weak references. */
#include "gc/collector.h"
