/* SPDX-License-Identifier: BSD-2-Clause */
/* cleanups. */
#include "gc/collector.h"
