/* SPDX-License-Identifier: BSD-2-Clause */
/* A cleanup or destruct that does not return holds up all cycles: where one is wanted meanwhile, a
   line on stderr names it, once. */
#include "gc_help.h"

enum { TOO_LONG_MS = 2500, LONG_MS = 300 };

static struct support_gate gate = SUPPORT_GATE_INIT;
static unsigned begun, ended;

static void run_until_let_go(void *arg)
{
    (void)arg;
    support_add(&begun, 1);
    support_gate_wait(&gate);
    support_add(&ended, 1);
}

static void destruct_until_let_go(void *object, void *context)
{
    (void)context;
    run_until_let_go(object);
}

static void make_and_forget(void *arg)
{
    (void)arg;
    if (tp_gc_cleanup_add(gc_node_make(1), run_until_let_go, NULL) == NULL)
        abort();
}

static void *collect(void *unused)
{
    tp_gc_collect();
    return unused;
}

/* Beside a callback that has begun in one cycle, others wait for further ones. */
static int collect_beside_it(void)
{
    pthread_t threads[3];
    threads[0] = support_thread(collect, NULL);
    while (support_read(&begun) == 0)
        gc_sleep_ms(1);
    for (unsigned i = 1; i < 3; i++)
        threads[i] = support_thread(collect, NULL);
    gc_sleep_ms(2 * TOO_LONG_MS);
    support_gate_open(&gate);
    for (unsigned i = 0; i < 3; i++)
        gc_join(threads[i]);
    return support_read(&ended) == 1 ? 0 : 1;
}

/* --- scenarios --- */

static int collect_beside_a_cleanup(void)
{
    gc_elsewhere(make_and_forget, NULL);
    return collect_beside_it();
}

static int collect_beside_a_destruct(void)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.name = "herring", .size = 64, .destruct = destruct_until_let_go});
    tp_pool_put(pool, tp_pool_get(pool));
    tp_gc_collect();
    return collect_beside_it();
}

/* Nobody waits; the heap grows past its goal. */
static int grow_beside_a_cleanup(void)
{
    int64_t end = 0;
    tp_gc_percent_set(100);
    gc_elsewhere(make_and_forget, NULL);
    while (end == 0 || support_now_ns() < end) {
        for (unsigned i = 0; i < 1000; i++)
            (void)gc_node_make(i);
        if (support_read(&begun) == 0)
            continue;
        gc_sleep_ms(5);
        if (end == 0)
            end = support_now_ns() + TOO_LONG_MS * INT64_C(1000000);
    }
    support_gate_open(&gate);
    return support_read(&begun) == 1 ? 0 : 1;
}

/* It is slow, but not that slow. */
static int nobody_is_held_up(void)
{
    gc_elsewhere(make_and_forget, NULL);
    pthread_t thread = support_thread(collect, NULL);
    gc_sleep_ms(LONG_MS);
    support_gate_open(&gate);
    gc_join(thread);
    return support_read(&ended) == 1 ? 0 : 1;
}

static const struct support_scenario scenarios[] = {
    {"collect_beside_a_cleanup", collect_beside_a_cleanup},
    {"collect_beside_a_destruct", collect_beside_a_destruct},
    {"grow_beside_a_cleanup", grow_beside_a_cleanup},
    {"nobody_is_held_up", nobody_is_held_up},
    {NULL, NULL},
};

/* --- the tests --- */

static void says(const char *name, const char *what, const char *of)
{
    struct support_result result;
    support_run(name, NULL, &result);
    if (!support_has_passed(&result) || support_lines(result.text) != 1 ||
        strstr(result.text, what) == NULL || strstr(result.text, of) == NULL ||
        strstr(result.text, "has not returned for 1 s") == NULL)
        fail_msg("%s: status 0x%x, not one line with '%s' and '%s':\n%s", name,
                 (unsigned)result.status, what, of, result.text);
}

static void a_cleanup_that_holds_up_a_cycle_is_named(void **state)
{
    (void)state;
    says("collect_beside_a_cleanup", "a cleanup", "tp_gc_cleanup_add");
}

static void a_destruct_that_holds_up_a_cycle_is_named(void **state)
{
    (void)state;
    says("collect_beside_a_destruct", "destruct", "'herring'");
}

static void growth_wants_cycles_too(void **state)
{
    (void)state;
    if (support_in_mode())
        skip(); /* without the service thread it is this thread that runs the cleanup */
    says("grow_beside_a_cleanup", "a cleanup", "tp_gc_cleanup_add");
}

static void what_holds_up_nobody_is_not(void **state)
{
    struct support_result result;
    (void)state;
    support_run("nobody_is_held_up", NULL, &result);
    assert_true(support_has_passed(&result));
    assert_string_equal(result.text, "");
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"service=0", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cleanup_that_holds_up_a_cycle_is_named),
        cmocka_unit_test(a_destruct_that_holds_up_a_cycle_is_named),
        cmocka_unit_test(growth_wants_cycles_too),
        cmocka_unit_test(what_holds_up_nobody_is_not),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("callbacks that do not return", tests, modes);
}
