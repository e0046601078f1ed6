/* SPDX-License-Identifier: BSD-2-Clause */
/* sweeping: lazily by who allocates, the rest by the collecting thread. */
#include "gc/collector.h"
