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
    void *at = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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

bool tpi_os_hide(void *at, size_t bytes)
{
    return mprotect(at, bytes, PROT_NONE) == 0;
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

/* In two steps, by way of a place that the kernel chooses. With MREMAP_FIXED the kernel (before
   6.17) unmaps the target first and looks at the source after, and it refuses a source that is more
   than one mapping: the target would be a hole then. The first step fails without harm; what comes
   out of it is one mapping, which the second one extends, so that the target is one mapping too and
   can be moved again. */
bool tpi_os_move(void *from, size_t bytes, void *to, size_t to_bytes)
{
    void *between = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (between == MAP_FAILED)
        return false;
    if (mremap(between, bytes, to_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to)
        return true;
    int error = errno;
    tpi_check(mremap(between, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, from) == from &&
                  mmap(to, to_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == to,
              "pages were lost on their way: %s", strerror(error));
    return false;
}
