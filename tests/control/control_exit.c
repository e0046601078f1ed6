/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong: a thread that ends keeps its fast path, though its record is the next thread's. */
#include "control.h"

#define tpi_thread_exit_start right_exit_start
#include "cache/thread.c"
#undef tpi_thread_exit_start

bool tpi_thread_exit_start(void);

static void exit_with_path(void *mark)
{
    struct tp_detail_self self = tp_detail_self;
    thread_exit(mark);
    tp_detail_self = self;
}

bool tpi_thread_exit_start(void)
{
    return tpi_os_thread_exit_hook(exit_with_path);
}

int main(void)
{
    return control_main("control_exit");
}
