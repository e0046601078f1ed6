/* SPDX-License-Identifier: BSD-2-Clause */
/* What tp_gc_store costs while no cycle runs: a loop that sets a row of pointers, by it and by
   plain stores. */
#include <tidepool.h>

#include "../harness/cases.h"

#define STORE_SLOTS 1024u

struct object {
    uint64_t words[6];
};
struct slot {
    struct object *object;
};
TP_GC_TYPE(slot_type, struct slot, object);

static struct {
    struct slot *slots;
    struct object *object;
} row; /* a root */

static void *open_row(struct bench_case *self)
{
    struct slot *slots = bench_must(tp_gc_alloc_array(&slot_type, STORE_SLOTS), "slots");
    struct object *object = bench_must(tp_gc_alloc_leaf(sizeof *object), "object");
    (void)self;
    if (tp_gc_root_add(&row, sizeof row) != 0)
        bench_fail("tp_gc_root_add: out of memory");
    tp_gc_store(&row.slots, slots);
    tp_gc_store(&row.object, object);
    tp_gc_percent_set(-1);
    return slots;
}

static void store_collected(void *context, uint64_t n)
{
    struct slot *slots = context;
    struct object *object = row.object;
    for (uint64_t i = 0; i < n; i++)
        tp_gc_store(&slots[i % STORE_SLOTS].object, object);
}

static void store_plain(void *context, uint64_t n)
{
    struct slot *slots = context;
    struct object *object = row.object;
    for (uint64_t i = 0; i < n; i++) {
        slots[i % STORE_SLOTS].object = object;
        bench_barrier();
    }
}

static struct bench_cost nothing(void *context)
{
    (void)context;
    return (struct bench_cost){0, 0};
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"store", "tidepool", NULL, open_row, store_collected, nothing, 1, 0},
        {"store", "plain", NULL, open_row, store_plain, nothing, 1, 0},
    };
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
