/* SPDX-License-Identifier: BSD-2-Clause */
/* Controls: programs in which one source of the library is compiled again with one thing wrong, and
   takes the place of the right one in the archive. Each runs tests/stress/sequence.h and must find
   the library wrong (exit status STRESS_CLASH); control_none, where nothing is wrong, must not.
   test_controls.c runs them. */
#ifndef TESTS_CONTROL_H
#define TESTS_CONTROL_H

#include "../stress/sequence.h"

#include "cache/cache.h"

enum { CONTROL_SKIP = 77 }; /* no sequences here: nothing to break */

static inline int control_main(const char *name)
{
    (void)tp_version(); /* links the start of the library in */
    if (!tpi_sequences_on()) {
        printf("%s: no restartable sequences in this build or on this machine\n", name);
        return CONTROL_SKIP;
    }
    stress_seed(name);
    sequence_run(stress_deadline(1));
    return 0;
}

#endif
