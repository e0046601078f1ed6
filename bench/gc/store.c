/* SPDX-License-Identifier: BSD-2-Clause */
/* What tp_gc_store costs while no cycle runs: a loop that sets pointers in a row of objects, by it
   and by plain stores. */
#include <tidepool.h>

#include "../harness/cases.h"

#define STORE_OBJECTS 1024u

struct object {
    struct object *next;
    uint64_t words[5];
};
TP_GC_TYPE(object_type, struct object, next);

/* The objects' places, out of order; they are on the stack of who opened, and live to the end. */
static struct object *objects[STORE_OBJECTS];

static void *open_objects(struct bench_case *self)
{
    (void)self;
    if (tp_gc_root_add(objects, sizeof objects) != 0)
        bench_fail("tp_gc_root_add: out of memory");
    for (unsigned i = 0; i < STORE_OBJECTS; i++)
        tp_gc_store(&objects[i * 5 % STORE_OBJECTS],
                    bench_must(tp_gc_alloc(&object_type), "object"));
    tp_gc_percent_set(-1);
    return objects;
}

static void store_collected(void *context, uint64_t n)
{
    struct object **all = context;
    for (uint64_t i = 0; i < n; i++)
        tp_gc_store(&all[i % STORE_OBJECTS]->next, all[i * 7 % STORE_OBJECTS]);
}

static void store_plain(void *context, uint64_t n)
{
    struct object **all = context;
    for (uint64_t i = 0; i < n; i++) {
        all[i % STORE_OBJECTS]->next = all[i * 7 % STORE_OBJECTS];
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
        {"store", "tidepool", NULL, open_objects, store_collected, nothing, 1, 0},
        {"store", "plain", NULL, open_objects, store_plain, nothing, 1, 0},
    };
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
