/* SPDX-License-Identifier: BSD-2-Clause */
/* GLib's GString: g_string_assign into one that is reused, g_string_new and g_string_free. */
#include <glib.h>
#include "loop.h"

BENCH_ALWAYS_INLINE void copy_assign(void *context, const char *string, size_t length)
{
    GString *reused = context;
    (void)length;
    g_string_assign(reused, string);
    bench_fence(reused->str);
}

BENCH_ALWAYS_INLINE void copy_new(void *context, const char *string, size_t length)
{
    GString *made = g_string_new(string);
    (void)context;
    (void)length;
    bench_fence(made->str);
    g_string_free(made, TRUE);
}

static void str(void *context, uint64_t n)
{
    bytes_loop(copy_assign, context, n);
}

static void fresh(void *context, uint64_t n)
{
    bytes_loop(copy_new, context, n);
}

static void *gstring_open(struct bench_case *self)
{
    bytes_prepare(self);
    return g_string_new("");
}

static const struct bench_case cases[] = {
    {.measurement = "bytes_str", .subject = "gstring", .open = gstring_open, .loop = str},
    {.measurement = "bytes_fresh", .subject = "gstring", .open = gstring_open, .loop = fresh},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
