/* SPDX-License-Identifier: BSD-2-Clause */
/* Roots that the program names: ranges of words, pins, and by an option all writable data. What
   they keep, what they refuse, and what happens when they come and go while another thread
   collects. */
#include <sys/mman.h>

#include "gc_help.h"

enum { RUN_MS = 400, BALLAST = support_sanitized ? 30000 : 300000 };

/* --- objects that only the place holds: made on a thread that ends --- */

struct made {
    struct gc_node **slot; /* where it goes */
    tp_gc_weak *weak;
    ptrdiff_t inside; /* bytes behind its start */
};

static void make(void *argument)
{
    struct made *made = argument;
    struct gc_node *node = gc_node_make(GC_MAGIC);
    made->weak = tp_gc_weak_make(node);
    char *address = (char *)node + made->inside;
    memcpy(made->slot, &address, sizeof address);
}

static tp_gc_weak *make_in(void *slot, ptrdiff_t inside)
{
    struct made made = {slot, NULL, inside};
    gc_elsewhere(make, &made);
    assert_non_null(made.weak);
    return made.weak;
}

static void *pages_map(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

/* --- ranges --- */

static void a_range_keeps_what_it_holds(void **state)
{
    static struct gc_node *slots[3];
    tp_gc_weak *weak[3];
    (void)state;
    assert_int_equal(tp_gc_root_add(slots, sizeof slots), 0);
    for (size_t i = 0; i < 3; i++)
        weak[i] = make_in(&slots[i], i == 1 ? sizeof(struct gc_node) - 1 : 0);
    tp_gc_collect();
    for (size_t i = 0; i < 3; i++)
        assert_true(gc_lives(weak[i]));
    tp_gc_store(&slots[0], NULL);
    tp_gc_collect();
    assert_false(gc_lives(weak[0]));
    assert_true(gc_lives(weak[1]) && gc_lives(weak[2]));
    assert_int_equal(tp_gc_root_remove(slots), 0);
    tp_gc_collect();
    assert_false(gc_lives(weak[1]) || gc_lives(weak[2]));
    for (size_t i = 0; i < 3; i++)
        tp_gc_weak_free(weak[i]);
}

static void words_that_are_not_whole_are_not_read(void **state)
{
    static _Alignas(8) char bytes[40];
    tp_gc_weak *first, *second, *last, *shifted;
    static _Alignas(8) char other[24];
    (void)state;
    assert_int_equal(tp_gc_root_add(bytes + 1, 38), 0); /* words 1 to 3 */
    assert_int_equal(tp_gc_root_add(other, 23), 0);
    first = make_in(bytes, 0);
    second = make_in(bytes + 8, 0);
    last = make_in(bytes + 32, 0);
    shifted = make_in(other + 4, 0);
    tp_gc_collect();
    assert_true(gc_lives(second));
    assert_false(gc_lives(first) || gc_lives(last) || gc_lives(shifted));
    assert_int_equal(tp_gc_root_remove(bytes + 1), 0);
    assert_int_equal(tp_gc_root_remove(other), 0);
    tp_gc_weak_free(first);
    tp_gc_weak_free(second);
    tp_gc_weak_free(last);
    tp_gc_weak_free(shifted);
}

static void check_refused(int result)
{
    assert_int_equal(result, -1);
    assert_int_equal(errno, EINVAL);
    errno = 0;
}

static void wrong_ranges_are_refused(void **state)
{
    static _Alignas(8) char bytes[256];
    (void)state;
    errno = 0;
    check_refused(tp_gc_root_add(NULL, 64));
    check_refused(tp_gc_root_add(bytes, 0));
    check_refused(tp_gc_root_add(bytes, 7));
    check_refused(tp_gc_root_add(bytes + 1, 14));
    check_refused(tp_gc_root_add(bytes, SIZE_MAX));
    check_refused(tp_gc_root_remove(bytes));
    check_refused(tp_gc_root_remove(NULL));
    assert_int_equal(tp_gc_root_add(bytes + 64, 64), 0);
    check_refused(tp_gc_root_add(bytes + 64, 64));
    check_refused(tp_gc_root_add(bytes + 72, 8));
    check_refused(tp_gc_root_add(bytes, 256));
    check_refused(tp_gc_root_add(bytes, 72));
    check_refused(tp_gc_root_add(bytes + 120, 64));
    check_refused(tp_gc_root_remove(bytes + 72));
    check_refused(tp_gc_root_remove(bytes + 56));
    assert_int_equal(tp_gc_root_add(bytes, 64), 0);
    assert_int_equal(tp_gc_root_add(bytes + 128, 64), 0);
    assert_int_equal(tp_gc_root_remove(bytes + 64), 0);
    check_refused(tp_gc_root_remove(bytes + 64));
    assert_int_equal(tp_gc_root_remove(bytes), 0);
    assert_int_equal(tp_gc_root_remove(bytes + 128), 0);
}

static uint64_t random_state = 88172645463325252u;

static size_t below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

/* One in two words is a range, added and removed in any order; each holds an object. */
static void there_may_be_many(void **state)
{
    enum { RANGES = 6000, STEPS = 30000, KEPT = 50 };
    static struct gc_node *slots[2 * RANGES];
    static bool added[RANGES];
    struct made made[KEPT];
    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = below(RANGES);
        errno = 0;
        int expected = added[i] ? -1 : 0;
        if (below(3) != 0) {
            assert_int_equal(tp_gc_root_add(&slots[2 * i], 8), expected);
            added[i] = true;
        } else {
            assert_int_equal(tp_gc_root_remove(&slots[2 * i]), -1 - expected);
            added[i] = false;
        }
    }
    for (size_t i = 0; i < RANGES; i++)
        if (!added[i])
            assert_int_equal(tp_gc_root_add(&slots[2 * i], 8), 0);
    for (size_t i = 0; i < KEPT; i++)
        made[i].weak = make_in(&slots[i * 2 * RANGES / KEPT & ~(size_t)1], 0);
    tp_gc_collect();
    for (size_t i = 0; i < KEPT; i++) {
        assert_true(gc_lives(made[i].weak));
        tp_gc_weak_free(made[i].weak);
    }
    for (size_t i = 0; i < RANGES; i++)
        assert_int_equal(tp_gc_root_remove(&slots[2 * i]), 0);
}

/* What is scanned in pieces is scanned to its end. */
static void a_range_may_be_long(void **state)
{
    enum { BYTES = 1 << 20 };
    (void)state;
    char *pages = pages_map(BYTES);
    static const size_t places[] = {0, 65528, 65536, 131072 - 8, 500000, BYTES - 8};
    tp_gc_weak *weak[SUPPORT_COUNT(places)];
    assert_int_equal(tp_gc_root_add(pages, BYTES), 0);
    for (size_t i = 0; i < SUPPORT_COUNT(places); i++)
        weak[i] = make_in(pages + places[i], 0);
    tp_gc_collect();
    for (size_t i = 0; i < SUPPORT_COUNT(places); i++) {
        assert_true(gc_lives(weak[i]));
        tp_gc_weak_free(weak[i]);
    }
    assert_int_equal(tp_gc_root_remove(pages), 0);
    munmap(pages, BYTES);
}

/* --- while another thread collects --- */

static unsigned stop_collecting;

static void *collect_all_the_time(void *argument)
{
    (void)argument;
    while (support_read(&stop_collecting) == 0)
        tp_gc_collect();
    return NULL;
}

/* So that a cycle takes long between the reading of the roots and its end. */
static struct gc_node *ballast_make(void)
{
    struct gc_node *list = gc_node_make(0);
    for (uint64_t i = 0; i < BALLAST; i++) {
        struct gc_node *node = gc_node_make(i);
        tp_gc_store(&node->next, list);
        list = node;
    }
    return list;
}

static void beside_cycles(void (*step)(void))
{
    struct gc_node *ballast = tp_gc_pin(ballast_make());
    support_set(&stop_collecting, 0);
    pthread_t collector = support_thread(collect_all_the_time, NULL);
    uint64_t cycle = tp_gc_cycle();
    int64_t end_ns = support_now_ns() + RUN_MS * INT64_C(1000000);
    while (support_now_ns() < end_ns || tp_gc_cycle() < cycle + 3)
        step();
    support_set(&stop_collecting, 1);
    tp_gc_blocking_begin();
    support_join(collector);
    tp_gc_blocking_end();
    tp_gc_unpin(ballast);
}

/* Nobody reads it after it was removed: it is not there any more. */
static void add_remove_unmap(void)
{
    size_t bytes = 4096 * (1 + below(200));
    char *pages = pages_map(bytes);
    assert_int_equal(tp_gc_root_add(pages, bytes), 0);
    memset(pages, 1, bytes);
    if (below(2) == 0)
        support_sleep_ms(1);
    assert_int_equal(tp_gc_root_remove(pages), 0);
    munmap(pages, bytes);
}

static void a_removed_range_is_not_read(void **state)
{
    (void)state;
    beside_cycles(add_remove_unmap);
}

/* Some polls, and some time between them: so a cycle gets as far as reading the roots, and perhaps
   no further. */
static void let_a_cycle_begin(void)
{
    for (size_t polls = below(5); polls > 0; polls--) {
        int64_t end_ns = support_now_ns() + (int64_t)below(60000);
        while (support_now_ns() < end_ns)
            ;
        tp_gc_safepoint();
    }
}

/* Objects go from a range to the next, which is added when the roots were read, perhaps; in between
   the stack alone leads to them, and afterwards no more. */
enum { MOVED = 64 };

static struct gc_node **current;

__attribute__((noinline)) static void move_out_and_in(struct gc_node **next)
{
    struct gc_node *volatile held[MOVED];
    for (size_t i = 0; i < MOVED; i++)
        held[i] = current[i];
    assert_int_equal(tp_gc_root_remove(current), 0);
    memset(current, 0, MOVED * sizeof *current);
    let_a_cycle_begin();
    for (size_t i = 0; i < MOVED; i++)
        next[i] = held[i]; /* no root yet */
    assert_int_equal(tp_gc_root_add(next, MOVED * sizeof *next), 0);
    for (size_t i = 0; i < MOVED; i++)
        held[i] = NULL;
}

static void move_on(void)
{
    struct gc_node **next = calloc(MOVED, sizeof *next);
    assert_non_null(next);
    move_out_and_in(next);
    let_a_cycle_begin();
    free(current);
    current = next;
    for (size_t i = 0; i < MOVED; i++) {
        assert_true(gc_node_is_whole(next[i]) && gc_node_is_whole(next[i]->next));
        assert_true(next[i]->value == i && next[i]->next->value == i);
    }
}

static void a_range_may_be_added_in_a_cycle(void **state)
{
    (void)state;
    current = calloc(MOVED, sizeof *current);
    assert_non_null(current);
    assert_int_equal(tp_gc_root_add(current, MOVED * sizeof *current), 0);
    for (size_t i = 0; i < MOVED; i++) {
        tp_gc_store(&current[i], gc_node_make(i));
        tp_gc_store(&current[i]->next, gc_node_make(i));
    }
    beside_cycles(move_on);
    assert_int_equal(tp_gc_root_remove(current), 0);
    free(current);
}

static void *add_and_remove(void *range)
{
    bool done = tp_gc_root_add(range, 64) == 0 && tp_gc_root_remove(range) == 0;
    return done ? range : NULL;
}

static void on_a_fresh_thread(void)
{
    static struct gc_node *range[8];
    void *result;
    pthread_t thread = support_thread(add_and_remove, range);
    tp_gc_blocking_begin();
    pthread_join(thread, &result);
    tp_gc_blocking_end();
    assert_ptr_equal(result, range);
}

static void any_thread_may_add_one(void **state)
{
    (void)state;
    beside_cycles(on_a_fresh_thread);
}

/* --- pins --- */

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

static void pin_some(void)
{
    pin_another(below(PINNED));
    let_a_cycle_begin();
    pin_anew();
    let_a_cycle_begin();
}

static void pins_come_and_go_in_cycles(void **state)
{
    (void)state;
    for (size_t i = 0; i < PINNED; i++)
        pin_another(i);
    beside_cycles(pin_some);
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

/* --- writable data --- */

static struct gc_node *global, *zeroed[100];

static int data_are_roots(void)
{
    tp_gc_weak *one = make_in(&global, 0), *two = make_in(&zeroed[99], 0);
    tp_gc_collect();
    bool alive = gc_lives(one) && gc_lives(two);
    global = NULL;
    zeroed[99] = NULL;
    tp_gc_collect();
    return alive && !gc_lives(one) && !gc_lives(two) ? 0 : 1;
}

static int data_are_no_roots(void)
{
    tp_gc_weak *one = make_in(&global, 0), *two = make_in(&zeroed[99], 0);
    tp_gc_collect();
    return gc_lives(one) || gc_lives(two) ? 1 : 0;
}

static void an_option_makes_data_roots(void **state)
{
    (void)state;
    support_passes("data are roots", "dsoroots=1");
    support_passes("data are no roots", NULL);
}

int main(int argc, char **argv)
{
    static const struct support_scenario scenarios[] = {
        {"unpin twice", unpin_twice},
        {"unpin nothing", unpin_nothing},
        {"data are roots", data_are_roots},
        {"data are no roots", data_are_no_roots},
        {NULL, NULL},
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_keeps_what_it_holds),
        cmocka_unit_test(words_that_are_not_whole_are_not_read),
        cmocka_unit_test(wrong_ranges_are_refused),
        cmocka_unit_test(there_may_be_many),
        cmocka_unit_test(a_range_may_be_long),
        cmocka_unit_test(a_removed_range_is_not_read),
        cmocka_unit_test(a_range_may_be_added_in_a_cycle),
        cmocka_unit_test(any_thread_may_add_one),
        cmocka_unit_test(pins_are_counted),
        cmocka_unit_test(what_is_no_object_is_not_pinned),
        cmocka_unit_test(there_may_be_many_pins),
        cmocka_unit_test(pins_come_and_go_in_cycles),
        cmocka_unit_test(what_is_not_pinned_is_not_unpinned),
        cmocka_unit_test(an_option_makes_data_roots),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("gc roots", tests, gc_modes);
}
