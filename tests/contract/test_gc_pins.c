/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins: what they keep and refuse, and what happens when they come and go while another thread
   collects. */
#include "gc_beside.h"

static void pin(void *argument)
{
    struct made *made = argument;
    struct gc_node *node = gc_node_make(GC_MAGIC);
    made->weak = tp_gc_weak_make(node);
    for (ptrdiff_t i = 0; i < made->inside; i++)
        if (tp_gc_pin(node) != node)
            abort();
}

static void unpin(void *weak)
{
    tp_gc_unpin(tp_gc_weak_get(weak));
}

static void pins_are_counted(void **state)
{
    struct made made = {NULL, NULL, 3};
    (void)state;
    gc_elsewhere(pin, &made);
    for (int i = 0; i < 3; i++) {
        tp_gc_collect();
        assert_true(gc_lives(made.weak));
        gc_elsewhere(unpin, made.weak);
    }
    tp_gc_collect();
    assert_false(gc_lives(made.weak));
    tp_gc_weak_free(made.weak);
}

static void what_is_no_object_is_not_pinned(void **state)
{
    int local;
    (void)state;
    struct gc_node *node = gc_node_make(1);
    void *plain = tp_heap_alloc(64);
    void *wrong[] = {NULL, &local, plain, &node->check};
    for (size_t i = 0; i < SUPPORT_COUNT(wrong); i++) {
        errno = 0;
        assert_null(tp_gc_pin(wrong[i]));
        assert_int_equal(errno, EINVAL);
    }
    tp_heap_free(plain);
}

enum { PINS = 20000 };

static void pin_many(void *argument)
{
    tp_gc_weak **weak = argument;
    for (size_t i = 0; i < PINS; i++) {
        struct gc_node *node = gc_node_make(i);
        weak[i] = tp_gc_weak_make(node);
        if (tp_gc_pin(node) != node)
            abort();
    }
}

static void unpin_odd(void *argument)
{
    tp_gc_weak **weak = argument;
    for (size_t i = 1; i < PINS; i += 2)
        tp_gc_unpin(tp_gc_weak_get(weak[i]));
}

static void count_living(void *argument)
{
    tp_gc_weak **weak = argument;
    size_t even = 0, odd = 0;
    for (size_t i = 0; i < PINS; i++) {
        bool lives = tp_gc_weak_get(weak[i]) != NULL;
        *(i % 2 == 0 ? &even : &odd) += lives;
    }
    weak[PINS] = (tp_gc_weak *)even;
    weak[PINS + 1] = (tp_gc_weak *)odd;
}

static void there_may_be_many_pins(void **state)
{
    static tp_gc_weak *weak[PINS + 2];
    (void)state;
    gc_elsewhere(pin_many, weak);
    tp_gc_collect();
    gc_elsewhere(count_living, weak);
    assert_int_equal((size_t)weak[PINS], PINS / 2);
    assert_int_equal((size_t)weak[PINS + 1], PINS / 2);
    gc_elsewhere(unpin_odd, weak);
    tp_gc_collect();
    gc_elsewhere(count_living, weak);
    assert_int_equal((size_t)weak[PINS], PINS / 2);
    assert_int_equal((size_t)weak[PINS + 1], 0);
    for (size_t i = 0; i < PINS; i += 2)
        tp_gc_unpin(tp_gc_weak_get(weak[i]));
    for (size_t i = 0; i < PINS; i++)
        tp_gc_weak_free(weak[i]);
}

/* Pinned objects that nothing else leads to are made anew, or pinned anew when the roots were read,
   perhaps; their addresses are hidden from stacks. */
enum { PINNED = 64 };

static uintptr_t pinned[PINNED];

__attribute__((noinline)) static void pin_anew(void)
{
    struct gc_node *volatile held[PINNED];
    for (size_t i = 0; i < PINNED; i++) {
        held[i] = (struct gc_node *)~pinned[i];
        assert_true(gc_node_is_whole(held[i]) && gc_node_is_whole(held[i]->next));
        assert_true(held[i]->value == i && held[i]->next->value == i);
        tp_gc_unpin(held[i]);
    }
    let_a_cycle_begin();
    for (size_t i = 0; i < PINNED; i++) {
        assert_ptr_equal(tp_gc_pin(held[i]), held[i]);
        held[i] = NULL;
    }
}

__attribute__((noinline)) static void pin_another(size_t i)
{
    if (pinned[i] != 0)
        tp_gc_unpin((void *)~pinned[i]);
    struct gc_node *node = gc_node_make(i);
    tp_gc_store(&node->next, gc_node_make(i));
    assert_ptr_equal(tp_gc_pin(node), node);
    pinned[i] = ~(uintptr_t)node;
}

static void pin_some(void *nothing)
{
    (void)nothing;
    pin_another(gc_below(PINNED));
    let_a_cycle_begin();
    pin_anew();
    let_a_cycle_begin();
}

static void pins_come_and_go_in_cycles(void **state)
{
    (void)state;
    for (size_t i = 0; i < PINNED; i++)
        pin_another(i);
    beside_cycles(BALLAST, pin_some, NULL);
    for (size_t i = 0; i < SUPPORT_COUNT(pinned); i++)
        tp_gc_unpin((void *)~pinned[i]);
}

static int unpin_twice(void)
{
    struct gc_node *node = tp_gc_pin(gc_node_make(1));
    tp_gc_unpin(node);
    tp_gc_unpin(node);
    return 0;
}

static int unpin_nothing(void)
{
    tp_gc_unpin(NULL);
    return 0;
}

static void what_is_not_pinned_is_not_unpinned(void **state)
{
    (void)state;
    support_aborts("unpin twice", NULL, "tp_gc_unpin", "not pinned");
    support_aborts("unpin nothing", NULL, "tp_gc_unpin", "not pinned");
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"unpin twice", unpin_twice},
        {"unpin nothing", unpin_nothing},
        {NULL, NULL},
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins_are_counted),
        cmocka_unit_test(what_is_no_object_is_not_pinned),
        cmocka_unit_test(there_may_be_many_pins),
        cmocka_unit_test(pins_come_and_go_in_cycles),
        cmocka_unit_test(what_is_not_pinned_is_not_unpinned),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("gc pins", tests, gc_modes);
}
