/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong: a thread that ends hands its magazines to nobody. */
#include "control.h"

#include "cache/local.h"

#define tpi_magazine_store(cache, stack, magazine) ((void)(magazine))
#include "cache/thread.c"

int main(void)
{
    return control_main("control_flush");
}
