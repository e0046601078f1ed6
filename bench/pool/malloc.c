/* SPDX-License-Identifier: BSD-2-Clause */
/* The malloc family. One binary: bench/run preloads the peer, and the program checks that malloc
   does come from the library that the subject is named after. */
#include <stdlib.h>
#include "loops.h"

BENCH_ALWAYS_INLINE void *malloc_get(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

BENCH_ALWAYS_INLINE void malloc_put(void *context, void *object)
{
    (void)context;
    free(object);
}

BENCH_LOOPS(malloc_64, malloc_get, malloc_put, 64)
BENCH_LOOPS(malloc_256, malloc_get, malloc_put, 256)
BENCH_LOOPS(malloc_1024, malloc_get, malloc_put, 1024)

static void *malloc_open(const struct bench_subject *self)
{
    bench_check_malloc(self->name);
    return NULL;
}

#define MALLOC(NAME, SIZE)                                                                         \
    {                                                                                              \
        .name = NAME, .size = SIZE, .open = malloc_open, BENCH_LOOPS_OF(malloc_##SIZE)             \
    }
#define SIZES(NAME) MALLOC(NAME, 64), MALLOC(NAME, 256), MALLOC(NAME, 1024)

static const struct bench_subject subjects[] = {SIZES("glibc"), SIZES("jemalloc"),
                                                SIZES("mimalloc"), SIZES("tcmalloc")};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, subjects, sizeof subjects / sizeof subjects[0]);
}
