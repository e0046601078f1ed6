/* SPDX-License-Identifier: BSD-2-Clause */
/* the collecting thread's side of handshakes, stopping the world. */
#include "gc/collector.h"

struct tpi_modes tpi_modes;

void tpi_handshake(enum tpi_handshake kind)
{
    (void)kind;
}

void tpi_world_release(void)
{
}

void tpi_answer(struct tpi_mutator *mutator, const struct tpi_registers *registers)
{
    (void)mutator;
    (void)registers;
}

void tpi_straggle_read(struct tpi_straggle *straggle)
{
    *straggle = (struct tpi_straggle){0};
}

void tpi_straggle_clear(void)
{
}
