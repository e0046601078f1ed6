/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas' marks, cleanups and children: what goes when, in which order, and what stays. */
#include "arena_help.h"

/* --- marks --- */

enum { STEPS = 1000 };

struct step {
    char *memory;
    size_t size;
    tp_arena_mark before;
};

static struct step steps[STEPS];

static size_t step_size(size_t i)
{
    return i % 10 == 0 ? 3000 + i * 20 : 1 + i * 13 % 700;
}

static void climb(tp_arena *arena, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        steps[i].before = tp_arena_save(arena);
        steps[i].size = step_size(i);
        steps[i].memory = arena_take(arena, steps[i].size);
        arena_mark(steps[i].memory, steps[i].size, i);
    }
}

static void check(size_t to)
{
    for (size_t i = 0; i < to; i++)
        if (!arena_is_marked(steps[i].memory, steps[i].size, i))
            fail_msg("step %zu at %p was overwritten", i, (void *)steps[i].memory);
}

/* Down a little, up again: what lies below the mark stays, and nothing overlaps it. */
static void rewinding_keeps_what_is_older(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(&(tp_arena_options){.first = 256});
    size_t at = STEPS;
    climb(arena, 0, STEPS);
    while (at > 0) {
        size_t to = at > 37 ? at - 37 : 0, up = to + 90 < STEPS ? to + 90 : STEPS;
        tp_arena_rewind(arena, steps[to].before);
        check(to);
        climb(arena, to, up);
        check(up);
        tp_arena_rewind(arena, steps[to].before);
        at = to;
    }
    assert_int_equal(arena_stats(arena).used, 0);
    tp_arena_destroy(arena);
}

static void rewinding_across_a_thousand_chunks(void **state)
{
    (void)state;
    enum { LARGE = 40000 };
    tp_arena *arena = arena_new(&(tp_arena_options){.retain = 1});
    char *below = arena_take(arena, 50);
    arena_mark(below, 50, 1);
    tp_arena_mark mark = tp_arena_save(arena);
    for (int round = 0; round < 3; round++) {
        uint64_t before = arena_stats(arena).chunks;
        for (int i = 0; arena_stats(arena).chunks < before + 1000; i++)
            memset(arena_take(arena, i < 100 ? 100 : LARGE * 9), i, 100);
        tp_arena_rewind(arena, mark);
        assert_int_equal(arena_stats(arena).chunks, before);
        assert_true(arena_is_marked(below, 50, 1));
    }
    tp_arena_destroy(arena);
}

static void one_mark_serves_many_rewinds(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    tp_arena_mark empty = tp_arena_save(arena);
    for (int record = 0; record < 1000; record++) {
        char *head = arena_take(arena, 20);
        tp_arena_mark mark = tp_arena_save(arena), copy = mark;
        for (int i = 0; i < 5; i++) {
            memset(arena_take(arena, 1000), i, 1000);
            tp_arena_rewind(arena, i % 2 != 0 ? mark : copy);
        }
        memset(head, 0, 20);
        tp_arena_rewind(arena, empty);
    }
    tp_arena_rewind(arena, empty);
    tp_arena_reset(arena);
    assert_int_equal(arena_stats(arena).used, 0);
    tp_arena_destroy(arena);
}

static void memory_is_used_again(void **state)
{
    (void)state;
    arena_skip_unless_inlined();
    tp_arena *arena = arena_new(NULL);
    char *first = arena_take(arena, 10);
    tp_arena_mark mark = tp_arena_save(arena);
    char *second = arena_take(arena, 10);
    tp_arena_rewind(arena, mark);
    assert_ptr_equal(arena_take(arena, 10), second);
    tp_arena_reset(arena);
    assert_ptr_equal(arena_take(arena, 10), first);
    tp_arena_destroy(arena);
}

/* --- cleanups --- */

static char order[64];

static void note(void *arg)
{
    size_t length = strlen(order);
    order[length] = *(char *)arg; /* in the arena's own memory, which is still there */
    order[length + 1] = '\0';
}

static void defer_note(tp_arena *arena, const char *letter)
{
    assert_int_equal(tp_arena_defer(arena, note, tp_arena_strdup(arena, letter)), 0);
}

static void noted(const char *expected)
{
    assert_string_equal(order, expected);
    order[0] = '\0';
}

static void cleanups_run_last_first_and_once(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    defer_note(arena, "a");
    defer_note(arena, "b");
    tp_arena_mark mark = tp_arena_save(arena);
    defer_note(arena, "c");
    arena_take(arena, 100000);
    defer_note(arena, "d");
    assert_int_equal(arena_stats(arena).cleanups, 4);
    noted("");
    tp_arena_rewind(arena, mark);
    noted("dc");
    assert_int_equal(arena_stats(arena).cleanups, 2);
    tp_arena_rewind(arena, mark);
    noted("");
    defer_note(arena, "e");
    tp_arena_reset(arena);
    noted("eba");
    tp_arena_reset(arena);
    noted("");
    defer_note(arena, "f");
    tp_arena_destroy(arena);
    noted("f");
}

static tp_arena *used_by_cleanups;
static unsigned cleanups_left;

static void allocate_and_defer(void *arg)
{
    note(arg);
    memset(arena_take(used_by_cleanups, 30000), 7, 30000);
    if (cleanups_left-- > 0)
        assert_int_equal(tp_arena_defer(used_by_cleanups, allocate_and_defer, arg), 0);
    else
        assert_non_null(tp_arena_child(used_by_cleanups, 0));
}

static void a_cleanup_may_allocate_and_defer(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    used_by_cleanups = arena;
    char *below = arena_take(arena, 100);
    arena_mark(below, 100, 5);
    tp_arena_mark mark = tp_arena_save(arena);
    for (int round = 0; round < 3; round++) {
        cleanups_left = 5;
        defer_note(arena, "z");
        assert_int_equal(tp_arena_defer(arena, allocate_and_defer, tp_arena_strdup(arena, "x")), 0);
        if (round < 2)
            tp_arena_rewind(arena, mark);
        else
            tp_arena_reset(arena);
        noted("xxxxxxz");
        assert_int_equal(arena_stats(arena).cleanups, 0);
        assert_true(round == 2 || arena_is_marked(below, 100, 5));
    }
    cleanups_left = 2;
    assert_int_equal(tp_arena_defer(arena, allocate_and_defer, tp_arena_strdup(arena, "y")), 0);
    tp_arena_destroy(arena);
    noted("yyy");
}

/* It may use the arena as any function does: with marks of its own, and scratch. */
static void mark_and_rewind(void *arg)
{
    note(arg);
    tp_arena_mark mark = tp_arena_save(used_by_cleanups);
    memset(arena_take(used_by_cleanups, 10000), 7, 10000);
    defer_note(used_by_cleanups, "m");
    tp_arena_rewind(used_by_cleanups, mark);
    tp_arena *scratch = tp_scratch_begin(NULL), *other = tp_scratch_begin(scratch);
    defer_note(scratch, "s");
    defer_note(other, "t");
    tp_scratch_end(other);
    tp_scratch_end(scratch);
}

static void a_cleanup_may_rewind_to_marks_of_its_own(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    used_by_cleanups = arena;
    assert_int_equal(tp_arena_defer(arena, mark_and_rewind, tp_arena_strdup(arena, "1")), 0);
    defer_note(arena, "2");
    tp_arena_reset(arena);
    noted("21mts");
    for (int i = 0; i < 2; i++) {
        used_by_cleanups = tp_scratch_begin(i == 0 ? NULL : used_by_cleanups);
        assert_int_equal(tp_arena_defer(used_by_cleanups, mark_and_rewind, "3"), 0);
    }
    tp_scratch_end(used_by_cleanups);
    noted("3mts");
    used_by_cleanups = tp_scratch_begin(NULL);
    tp_scratch_end(used_by_cleanups);
    tp_scratch_end(used_by_cleanups);
    noted("3mts");
    tp_arena_destroy(arena);
}

static void count_down(void *arg)
{
    static unsigned last;
    unsigned *which = arg;
    assert_true(last == 0 || *which == last - 1);
    last = *which;
}

static void a_hundred_thousand_cleanups(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(tp_arena_defer(arena, count_down, tp_arena_memdup(arena, &i, sizeof i)),
                         0);
    tp_arena_destroy(arena);
}

/* --- children --- */

static void children_are_among_the_cleanups(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    defer_note(arena, "a");
    tp_arena *first = tp_arena_child(arena, 0);
    defer_note(first, "1");
    tp_arena_mark mark = tp_arena_save(arena);
    defer_note(arena, "b");
    tp_arena *second = tp_arena_child(arena, 1000000), *third = tp_arena_child(arena, 0);
    defer_note(second, "2");
    defer_note(arena, "c");
    defer_note(third, "3");
    defer_note(second, "2");
    tp_arena *inner = tp_arena_child(second, 0);
    defer_note(inner, "i");
    defer_note(second, "2");
    tp_arena_rewind(arena, mark);
    noted("c32i22b");
    defer_note(first, "4");
    tp_arena_destroy(arena);
    noted("41a");
}

static void a_child_may_end_early(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL), *children[5];
    for (int i = 0; i < 5; i++) {
        children[i] = tp_arena_child(arena, 0);
        defer_note(children[i], (char[]){(char)('0' + i), 0});
    }
    tp_arena_mark mark = tp_arena_save(arena); /* the newest of its cleanups is a child */
    tp_arena_destroy(children[2]);
    tp_arena_destroy(children[4]);
    tp_arena_destroy(children[0]);
    noted("240");
    defer_note(arena, "x");
    tp_arena_rewind(arena, mark);
    noted("x");
    memset(arena_take(children[1], 5000), 1, 5000);
    tp_arena_reset(arena);
    noted("31");
    tp_arena_destroy(arena);
    noted("");
}

static void a_childs_memory_is_its_own(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL), *child = tp_arena_child(arena, 0);
    char *of_child = arena_take(child, 5000);
    arena_mark(of_child, 5000, 3);
    tp_arena_mark mark = tp_arena_save(arena);
    char *of_parent = arena_take(arena, 5000);
    arena_mark(of_parent, 5000, 4);
    char *more = arena_take(child, 70000);
    arena_mark(more, 70000, 5);
    tp_arena_rewind(arena, mark);
    memset(arena_take(arena, 80000), 0, 80000);
    assert_true(arena_is_marked(of_child, 5000, 3)); /* older than the mark, and so is all it has */
    assert_true(arena_is_marked(more, 70000, 5));
    tp_arena_reset(child);
    memset(arena_take(child, 9000), 0, 9000);
    tp_arena_destroy(arena);
}

/* Each in the one before, to a depth at which recursion would have ended the program. */
static void a_deep_family(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    tp_arena *arena = arena_new(NULL);
    for (int how = 0; how < 3; how++) {
        tp_arena_mark mark = tp_arena_save(arena);
        tp_arena *deepest = arena, *middle = NULL;
        for (int i = 0; i < DEPTH; i++) {
            deepest = tp_arena_child(deepest, 0);
            assert_non_null(deepest);
            if (i % 16 == 0)
                memset(arena_take(deepest, 64), i, 64);
            if (i == DEPTH / 2)
                middle = deepest;
        }
        defer_note(deepest, "d");
        assert_true(arena_stats(arena).charged >= DEPTH / 16 * 64);
        if (how == 0)
            tp_arena_destroy(middle);
        if (how == 1)
            tp_arena_reset(arena);
        else
            tp_arena_rewind(arena, mark);
        noted("d");
        assert_int_equal(arena_stats(arena).charged, arena_stats(arena).held);
    }
    tp_arena_destroy(arena);
}

static void destroy_arena(void *arena)
{
    tp_arena_destroy(arena);
}

static void a_cleanup_may_end_a_sibling(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    tp_arena *first = tp_arena_child(arena, 0), *second = tp_arena_child(arena, 0);
    defer_note(first, "1");
    assert_int_equal(tp_arena_defer(second, destroy_arena, first), 0);
    defer_note(second, "2");
    tp_arena_reset(arena);
    noted("21");
    tp_arena *other = arena_new(NULL);
    defer_note(other, "o");
    assert_int_equal(tp_arena_defer(arena, destroy_arena, other), 0);
    tp_arena_destroy(arena);
    noted("o");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewinding_keeps_what_is_older),
        cmocka_unit_test(rewinding_across_a_thousand_chunks),
        cmocka_unit_test(one_mark_serves_many_rewinds),
        cmocka_unit_test(memory_is_used_again),
        cmocka_unit_test(cleanups_run_last_first_and_once),
        cmocka_unit_test(a_cleanup_may_allocate_and_defer),
        cmocka_unit_test(a_cleanup_may_rewind_to_marks_of_its_own),
        cmocka_unit_test(a_hundred_thousand_cleanups),
        cmocka_unit_test(children_are_among_the_cleanups),
        cmocka_unit_test(a_child_may_end_early),
        cmocka_unit_test(a_childs_memory_is_its_own),
        cmocka_unit_test(a_deep_family),
        cmocka_unit_test(a_cleanup_may_end_a_sibling),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return cmocka_run_group_tests_name("arena marks", tests, NULL, NULL);
}
