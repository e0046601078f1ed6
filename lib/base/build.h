/* SPDX-License-Identifier: BSD-2-Clause */
/* The build's choices as constants, so that code asks `if (tpi_checked)` and needs no #ifdef. */
#ifndef TPI_BASE_BUILD_H
#define TPI_BASE_BUILD_H

#if defined(TPI_CHECKED)
enum { tpi_checked = 1 };
#else
enum { tpi_checked = 0 };
#endif

/* Sanitizers see neither inline assembly nor what a restartable sequence does: limits stay
   closed. */
#if defined(__SANITIZE_THREAD__)
#define TPI_THREAD_SANITIZER 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TPI_ADDRESS_SANITIZER 1
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TPI_THREAD_SANITIZER 1
#endif
#if __has_feature(address_sanitizer)
#define TPI_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(TPI_THREAD_SANITIZER) || defined(TPI_ADDRESS_SANITIZER)
enum { tpi_sanitized = 1 };
#else
enum { tpi_sanitized = 0 };
#endif

#define TPI_CACHE_LINE 64
#define tpi_likely(x) __builtin_expect(!!(x), 1)
#define tpi_unlikely(x) __builtin_expect(!!(x), 0)
#define TPI_COLD __attribute__((cold, noinline))
#define TPI_ALIGNED(bytes) __attribute__((aligned(bytes)))

#endif
