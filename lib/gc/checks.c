/* SPDX-License-Identifier: BSD-2-Clause */
/* checkmark, stw, scribble. */
#include "gc/collector.h"
