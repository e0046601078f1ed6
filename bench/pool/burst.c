/* SPDX-License-Identifier: BSD-2-Clause */
/* What stays resident after a burst: BENCH_BURST_BYTES of objects are got, written to and put back,
   then the subject settles (for a pool: two cycles). A process of its own, since what an earlier
   burst left behind would count as the start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "subjects.h"

/* Resident KiB, exact: smaps_rollup walks the page tables, statm lags behind per processor. */
static uint64_t resident_kib(void)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *rollup = fopen("/proc/self/smaps_rollup", "re");
    if (rollup == NULL)
        bench_fail("cannot read /proc/self/smaps_rollup");
    while (fgets(line, sizeof line, rollup) != NULL)
        if (sscanf(line, "Rss: %llu kB", &kib) == 1)
            break;
    fclose(rollup);
    if (kib == 0)
        bench_fail("/proc/self/smaps_rollup has no Rss line");
    return kib;
}

int bench_burst(const struct bench_subject *subject, void *context)
{
    size_t count = BENCH_BURST_BYTES / subject->size;
    uint64_t start, peak, after, began, got, put, settled;
    void **objects;
    if (subject->burst_get == NULL)
        bench_fail("%s has no measurement burst", subject->name);
    /* The list of objects is resident before the start is read. */
    objects = bench_must(malloc(count * sizeof *objects), "list of objects");
    memset(objects, 0xff, count * sizeof *objects);
    objects[0] = bench_must(subject->burst_get(context), "object");
    subject->burst_put(context, objects[0]);
    start = resident_kib();
    began = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        objects[i] = bench_must(subject->burst_get(context), "object");
        memset(objects[i], 0xa5, subject->size);
    }
    got = bench_now_ns();
    peak = resident_kib();
    put = bench_now_ns();
    for (size_t i = 0; i < count; i++)
        subject->burst_put(context, objects[i]);
    if (subject->settle != NULL)
        subject->settle(context);
    settled = bench_now_ns();
    after = resident_kib();
    printf("measurement=burst size=%zu threads=1 subject=%s n=%zu start=%llu peak=%llu after=%llu "
           "get_ms=%llu put_ms=%llu\n",
           subject->size, subject->name, count, (unsigned long long)start, (unsigned long long)peak,
           (unsigned long long)after, (unsigned long long)((got - began) / 1000000),
           (unsigned long long)((settled - put) / 1000000));
    return 0;
}
