/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop that byte buffers are timed in: one text, into which each subject's calls are inlined.

   An operation copies a string of `size` bytes, which the compiler knows nothing of, into a buffer:
   `copy` of the string (its length must be found), `copy` of length and address, or a fresh buffer
   each time.

   The string starts a cache line, halfway into a page: how source and destination lie to each other
   decides more than what is measured here. */
#ifndef BENCH_BYTES_LOOP_H
#define BENCH_BYTES_LOOP_H

#include <stdlib.h>
#include <string.h>
#include "../harness/cases.h"

#define PAGE 4096u

static char *bytes_string;
static size_t bytes_length;

typedef void bytes_copy(void *context, const char *string, size_t length);

BENCH_ALWAYS_INLINE void bytes_loop(bytes_copy copy, void *context, uint64_t n)
{
    const char *string = bytes_string;
    size_t length = bytes_length;
    for (uint64_t i = 0; i < n; i++) {
        __asm__ volatile("" : "+r"(string), "+r"(length) : : "memory");
        copy(context, string, length);
    }
    bench_barrier();
}

static inline void bytes_prepare(const struct bench_case *self)
{
    bytes_length = bench_case_number(self);
    bytes_string = bench_must(aligned_alloc(PAGE, 2 * PAGE + bytes_length / PAGE * PAGE), "string");
    bytes_string += PAGE / 2;
    memset(bytes_string, 'x', bytes_length);
    bytes_string[bytes_length] = '\0';
}

#endif
