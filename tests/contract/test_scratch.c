/* SPDX-License-Identifier: BSD-2-Clause */
/* Scratch arenas: two a thread, conflicts, nesting, the thread's end, fork, what aborts. */
#include "arena_help.h"
#include "fork_help.h"

static tp_arena *begun(tp_arena *conflict)
{
    tp_arena *scratch = tp_scratch_begin(conflict);
    assert_non_null(scratch);
    assert_ptr_not_equal(scratch, conflict);
    return scratch;
}

static void there_are_two(void **state)
{
    (void)state;
    tp_arena *plain = arena_new(NULL);
    tp_arena *first = begun(NULL), *second = begun(first), *third = begun(second);
    assert_ptr_equal(third, first);
    assert_ptr_equal(begun(plain), first);
    tp_scratch_end(first);
    tp_scratch_end(third);
    tp_scratch_end(second);
    tp_scratch_end(first);
    tp_scratch_end(NULL);
    tp_arena_destroy(plain);
}

/* A result goes to an arena that is a scratch one itself, through any number of calls. */
static char *sum(tp_arena *result, int depth)
{
    tp_arena *scratch = begun(result);
    char *noise = arena_take(scratch, 3000);
    memset(noise, depth, 3000);
    char *inner = depth == 0 ? tp_arena_strdup(scratch, "0") : sum(scratch, depth - 1);
    char *text = tp_arena_printf(result, "%d+%s", depth, inner);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(noise[i], (char)depth);
    tp_scratch_end(scratch);
    return text;
}

static void results_survive_what_they_are_made_in(void **state)
{
    (void)state;
    tp_arena *arena = arena_new(NULL);
    for (int i = 0; i < 50; i++)
        assert_string_equal(sum(arena, 7), "7+6+5+4+3+2+1+0+0");
    tp_arena *scratch = begun(NULL);
    assert_string_equal(sum(scratch, 3), "3+2+1+0+0");
    tp_scratch_end(scratch);
    tp_arena_destroy(arena);
}

static unsigned cleaned;

static void clean(void *arg)
{
    (void)arg;
    support_add(&cleaned, 1);
}

static void an_end_gives_back_and_cleans_up(void **state)
{
    (void)state;
    tp_arena *scratch = begun(NULL);
    uint64_t used = arena_stats(scratch).used;
    unsigned before = support_read(&cleaned);
    for (int i = 0; i < 1000; i++) {
        tp_arena *inner = begun(NULL);
        assert_ptr_equal(inner, scratch);
        arena_take(inner, 5000);
        tp_arena_mark mark = tp_arena_save(inner);
        arena_take(inner, 100);
        tp_arena_rewind(inner, mark);
        assert_int_equal(tp_arena_defer(inner, clean, NULL), 0);
        assert_non_null(tp_arena_child(inner, 0));
        tp_scratch_end(inner);
        assert_int_equal(arena_stats(scratch).used, used);
    }
    assert_int_equal(support_read(&cleaned), before + 1000);
    tp_scratch_end(scratch);
    assert_int_equal(arena_stats(scratch).used, 0);
}

static void the_steady_state_takes_nothing(void **state)
{
    (void)state;
    uint64_t before = 0;
    if (support_poisons())
        skip();
    for (int i = 0; i < 100; i++) {
        tp_arena *scratch = begun(NULL), *other = begun(scratch);
        arena_take(scratch, 50000);
        arena_take(other, 7000);
        tp_scratch_end(other);
        tp_scratch_end(scratch);
        if (i == 10)
            before = heap_allocations();
    }
    assert_int_equal(heap_allocations(), before);
}

/* --- the thread's end --- */

static uint64_t heap_live(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations - stats.frees;
}

static void *use_scratch(void *argument)
{
    tp_arena *scratch = tp_scratch_begin(NULL), *other = tp_scratch_begin(scratch);
    memset(tp_arena_alloc(scratch, 100000), 1, 100000);
    memset(tp_arena_alloc(other, 10), 1, 10);
    tp_scratch_end(other);
    if (argument == NULL)
        tp_scratch_end(scratch);
    else if (tp_arena_defer(scratch, clean, NULL) != 0) /* left open */
        abort();
    return NULL;
}

static void scratch_goes_with_its_thread(void **state)
{
    (void)state;
    if (support_poisons())
        skip(); /* what was rewound is not given back at once */
    support_join(support_thread(use_scratch, NULL));
    uint64_t before = heap_live();
    for (int i = 0; i < 50; i++)
        support_join(support_thread(use_scratch, NULL));
    assert_int_equal(heap_live(), before);
    unsigned cleanups = support_read(&cleaned);
    for (int i = 0; i < 50; i++)
        support_join(support_thread(use_scratch, (void *)1));
    assert_int_equal(heap_live(), before);
    assert_int_equal(support_read(&cleaned), cleanups + 50);
}

static pthread_key_t keys[3];
static unsigned handlers;

/* Exit handlers that use scratch, in every round of them that there is. */
static void use_at_exit(void *argument)
{
    uintptr_t rounds = (uintptr_t)argument;
    use_scratch(NULL);
    support_add(&handlers, 1);
    if (rounds > 1)
        pthread_setspecific(keys[0], (void *)(rounds - 1));
}

static void *exit_with_handlers(void *argument)
{
    for (size_t i = 0; i < SUPPORT_COUNT(keys); i++)
        pthread_setspecific(keys[i], (void *)(uintptr_t)4);
    return argument == NULL ? NULL : use_scratch(NULL);
}

static void scratch_in_exit_handlers_is_not_lost(void **state)
{
    (void)state;
    if (support_poisons())
        skip();
    for (size_t i = 0; i < SUPPORT_COUNT(keys); i++)
        assert_int_equal(pthread_key_create(&keys[i], use_at_exit), 0);
    support_join(support_thread(exit_with_handlers, NULL));
    uint64_t before = heap_live();
    unsigned ran = support_read(&handlers);
    assert_true(ran >= 4);
    for (int i = 0; i < 20; i++)
        support_join(support_thread(exit_with_handlers, i % 2 != 0 ? &keys : NULL));
    assert_true(support_read(&handlers) >= ran * 20);
    assert_int_equal(heap_live(), before);
    for (size_t i = 0; i < SUPPORT_COUNT(keys); i++)
        pthread_key_delete(keys[i]);
}

static void fork_keeps_the_forking_threads(void **state)
{
    pid_t child;
    (void)state;
    tp_arena *scratch = begun(NULL);
    char *memory = arena_take(scratch, 100);
    arena_mark(memory, 100, 1);
    if (forked(&child)) {
        check(arena_is_marked(memory, 100, 1));
        tp_arena *again = tp_scratch_begin(NULL);
        check(again == scratch && tp_arena_alloc(again, 100000) != NULL);
        tp_scratch_end(again);
        tp_scratch_end(scratch);
        use_scratch(NULL);
        _exit(0);
    }
    ended_well(child);
    tp_scratch_end(scratch);
}

/* --- what aborts --- */

static int end_of_a_plain_arena(void)
{
    tp_scratch_end(tp_arena_create(NULL));
    return 0;
}

static void *begin_for_another(void *argument)
{
    *(tp_arena **)argument = tp_scratch_begin(NULL);
    return NULL;
}

static int end_in_another_thread(void)
{
    pthread_t thread;
    tp_arena *scratch = tp_scratch_begin(NULL), *other = NULL;
    pthread_create(&thread, NULL, begin_for_another, &other);
    pthread_join(thread, NULL);
    tp_scratch_end(scratch);
    tp_scratch_end(other);
    return 0;
}

static int end_too_often(void)
{
    tp_arena *scratch = tp_scratch_begin(NULL);
    tp_scratch_end(scratch);
    tp_scratch_end(scratch);
    return 0;
}

static int end_out_of_order(void)
{
    tp_arena *first = tp_scratch_begin(NULL), *second = tp_scratch_begin(first);
    tp_scratch_end(first);
    tp_scratch_end(second);
    return 0;
}

static int reset_in_use(void)
{
    tp_arena_reset(tp_scratch_begin(NULL));
    return 0;
}

static int destroy_in_use(void)
{
    tp_arena_destroy(tp_scratch_begin(NULL));
    return 0;
}

static int rewind_past_begin(void)
{
    tp_arena *scratch = tp_scratch_begin(NULL);
    tp_arena_mark mark = tp_arena_save(scratch);
    tp_arena *again = tp_scratch_begin(NULL);
    tp_arena_rewind(again, mark);
    return 0;
}

static const struct support_scenario scenarios[] = {
    {"end_of_a_plain_arena", end_of_a_plain_arena},
    {"end_in_another_thread", end_in_another_thread},
    {"end_too_often", end_too_often},
    {"end_out_of_order", end_out_of_order},
    {"reset_in_use", reset_in_use},
    {"destroy_in_use", destroy_in_use},
    {"rewind_past_begin", rewind_past_begin},
    {NULL, NULL},
};

static void wrong_use_aborts(void **state)
{
    (void)state;
    support_aborts("end_of_a_plain_arena", NULL, "tp_scratch_end", "no scratch arena of this");
    support_aborts("end_in_another_thread", NULL, "tp_scratch_end", "no scratch arena of this");
    support_aborts("end_too_often", NULL, "tp_scratch_end", "no tp_scratch_begin left");
    support_aborts("end_out_of_order", NULL, "tp_scratch_end", "last first");
    support_aborts("reset_in_use", NULL, "tp_arena_reset", "scratch");
    support_aborts("destroy_in_use", NULL, "tp_arena_destroy", "scratch");
    support_aborts("rewind_past_begin", NULL, "tp_arena_rewind", "older than");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_two),
        cmocka_unit_test(results_survive_what_they_are_made_in),
        cmocka_unit_test(an_end_gives_back_and_cleans_up),
        cmocka_unit_test(the_steady_state_takes_nothing),
        cmocka_unit_test(scratch_goes_with_its_thread),
        cmocka_unit_test(scratch_in_exit_handlers_is_not_lost),
        cmocka_unit_test(fork_keeps_the_forking_threads),
        cmocka_unit_test(wrong_use_aborts),
    };
    (void)argc;
    support_start(argv, scenarios);
    return support_group("scratch", tests, support_modes);
}
