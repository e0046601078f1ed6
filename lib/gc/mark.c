/* SPDX-License-Identifier: BSD-2-Clause */
/* marking. */
#include "gc/collector.h"
