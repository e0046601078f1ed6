/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-from-go: what docs/FROM_GO.md says, as code that runs and is counted. Each pair has a `before`
   and an `after` that do the same work and return the same result; the page shows parts of them
   word for word, and tools/check-from-go holds the page to these files and to what main.c prints.

   malloc and its kin are counted where this program's own files call them (count.c); what comes
   from Tidepool's heap is counted by the heap itself. One thread. */
#ifndef FROM_GO_H
#define FROM_GO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every pair, in the page's order: NAME has NAME_before and NAME_after. */
#define FROM_GO_PAIRS(X)                                                                           \
    X(make)                                                                                        \
    X(append)                                                                                      \
    X(slice)                                                                                       \
    X(reset)                                                                                       \
    X(leaky)                                                                                       \
    X(clip)                                                                                        \
    X(convert)                                                                                     \
    X(view)                                                                                        \
    X(concat)                                                                                      \
    X(format)                                                                                      \
    X(pool)                                                                                        \
    X(huge)                                                                                        \
    X(map)                                                                                         \
    X(escape)                                                                                      \
    X(boxing)                                                                                      \
    X(scratch)                                                                                     \
    X(defer)                                                                                       \
    X(request)                                                                                     \
    X(trim)

#define FROM_GO_DECLARE(NAME)                                                                      \
    uint64_t NAME##_before(void);                                                                  \
    uint64_t NAME##_after(void);
FROM_GO_PAIRS(FROM_GO_DECLARE)

/* --- main.c --- */

/* Ends the program where it is false: here that is want of memory alone. */
void need(bool done);

/* The running half holds so many bytes at the point that its pair is about. */
void hold(uint64_t bytes);

/* --- count.c --- */

struct counted {
    uint64_t allocations; /* calls that gave memory: malloc and ours */
    uint64_t bytes;       /* as asked of malloc; ours in whole slots and pages */
};

/* What was handed out since the process began. */
struct counted counted_read(void);

/* --- text.c --- */

#define WORDS 16

/* Some 40 bytes each; what log lines and headers are made of. */
extern const char *const words[WORDS];

#endif
