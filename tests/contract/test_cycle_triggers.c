/* SPDX-License-Identifier: BSD-2-Clause */
/* What starts a cycle by itself: growth of the heap, the memory limit, the timer, memory pressure.
   Each case runs in a process of its own with its own TIDEPOOL, all of them at once, since most of
   their time is waiting: pressure is looked for every ten seconds. */
#include "support.h"

enum { BLOCK_BYTES = 64 * 1024, BLOCKS = 1024 };

static void *blocks[BLOCKS];

/* A scenario is no cmocka test: it says on stderr what is wrong, and returns 1. */
static int wrong(const char *what)
{
    fprintf(stderr, "%s (cycles: %lu)\n", what, (unsigned long)tp_gc_cycle());
    return 1;
}

/* A pool, so that cycles may start, and blocks in use. */
static tp_pool *grown(unsigned n)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64});
    for (unsigned i = 0; i < n; i++)
        if ((blocks[i] = tp_heap_alloc(BLOCK_BYTES)) != NULL)
            memset(blocks[i], 1, BLOCK_BYTES);
    return pool;
}

static bool cycles_reach(uint64_t cycles, unsigned ms)
{
    for (; ms > 0 && tp_gc_cycle() < cycles; ms--)
        support_sleep_ms(1);
    return tp_gc_cycle() >= cycles;
}

/* --- growth --- */

static int growth(void)
{
    grown(BLOCKS); /* 64 MiB: from 4 to 8 to 16 ... */
    if (!cycles_reach(1, 5000))
        return wrong("64 MiB of growth started no cycle");
    if (tp_gc_cycle() > 40)
        return wrong("so many cycles for 64 MiB, doubling each time");
    support_sleep_ms(20);
    uint64_t before = tp_gc_cycle();
    for (unsigned i = 0; i < 1000; i++) /* traffic that does not grow */
        tp_heap_free(tp_heap_alloc(BLOCK_BYTES));
    support_sleep_ms(20);
    return tp_gc_cycle() > before + 1 ? wrong("cycles without growth") : 0;
}

static int growth_off(void)
{
    grown(BLOCKS);
    if (tp_gc_percent_set(100) != -1)
        return wrong("gcpercent=off is not what was set before");
    if (!cycles_reach(1, 5000))
        return wrong("growth was allowed and started no cycle");
    if (tp_gc_percent_set(-7) != 100 || tp_gc_percent_set(-1) != -1)
        return wrong("tp_gc_percent_set does not return what was set before");
    return 0;
}

static int no_growth(void)
{
    grown(BLOCKS);
    support_sleep_ms(50);
    return tp_gc_cycle() != 0 ? wrong("a cycle, though gcpercent=off") : 0;
}

/* What idle objects hold is dropped by the cycles that growth starts. */
static int growth_drops(void)
{
    tp_pool *pool = grown(0);
    void *objects[200];
    size_t n = tp_pool_get_many(pool, objects, 200);
    tp_pool_put_many(pool, objects, n);
    grown(BLOCKS);
    if (!cycles_reach(2, 5000))
        return wrong("no two cycles");
    return support_stats(pool).idle != 0 ? wrong("idle objects outlived two cycles") : 0;
}

/* --- the limit --- */

static int limit(void)
{
    struct tp_heap_stats stats;
    if (tp_gc_memory_limit_set(-1) != INT64_MAX)
        return wrong("there is a limit at the start");
    if (tp_gc_memory_limit_set(32 << 20) != INT64_MAX || tp_gc_memory_limit_set(-1) != 32 << 20)
        return wrong("tp_gc_memory_limit_set does not return what was set before");
    grown(BLOCKS);
    if (!cycles_reach(1, 5000))
        return wrong("twice the limit started no cycle");
    for (unsigned i = 0; i < BLOCKS; i++)
        tp_heap_free(blocks[i]);
    tp_heap_free(tp_heap_alloc(BLOCK_BYTES));
    for (unsigned ms = 0; ms < 2000; ms++) {
        tp_heap_stats_read(&stats);
        if (stats.in_use + stats.idle <= 33 << 20)
            return 0;
        support_sleep_ms(1);
        tp_heap_free(tp_heap_alloc(BLOCK_BYTES));
    }
    return wrong("idle pages are kept beyond the limit");
}

/* Idle pages beyond a limit are given back before the call that sets it returns. */
static int limit_lowered(void)
{
    struct tp_heap_stats stats;
    for (unsigned i = 0; i < BLOCKS / 4; i++)
        if ((blocks[i] = tp_heap_alloc(4 * BLOCK_BYTES)) != NULL)
            memset(blocks[i], 1, 4 * BLOCK_BYTES);
    for (unsigned i = 0; i < BLOCKS / 4; i++)
        tp_heap_free(blocks[i]);
    tp_heap_stats_read(&stats);
    if (stats.idle < 48 << 20)
        return wrong("free pages are not kept for a while");
    tp_gc_memory_limit_set(16 << 20);
    tp_heap_stats_read(&stats);
    return stats.in_use + stats.idle > 16 << 20 ? wrong("idle pages are kept beyond it") : 0;
}

static int limit_by_option(void)
{
    if (tp_gc_memory_limit_set(-1) != 48 << 20)
        return wrong("memlimit=48MiB is not what is set");
    grown(BLOCKS);
    return cycles_reach(1, 5000) ? 0 : wrong("64 MiB started no cycle");
}

/* --- the timer --- */

static int timer(void)
{
    tp_pool *pool = grown(0);
    int64_t start = support_now_ns();
    tp_pool_put(pool, tp_pool_get(pool));
    if (!cycles_reach(2, 10000))
        return wrong("no two cycles in ten seconds");
    if (support_now_ns() - start < 2 * SUPPORT_SECOND * 9 / 10)
        return wrong("two cycles in less than two seconds");
    return support_stats(pool).live != 0 ? wrong("an idle object outlived two cycles") : 0;
}

/* --- pressure --- */

/* A file like the kernel's, with this share; then more than one look's time, and how many
   cycles. */
static int cycles_under(const char *some, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return -1;
    fprintf(file, "some avg10=%s avg60=0.00 avg300=0.00 total=0\n", some);
    fprintf(file, "full avg10=99.00 avg60=0.00 avg300=0.00 total=0\n");
    fclose(file);
    grown(BLOCKS / 2);
    tp_heap_free(blocks[0]);
    support_sleep_ms(500); /* cycles by growth are over */
    uint64_t before = tp_gc_cycle();
    cycles_reach(before + 1, 12000);
    unlink(path);
    return (int)(tp_gc_cycle() - before);
}

static int pressure_high(void)
{
    struct tp_heap_stats stats;
    if (cycles_under("42.00", strstr(getenv("TIDEPOOL"), "high")) != 1)
        return wrong("42% of pressure started no cycle");
    support_sleep_ms(100);
    tp_heap_stats_read(&stats);
    return stats.idle != 0 ? wrong("idle pages are kept under pressure") : 0;
}

static int pressure_low(void)
{
    return cycles_under("9.99", "low.psi") != 0 ? wrong("not zero cycles at 9.99%") : 0;
}

static int no_pressure_file(void)
{
    grown(BLOCKS / 2);
    support_sleep_ms(11000);
    return tp_gc_cycle() != 0 ? wrong("a cycle without a pressure file") : 0;
}

/* --- all at once --- */

static const struct support_scenario scenarios[] = {
    {"growth", growth},
    {"growth_off", growth_off},
    {"no_growth", no_growth},
    {"growth_drops", growth_drops},
    {"limit", limit},
    {"limit_lowered", limit_lowered},
    {"limit_by_option", limit_by_option},
    {"timer", timer},
    {"pressure_high", pressure_high},
    {"pressure_low", pressure_low},
    {"no_pressure_file", no_pressure_file},
    {NULL, NULL},
};

struct started {
    const char *name, *options;
    struct support_result result;
    pthread_t thread;
    bool joined, executed;
};

static struct started all[] = {
    {.name = "growth", .options = "gcpercent=100"},
    {.name = "growth", .options = "gcpercent=100,service=0"},
    {.name = "growth_off", .options = "gcpercent=off"},
    {.name = "no_growth", .options = "gcpercent=off"},
    {.name = "no_growth", .options = "gcpercent=off,service=0"},
    {.name = "growth_drops", .options = "gcpercent=50"},
    {.name = "growth_drops", .options = "gcpercent=50,service=0"},
    {.name = "limit", .options = "gcpercent=off"},
    {.name = "limit", .options = "gcpercent=off,service=0"},
    {.name = "limit_lowered", .options = "gcpercent=off"},
    {.name = "limit_by_option", .options = "gcpercent=off,memlimit=48MiB"},
    {.name = "timer", .options = "gcperiod=1"},
    {.name = "pressure_high", .options = "gcpercent=100,pressure=high1.psi"},
    {.name = "pressure_high", .options = "gcpercent=off,pressure=high2.psi"},
    {.name = "pressure_low", .options = "pressure=low.psi"},
    {.name = "no_pressure_file", .options = "pressure=/nonexistent/psi"},
};

static void *run_started(void *argument)
{
    struct started *one = argument;
    one->executed = support_execute(one->name, one->options, &one->result);
    return NULL;
}

static int start_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(all); i++)
        if (pthread_create(&all[i].thread, NULL, run_started, &all[i]) != 0)
            return -1;
    return 0;
}

static void join(struct started *one)
{
    if (!one->joined)
        support_join(one->thread);
    one->joined = true;
}

static int join_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(all); i++)
        join(&all[i]);
    return 0;
}

/* Every row with this name passed. */
static void passed(const char *name)
{
    unsigned rows = 0;
    bool executed = true;
    for (size_t i = 0; i < SUPPORT_COUNT(all); i++) {
        if (strcmp(all[i].name, name) != 0)
            continue;
        join(&all[i]);
        executed = executed && all[i].executed;
        if (all[i].executed && !support_has_passed(&all[i].result))
            fail_msg("with %s: status 0x%x, %s", all[i].options,
                     (unsigned)all[i].result.status, all[i].result.text);
        rows++;
    }
    assert_true(rows > 0);
    if (!executed)
        skip();
}

static void growth_starts_cycles(void **state)
{
    (void)state;
    passed("growth");
}

static void growth_can_be_switched_off_and_on(void **state)
{
    (void)state;
    passed("growth_off");
    passed("no_growth");
}

static void cycles_by_growth_drop_idle_objects(void **state)
{
    (void)state;
    passed("growth_drops");
}

static void the_memory_limit_starts_cycles_and_releases_pages(void **state)
{
    (void)state;
    passed("limit");
    passed("limit_lowered");
    passed("limit_by_option");
}

static void the_timer_starts_cycles(void **state)
{
    (void)state;
    passed("timer");
}

static void memory_pressure_starts_cycles(void **state)
{
    (void)state;
    passed("pressure_high");
    passed("pressure_low");
    passed("no_pressure_file");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_starts_cycles),
        cmocka_unit_test(growth_can_be_switched_off_and_on),
        cmocka_unit_test(cycles_by_growth_drop_idle_objects),
        cmocka_unit_test(the_memory_limit_starts_cycles_and_releases_pages),
        cmocka_unit_test(the_timer_starts_cycles),
        cmocka_unit_test(memory_pressure_starts_cycles),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("cycle triggers", tests, start_all, join_all);
}
