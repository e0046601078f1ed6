/* SPDX-License-Identifier: BSD-2-Clause */
/* Address space and memory from the kernel. Reserved space is PROT_NONE, so that it costs nothing
   under strict overcommit; committing makes it readable and writable. */
#include <sys/mman.h>
#include <unistd.h>

#include "os/os.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

size_t tpi_os_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void *map(size_t bytes, int protection)
{
    void *at = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

void *tpi_os_reserve(size_t bytes, size_t align)
{
    char *at = map(bytes + align, PROT_NONE);
    if (at == NULL)
        return NULL;
    char *start = (char *)tpi_align_up((uintptr_t)at, align);
    if (start > at)
        munmap(at, (size_t)(start - at));
    munmap(start + bytes, (size_t)(at + align - start));
    return start;
}

bool tpi_os_commit(void *at, size_t bytes)
{
    return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0;
}

void *tpi_os_map(size_t bytes)
{
    void *at = map(bytes, PROT_READ | PROT_WRITE);
    if (at != NULL)
        madvise(at, bytes, MADV_NOHUGEPAGE); /* sparse tables: a huge page would be mostly air */
    return at;
}

void tpi_os_unmap(void *at, size_t bytes)
{
    munmap(at, bytes);
}

void tpi_os_release(void *at, size_t bytes)
{
    int error = madvise(at, bytes, MADV_DONTNEED);
    /* Locked memory (mlockall) cannot be given back, but must still read as zero. */
    if (error != 0)
        memset(at, 0, bytes);
}

bool tpi_os_move(void *from, void *to, size_t bytes)
{
    return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}
