/* SPDX-License-Identifier: BSD-2-Clause */
/* Times one case of a program's table, or counts what it allocates. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cases.h"

/* Half of what pools' loops get: these run on one thread and do not hand over. */
#define CASE_SLICES (BENCH_SLICES_MAX / 2)
#define COUNTED_STEPS 8u

uint64_t bench_case_number(const struct bench_case *self)
{
    char *end;
    double number = strtod(self->size, &end);
    if (end == self->size || *end != '\0' || number < 1)
        bench_fail("size %s: not a number", self->size);
    return (uint64_t)number;
}

static struct bench_case find(const struct bench_case *cases, size_t count, char **argv)
{
    for (size_t i = 0; i < count; i++) {
        struct bench_case found = cases[i];
        if ((found.subject != NULL && strcmp(found.subject, argv[1]) != 0) ||
            strcmp(found.measurement, argv[2]) != 0 ||
            (found.size != NULL && strcmp(found.size, argv[3]) != 0))
            continue;
        if (found.step == 0)
            found.step = 1;
        found.subject = argv[1];
        found.size = argv[3];
        return found;
    }
    bench_fail("no subject %s for %s, %s", argv[1], argv[2], argv[3]);
}

static void print_cost(struct bench_cost cost)
{
    printf(" bytes=%.0f allocs=%.2f\n", cost.bytes, cost.allocs);
}

/* What is allocated at first, and never again, does not count. */
static void count_calls(const struct bench_case *found, void *context,
                        const struct bench_counted *counted)
{
    struct bench_cost cost;
    struct bench_counted before;
    uint64_t n = COUNTED_STEPS * found->step;
    found->loop(context, n);
    before = *counted;
    found->loop(context, n);
    cost.allocs = (double)(counted->calls - before.calls) / (double)n;
    cost.bytes = (double)(counted->bytes - before.bytes) / (double)n;
    print_cost(cost);
}

int bench_cases_main(int argc, char **argv, const struct bench_case *cases, size_t count)
{
    struct bench_run run = {.threads = 1, .slices = CASE_SLICES};
    struct bench_times times;
    struct bench_case found;
    const struct bench_counted *counted = dlsym(RTLD_DEFAULT, "bench_counted");
    bench_begin(argv[0]);
    if (argc < 4)
        bench_fail("usage: SUBJECT MEASUREMENT SIZE");
    found = find(cases, count, argv);
    run.context = found.open(&found);
    if (counted != NULL) {
        count_calls(&found, run.context, counted);
        return 0;
    }
    run.loops[0] = found.loop;
    run.step = found.step;
    bench_time(&run, &times);
    printf("measurement=%s size=%s threads=1 subject=%s n=%llu min=%.4f quartile=%.4f median=%.4f",
           found.measurement, found.size, found.subject, (unsigned long long)times.n, times.min,
           times.quartile, times.median);
    if (found.work != 0)
        printf(" work=%llu", (unsigned long long)found.work);
    if (found.cost != NULL)
        print_cost(found.cost(run.context));
    else
        putchar('\n');
    return 0;
}
