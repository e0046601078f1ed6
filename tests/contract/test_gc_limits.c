/* SPDX-License-Identifier: BSD-2-Clause */
/* When the collected heap starts cycles by itself, and what a memory limit does. */
#include "support.h"

struct list {
    uint64_t count;
    struct list *next;
    void *items[];
};
TP_GC_TYPE(list_type, struct list, next, items);

static struct list *root;

static void settings_tell_what_was_before(void **state)
{
    (void)state;
    int percent = tp_gc_percent_set(50);
    assert_true(percent == -1 || percent == 100); /* by TIDEPOOL; where it could not be given */
    assert_int_equal(tp_gc_percent_set(-7), 50);
    assert_true(tp_gc_percent_set(percent) < 0);
    int64_t limit = tp_gc_memory_limit_set(-1);
    assert_true(limit == INT64_MAX);
    assert_true(tp_gc_memory_limit_set(INT64_C(1) << 40) == INT64_MAX);
    assert_true(tp_gc_memory_limit_set(-1) == INT64_C(1) << 40);
    assert_true(tp_gc_memory_limit_set(limit) == INT64_C(1) << 40);
}

/* Not even nothing: each allocation fails, and hardly one of them collects before. */
static int no_byte_at_all(void)
{
    uint64_t cycle = tp_gc_cycle();
    tp_gc_memory_limit_set(0);
    for (int i = 0; i < 1000; i++)
        if (tp_gc_alloc_leaf(100000) != NULL)
            return 1;
    return tp_gc_cycle() - cycle > 100;
}

/* Garbage alone starts cycles, and memory does not grow with it. */
static int garbage(void)
{
    enum { N = 400000 };
    uint64_t cycle = tp_gc_cycle();
    for (int i = 0; i < N; i++) {
        struct list *list = tp_gc_alloc_flex(&list_type, 10);
        if (list == NULL)
            return 1;
        tp_gc_store(&list->next, list);
    }
    return tp_gc_cycle() <= cycle || support_resident_bytes() > UINT64_C(300) << 20;
}

/* As many as there is memory for; all of them are there. */
static int fill_up(void)
{
    uint64_t n = 0, is = 0;
    for (;; n++) {
        struct list *list = tp_gc_alloc_flex(&list_type, 200);
        if (list == NULL)
            break;
        list->count = n;
        tp_gc_store(&list->next, root);
        tp_gc_store(&root, list);
        if (n > 200000)
            return 2;
    }
    if (errno != ENOMEM)
        return 3;
    for (struct list *list = root; list != NULL; list = list->next)
        is += list->count == n - 1 - is;
    return is == n && n > 1000 ? 0 : 4;
}

/* What lives is more than the limit: ENOMEM, and everything that is there stays. */
static int over_the_limit(void)
{
    if (tp_gc_root_add(&root, sizeof root) != 0)
        return 1;
    tp_gc_memory_limit_set(24 << 20);
    int wrong = fill_up();
    if (wrong != 0)
        return wrong;
    root = NULL;
    tp_gc_thread_detach(); /* old words on its stack would keep much */
    tp_gc_collect();
    tp_gc_collect();
    return fill_up();
}

/* No limit and no growth, but the system has no more: all of it is garbage. */
static int the_system_refuses(void)
{
    const struct rlimit most = {512 << 20, 512 << 20};
    (void)!tp_gc_alloc_leaf(16); /* what the library needs for good */
    if (setrlimit(RLIMIT_AS, &most) != 0)
        return 1;
    for (int i = 0; i < 600; i++)
        if (tp_gc_alloc_leaf(1 << 20) == NULL)
            return 2;
    for (int i = 0; i < 20000; i++)
        if (tp_gc_alloc_leaf(30000) == NULL)
            return 3;
    return tp_gc_cycle() > 0 ? 0 : 4;
}

static void growth_starts_cycles(void **state)
{
    (void)state;
    support_passes("garbage", "gcpercent=100");
    support_passes("garbage", "gcpercent=100,service=0");
}

static void a_limit_that_cannot_be_held_is_enomem(void **state)
{
    (void)state;
    support_passes("over-the-limit", "gcpercent=100");
    support_passes("over-the-limit", "gcpercent=off");
    support_passes("no-byte", NULL);
}

static void what_the_system_refuses_is_looked_for(void **state)
{
    (void)state;
    if (support_sanitized) /* their shadows take more address space than that */
        skip();
    if (support_emulated()) /* it does not pass that limit on */
        skip();
    support_passes("system-refuses", NULL);
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {{"garbage", garbage},
                                                        {"no-byte", no_byte_at_all},
                                                        {"over-the-limit", over_the_limit},
                                                        {"system-refuses", the_system_refuses},
                                                        {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_tell_what_was_before),
        cmocka_unit_test(growth_starts_cycles),
        cmocka_unit_test(a_limit_that_cannot_be_held_is_enomem),
        cmocka_unit_test(what_the_system_refuses_is_looked_for),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("gc limits", tests, support_modes);
}
