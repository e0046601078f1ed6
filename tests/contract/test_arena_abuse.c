/* SPDX-License-Identifier: BSD-2-Clause */
/* What no program may do with arenas: what can be proven aborts with one line; what was rewound
   faults in a checked build, and AddressSanitizer reports it. */
#include "arena_help.h"

static const tp_arena_options named = {.name = "the name"};

/* --- marks that do not hold --- */

static int rewind_of_a_stale_mark(void)
{
    tp_arena *arena = tp_arena_create(&named);
    arena_take(arena, 10);
    tp_arena_mark first = tp_arena_save(arena);
    arena_take(arena, 10);
    tp_arena_mark second = tp_arena_save(arena);
    tp_arena_rewind(arena, first);
    tp_arena_rewind(arena, second);
    return 0;
}

static int rewind_of_a_stale_mark_later(void)
{
    tp_arena *arena = tp_arena_create(&named);
    arena_take(arena, 10);
    tp_arena_mark first = tp_arena_save(arena);
    arena_take(arena, 10);
    tp_arena_mark second = tp_arena_save(arena);
    tp_arena_rewind(arena, first);
    arena_take(arena, 100);
    tp_arena_rewind(arena, second);
    return 0;
}

static int rewind_of_a_mark_before_reset(void)
{
    tp_arena *arena = tp_arena_create(&named);
    arena_take(arena, 10);
    tp_arena_mark mark = tp_arena_save(arena);
    tp_arena_reset(arena);
    arena_take(arena, 100);
    tp_arena_rewind(arena, mark);
    return 0;
}

static int rewind_of_a_mark_in_a_chunk_that_is_gone(void)
{
    tp_arena *arena = tp_arena_create(&named);
    arena_take(arena, 10);
    tp_arena_mark first = tp_arena_save(arena);
    arena_take(arena, 100000);
    tp_arena_mark second = tp_arena_save(arena);
    tp_arena_rewind(arena, first);
    arena_take(arena, 100000); /* the same chunk again, as likely as not */
    tp_arena_rewind(arena, second);
    return 0;
}

static int rewind_of_a_foreign_mark(void)
{
    tp_arena *arena = tp_arena_create(&named), *other = tp_arena_create(NULL);
    arena_take(other, 10);
    arena_take(arena, 10);
    tp_arena_rewind(arena, tp_arena_save(other));
    return 0;
}

static int rewind_of_the_childs_empty_mark(void)
{
    tp_arena *arena = tp_arena_create(&named), *child = tp_arena_child(arena, 0);
    tp_arena_rewind(arena, tp_arena_save(child));
    return 0;
}

/* --- arenas that are gone --- */

static int destroy_twice(void)
{
    tp_arena *arena = tp_arena_create(&named);
    arena_take(arena, 10);
    tp_arena_destroy(arena);
    tp_arena_destroy(arena);
    return 0;
}

static int allocation_after_destroy(void)
{
    tp_arena *arena = tp_arena_create(&named), *child = tp_arena_child(arena, 0);
    tp_arena_destroy(arena);
    return tp_arena_alloc(child, 10) != NULL;
}

/* --- cleanups that turn on their own arena --- */

static tp_arena *victim;
static tp_arena_mark victims_mark;

static void cleanup_resets(void *arg)
{
    (void)arg;
    tp_arena_reset(victim);
}

static void cleanup_rewinds(void *arg)
{
    (void)arg;
    tp_arena_rewind(victim, victims_mark);
}

static void cleanup_destroys(void *arg)
{
    (void)arg;
    tp_arena_destroy(victim);
}

static int with_cleanup(void (*cleanup)(void *), tp_arena *owner)
{
    victims_mark = tp_arena_save(victim);
    assert_int_equal(tp_arena_defer(owner, cleanup, NULL), 0);
    tp_arena_reset(victim);
    return 0;
}

static int reset_in_a_cleanup(void)
{
    victim = tp_arena_create(&named);
    return with_cleanup(cleanup_resets, victim);
}

static int rewind_in_a_cleanup(void)
{
    victim = tp_arena_create(&named);
    return with_cleanup(cleanup_rewinds, victim);
}

static int destroy_in_a_cleanup(void)
{
    victim = tp_arena_create(&named);
    return with_cleanup(cleanup_destroys, victim);
}

static int reset_in_a_childs_cleanup(void)
{
    victim = tp_arena_create(&named);
    return with_cleanup(cleanup_resets, tp_arena_child(victim, 0));
}

static int destroy_of_the_parent_in_a_childs_reset(void)
{
    victim = tp_arena_create(&named);
    tp_arena *child = tp_arena_child(victim, 0);
    assert_int_equal(tp_arena_defer(child, cleanup_destroys, NULL), 0);
    tp_arena_reset(child);
    return 0;
}

/* --- stale use, which faults or is reported --- */

static void stale(volatile char *memory, size_t size)
{
    fprintf(stderr, "still here\n");
    memory[size / 2] += 1;
    fprintf(stderr, "not seen\n");
}

static int use_after_rewind(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    char *kept = arena_take(arena, 100);
    tp_arena_mark mark = tp_arena_save(arena);
    char *memory = arena_take(arena, 100);
    memset(memory, 1, 100);
    tp_arena_rewind(arena, mark);
    memset(kept, 1, 100);
    stale(memory, 100);
    return 0;
}

static int use_after_rewind_and_more(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    tp_arena_mark mark = tp_arena_save(arena);
    char *large = arena_take(arena, 200000), *small = arena_take(arena, 10);
    memset(large, 1, 200000);
    *small = 1;
    tp_arena_rewind(arena, mark);
    stale(large, 200000);
    return 0;
}

static int use_after_reset(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    char *memory = arena_take(arena, 10);
    tp_arena_reset(arena);
    stale(memory, 10);
    return 0;
}

/* In a checked build the memory does not come back at once. */
static int use_after_reset_and_use(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    char *memory = arena_take(arena, 10);
    for (int i = 0; i < 100; i++) {
        tp_arena_reset(arena);
        memset(arena_take(arena, 5000), 1, 5000);
    }
    stale(memory, 10);
    return 0;
}

static int use_of_much_after_reset(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    for (int i = 0; i < 100; i++) {
        memset(arena_take(arena, 4000000), 1, 4000000);
        tp_arena_reset(arena);
    }
    char *memory = arena_take(arena, 40000000);
    tp_arena_reset(arena);
    stale(memory, 40000000);
    return 0;
}

static int use_after_destroy(void)
{
    tp_arena *arena = tp_arena_create(NULL), *child = tp_arena_child(arena, 0);
    char *memory = arena_take(child, 300);
    tp_arena_destroy(arena);
    stale(memory, 300);
    return 0;
}

static int use_after_scratch_end(void)
{
    tp_arena *scratch = tp_scratch_begin(NULL);
    char *memory = arena_take(scratch, 300);
    tp_scratch_end(scratch);
    stale(memory, 300);
    return 0;
}

static int write_behind_the_end(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    volatile char *memory = arena_take(arena, 21);
    arena_take(arena, 21);
    volatile size_t end = 21;
    memory[20] = 1;
    fprintf(stderr, "still here\n");
    memory[end] = 1;
    return 0;
}

static int write_behind_the_end_of_sixteen(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    volatile char *memory = arena_take(arena, 32);
    arena_take(arena, 32);
    volatile size_t end = 32;
    fprintf(stderr, "still here\n");
    memory[end] = 1;
    return 0;
}

static int write_behind_what_shrank(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    char *memory = arena_take(arena, 3000);
    volatile size_t end = 100;
    volatile char *after = tp_arena_resize(arena, memory, 3000, end);
    after[99] = 1;
    fprintf(stderr, "still here\n");
    after[end] = 1;
    return 0;
}

static int write_behind_a_chunk(void)
{
    tp_arena *arena = tp_arena_create(NULL);
    arena_take(arena, 10);
    volatile char *memory = arena_take(arena, 4096 * 20 - ARENA_HEAD);
    volatile size_t end = 4096 * 20 - ARENA_HEAD;
    memory[end - 1] = 1;
    fprintf(stderr, "still here\n");
    memory[end] = 1;
    return 0;
}

/* Among slots of its size that others have. */
static int write_behind_a_small_chunk(void)
{
    enum { MANY = 100 };
    tp_arena *arenas[MANY];
    volatile char *memory = NULL;
    arenas[0] = tp_arena_create(NULL);
    arena_take(arenas[0], 1);
    volatile size_t end = arena_stats(arenas[0]).held - ARENA_HEAD;
    for (int i = 0; i < MANY; i++) {
        arenas[i] = tp_arena_create(NULL);
        char *here = arena_take(arenas[i], end);
        memory = i == MANY / 2 ? here : memory;
    }
    fprintf(stderr, "still here\n");
    memory[end] = 1;
    return arenas[0] == NULL;
}

/* Those of stale memory begin with this one. */
enum { FIRST_STALE = 13 };

static const struct support_scenario scenarios[] = {
    {"rewind_of_a_stale_mark", rewind_of_a_stale_mark},
    {"rewind_of_a_stale_mark_later", rewind_of_a_stale_mark_later},
    {"rewind_of_a_mark_before_reset", rewind_of_a_mark_before_reset},
    {"rewind_of_a_mark_in_a_chunk_that_is_gone", rewind_of_a_mark_in_a_chunk_that_is_gone},
    {"rewind_of_a_foreign_mark", rewind_of_a_foreign_mark},
    {"rewind_of_the_childs_empty_mark", rewind_of_the_childs_empty_mark},
    {"reset_in_a_cleanup", reset_in_a_cleanup},
    {"rewind_in_a_cleanup", rewind_in_a_cleanup},
    {"destroy_in_a_cleanup", destroy_in_a_cleanup},
    {"reset_in_a_childs_cleanup", reset_in_a_childs_cleanup},
    {"destroy_of_the_parent_in_a_childs_reset", destroy_of_the_parent_in_a_childs_reset},
    {"destroy_twice", destroy_twice},
    {"allocation_after_destroy", allocation_after_destroy},
    {"use_after_rewind", use_after_rewind},
    {"use_after_rewind_and_more", use_after_rewind_and_more},
    {"use_after_reset", use_after_reset},
    {"use_after_reset_and_use", use_after_reset_and_use},
    {"use_of_much_after_reset", use_of_much_after_reset},
    {"use_after_destroy", use_after_destroy},
    {"use_after_scratch_end", use_after_scratch_end},
    {"write_behind_the_end", write_behind_the_end},
    {"write_behind_the_end_of_sixteen", write_behind_the_end_of_sixteen},
    {"write_behind_what_shrank", write_behind_what_shrank},
    {"write_behind_a_chunk", write_behind_a_chunk},
    {"write_behind_a_small_chunk", write_behind_a_small_chunk},
    {NULL, NULL},
};

static void marks_that_do_not_hold(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++)
        support_aborts(scenarios[i].name, NULL, "tp_arena_rewind: the mark", "'the name'");
}

static void cleanups_that_turn_on_their_arena(void **state)
{
    (void)state;
    for (int i = 6; i < 11; i++)
        support_aborts(scenarios[i].name, NULL, "called from a cleanup of", "'the name'");
}

static void arenas_that_are_gone(void **state)
{
    (void)state;
    if (support_sanitized) /* it reports the look at the arena */
        skip();
    support_aborts("destroy_twice", NULL, "tp_arena_destroy: arena", "destroyed before");
    support_aborts("allocation_after_destroy", NULL, "tp_arena_alloc: arena", "destroyed before");
}

/* It dies where it touches the memory, of a fault. */
static void faults(const char *name)
{
    struct support_result result;
    support_run(name, NULL, &result);
    if (!WIFSIGNALED(result.status) || WTERMSIG(result.status) != SIGSEGV ||
        strcmp(result.text, "still here\n") != 0)
        fail_msg("%s did not fault: status 0x%x, stderr:\n%s", name, (unsigned)result.status,
                 result.text);
}

static void stale_use_faults_in_a_checked_build(void **state)
{
    (void)state;
    if (!support_poisons() || support_sanitized)
        skip();
    for (int i = FIRST_STALE; i < FIRST_STALE + 7; i++)
        faults(scenarios[i].name);
}

static void asan_reports_stale_use_and_overflow(void **state)
{
    (void)state;
    struct support_result result;
    if (!support_asan)
        skip();
    for (int i = FIRST_STALE; scenarios[i].name != NULL; i++) {
        if (strcmp(scenarios[i].name, "use_after_reset_and_use") == 0)
            continue;
        support_run(scenarios[i].name, NULL, &result);
        if (strstr(result.text, "still here\n") != result.text ||
            strstr(result.text, "AddressSanitizer: use-after-poison") == NULL)
            fail_msg("%s: status 0x%x, stderr:\n%s", scenarios[i].name, (unsigned)result.status,
                     result.text);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_that_do_not_hold),
        cmocka_unit_test(cleanups_that_turn_on_their_arena),
        cmocka_unit_test(arenas_that_are_gone),
        cmocka_unit_test(stale_use_faults_in_a_checked_build),
        cmocka_unit_test(asan_reports_stale_use_and_overflow),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("arena abuse", tests, NULL, NULL);
}
