/* SPDX-License-Identifier: BSD-2-Clause */
/* The inlined sequences under fire (sequence.h), against the shared object. tests/control/ has the
   same with one thing wrong in the library, which must fail. */
#include "sequence.h"

int main(int argc, char **argv)
{
    static const struct stress_mode modes[] = {{"", "1"}};
    return stress_main(argc, argv, "test_sequence", sequence_run, modes, 1);
}
