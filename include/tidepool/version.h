/* SPDX-License-Identifier: BSD-2-Clause */
/* Tidepool's version, for the preprocessor and at run time. */
#ifndef TIDEPOOL_VERSION_H
#define TIDEPOOL_VERSION_H

#include <tidepool/attrs.h>

#define TP_VERSION_MAJOR 0
#define TP_VERSION_MINOR 1
#define TP_VERSION_PATCH 0
#define TP_VERSION_STRING "0.1.0"

TP_BEGIN_DECLS

/* The version of the library that is linked, as TP_VERSION_STRING was when it was built.
   Static storage. Any thread. */
TP_API const char *tp_version(void);

TP_END_DECLS

#endif
