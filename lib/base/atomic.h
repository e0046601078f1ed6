/* SPDX-License-Identifier: BSD-2-Clause */
/* The door to Concurrency Kit's atomics (ck_pr). The name of each operation says its ordering:
   relaxed, acquire (loads), release (stores), acq_rel (read-modify-write).

   Under ThreadSanitizer, which cannot see ck's inline assembly nor reason about fences, the same
   names are the compiler's sequentially consistent builtins. */
#ifndef TPI_BASE_ATOMIC_H
#define TPI_BASE_ATOMIC_H

#if defined(TPI_THREAD_SANITIZER)

#define TPI_ATOMIC_DEFINE(SUFFIX, TYPE)                                                            \
    static inline TYPE tpi_load_relaxed_##SUFFIX(const TYPE *from)                                 \
    {                                                                                              \
        return __atomic_load_n(from, __ATOMIC_SEQ_CST);                                            \
    }                                                                                              \
    static inline TYPE tpi_load_acquire_##SUFFIX(const TYPE *from)                                 \
    {                                                                                              \
        return __atomic_load_n(from, __ATOMIC_SEQ_CST);                                            \
    }                                                                                              \
    static inline void tpi_store_relaxed_##SUFFIX(TYPE *to, TYPE value)                            \
    {                                                                                              \
        __atomic_store_n(to, value, __ATOMIC_SEQ_CST);                                             \
    }                                                                                              \
    static inline void tpi_store_release_##SUFFIX(TYPE *to, TYPE value)                            \
    {                                                                                              \
        __atomic_store_n(to, value, __ATOMIC_SEQ_CST);                                             \
    }                                                                                              \
    /* On failure *expected becomes what is there. */                                              \
    static inline bool tpi_cas_acq_rel_##SUFFIX(TYPE *at, TYPE *expected, TYPE value)              \
    {                                                                                              \
        return __atomic_compare_exchange_n(at, expected, value, false, __ATOMIC_SEQ_CST,           \
                                           __ATOMIC_SEQ_CST);                                      \
    }

#define TPI_ATOMIC_ADD_DEFINE(SUFFIX, TYPE)                                                        \
    /* Returns the value before. */                                                                \
    static inline TYPE tpi_add_acq_rel_##SUFFIX(TYPE *at, TYPE delta)                              \
    {                                                                                              \
        return __atomic_fetch_add(at, delta, __ATOMIC_SEQ_CST);                                    \
    }

/* It knows no fences: an exchange in the one order of all sequentially consistent accesses. */
static inline void tpi_fence_full(void)
{
    static uint32_t fence;
    (void)__atomic_fetch_add(&fence, 0, __ATOMIC_SEQ_CST);
}

static inline void tpi_pause(void)
{
}

#else

#include <ck_pr.h>

#define TPI_ATOMIC_DEFINE(SUFFIX, TYPE)                                                            \
    static inline TYPE tpi_load_relaxed_##SUFFIX(const TYPE *from)                                 \
    {                                                                                              \
        return ck_pr_load_##SUFFIX(from);                                                          \
    }                                                                                              \
    static inline TYPE tpi_load_acquire_##SUFFIX(const TYPE *from)                                 \
    {                                                                                              \
        TYPE value = ck_pr_load_##SUFFIX(from);                                                    \
        ck_pr_fence_acquire();                                                                     \
        return value;                                                                              \
    }                                                                                              \
    static inline void tpi_store_relaxed_##SUFFIX(TYPE *to, TYPE value)                            \
    {                                                                                              \
        ck_pr_store_##SUFFIX(to, value);                                                           \
    }                                                                                              \
    static inline void tpi_store_release_##SUFFIX(TYPE *to, TYPE value)                            \
    {                                                                                              \
        ck_pr_fence_release();                                                                     \
        ck_pr_store_##SUFFIX(to, value);                                                           \
    }                                                                                              \
    /* On failure *expected becomes what is there. */                                              \
    static inline bool tpi_cas_acq_rel_##SUFFIX(TYPE *at, TYPE *expected, TYPE value)              \
    {                                                                                              \
        ck_pr_fence_release();                                                                     \
        bool done = ck_pr_cas_##SUFFIX##_value(at, *expected, value, expected);                    \
        ck_pr_fence_acquire();                                                                     \
        return done;                                                                               \
    }

#define TPI_ATOMIC_ADD_DEFINE(SUFFIX, TYPE)                                                        \
    /* Returns the value before. */                                                                \
    static inline TYPE tpi_add_acq_rel_##SUFFIX(TYPE *at, TYPE delta)                              \
    {                                                                                              \
        ck_pr_fence_release();                                                                     \
        TYPE before = ck_pr_faa_##SUFFIX(at, delta);                                               \
        ck_pr_fence_acquire();                                                                     \
        return before;                                                                             \
    }

static inline void tpi_fence_full(void)
{
    ck_pr_fence_memory();
}

static inline void tpi_pause(void)
{
    ck_pr_stall();
}

#endif

TPI_ATOMIC_DEFINE(8, uint8_t)
TPI_ATOMIC_DEFINE(32, uint32_t)
TPI_ATOMIC_DEFINE(64, uint64_t)
TPI_ATOMIC_ADD_DEFINE(32, uint32_t)
TPI_ATOMIC_ADD_DEFINE(64, uint64_t)

/* Loads (and a store) for inner loops, by the compiler: ck's are assembly that may change all
   memory, so that everything is read anew behind them. */
#define TPI_PEEK_DEFINE(SUFFIX, TYPE)                                                              \
    static inline TYPE tpi_peek_##SUFFIX(const TYPE *from)                                         \
    {                                                                                              \
        return __atomic_load_n(from, __ATOMIC_RELAXED);                                            \
    }                                                                                              \
    static inline TYPE tpi_peek_acquire_##SUFFIX(const TYPE *from)                                 \
    {                                                                                              \
        return __atomic_load_n(from, __ATOMIC_ACQUIRE);                                            \
    }

TPI_PEEK_DEFINE(8, uint8_t)
TPI_PEEK_DEFINE(32, uint32_t)
TPI_PEEK_DEFINE(64, uint64_t)

static inline void tpi_poke_8(uint8_t *to, uint8_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

/* Pointers. A macro for the type alone: each argument is evaluated once. */
static inline void *tpi_load_acquire_any(void *const *from)
{
    return (void *)(uintptr_t)tpi_load_acquire_64((const uint64_t *)(const void *)from);
}

static inline void tpi_store_release_any(void **to, void *value)
{
    tpi_store_release_64((uint64_t *)(void *)to, (uint64_t)(uintptr_t)value);
}

#define tpi_load_acquire_ptr(from)                                                                 \
    ((__typeof__(*(from)))tpi_load_acquire_any((void *const *)(from)))
#define tpi_store_release_ptr(to, value) tpi_store_release_any((void **)(to), (void *)(value))

/* Sequentially consistent, for what users ask to be so. By the compiler: ck's fences would cost an
   mfence each where its locked instructions are fences already. */
static inline bool tpi_cas_strict_64(uint64_t *at, uint64_t expected, uint64_t value)
{
    return __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static inline uint64_t tpi_exchange_strict_64(uint64_t *at, uint64_t value)
{
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
}

/* A counter that many threads add to and anybody reads: no ordering is meant by it. */
static inline void tpi_count(uint64_t *counter, uint64_t n)
{
    (void)tpi_add_acq_rel_64(counter, n);
}

_Static_assert(sizeof(void *) == 8, "pointers are 64-bit words here");

#endif
