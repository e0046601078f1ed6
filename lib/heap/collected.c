/* SPDX-License-Identifier: BSD-2-Clause */
/* Collected spans: made, found, given back. */
#include "heap/span.h"
