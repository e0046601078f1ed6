/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong: closers close the floor and forget the ceiling, so that puts go on. */
#include "control.h"

#include "cache/local.h"

static void close_floor_alone(struct tp_detail_local *local)
{
    tpi_local_limits_set(local, TPI_CLOSED_FLOOR, local->ceiling, local->ceiling_called);
}

#define tpi_local_close close_floor_alone
#include "cache/close.c"

int main(void)
{
    return control_main("control_limit");
}
