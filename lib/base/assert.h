/* SPDX-License-Identifier: BSD-2-Clause */
/* Three tiers: tpi_fatal for corruption that was proven (always on, one clear line, abort);
   tpi_check for a rule whose test is cheap (always on); tpi_assert for the rest (checked
   builds). */
#ifndef TPI_BASE_ASSERT_H
#define TPI_BASE_ASSERT_H

#include <tidepool/attrs.h>

/* Prints "tidepool: " and the line to stderr without allocating, and aborts. Async-signal-safe. */
TPI_COLD TP_FORMAT(1, 2) __attribute__((noreturn)) void tpi_fatal(const char *format, ...);

/* The same line without the abort: for what the user should know once. */
TPI_COLD TP_FORMAT(1, 2) void tpi_warn(const char *format, ...);

#define tpi_check(condition, ...)                                                                  \
    do {                                                                                           \
        if (tpi_unlikely(!(condition)))                                                            \
            tpi_fatal(__VA_ARGS__);                                                                \
    } while (0)

#define tpi_assert(condition)                                                                      \
    do {                                                                                           \
        if (tpi_checked && tpi_unlikely(!(condition)))                                             \
            tpi_fatal("%s:%d: internal rule broken: %s", __FILE__, __LINE__, #condition);          \
    } while (0)

#endif
