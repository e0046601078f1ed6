/* SPDX-License-Identifier: BSD-2-Clause */
/* Heaps near their goal and near their limit: many sizes do not make cycles follow each other, what
   is garbage is found before an allocation fails, a thread does not run away from a collector that
   is late, and a cleanup that waits for its allocating thread hangs nobody. */
#include "gc_help.h"

enum { RING = 4000, ALLOCATIONS = support_sanitized ? 100000 : 400000 };

static char *ring[RING];
/* About 1.2 MB live, in some 30 size classes; how many allocations failed. */
static unsigned churn(void)
{
    unsigned failures = 0;
    if (tp_gc_root_add(ring, sizeof ring) != 0)
        return ALLOCATIONS;
    for (unsigned i = 0; i < ALLOCATIONS; i++) {
        char *fresh = tp_gc_alloc_leaf(16 + gc_below(500));
        failures += fresh == NULL;
        tp_gc_store(&ring[gc_below(RING)], fresh);
    }
    return failures;
}

/* A cycle for each 120 KB of 400,000 x 266 bytes are 900. */
static int many_sizes(void)
{
    return churn() == 0 && tp_gc_cycle() < 4000 ? 0 : 1;
}

static int near_the_limit(void)
{
    unsigned failures = churn();
    printf("near_the_limit: %u of %d failed\n", failures, ALLOCATIONS);
    return failures < ALLOCATIONS / 1000 ? 0 : 1;
}

/* Each cycle ends by this, and no other begins before. */
static unsigned slow_ones;

static void clean_slowly(void *nothing)
{
    (void)nothing;
    support_sleep_ms(50);
    support_set(&slow_ones, 0);
}

static int late_collector(void)
{
    enum { ROUNDS = 200, EACH = 2000 };
    uint64_t most = 0;
    tp_memstats stats;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (support_read(&slow_ones) == 0) {
            support_set(&slow_ones, 1);
            if (tp_gc_cleanup_add(gc_node_make(i), clean_slowly, NULL) == NULL)
                return 1;
        }
        for (unsigned n = 0; n < EACH; n++)
            if (tp_gc_alloc_leaf(256) == NULL)
                return 1;
        tp_memstats_read(&stats);
        most = stats.heap_alloc > most ? stats.heap_alloc : most;
    }
    printf("late_collector: %llu KiB at most\n", (unsigned long long)most >> 10);
    return most < 40 << 20 ? 0 : 1;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned cleaned;

static void clean(void *nothing)
{
    (void)nothing;
    pthread_mutex_lock(&lock);
    support_add(&cleaned, 1);
    pthread_mutex_unlock(&lock);
}

static int cleanups_lock(void)
{
    for (unsigned i = 0; i < 30000; i++) {
        pthread_mutex_lock(&lock);
        void *object = tp_gc_alloc_leaf(1000);
        if (object != NULL)
            (void)!tp_gc_cleanup_add(object, clean, NULL);
        pthread_mutex_unlock(&lock);
    }
    tp_gc_collect();
    return support_read(&cleaned) > 0 ? 0 : 1;
}

static void many_sizes_do_not_exceed_a_small_percentage(void **state)
{
    (void)state;
    support_passes("many-sizes", "gcpercent=10");
}

static void garbage_is_found_before_an_allocation_fails(void **state)
{
    (void)state;
    support_passes("near-the-limit", "memlimit=4MiB");
}

static void nobody_runs_away_from_a_late_collector(void **state)
{
    (void)state;
    support_passes("late-collector", "gcpercent=100");
}

static void a_cleanup_may_wait_for_who_allocates(void **state)
{
    (void)state;
    support_passes("cleanups-lock", "memlimit=8MiB");
    support_passes("cleanups-lock", NULL);
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {{"many-sizes", many_sizes},
                                                        {"near-the-limit", near_the_limit},
                                                        {"late-collector", late_collector},
                                                        {"cleanups-lock", cleanups_lock},
                                                        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_sizes_do_not_exceed_a_small_percentage),
        cmocka_unit_test(garbage_is_found_before_an_allocation_fails),
        cmocka_unit_test(nobody_runs_away_from_a_late_collector),
        cmocka_unit_test(a_cleanup_may_wait_for_who_allocates),
    };
    (void)argc;
    support_start(argv, scenarios);
    static const char *const modes[] = {NULL};
    return support_group("gc near", tests, modes);
}
