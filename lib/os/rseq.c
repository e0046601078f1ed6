/* SPDX-License-Identifier: BSD-2-Clause */
/* Restartable sequences (rseq(2), Linux 4.18) and the membarrier that aborts them (Linux 5.10).

   libc (glibc 2.35 and later) registers each thread and says where by __rseq_offset and
   __rseq_size; where it has not, a thread registers an area of its own here. The announcement is
   the rseq_cs word, 8 bytes into the area. */
#include <linux/membarrier.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

enum { AREA_BYTES = 32, CS_OFFSET = 8, SIGNATURE = 0x53053053, CPU_ID_OFFSET = 4 };

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* The area of a thread that libc did not register. */
static __thread unsigned char own_area[AREA_BYTES]
    __attribute__((aligned(32), tls_model("initial-exec")));
static __thread bool own_registered __attribute__((tls_model("initial-exec")));

bool tpi_os_rseq_start(void)
{
    long offered = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (offered < 0 || (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) == 0)
        return false;
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) != 0)
        return false;
    return tpi_os_rseq_announcement() != NULL;
}

static unsigned char *libc_area(void)
{
    if (&__rseq_size == NULL || __rseq_size == 0)
        return NULL;
    return (unsigned char *)__builtin_thread_pointer() + __rseq_offset;
}

uint64_t *tpi_os_rseq_announcement(void)
{
    unsigned char *area = libc_area();
    if (area != NULL) {
        int32_t cpu;
        memcpy(&cpu, area + CPU_ID_OFFSET, sizeof cpu);
        /* A negative cpu_id: this one thread's registration failed. */
        return cpu >= 0 ? (uint64_t *)(void *)(area + CS_OFFSET) : NULL;
    }
    if (!own_registered && syscall(SYS_rseq, own_area, AREA_BYTES, 0, SIGNATURE) != 0)
        return NULL;
    own_registered = true;
    return (uint64_t *)(void *)(own_area + CS_OFFSET);
}

void tpi_os_rseq_fence(void)
{
    long error = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
    tpi_check(error == 0, "membarrier failed: %s", strerror(errno));
}
