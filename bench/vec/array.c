/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardstick of vectors: a[n++] = x into an array that is there. `array_known` is the same where
   the compiler sees the values, and vectorises. */
#include "loop.h"

struct array {
    int *data;
    size_t len;
};

BENCH_ALWAYS_INLINE void array_begin(struct array *items, void *context)
{
    items->data = context;
    items->len = 0;
}

BENCH_ALWAYS_INLINE void array_push(struct array *items, int x)
{
    items->data[items->len++] = x;
}

BENCH_ALWAYS_INLINE void array_end(const struct array *items, void *context)
{
    (void)context;
    bench_fence(items->data);
}

VEC_LOOP(array, struct array, array_begin, array_push, array_end)
VEC_LOOP_OF(array_known, struct array, vec_known, array_begin, array_push, array_end)

static void *array_open(struct bench_case *self)
{
    static int storage[VEC_PUSHES];
    (void)self;
    return storage;
}

static const struct bench_case cases[] = {
    {.measurement = "vec_kept", .subject = "array", .open = array_open, .loop = array},
    {.measurement = "vec_kept", .subject = "array_known", .open = array_open, .loop = array_known},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
