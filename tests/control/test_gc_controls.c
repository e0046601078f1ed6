/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong must be found. Programs that break the collector's rules on purpose must be stopped
   by TIDEPOOL=wbcheck and checkmark, with a line that names the object; and the stress on graphs
   must find a library in which one thing is wrong (the programs control_gc_*, in
   TP_TEST_CONTROL_DIR). */
#include <sys/time.h>

#include "../contract/support.h"

enum { OBJECTS = 20000, CLASH = 3 };

struct victim {
    struct victim *child, *other;
};
TP_GC_TYPE(victim_type, struct victim, child, other);

struct large {
    struct victim victim;
    char rest[100 << 10];
};
TP_GC_TYPE(large_type, struct large, victim.child, victim.other);

static int try_s = 30;
static struct victim *roots[OBJECTS], *made[OBJECTS];
static void *range[4];

/* --- programs that are wrong --- */

static void *collect_always(void *argument)
{
    for (;;)
        tp_gc_collect();
    return argument;
}

static void fill(void)
{
    if (tp_gc_root_add(roots, sizeof roots) != 0 || tp_gc_root_add(made, sizeof made) != 0)
        exit(2);
    for (size_t i = 0; i < OBJECTS; i++) {
        tp_gc_store(&roots[i], (struct victim *)tp_gc_alloc(&victim_type));
        tp_gc_store(&roots[i]->child, (struct victim *)tp_gc_alloc(&victim_type));
        tp_gc_store(&roots[i]->other, roots[i]->child);
    }
}

/* Goes wrong while there is marking, until the library has noticed. */
static int go_wrong(void (*wrong)(size_t i))
{
    int64_t end_ns = support_now_ns() + try_s * SUPPORT_SECOND;
    fill();
    support_thread(collect_always, NULL);
    while (support_now_ns() < end_ns) {
        for (size_t i = 0; i < OBJECTS; i++) {
            tp_gc_safepoint();
            if (__atomic_load_n(&tp_detail_gc_self.marking, __ATOMIC_RELAXED) != 0)
                wrong(i);
        }
    }
    return 1;
}

static void store_plainly(size_t i)
{
    struct victim *victim = roots[i];
    __atomic_store_n(&victim->other, victim->other == victim ? victim->child : victim,
                     __ATOMIC_RELEASE);
}

static int plain_store(void)
{
    return go_wrong(store_plainly);
}

static void store_into_root(size_t i)
{
    range[i % 4] = roots[(i * 7) % OBJECTS];
}

static int plain_store_into_root(void)
{
    if (tp_gc_root_add(range, sizeof range) != 0)
        return 2;
    return go_wrong(store_into_root);
}

/* Explicit objects of a pool, which drops each one that is put. */
enum { POOLED = 16 };
static tp_pool *pool;
static struct victim *pooled[POOLED];

static bool never(const void *object, void *context)
{
    (void)object;
    (void)context;
    return false;
}

static bool fill_pool(const tp_gc_type *type)
{
    pool = tp_pool_create(&(tp_pool_options){.keep = never, .gc_type = type});
    for (size_t i = 0; i < POOLED && pool != NULL; i++) {
        pooled[i] = tp_pool_get(pool);
        if (pooled[i] == NULL)
            return false;
    }
    return pool != NULL;
}

static void store_into_pooled(size_t i)
{
    struct victim *victim = pooled[i % POOLED];
    __atomic_store_n(&victim->other, roots[(i * 7) % OBJECTS], __ATOMIC_RELEASE);
}

static int plain_store_into_pooled(void)
{
    return fill_pool(&victim_type) ? go_wrong(store_into_pooled) : 2;
}

static int plain_store_into_large_pooled(void)
{
    return fill_pool(&large_type) ? go_wrong(store_into_pooled) : 2;
}

/* Gets and puts by turns, so slowly that some cycle looks between them. */
static void take_turns(size_t i, void (*store)(size_t i))
{
    size_t at = i * POOLED / OBJECTS;
    if (i * POOLED % OBJECTS != 0)
        return;
    if (pooled[at] == NULL) {
        pooled[at] = tp_pool_get(pool);
        return;
    }
    store(at);
    tp_pool_put(pool, pooled[at]);
    pooled[at] = NULL;
}

static void store_and_free(size_t i)
{
    take_turns(i, store_into_pooled);
}

static int plain_store_into_freed(void)
{
    return fill_pool(&victim_type) ? go_wrong(store_and_free) : 2;
}

/* The child goes over into a new object, which is black, and nobody is told. */
static void hide(size_t i)
{
    struct victim *fresh = tp_gc_alloc(&victim_type);
    fresh->child = roots[i]->child;
    roots[i]->child = roots[i]->other = NULL;
    tp_gc_store(&made[i], fresh);
    tp_gc_store(&roots[i]->child, (struct victim *)tp_gc_alloc(&victim_type));
}

static int hidden(void)
{
    return go_wrong(hide);
}

static void allocate(int number)
{
    for (int i = 0; i < 100 + number % 2; i++)
        roots[i] = tp_gc_alloc(&victim_type);
}

/* A handler that interrupts the library's own work, sooner or later. */
static int handler(void)
{
    int64_t end_ns = support_now_ns() + try_s * SUPPORT_SECOND;
    struct itimerval often = {{0, 300}, {0, 300}};
    signal(SIGALRM, allocate);
    setitimer(ITIMER_REAL, &often, NULL);
    while (support_now_ns() < end_ns)
        roots[0] = tp_gc_alloc_leaf(2000);
    return 1;
}

static int collect_in_peace(void)
{
    fill();
    for (int i = 0; i < 20; i++)
        tp_gc_collect();
    return 0;
}

static void store_as_told(size_t i)
{
    tp_gc_store(&pooled[i % POOLED]->other, roots[(i * 7) % OBJECTS]);
}

static void store_and_free_as_told(size_t i)
{
    take_turns(i, store_as_told);
    if (pooled[i % POOLED] != NULL)
        store_as_told(i);
}

/* Pools' objects, small and large, that are freed and handed out again while cycles mark. */
static int pools_in_peace(const tp_gc_type *type)
{
    try_s = 1;
    if (!fill_pool(type))
        return 2;
    return go_wrong(store_and_free_as_told) == 1 ? 0 : 2;
}

static int pool_in_peace(void)
{
    return pools_in_peace(&victim_type);
}

static int large_pool_in_peace(void)
{
    return pools_in_peace(&large_type);
}

static void plain_stores_are_named(void **state)
{
    (void)state;
    static const char *const peaceful[] = {"peace", "pool-in-peace", "large-pool-in-peace"};
    static const char place[] = "(struct victim) at offset 8";
    for (size_t i = 0; i < sizeof peaceful / sizeof peaceful[0]; i++)
        support_passes(peaceful[i], "wbcheck=1,checkmark=1,scribble=1");
    support_aborts("plain-store", "wbcheck=1", "a store into object ", place);
    support_aborts("plain-store-into-root", "wbcheck=1", "wbcheck: ", "root");
    support_aborts("plain-store-into-pooled", "wbcheck=1", "into a pool's object ", place);
    support_aborts("plain-store-into-freed", "wbcheck=1", "into a pool's object ", place);
    support_aborts("plain-store-into-large-pooled", "wbcheck=1", "into a pool's object ",
                   "(struct large) at offset 8");
}

/* TSan holds signals back until the library is left. */
static void handlers_that_allocate_are_stopped(void **state)
{
    (void)state;
    if (!support_poisons() || support_tsan)
        skip(); /* no checked build */
    support_aborts("handler", NULL, "a signal handler may not allocate", "");
}

static void lost_objects_are_named(void **state)
{
    (void)state;
    support_aborts("hidden", "checkmark=1", "checkmark: ", "(struct victim, 16 bytes) leads to it");
}

/* --- libraries that are wrong --- */

static int run_control(const char *name, const char *options, const char *seconds)
{
    char path[4096];
    int status;
    snprintf(path, sizeof path, "%s/%s", TP_TEST_CONTROL_DIR, name);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        setenv("TIDEPOOL", options, 1);
        setenv("TP_STRESS_SECONDS", seconds, 1);
        unsetenv("TP_STRESS_MUTATIONS");
        execl(path, name, (char *)NULL);
        _exit(SUPPORT_CANNOT_EXECUTE);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SUPPORT_CANNOT_EXECUTE)
        skip();
    return status;
}

static void is_found(const char *name, const char *options)
{
    int status = run_control(name, options, "30");
    bool clash = WIFEXITED(status) && WEXITSTATUS(status) == CLASH;
    bool died = WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV);
    if (!clash && !died)
        fail_msg("%s with TIDEPOOL=%s found nothing wrong (wait status 0x%x)", name, options,
                 (unsigned)status);
}

static void with_nothing_wrong_it_passes(void **state)
{
    (void)state;
    assert_int_equal(run_control("control_gc_none", "scribble=1,gcpercent=10", "1"), 0);
}

static void a_barrier_that_does_not_shade_is_found(void **state)
{
    (void)state;
    is_found("control_gc_barrier", "scribble=1,gcpercent=10");
    is_found("control_gc_barrier", "checkmark=1,gcpercent=10");
}

static void stacks_that_nobody_looks_at_are_found(void **state)
{
    (void)state;
    is_found("control_gc_stack", "scribble=1,gcpercent=10");
}

static void too_few_rounds_are_found(void **state)
{
    (void)state;
    is_found("control_gc_rounds", "scribble=1,gcpercent=10");
    is_found("control_gc_rounds", "checkmark=1,gcpercent=10");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"peace", collect_in_peace},
        {"plain-store", plain_store},
        {"plain-store-into-root", plain_store_into_root},
        {"pool-in-peace", pool_in_peace},
        {"large-pool-in-peace", large_pool_in_peace},
        {"plain-store-into-pooled", plain_store_into_pooled},
        {"plain-store-into-large-pooled", plain_store_into_large_pooled},
        {"plain-store-into-freed", plain_store_into_freed},
        {"hidden", hidden},
        {"handler", handler},
        {NULL, NULL},
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_stores_are_named),
        cmocka_unit_test(lost_objects_are_named),
        cmocka_unit_test(handlers_that_allocate_are_stopped),
        cmocka_unit_test(with_nothing_wrong_it_passes),
        cmocka_unit_test(a_barrier_that_does_not_shade_is_found),
        cmocka_unit_test(stacks_that_nobody_looks_at_are_found),
        cmocka_unit_test(too_few_rounds_are_found),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("controls of the collector", tests, NULL, NULL);
}
