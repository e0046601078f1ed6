/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong: limits are closed with the plain membarrier. It orders memory, but a thread in the middle
   of a sequence goes on and commits. */
#define tpi_os_rseq_fence right_fence
#include "os/rseq.c"
#undef tpi_os_rseq_fence

#include "control.h"

void tpi_os_rseq_fence(void);

void tpi_os_rseq_fence(void)
{
    static _Atomic bool registered;
    if (!atomic_exchange(&registered, true))
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        tpi_fatal("membarrier failed: %s", strerror(errno));
}

int main(void)
{
    return control_main("control_fence");
}
