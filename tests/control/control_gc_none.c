/* SPDX-License-Identifier: BSD-2-Clause */
/* Nothing is wrong here: what the other controls of the collector are held against. */
#include "control_gc.h"

int main(void)
{
    return control_gc_main("control_gc_none");
}
