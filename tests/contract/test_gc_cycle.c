/* SPDX-License-Identifier: BSD-2-Clause */
/* Cycles of a program that uses the collected heap: who starts them, who waits for them and what
   gctrace tells. Most cases are processes of their own, with their own TIDEPOOL. */
#include <dirent.h>
#include <regex.h>
#include <sys/prctl.h>

#include "gc_help.h"

static int wrong(const char *what)
{
    fprintf(stderr, "%s (cycles: %lu)\n", what, (unsigned long)tp_gc_cycle());
    return 1;
}

static struct gc_node *root;

static void roots_add(void)
{
    if (tp_gc_root_add(&root, sizeof root) != 0)
        abort();
}

static void garbage_make(unsigned n)
{
    struct gc_node *last = NULL;
    for (unsigned i = 0; i < n; i++) {
        struct gc_node *node = gc_node_make(i);
        if (i % 4 != 0)
            tp_gc_store(&node->next, last);
        last = node;
    }
}

static unsigned threads_now(void)
{
    unsigned n = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks != NULL && readdir(tasks) != NULL)
        n++;
    closedir(tasks);
    return n - 2;
}

/* --- pacing --- */

enum { LIVE = 20000 };

/* 400 MB of garbage, or 100, in a heap that stays small. */
static int growth(void)
{
    uint64_t most = 0;
    tp_memstats stats;
    roots_add();
    tp_gc_percent_set(100);
    gc_list_make(&root, LIVE);
    for (unsigned round = 0; round < gc_less(250); round++) {
        garbage_make(50000);
        tp_memstats_read(&stats);
        most = stats.heap_inuse > most ? stats.heap_inuse : most;
    }
    if (!gc_list_is_whole(root, LIVE))
        return wrong("what is reachable was lost");
    if (tp_gc_cycle() < 5)
        return wrong("few cycles for so much garbage");
    if (most > UINT64_C(100) << 20)
        return wrong("the heap grew far beyond its goal");
    return 0;
}

static int growth_off(void)
{
    garbage_make(500000);
    support_sleep_ms(20);
    return tp_gc_cycle() != 0 ? wrong("a cycle, though gcpercent=off") : 0;
}

/* A higher percentage makes for fewer cycles. */
static int percent_counts(void)
{
    uint64_t cycles[2];
    roots_add();
    gc_list_make(&root, gc_less(LIVE * 10));
    for (unsigned i = 0; i < 2; i++) {
        tp_gc_percent_set(i == 0 ? 50 : 800);
        tp_gc_collect();
        uint64_t before = tp_gc_cycle();
        for (unsigned round = 0; round < 40; round++)
            garbage_make(50000);
        cycles[i] = tp_gc_cycle() - before;
    }
    tp_gc_percent_set(-1);
    fprintf(stderr, "cycles: %lu, %lu\n", (unsigned long)cycles[0], (unsigned long)cycles[1]);
    return cycles[0] < 2 * cycles[1] || cycles[0] < 4;
}

/* Garbage of many times the limit is collected in time, whatever the percentage; what is live
   beyond it is refused, and allocation goes on when it is dropped. */
static int limit(void)
{
    enum { LIMIT = (support_sanitized ? 12 : 32) << 20 };
    roots_add();
    tp_gc_memory_limit_set(LIMIT);
    for (unsigned round = 0; round < gc_less(100); round++) {
        garbage_make(50000);
        tp_heap_stats stats;
        tp_heap_stats_read(&stats);
        if (stats.in_use > LIMIT + (4 << 20))
            return wrong("more than the limit in use");
    }
    unsigned long n = 0;
    struct gc_node *node;
    while ((node = tp_gc_alloc(&gc_node_type)) != NULL && ++n < 10000000) {
        tp_gc_store(&node->next, root);
        tp_gc_store(&root, node);
    }
    if (node != NULL || errno != ENOMEM)
        return wrong("a limit that cannot be held did not end in ENOMEM");
    if (n * sizeof *node < LIMIT / 4)
        return wrong("refused long before the limit");
    tp_gc_store(&root, (struct gc_node *)NULL);
    tp_gc_collect();
    gc_list_make(&root, LIVE);
    garbage_make(gc_less(1000000));
    return gc_list_is_whole(root, LIVE) ? 0 : wrong("what is reachable was lost");
}

/* --- who does not use it --- */

static int unused(void)
{
    unsigned before = threads_now();
    if (support_sanitized || support_emulated()) /* they have threads of their own, at any time */
        return 0;
    if (before != 1)
        return wrong("a thread, though nothing was used");
    tp_heap_free(tp_heap_alloc(100));
    tp_gc_safepoint();
    tp_gc_blocking_begin();
    tp_gc_blocking_end();
    if (threads_now() != before)
        return wrong("a thread for the explicit heap");
    tp_gc_collect();
    return threads_now() > before + 1 ? wrong("threads for cycles without collected objects") : 0;
}

/* --- a thread that does not answer --- */

static unsigned deaf, listen_again;

static void *be_deaf(void *nothing)
{
    sigset_t all;
    (void)nothing;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    struct gc_node *node = gc_node_make(7);
    support_set(&deaf, 1);
    while (support_read(&listen_again) == 0)
        support_sleep_ms(1);
    tp_gc_safepoint();
    return gc_node_is_whole(node) ? node : NULL;
}

static unsigned destructed;

static void count_destruct(void *object, void *context)
{
    (void)object, (void)context;
    support_add(&destructed, 1);
}

static int stuck(void)
{
    tp_pool *pool =
        tp_pool_create(&(tp_pool_options){.size = 64, .name = "p", .destruct = count_destruct});
    pthread_t thread;
    if (pthread_create(&thread, NULL, be_deaf, NULL) != 0)
        return 1;
    while (support_read(&deaf) == 0)
        support_sleep_ms(1);
    garbage_make(10);
    int64_t begin = support_now_ns();
    uint64_t number = tp_gc_collect();
    int64_t took = support_now_ns() - begin;
    if (tp_gc_cycle() >= number)
        return wrong("a cycle ended beside a deaf thread");
    if (took < SUPPORT_SECOND / 2 || took > 10 * SUPPORT_SECOND)
        return wrong("tp_gc_collect did not give up after about a second");
    tp_pool_put(pool, tp_pool_get(pool));
    tp_pool_trim(pool);
    if (support_read(&destructed) != 1)
        return wrong("a trim beside a stuck cycle dropped nothing");
    garbage_make(1000);
    support_set(&listen_again, 1);
    for (unsigned ms = 0; tp_gc_cycle() < number && ms < 20000; ms++) {
        tp_gc_safepoint();
        support_sleep_ms(1);
    }
    if (tp_gc_cycle() < number)
        return wrong("the cycle did not go on when the thread answered");
    bool whole = gc_join_result(thread) != NULL;
    tp_pool_destroy(pool);
    tp_gc_collect();
    return whole ? 0 : wrong("the deaf thread's object was lost");
}

/* --- gctrace --- */

static unsigned asleep;

static int traced(void)
{
    garbage_make(100000);
    tp_gc_collect();
    return 0;
}

static void gctrace_prints_go_s_line(void **state)
{
    struct support_result result;
    regex_t line;
    (void)state;
    support_run("traced", "gctrace=1", &result);
    assert_true(support_has_passed(&result));
    assert_int_equal(regcomp(&line,
                             "^gc 1 @[0-9]+\\.[0-9]{3}s [0-9]+%: "
                             "[0-9.]+\\+[0-9.]+\\+[0-9.]+ ms clock, "
                             "[0-9.]+\\+[0-9.]+/[0-9.]+/[0-9.]+\\+[0-9.]+ ms cpu, "
                             "[0-9]+->[0-9]+->[0-9]+ MB, [0-9]+ MB goal, [0-9]+ MB stacks, "
                             "[0-9]+ MB globals, [0-9]+ P \\(forced\\)\n$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    if (regexec(&line, result.text, 0, NULL, 0) != 0)
        fail_msg("gctrace printed: %s", result.text);
    regfree(&line);
}

/* Each ends as soon as it was asked. */
static void *sleeps_once(void *unused)
{
    struct timespec a_second = {.tv_sec = 1};
    prctl(PR_SET_NAME, "sleeper");
    if (tp_gc_thread_attach() != 0)
        abort();
    support_add(&asleep, 1);
    nanosleep(&a_second, NULL);
    return unused;
}

static int asked_by_signal(void)
{
    garbage_make(1);
    for (unsigned i = 0; i < 20; i++) {
        support_set(&asleep, 0);
        pthread_t thread = support_thread(sleeps_once, NULL);
        support_until(support_read(&asleep) == 1);
        tp_gc_collect();
        support_join(thread);
    }
    return 0;
}

static void gctrace_names_who_was_asked_by_a_signal(void **state)
{
    struct support_result result;
    (void)state;
    if (support_tsan)
        skip(); /* no signals */
    support_run("asked_by_signal", "gctrace=1", &result);
    if (!support_has_passed(&result) || strstr(result.text, "(asked by signal: sleeper ") == NULL ||
        strstr(result.text, "signal:  ") != NULL)
        fail_msg("gctrace printed: %s", result.text);
}

/* --- waiting --- */

static unsigned stop;

static void *allocate_until_told(void *nothing)
{
    (void)nothing;
    while (support_read(&stop) == 0)
        garbage_make(100);
    return NULL;
}

/* Within 20 s, also where the machine is so busy that a thread does not run for one: the call is
   back before the cycle's end then. */
static void *collect_some(void *late)
{
    for (unsigned i = 0; i < 20; i++) {
        uint64_t before = tp_gc_cycle();
        uint64_t number = tp_gc_collect();
        tp_gc_blocking_begin();
        for (unsigned ms = 0; tp_gc_cycle() < number && ms < 20000; ms++)
            support_sleep_ms(1);
        tp_gc_blocking_end();
        if (number <= before || tp_gc_cycle() < number)
            support_add(late, 1);
        garbage_make(10);
    }
    return NULL;
}

/* Attached waiters do not hold up the cycle that they wait for. */
static void many_may_wait_beside_allocation(void **state)
{
    enum { WAITERS = 3, ALLOCATORS = 2 };
    pthread_t threads[WAITERS + ALLOCATORS];
    static unsigned late;
    (void)state;
    support_set(&stop, 0);
    for (unsigned i = 0; i < WAITERS; i++)
        threads[i] = support_thread(collect_some, &late);
    for (unsigned i = 0; i < ALLOCATORS; i++)
        threads[WAITERS + i] = support_thread(allocate_until_told, NULL);
    for (unsigned i = 0; i < WAITERS; i++)
        gc_join(threads[i]);
    support_set(&stop, 1);
    for (unsigned i = 0; i < ALLOCATORS; i++)
        gc_join(threads[WAITERS + i]);
    assert_int_equal(support_read(&late), 0);
}

static unsigned torn;

/* A destruct that allocates makes the service thread a mutator, from then on. */
static void destruct_allocates(void *object, void *context)
{
    (void)object, (void)context;
    struct gc_node *node = gc_node_make(1);
    tp_gc_store(&node->next, gc_node_make(2));
    uint64_t number = tp_gc_collect(); /* asks only: this may be the collecting thread */
    if (number <= tp_gc_cycle() || !gc_node_is_whole(node->next))
        support_add(&torn, 1);
    support_add(&destructed, 1);
}

static void callbacks_of_a_cycle_may_allocate_and_ask_for_cycles(void **state)
{
    (void)state;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64, .destruct = destruct_allocates});
    assert_non_null(pool);
    support_set(&destructed, 0);
    for (unsigned i = 1; i <= 20; i++) {
        tp_pool_put(pool, tp_pool_get(pool));
        garbage_make(100);
        tp_gc_collect();
        tp_gc_collect();
        assert_int_equal(support_read(&destructed), i);
    }
    assert_int_equal(support_read(&torn), 0);
    tp_pool_destroy(pool);
}

static void hold_a_list(void *whole)
{
    unsigned *n = whole;
    struct gc_node *list = NULL;
    for (unsigned i = 0; i < 1000; i++) {
        struct gc_node *node = gc_node_make(i);
        tp_gc_store(&node->next, list);
        list = node;
    }
    for (unsigned i = 0; i < 10; i++)
        tp_gc_collect(); /* its own stack is searched on its behalf */
    for (; list != NULL; list = list->next)
        *n += gc_node_is_whole(list);
}

static void who_collects_keeps_what_its_stack_holds(void **state)
{
    unsigned n = 0;
    (void)state;
    gc_elsewhere(hold_a_list, &n);
    assert_int_equal(n, 1000);
}

/* --- all --- */

static void growth_starts_cycles(void **state)
{
    (void)state;
    support_passes("growth", NULL);
    support_passes("growth_off", NULL);
    support_passes("percent_counts", NULL);
}

static void a_limit_is_held_or_said_to_be_too_small(void **state)
{
    (void)state;
    support_passes("limit", NULL);
}

static void who_does_not_use_it_has_no_thread_of_it(void **state)
{
    (void)state;
    support_passes("unused", NULL);
}

static void a_deaf_thread_holds_up_no_waiter(void **state)
{
    struct support_result result;
    (void)state;
    /* stw=1 would stop those who could end it */
    support_run("stuck", "service=1,stw=0", &result);
    if (!support_has_passed(&result) || strstr(result.text, "has not answered") == NULL)
        fail_msg("status 0x%x, stderr:\n%s", (unsigned)result.status, result.text);
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {{"growth", growth},
                                                        {"growth_off", growth_off},
                                                        {"percent_counts", percent_counts},
                                                        {"limit", limit},
                                                        {"unused", unused},
                                                        {"stuck", stuck},
                                                        {"traced", traced},
                                                        {"asked_by_signal", asked_by_signal},
                                                        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_starts_cycles),
        cmocka_unit_test(a_limit_is_held_or_said_to_be_too_small),
        cmocka_unit_test(who_does_not_use_it_has_no_thread_of_it),
        cmocka_unit_test(a_deaf_thread_holds_up_no_waiter),
        cmocka_unit_test(gctrace_prints_go_s_line),
        cmocka_unit_test(gctrace_names_who_was_asked_by_a_signal),
        cmocka_unit_test(many_may_wait_beside_allocation),
        cmocka_unit_test(callbacks_of_a_cycle_may_allocate_and_ask_for_cycles),
        cmocka_unit_test(who_collects_keeps_what_its_stack_holds),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("cycles of the collector", tests, gc_modes);
}
