/* SPDX-License-Identifier: BSD-2-Clause */
/* strdup and free, for each string. One binary for all mallocs, as pool/malloc.c. */
#include "loop.h"

BENCH_ALWAYS_INLINE void copy_strdup(void *context, const char *string, size_t length)
{
    char *copy = strdup(string);
    (void)context;
    (void)length;
    bench_fence(copy);
    free(copy);
}

static void fresh(void *context, uint64_t n)
{
    bytes_loop(copy_strdup, context, n);
}

static void *strdup_open(struct bench_case *self)
{
    bench_check_malloc(self->subject);
    bytes_prepare(self);
    return NULL;
}

static const struct bench_case cases[] = {
    {.measurement = "bytes_str", .open = strdup_open, .loop = fresh},
    {.measurement = "bytes_fresh", .open = strdup_open, .loop = fresh},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
