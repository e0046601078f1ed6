/* SPDX-License-Identifier: BSD-2-Clause */
/* The one seam to AddressSanitizer and Valgrind: memory that nobody may touch is hidden, memory
   that is handed out is shown. Nothing in other builds.

   Valgrind also follows which bits were ever written, and calls what lies below a stack pointer
   unreadable. Where the collector takes any word for a pointer (tpi_track_knows_bits), it looks at
   tpi_track_word's copy, and keeps reports back from tpi_track_pause to tpi_track_resume. */
#ifndef TPI_BASE_TRACK_H
#define TPI_BASE_TRACK_H

#if defined(TPI_ADDRESS_SANITIZER)

#include <sanitizer/asan_interface.h>

/* Whether anybody looks on. */
static inline bool tpi_track_is_on(void)
{
    return true;
}

static inline void tpi_track_hide(const void *memory, size_t bytes)
{
    __asan_poison_memory_region(memory, bytes);
}

static inline void tpi_track_show(const void *memory, size_t bytes)
{
    __asan_unpoison_memory_region(memory, bytes);
}

static inline void tpi_track_show_kept(const void *memory, size_t bytes)
{
    __asan_unpoison_memory_region(memory, bytes);
}

#elif defined(TPI_VALGRIND)

#include <valgrind/memcheck.h>

static inline bool tpi_track_is_on(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

static inline void tpi_track_hide(const void *memory, size_t bytes)
{
    VALGRIND_MAKE_MEM_NOACCESS(memory, bytes);
}

static inline void tpi_track_show(const void *memory, size_t bytes)
{
    VALGRIND_MAKE_MEM_UNDEFINED(memory, bytes);
}

static inline void tpi_track_show_kept(const void *memory, size_t bytes)
{
    VALGRIND_MAKE_MEM_DEFINED(memory, bytes);
}

static inline bool tpi_track_knows_bits(void)
{
    return tpi_track_is_on();
}

static inline uintptr_t tpi_track_word(uintptr_t word)
{
    VALGRIND_MAKE_MEM_DEFINED(&word, sizeof word);
    return word;
}

static inline void tpi_track_pause(void) /* the calling thread's reports */
{
    VALGRIND_DISABLE_ERROR_REPORTING;
}

static inline void tpi_track_resume(void)
{
    VALGRIND_ENABLE_ERROR_REPORTING;
}

#else

static inline bool tpi_track_is_on(void)
{
    return false;
}

static inline void tpi_track_hide(const void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

static inline void tpi_track_show(const void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

static inline void tpi_track_show_kept(const void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

#endif

#if defined(TPI_ADDRESS_SANITIZER) || !defined(TPI_VALGRIND)

static inline bool tpi_track_knows_bits(void)
{
    return false;
}

static inline uintptr_t tpi_track_word(uintptr_t word)
{
    return word;
}

static inline void tpi_track_pause(void)
{
}

static inline void tpi_track_resume(void)
{
}

#endif

#endif
