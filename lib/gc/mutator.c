/* SPDX-License-Identifier: BSD-2-Clause */
/* mutators: attaching, polls, blocking regions. */
#include "gc/collector.h"
