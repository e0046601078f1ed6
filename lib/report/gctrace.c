/* SPDX-License-Identifier: BSD-2-Clause */
/* gctrace */
#include "report/report.h"
