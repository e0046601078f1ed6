/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread that runs a cycle is the program's own, or waits for threads to be stopped: it may be
   cancelled at any time, and what it drops meanwhile may use the collected heap. */
#include "gc_help.h"

enum { HANG_S = 60 };

/* --- TIDEPOOL=service=0: cancelled while it collects --- */

static unsigned stop;

static void *poll_now_and_then(void *nothing)
{
    tp_gc_thread_attach();
    while (support_read(&stop) == 0) {
        support_sleep_ms(1); /* the collecting thread waits, and mostly sleeps */
        tp_gc_safepoint();
    }
    return nothing;
}

/* Whatever is a cancellation point in a cycle would end it there. */
static void *collect_some_time(void *stopped)
{
    while (support_read(stopped) == 0)
        tp_gc_collect();
    pthread_testcancel();
    return NULL;
}

/* The next cycle hangs where the last one was left half done. */
static int collectors_are_cancelled(void)
{
    enum { TURNS = 20 };
    alarm(HANG_S);
    gc_ballast_load(GC_BALLAST);
    pthread_t beside = support_thread(poll_now_and_then, NULL);
    for (unsigned i = 0; i < TURNS; i++) {
        unsigned stopped = 0;
        pthread_t collector = support_thread(collect_some_time, &stopped);
        gc_sleep_ms(1 + i % 7);
        pthread_cancel(collector);
        gc_sleep_ms(20);
        support_set(&stopped, 1);
        gc_join(collector);
        uint64_t cycle = tp_gc_collect();
        if (tp_gc_cycle() < cycle)
            return 1;
    }
    support_set(&stop, 1);
    gc_join(beside);
    return 0;
}

static void who_collects_may_be_cancelled(void **state)
{
    (void)state;
    support_passes("collectors are cancelled", "service=0");
}

/* --- TIDEPOOL=stw=1: a late thread, and drops --- */

static struct support_gate answers = SUPPORT_GATE_INIT;
static unsigned destructed;

/* Blocks the collector's signal; waits, attached and in no region, for more than a second. */
static void *come_late(void *ready)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    tp_gc_thread_attach();
    support_set(ready, 1);
    support_sleep_ms(2000);
    tp_gc_safepoint();
    tp_gc_blocking_begin();
    support_gate_wait(&answers);
    tp_gc_blocking_end();
    return NULL;
}

static int construct(void *object, void *context)
{
    (void)object;
    (void)context;
    return 0;
}

static void destruct_and_allocate(void *object, void *context)
{
    (void)object;
    (void)context;
    if (tp_gc_alloc_leaf(16) == NULL)
        abort();
    support_add(&destructed, 1);
}

/* Not attached: so it is not stopped. */
static void *trim_meanwhile(void *argument)
{
    tp_pool *pool = argument;
    support_sleep_ms(1200);
    tp_pool_put(pool, tp_pool_get(pool));
    tp_pool_trim(pool);
    return NULL;
}

static int drops_are_wanted_while_threads_are_stopped(void)
{
    unsigned ready = 0;
    alarm(HANG_S);
    if (tp_gc_alloc_leaf(16) == NULL) /* from now on cycles mark */
        return 1;
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.size = 64, .construct = construct, .destruct = destruct_and_allocate});
    tp_gc_collect();
    pthread_t late = support_thread(come_late, &ready);
    while (support_read(&ready) == 0)
        gc_sleep_ms(1);
    pthread_t trimmer = support_thread(trim_meanwhile, pool);
    tp_gc_collect();
    gc_join(trimmer);
    support_gate_open(&answers);
    gc_join(late);
    return support_read(&destructed) == 1 ? 0 : 2;
}

static void what_is_dropped_waits_until_threads_go_on(void **state)
{
    struct support_result result;
    (void)state;
    support_run("drops while threads are stopped", "stw=1", &result);
    if (!support_has_passed(&result) || strstr(result.text, "has not answered") == NULL)
        fail_msg("status 0x%x, stderr:\n%s", (unsigned)result.status, result.text);
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"collectors are cancelled", collectors_are_cancelled},
        {"drops while threads are stopped", drops_are_wanted_while_threads_are_stopped},
        {NULL, NULL},
    };
    static const char *const no_modes[] = {NULL}; /* the scenarios have theirs */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_collects_may_be_cancelled),
        cmocka_unit_test(what_is_dropped_waits_until_threads_go_on),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("gc busy", tests, no_modes);
}
