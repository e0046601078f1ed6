/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts the calls that allocate, and their bytes: bench/run preloads it for a run of its own, so
   that no timed run pays for the counting. The C library's allocator does the work. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include "cases.h"

/* What glibc's malloc is called when somebody else is malloc. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

/* The measured loop has one thread. */
struct bench_counted bench_counted;

static void *counted(void *memory, size_t bytes)
{
    bench_counted.calls++;
    bench_counted.bytes += bytes;
    return memory;
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size), size);
}

void *calloc(size_t n, size_t size)
{
    return counted(__libc_calloc(n, size), n * size);
}

void *realloc(void *memory, size_t size)
{
    return counted(__libc_realloc(memory, size), size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return counted(__libc_memalign(align, size), size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    *memory = counted(__libc_memalign(align, size), size);
    return *memory == NULL ? ENOMEM : 0;
}
