/* SPDX-License-Identifier: BSD-2-Clause */
/* What the public headers say to the compiler: one macro each, empty where a compiler lacks it.
   TP_CHECKED (defined by the application, or implied by compiling without optimisation) asks for
   the attributes by which `gcc -fanalyzer` finds leaks, double puts and uses after put. */
#ifndef TIDEPOOL_ATTRS_H
#define TIDEPOOL_ATTRS_H

#ifdef __cplusplus
#define TP_BEGIN_DECLS extern "C" {
#define TP_END_DECLS }
#define TP_ALIGNOF(type) alignof(type)
#else
#define TP_BEGIN_DECLS
#define TP_END_DECLS
#define TP_ALIGNOF(type) _Alignof(type)
#endif

#if !defined(TP_CHECKED) && !defined(__OPTIMIZE__)
#define TP_CHECKED 1
#endif

#define TP_API __attribute__((visibility("default")))
#define TP_NODISCARD __attribute__((warn_unused_result))
#define TP_ALLOC_SIZE(...) __attribute__((alloc_size(__VA_ARGS__)))
#define TP_ALLOC_ALIGN(n) __attribute__((alloc_align(n)))
#define TP_FORMAT(string, first) __attribute__((format(printf, string, first)))
#define TP_ALWAYS_INLINE __attribute__((always_inline)) static inline
#define TP_LIKELY(x) __builtin_expect(!!(x), 1)
#define TP_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Around designated initialisers, which C++ has from C++20 on and gcc and clang have before. */
#ifdef __cplusplus
#if !defined(__clang__) && __GNUC__ >= 12
#define TP_DETAIL_QUIET_CXX20 _Pragma("GCC diagnostic ignored \"-Wc++20-extensions\"")
#else
#define TP_DETAIL_QUIET_CXX20
#endif
#define TP_DETAIL_QUIET_BEGIN                                                                      \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpedantic\"")                \
        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") TP_DETAIL_QUIET_CXX20
#define TP_DETAIL_QUIET_END _Pragma("GCC diagnostic pop")
#else
#define TP_DETAIL_QUIET_BEGIN
#define TP_DETAIL_QUIET_END
#endif

/* An allocator's deallocator, for the analyser only: in optimised builds an object that comes
   from a pool is not fresh memory, and a compiler told otherwise may delete stores into it.
   TP_CALLS: the functions that carry it are then declared, not inlined, since gcc looks into what
   it can see. */
#if defined(TP_CHECKED) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define TP_CALLS 1
#define TP_FREED_BY(function, argument) __attribute__((malloc(function, argument)))
#else
#define TP_FREED_BY(function, argument)
#endif

#endif
