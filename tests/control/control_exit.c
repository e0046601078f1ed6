/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong: a thread that ends keeps its fast path, though its record is the next thread's. */
#include "control.h"

#define tpi_thread_start right_thread_start
#include "cache/thread.c"
#undef tpi_thread_start

bool tpi_thread_start(enum tpi_sequences mode);

static void exit_with_path(void *mark)
{
    struct tp_detail_self self = tp_detail_self;
    thread_exit(mark);
    tp_detail_self = self;
}

bool tpi_thread_start(enum tpi_sequences mode)
{
    sequences = mode;
    started = started || tpi_os_thread_exit_hook(TPI_EXIT_CACHES, exit_with_path);
    return started;
}

int main(void)
{
    return control_main("control_exit");
}
