/* SPDX-License-Identifier: BSD-2-Clause */
/* Nothing is wrong here but that the sequences are slow: what the other controls are held
   against. */
#include "control.h"

int main(void)
{
    return control_main("control_none");
}
