/* SPDX-License-Identifier: BSD-2-Clause */
/* the write barrier behind the inlined test. */
#include "gc/collector.h"
