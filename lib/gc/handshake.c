/* SPDX-License-Identifier: BSD-2-Clause */
/* the collecting thread's side of handshakes, stopping the world. */
#include "gc/collector.h"
