/* SPDX-License-Identifier: BSD-2-Clause */
/* wbcheck: stores that went past the barrier. */
#include "gc/collector.h"
