/* SPDX-License-Identifier: BSD-2-Clause */
/* what pools and root arenas need of the collector. */
#include "gc/collector.h"
