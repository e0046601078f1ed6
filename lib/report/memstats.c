/* SPDX-License-Identifier: BSD-2-Clause */
/* memstats */
#include "report/report.h"
