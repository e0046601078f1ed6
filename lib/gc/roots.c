/* SPDX-License-Identifier: BSD-2-Clause */
/* global roots: ranges, pins, DSO data. */
#include "gc/collector.h"
