/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-from-go: runs every pair and prints the figures of docs/FROM_GO.md, a line a pair. Each half
   runs three times and the third run is counted: pools, arenas and caches are warm by then. No
   cycle runs meanwhile (TIDEPOOL=service=0 makes sure of it), so the counts are the same each time.
   Exits 1 where the halves of a pair disagree. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <tidepool.h>
#include "from_go.h"

struct pair {
    const char *name;
    uint64_t (*before)(void);
    uint64_t (*after)(void);
};

#define UNSAID UINT64_MAX

struct figures {
    uint64_t result;
    struct counted counted;
    uint64_t held; /* bytes, or UNSAID */
};

#define PAIR(NAME) {#NAME, NAME##_before, NAME##_after},
static const struct pair pairs[] = {FROM_GO_PAIRS(PAIR)};

static uint64_t held;

void need(bool done)
{
    if (done)
        return;
    perror("tp-from-go");
    exit(1);
}

void hold(uint64_t bytes)
{
    held = bytes;
}

static struct figures measure(uint64_t (*half)(void))
{
    (void)half();
    (void)half();
    held = UNSAID;
    struct counted start = counted_read();
    struct figures figures = {.result = half()};
    struct counted end = counted_read();
    figures.counted.allocations = end.allocations - start.allocations;
    figures.counted.bytes = end.bytes - start.bytes;
    figures.held = held;
    return figures;
}

static void print_number(uint64_t number)
{
    if (number < 1000) {
        printf("%" PRIu64, number);
        return;
    }
    print_number(number / 1000);
    printf(",%03" PRIu64, number % 1000);
}

static void print_figures(const struct figures *figures)
{
    print_number(figures->counted.allocations);
    printf(figures->counted.allocations == 1 ? " allocation, " : " allocations, ");
    print_number(figures->counted.bytes);
    printf(" B");
    if (figures->held != UNSAID) {
        printf("; ");
        print_number(figures->held);
        printf(" B held");
    }
}

static bool run(const struct pair *pair)
{
    struct figures before = measure(pair->before);
    struct figures after = measure(pair->after);
    if (before.result != after.result) {
        fprintf(stderr, "tp-from-go: %s: before gives %" PRIu64 ", after %" PRIu64 "\n", pair->name,
                before.result, after.result);
        return false;
    }
    printf("- C `%s`: ", pair->name);
    print_figures(&before);
    printf(" → ");
    print_figures(&after);
    printf("\n");
    return true;
}

int main(void)
{
    bool agreed = true;
    tp_gc_percent_set(-1); /* a cycle in the middle would empty pools */
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        agreed = run(&pairs[i]) && agreed;
    return agreed && fflush(stdout) == 0 ? 0 : 1;
}
