/* SPDX-License-Identifier: BSD-2-Clause */
/* Roots that the program names: ranges of words, and by an option all writable data. What
   they keep, what they refuse, and what happens when they come and go while another thread
   collects. */
#include <sys/mman.h>

#include "gc_beside.h"

/* --- objects that only the place holds: made on a thread that ends --- */

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
    check_refused(tp_gc_root_add((void *)(UINTPTR_MAX - 2), 2));
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

/* One in two words is a range, added and removed in any order; each holds an object. */
static void there_may_be_many(void **state)
{
    enum { RANGES = support_sanitized ? 1500 : 6000, STEPS = 5 * RANGES, KEPT = 50 };
    static struct gc_node *slots[2 * RANGES];
    static bool added[RANGES];
    struct made made[KEPT];
    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = gc_below(RANGES);
        errno = 0;
        int expected = added[i] ? -1 : 0;
        if (gc_below(3) != 0) {
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

/* Nobody reads it after it was removed: it is not there any more. */
static void add_remove_unmap(void *nothing)
{
    (void)nothing;
    size_t bytes = 4096 * (1 + gc_below(200));
    char *pages = pages_map(bytes);
    assert_int_equal(tp_gc_root_add(pages, bytes), 0);
    memset(pages, 1, bytes);
    if (gc_below(2) == 0)
        support_sleep_ms(1);
    assert_int_equal(tp_gc_root_remove(pages), 0);
    munmap(pages, bytes);
}

static void a_removed_range_is_not_read(void **state)
{
    (void)state;
    beside_cycles(BALLAST, add_remove_unmap, NULL);
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

static void move_on(void *nothing)
{
    (void)nothing;
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
    beside_cycles(BALLAST, move_on, NULL);
    assert_int_equal(tp_gc_root_remove(current), 0);
    free(current);
}

static void *add_and_remove(void *range)
{
    bool done = tp_gc_root_add(range, 64) == 0 && tp_gc_root_remove(range) == 0;
    return done ? range : NULL;
}

static void on_a_fresh_thread(void *nothing)
{
    (void)nothing;
    static struct gc_node *range[8];
    assert_ptr_equal(gc_join_result(support_thread(add_and_remove, range)), range);
}

static void any_thread_may_add_one(void **state)
{
    (void)state;
    beside_cycles(BALLAST, on_a_fresh_thread, NULL);
}

/* A pool's object is a root range as long as it is one. Before the first collected allocation, and
   on a thread that is not attached. */
static int construct_root(void *object, void *nothing)
{
    (void)nothing;
    return tp_gc_root_add(object, sizeof(struct gc_node *));
}

static void destruct_root(void *object, void *nothing)
{
    (void)nothing;
    tp_gc_root_remove(object);
}

static int add_in_a_callback(void)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.size = 64, .construct = construct_root, .destruct = destruct_root});
    tp_gc_weak *weak = NULL;
    struct gc_node **slot = pool == NULL ? NULL : tp_pool_get(pool);
    if (slot == NULL)
        return 1;
    weak = make_in(slot, 0);
    tp_gc_collect();
    bool alive = gc_lives(weak);
    tp_gc_store(slot, (struct gc_node *)NULL);
    tp_gc_collect();
    return alive && !gc_lives(weak) ? 0 : 2;
}

static void a_callback_may_add_one(void **state)
{
    (void)state;
    support_passes("add in a callback", NULL);
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
        {"add in a callback", add_in_a_callback},
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
        cmocka_unit_test(a_callback_may_add_one),
        cmocka_unit_test(an_option_makes_data_roots),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("gc roots", tests, gc_modes);
}
