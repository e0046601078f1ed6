/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks and registers, read conservatively. */
#include "gc/collector.h"
