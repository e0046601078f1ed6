/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TIDEPOOL_ADAPT_CK_H
#define TIDEPOOL_ADAPT_CK_H

#include <ck_malloc.h>
#include <tidepool/heap.h>

#endif
