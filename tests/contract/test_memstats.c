/* SPDX-License-Identifier: BSD-2-Clause */
/* tp_memstats: its numbers fit each other, and what the program did. */
#include "gc_help.h"

static tp_memstats read_now(void)
{
    tp_memstats stats;
    tp_memstats_read(&stats);
    return stats;
}

static void assert_sums(const tp_memstats *stats)
{
    assert_true(stats->alloc == stats->heap_alloc);
    assert_true(stats->mallocs - stats->frees == stats->heap_objects);
    assert_true(stats->alloc <= stats->total_alloc);
    assert_true(stats->heap_alloc <= stats->heap_inuse);
    assert_true(stats->heap_released <= stats->heap_idle);
    assert_true(stats->heap_inuse + stats->heap_idle == stats->heap_sys);
    assert_true(stats->heap_sys + stats->mspan_sys + stats->mcache_sys == stats->sys);
    assert_true(stats->mspan_inuse <= stats->mspan_sys);
    assert_true(stats->num_forced_gc <= stats->num_gc);
    assert_true(stats->gc_cpu_fraction >= 0 && stats->gc_cpu_fraction <= 1);
}

/* --- explicit objects --- */

enum { SMALL = 1000, LARGE = 7, LARGE_BYTES = 100000 };
static void *objects[SMALL + LARGE];

static void explicit_objects_count(void **state)
{
    (void)state;
    tp_memstats before = read_now();
    assert_sums(&before);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < SMALL + LARGE; i++) {
        objects[i] = tp_heap_alloc(i < SMALL ? 100 : LARGE_BYTES);
        assert_non_null(objects[i]);
        bytes += tp_heap_usable_size(objects[i]);
    }
    tp_memstats held = read_now();
    assert_sums(&held);
    assert_true(held.mallocs - before.mallocs == SMALL + LARGE);
    assert_true(held.frees == before.frees);
    uint64_t grown = held.alloc - before.alloc;
    assert_true(grown >= bytes && grown <= bytes + SMALL * 64); /* a checked build's guards */
    assert_true(held.total_alloc - before.total_alloc == grown);
    for (unsigned i = 0; i < SMALL + LARGE; i++)
        tp_heap_free(objects[i]);
    tp_memstats after = read_now();
    assert_sums(&after);
    assert_true(after.frees - before.frees == SMALL + LARGE);
    assert_true(after.alloc == before.alloc);
    assert_true(after.total_alloc == held.total_alloc);
}

/* Growing, moving and shrinking leave no bytes behind. */
static void resizing_counts(void **state)
{
    static const size_t sizes[] = {100, 5000, 100000, 900000, 300000, 60000, 40000, 10};
    (void)state;
    tp_memstats before = read_now();
    void *memory = NULL;
    for (unsigned i = 0; i < SUPPORT_COUNT(sizes); i++) {
        memory = tp_heap_realloc(memory, sizes[i]);
        assert_non_null(memory);
        tp_memstats now = read_now();
        assert_sums(&now);
        assert_true(now.alloc - before.alloc >= tp_heap_usable_size(memory));
        assert_true(now.alloc - before.alloc <= tp_heap_usable_size(memory) + 64);
        assert_true(now.heap_objects == before.heap_objects + 1);
    }
    tp_heap_free(memory);
    assert_true(read_now().alloc == before.alloc);
}

/* --- collected objects --- */

enum { NODES = 12345, LEAVES = 77, HUGE = 3, HUGE_BYTES = 200000 };

static void allocate(void *also_wrong)
{
    tp_memstats before = read_now();
    for (unsigned i = 0; i < NODES; i++)
        gc_node_make(i);
    for (unsigned i = 0; i < LEAVES; i++)
        if (tp_gc_alloc_leaf(1 + i * 20) == NULL)
            abort();
    for (unsigned i = 0; i < HUGE; i++)
        if (tp_gc_alloc_conservative(HUGE_BYTES) == NULL)
            abort();
    tp_memstats after = read_now();
    uint64_t bytes = NODES * sizeof(struct gc_node) + (uint64_t)HUGE * HUGE_BYTES;
    if (after.mallocs - before.mallocs != NODES + LEAVES + HUGE)
        support_add(also_wrong, 1);
    if (after.total_alloc - before.total_alloc < bytes)
        support_add(also_wrong, 1);
    if (after.heap_objects - before.heap_objects != NODES + LEAVES + HUGE)
        support_add(also_wrong, 1);
}

static void collect_twice(void *nothing)
{
    (void)nothing;
    tp_gc_collect();
    tp_gc_collect();
}

static void collected_objects_count(void **state)
{
    unsigned wrong = 0;
    (void)state;
    gc_elsewhere(collect_twice, NULL);
    tp_memstats before = read_now();
    gc_elsewhere(allocate, &wrong);
    assert_int_equal(wrong, 0);
    tp_memstats held = read_now();
    assert_sums(&held);
    assert_true(held.mallocs - before.mallocs == NODES + LEAVES + HUGE);
    gc_elsewhere(collect_twice, NULL);
    tp_memstats after = read_now();
    assert_sums(&after);
    assert_true(after.mallocs == held.mallocs);
    assert_true(after.frees - before.frees == NODES + LEAVES + HUGE);
    assert_true(after.alloc == before.alloc);
}

/* --- cycles --- */

static void cycles_count(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        gc_node_make(i);
        tp_memstats before = read_now();
        uint64_t begin_ns = (uint64_t)time(NULL) * SUPPORT_SECOND;
        tp_gc_collect();
        tp_memstats after = read_now();
        assert_sums(&after);
        uint64_t n = after.num_gc;
        assert_true(n == before.num_gc + 1 && n == tp_gc_cycle());
        assert_true(after.num_forced_gc == before.num_forced_gc + 1);
        assert_true(after.last_gc >= begin_ns);
        assert_true(after.last_gc < begin_ns + 60 * SUPPORT_SECOND);
        uint64_t pause_ns = after.pause_ns[(n + 255) % 256];
        assert_true(after.pause_end[(n + 255) % 256] == after.last_gc);
        assert_true(after.pause_total_ns - before.pause_total_ns == pause_ns);
        assert_true(pause_ns <= after.pause_max_ns);
    }
    assert_true(read_now().stack_inuse > 0);
}

static void the_goal_follows_the_percentage(void **state)
{
    (void)state;
    int before = tp_gc_percent_set(-1);
    tp_gc_collect();
    assert_false(read_now().enable_gc);
    assert_true(read_now().next_gc == UINT64_MAX);
    tp_gc_percent_set(100);
    tp_gc_collect();
    uint64_t goal = read_now().next_gc;
    assert_true(read_now().enable_gc);
    assert_true(goal >= 4 << 20 && goal < 64 << 20);
    tp_gc_percent_set(1000);
    tp_gc_collect();
    assert_true(read_now().next_gc > goal);
    tp_gc_percent_set(before);
}

/* --- printing --- */

static void printing_names_every_field(void **state)
{
    static const char *const names[] = {
        "alloc",        "total_alloc",   "sys",         "mallocs",         "frees",
        "heap_alloc",   "heap_sys",      "heap_idle",   "heap_inuse",      "heap_released",
        "heap_objects", "stack_inuse",   "mspan_inuse", "mspan_sys",       "mcache_inuse",
        "mcache_sys",   "next_gc",       "last_gc",     "pause_total_ns",  "pause_max_ns",
        "num_gc",       "num_forced_gc", "pause_ns",    "gc_cpu_fraction", "enable_gc"};
    char line[1024], name[64];
    (void)state;
    FILE *stream = tmpfile();
    assert_non_null(stream);
    assert_int_equal(tp_memstats_print(stream), 0);
    rewind(stream);
    for (unsigned i = 0; i < SUPPORT_COUNT(names); i++) {
        assert_non_null(fgets(line, sizeof line, stream));
        assert_int_equal(sscanf(line, "%63s", name), 1);
        assert_string_equal(name, names[i]);
    }
    assert_null(fgets(line, sizeof line, stream));
    fclose(stream);
}

static void a_stream_that_fails_is_an_error(void **state)
{
    (void)state;
    FILE *stream = fopen("/dev/full", "w");
    assert_non_null(stream);
    setvbuf(stream, NULL, _IONBF, 0);
    errno = 0;
    assert_int_equal(tp_memstats_print(stream), -1);
    assert_int_equal(errno, ENOSPC);
    fclose(stream);
}

/* --- beside traffic --- */

static unsigned stop;

static void *traffic(void *nothing)
{
    (void)nothing;
    while (support_read(&stop) == 0) {
        gc_node_make(1);
        tp_heap_free(tp_heap_alloc(100));
    }
    return NULL;
}

static void it_may_be_read_beside_traffic(void **state)
{
    pthread_t threads[2];
    uint64_t mallocs = 0, total = 0;
    (void)state;
    tp_gc_percent_set(100);
    for (unsigned i = 0; i < 2; i++)
        threads[i] = support_thread(traffic, NULL);
    for (unsigned i = 0; i < gc_less(2000); i++) {
        tp_memstats stats = read_now();
        assert_true(stats.mallocs >= mallocs && stats.total_alloc >= total);
        assert_true(stats.frees <= stats.mallocs);
        mallocs = stats.mallocs;
        total = stats.total_alloc;
    }
    support_set(&stop, 1);
    for (unsigned i = 0; i < 2; i++)
        gc_join(threads[i]); /* a cycle may run on one of them, and ask this one */
    tp_gc_percent_set(-1);
}

struct holder {
    struct holder *next;
};
TP_GC_TYPE(holder_type, struct holder, next);

/* Explicit objects that point at collected ones are in the collector's spans, and count. */
static void pooled_objects_count(void **state)
{
    enum { N = 500 };
    void *held[N];
    (void)state;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.name = "holders", .gc_type = &holder_type});
    assert_non_null(pool);
    tp_memstats before = read_now();
    for (unsigned i = 0; i < N; i++)
        assert_non_null(held[i] = tp_pool_get(pool));
    tp_memstats in_use = read_now();
    assert_true(in_use.heap_objects >= before.heap_objects + N);
    assert_true(in_use.heap_alloc >= before.heap_alloc + N * sizeof(struct holder));
    tp_pool_put_many(pool, held, N);
    tp_pool_destroy(pool);
    assert_true(read_now().frees >= before.frees + N);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explicit_objects_count),
        cmocka_unit_test(resizing_counts),
        cmocka_unit_test(collected_objects_count),
        cmocka_unit_test(pooled_objects_count),
        cmocka_unit_test(cycles_count),
        cmocka_unit_test(the_goal_follows_the_percentage),
        cmocka_unit_test(printing_names_every_field),
        cmocka_unit_test(a_stream_that_fails_is_an_error),
        cmocka_unit_test(it_may_be_read_beside_traffic),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("memstats", tests, support_modes);
}
