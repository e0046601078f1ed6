/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests that fork. A child checks with check(), which says on stderr what is wrong and ends it:
   it may not return into cmocka, whose tests are the parent's. The parent asks has_ended_well(). */
#ifndef TESTS_CONTRACT_FORK_HELP_H
#define TESTS_CONTRACT_FORK_HELP_H

#include "support.h"

enum { CHILD_SECONDS = 60 };

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "in the child, %s:%d: %s\n", __FILE__, __LINE__, #condition);          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* True in the child. One that hangs dies of its alarm. */
static inline bool forked(pid_t *child)
{
    fflush(NULL);
    *child = fork();
    if (*child == 0)
        alarm(CHILD_SECONDS);
    return *child == 0;
}

/* Waits for its end, in a blocking region, since cycles may run meanwhile. Any thread. */
static inline bool has_ended_well(pid_t child)
{
    int status = 0;
    tp_gc_blocking_begin();
    bool well = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    tp_gc_blocking_end();
    if (!well)
        fprintf(stderr, "a child ended with status 0x%x\n", (unsigned)status);
    return well;
}

static inline void ended_well(pid_t child)
{
    assert_true(has_ended_well(child));
}

#endif
