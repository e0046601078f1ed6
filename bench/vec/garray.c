/* SPDX-License-Identifier: BSD-2-Clause */
/* GLib's GArray: g_array_append_val, which is a call. */
#include <glib.h>
#include "loop.h"

typedef GArray *garray;

BENCH_ALWAYS_INLINE void garray_push(garray *items, int x)
{
    g_array_append_val(*items, x);
}

BENCH_ALWAYS_INLINE void empty_begin(garray *items, void *context)
{
    (void)context;
    *items = g_array_new(FALSE, FALSE, sizeof(int));
}

BENCH_ALWAYS_INLINE void sized_begin(garray *items, void *context)
{
    (void)context;
    *items = g_array_sized_new(FALSE, FALSE, sizeof(int), VEC_PUSHES);
}

BENCH_ALWAYS_INLINE void free_end(garray *items, void *context)
{
    (void)context;
    bench_fence((*items)->data);
    g_array_free(*items, TRUE);
}

BENCH_ALWAYS_INLINE void kept_begin(garray *items, void *context)
{
    *items = context;
    g_array_set_size(*items, 0);
}

BENCH_ALWAYS_INLINE void kept_end(const garray *items, void *context)
{
    (void)context;
    bench_fence((*items)->data);
}

VEC_LOOP(empty, garray, empty_begin, garray_push, free_end)
VEC_LOOP(sized, garray, sized_begin, garray_push, free_end)
VEC_LOOP(kept, garray, kept_begin, garray_push, kept_end)

static void *garray_open(struct bench_case *self)
{
    garray items;
    (void)self;
    sized_begin(&items, NULL);
    return items;
}

static const struct bench_case cases[] = {
    {.measurement = "vec_empty", .subject = "garray", .open = garray_open, .loop = empty},
    {.measurement = "vec_sized", .subject = "garray", .open = garray_open, .loop = sized},
    {.measurement = "vec_kept", .subject = "garray", .open = garray_open, .loop = kept},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
