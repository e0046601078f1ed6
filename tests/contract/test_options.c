/* SPDX-License-Identifier: BSD-2-Clause */
/* TIDEPOOL: what is unknown or malformed is reported once on stderr and ignored, what is right
   takes effect, in whatever company. Each case is a process of its own. */
#include "support.h"

static int wrong(const char *what)
{
    fprintf(stderr, "wrong: %s\n", what);
    return 1;
}

/* --- scenarios --- */

/* Works as without options; the library is silent beyond what it said when it was loaded. */
static int works(void)
{
    void *objects[100];
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64});
    if (pool == NULL || tp_pool_get_many(pool, objects, 100) != 100)
        return wrong("no objects");
    tp_pool_put_many(pool, objects, 100);
    tp_gc_collect();
    tp_pool_destroy(pool);
    return 0;
}

static int percent_is_100(void)
{
    return tp_gc_percent_set(-1) == 100 ? works() : wrong("gcpercent is not 100");
}

static int percent_is_off(void)
{
    return tp_gc_percent_set(100) == -1 ? works() : wrong("gcpercent is not off");
}

static int percent_is_250(void)
{
    return tp_gc_percent_set(-1) == 250 ? works() : wrong("gcpercent is not 250");
}

static int limit_is_none(void)
{
    return tp_gc_memory_limit_set(-1) == INT64_MAX ? works() : wrong("there is a memory limit");
}

static int limit_is_64_mib(void)
{
    return tp_gc_memory_limit_set(-1) == INT64_C(64) << 20 ? works() : wrong("not 64 MiB");
}

/* cachemax bounds what all pools hold idle together; the last magazine may exceed it. */
static int idle_is_below_1_mib(void)
{
    enum { N = 8000, BYTES = 1024 };
    static void *objects[N];
    tp_pool *pools[2];
    uint64_t idle = 0;
    for (unsigned i = 0; i < 2; i++) {
        pools[i] = tp_pool_create(&(tp_pool_options){.size = BYTES});
        if (pools[i] == NULL || tp_pool_get_many(pools[i], objects, N) != N)
            return wrong("no objects");
        tp_pool_put_many(pools[i], objects, N);
    }
    for (unsigned i = 0; i < 2; i++)
        idle += support_stats(pools[i]).idle * BYTES;
    if (idle > (1 << 20) + 200 * BYTES)
        return wrong("more than 1 MiB is idle");
    return idle < (1 << 19) ? wrong("less than half of what is allowed is idle") : works();
}

static const struct support_scenario scenarios[] = {
    {"works", works},
    {"percent_is_100", percent_is_100},
    {"percent_is_off", percent_is_off},
    {"percent_is_250", percent_is_250},
    {"limit_is_none", limit_is_none},
    {"limit_is_64_mib", limit_is_64_mib},
    {"idle_is_below_1_mib", idle_is_below_1_mib},
    {NULL, NULL},
};

/* --- what it says --- */

/* With these options the scenario passes, and the library says `lines` lines, which hold `says`. */
static void with(const char *options, const char *name, unsigned lines, const char *says)
{
    struct support_result result;
    support_run(name, options, &result);
    if (!support_has_passed(&result) || support_lines(result.text) != lines ||
        strstr(result.text, says) == NULL)
        fail_msg("TIDEPOOL=%s, %s: status 0x%x, not %u lines that say '%s':\n%s", options, name,
                 (unsigned)result.status, lines, says, result.text);
}

static void unknown_options_are_reported_and_ignored(void **state)
{
    (void)state;
    with("nonsense=1", "works", 1, "nonsense");
    with("nonsense=1,gcpercent=100", "percent_is_100", 1, "nonsense");
    with("gcpercent=250,Gcpercent=7", "percent_is_250", 1, "Gcpercent");
    with("one=1,two=2,three=3", "works", 3, "two");
}

static void malformed_values_are_reported_and_ignored(void **state)
{
    static const char *const malformed[] = {
        "gcpercent=abc", "gcpercent=",     "gcpercent=-5",
        "gcpercent=10x", "gcpercent= 10",  "gcpercent=99999999999",
        "memlimit=12XB", "memlimit=-1",    "memlimit=9999999999999GiB",
        "memlimit=",     "gcperiod=1s",    "gcperiod=-1",
        "service=yes",   "poolcheck=-1",   "rseq=maybe",
        "rseq=7",        "pressure=",      "cachemax=lots",
        "lossy=",        "gctrace=yes",    "gcsignal=200",
        "stw=2",         "gcworkers=many",
    };
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(malformed); i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(malformed[i], "="), malformed[i]);
        with(malformed[i], "works", 1, name);
    }
    with("gcpercent", "works", 1, "gcpercent");
    with("gcpercent=100,gcpercent=7z", "percent_is_100", 1, "7z");
    with("memlimit=x", "limit_is_none", 1, "memlimit");
}

static void right_ones_take_effect_in_silence(void **state)
{
    (void)state;
    with("gcpercent=250", "percent_is_250", 0, "");
    with("gcpercent=off", "percent_is_off", 0, "");
    with("gcpercent=3,gcpercent=250", "percent_is_250", 0, ""); /* the last one counts */
    with("memlimit=64MiB", "limit_is_64_mib", 0, "");
    with("memlimit=67108864", "limit_is_64_mib", 0, "");
    with("memlimit=65536KiB", "limit_is_64_mib", 0, "");
    with("memlimit=64M", "limit_is_64_mib", 0, "");
    with("memlimit=64MiB,memlimit=off", "limit_is_none", 0, "");
    with("rseq=off", "works", 0, "");
    with("service=0", "works", 0, "");
    with(",,gcperiod=3,,", "works", 0, "");
    with("cachemax=1MiB", "idle_is_below_1_mib", 0, "");
}

static void an_overlong_value_is_reported_and_ignored(void **state)
{
    static char options[3900];
    (void)state;
    memset(options, ',', sizeof options - 1);
    with(options, "works", 0, "");
    memset(options, 'x', sizeof options - 1);
    with(options, "works", 1, "TIDEPOOL");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_options_are_reported_and_ignored),
        cmocka_unit_test(malformed_values_are_reported_and_ignored),
        cmocka_unit_test(right_ones_take_effect_in_silence),
        cmocka_unit_test(an_overlong_value_is_reported_and_ignored),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
