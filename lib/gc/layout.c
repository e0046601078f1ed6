/* SPDX-License-Identifier: BSD-2-Clause */
/* layouts: types interned by size class and place of pointers. */
#include "gc/collector.h"
