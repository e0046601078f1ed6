/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap refuses: at every call in turn, and at random. What fails says ENOMEM and leaves the
   arena as it was; nothing is lost; all works when memory is back.

   Linked with -Wl,--wrap for what arenas get memory by. It runs without sequences, where each
   allocation is a call. */
#include "format_help.h"

#include "kit/arena.h"

void *__real_tp_detail_heap_alloc(size_t size);
void *__real_tpi_large_alloc(size_t bytes, size_t align, bool zeroed);
bool __real_tpi_os_hide(void *at, size_t bytes);
void *__wrap_tp_detail_heap_alloc(size_t size);
void *__wrap_tpi_large_alloc(size_t bytes, size_t align, bool zeroed);
bool __wrap_tpi_os_hide(void *at, size_t bytes);

static struct help_random chance = {1};
static unsigned refuse_one_in; /* 0: none */
static long calls_until_refusal = -1, refusals;

static bool refused(void)
{
    bool refuse =
        calls_until_refusal == 0 || (refuse_one_in != 0 && help_below(&chance, refuse_one_in) == 0);
    if (calls_until_refusal > 0)
        calls_until_refusal--;
    refusals += refuse;
    if (refuse)
        errno = ENOMEM;
    return refuse;
}

void *__wrap_tp_detail_heap_alloc(size_t size)
{
    return refused() ? NULL : __real_tp_detail_heap_alloc(size);
}

void *__wrap_tpi_large_alloc(size_t bytes, size_t align, bool zeroed)
{
    return refused() ? NULL : __real_tpi_large_alloc(bytes, align, zeroed);
}

bool __wrap_tpi_os_hide(void *at, size_t bytes)
{
    return !refused() && __real_tpi_os_hide(at, bytes);
}

static uint64_t heap_live(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations - stats.frees;
}

/* --- a history of one arena and a child --- */

enum { HELD_MAX = 64 };

struct history {
    struct help_random random;
    struct tp_arena *arena, *child;
    struct held {
        char *memory;
        size_t size;
    } held[HELD_MAX];
    size_t n, before_mark;
    tp_arena_mark mark;
    unsigned deferred, cleaned;
    long failures;
};

static void check_held(const struct history *history)
{
    for (size_t i = 0; i < history->n; i++) {
        const struct held *held = &history->held[i];
        assert_int_equal((unsigned char)held->memory[0], held->size % 251);
        assert_int_equal((unsigned char)held->memory[held->size - 1], held->size % 251);
    }
}

static void clean(void *arg)
{
    struct history *history = arg;
    history->cleaned++;
}

static void hold(struct history *history, char *memory, size_t size)
{
    memset(memory, (int)(size % 251), size);
    if (history->n < HELD_MAX)
        history->held[history->n++] = (struct held){memory, size};
}

/* What must be as it was where a call failed: everything but what was kept for reuse. */
struct before {
    struct tp_arena arena;
    struct tp_detail_arena_window cursor;
    bool empty; /* then its chunk is kept for reuse, too */
};

static struct before now(const struct history *history)
{
    const struct tp_arena *arena = history->arena;
    return (struct before){*arena, *arena->cursor, tpi_arena_is_empty(arena)};
}

static void is_as_it_was(struct history *history, const struct before *before)
{
    const struct tp_arena *arena = history->arena;
    assert_int_equal(errno, ENOMEM);
    assert_ptr_equal(arena->cleanups, before->arena.cleanups);
    assert_int_equal(arena->deferred, before->arena.deferred);
    assert_int_equal(tpi_arena_is_empty(arena), before->empty);
    if (!before->empty) {
        assert_ptr_equal(arena->top, before->arena.top);
        assert_ptr_equal(arena->cursor->next, before->cursor.next);
        assert_ptr_equal(arena->cursor->end, before->cursor.end);
        assert_int_equal(arena->in_use, before->arena.in_use);
    }
    history->failures++;
    check_held(history);
}

static void allocate(struct history *history)
{
    struct help_random *random = &history->random;
    struct before before = now(history);
    size_t size = 1 + help_below(random, (size_t)1 << (4 + help_below(random, 13)));
    char *memory = NULL;
    switch (help_below(random, 6)) {
    case 0:
        memory = tp_arena_alloc_aligned(history->arena, size, 256);
        break;
    case 1:
        memory = tp_arena_alloc_zeroed(history->arena, size, 1);
        break;
    case 2:
        memory = tp_arena_printf(history->arena, "%*d", (int)size, 5);
        break;
    default:
        memory = tp_arena_alloc(history->arena, size);
        break;
    }
    if (memory != NULL)
        hold(history, memory, size);
    else
        is_as_it_was(history, &before);
}

static void resize(struct history *history)
{
    if (history->n == history->before_mark)
        return;
    struct before before = now(history);
    struct held *held = &history->held[history->n - 1];
    size_t size = held->size + help_below(&history->random, 20000);
    char *memory = tp_arena_resize(history->arena, held->memory, held->size, size);
    if (memory == NULL) {
        is_as_it_was(history, &before);
        return;
    }
    assert_int_equal((unsigned char)memory[held->size - 1], held->size % 251);
    history->n--;
    hold(history, memory, size);
}

static void rewind_or_reset(struct history *history)
{
    errno = 4711;
    if (help_below(&history->random, 2) == 0) {
        tp_arena_rewind(history->arena, history->mark);
    } else {
        tp_arena_reset(history->arena);
        history->child = NULL;
        history->before_mark = 0;
    }
    assert_int_equal(errno, 4711);
    history->n = history->before_mark;
    check_held(history);
    history->mark = tp_arena_save(history->arena);
    history->before_mark = history->n;
}

static void step(struct history *history)
{
    struct before before = now(history);
    switch (help_below(&history->random, 16)) {
    case 0:
        rewind_or_reset(history);
        break;
    case 1:
        if (tp_arena_defer(history->arena, clean, history) == 0)
            history->deferred++;
        else
            is_as_it_was(history, &before);
        break;
    case 2:
        /* Below the mark, or it would go with a rewind. */
        if (history->child == NULL && history->n == 0) {
            history->child = tp_arena_child(history->arena, 0);
            if (history->child == NULL)
                is_as_it_was(history, &before);
            history->mark = tp_arena_save(history->arena);
        }
        break;
    case 3:
        if (history->child != NULL && tp_arena_alloc(history->child, 5000) == NULL)
            assert_int_equal(errno, ENOMEM);
        break;
    case 4:
    case 5:
        resize(history);
        break;
    default:
        allocate(history);
        break;
    }
}

/* False: there was no arena. */
static bool run(uint64_t seed, unsigned steps)
{
    struct history history = {.random = {seed}};
    history.arena = tp_arena_create(&(tp_arena_options){.retain = 100000});
    if (history.arena == NULL) {
        assert_int_equal(errno, ENOMEM);
        return false;
    }
    history.mark = tp_arena_save(history.arena);
    for (unsigned i = 0; i < steps; i++)
        step(&history);
    calls_until_refusal = -1;
    refuse_one_in = 0;
    for (unsigned i = 0; i < steps; i++) {
        long before = history.failures;
        step(&history);
        assert_int_equal(history.failures, before);
    }
    tp_arena_destroy(history.arena);
    assert_int_equal(history.cleaned, history.deferred);
    return true;
}

/* Empties the quarantine of checked builds, so that all that is left is what is lost. */
static void forget(void)
{
    struct tp_arena *arena = tp_arena_create(NULL);
    for (int i = 0; tpi_checked && i < 600; i++) {
        assert_non_null(tp_arena_alloc(arena, 1));
        tp_arena_reset(arena);
    }
    tp_arena_destroy(arena);
}

static void each_call_is_refused_once(void **state)
{
    (void)state;
    forget();
    uint64_t before = heap_live();
    for (long call = 0;; call++) {
        long already = refusals;
        calls_until_refusal = call;
        (void)run(42, 60);
        calls_until_refusal = -1;
        forget();
        assert_int_equal(heap_live(), before);
        if (refusals == already) {
            assert_true(call > 10);
            break;
        }
    }
}

static void refused_at_random(void **state)
{
    (void)state;
    struct help_random random = help_seed("arena_failures");
    chance.state = help_next(&random) | 1;
    forget();
    uint64_t before = heap_live();
    for (int i = 0; i < 300; i++) {
        refuse_one_in = 1 + (unsigned)i % 4;
        (void)run(help_next(&random) | 1, 300);
        refuse_one_in = 0;
    }
    forget();
    assert_int_equal(heap_live(), before);
}

static void scratch_and_pools_are_refused(void **state)
{
    (void)state;
    for (long call = 0; call < 12; call++) {
        calls_until_refusal = call;
        errno = 0;
        struct tp_arena *scratch = tp_scratch_begin(NULL);
        assert_true(scratch != NULL || errno == ENOMEM);
        errno = 0;
        struct tp_arena *other = scratch == NULL ? NULL : tp_scratch_begin(scratch);
        assert_true(scratch == NULL || other != NULL || errno == ENOMEM);
        errno = 0;
        tp_arena_pool *pool = tp_arena_pool_create(NULL);
        assert_true(pool != NULL || errno == ENOMEM);
        errno = 0;
        struct tp_arena *pooled = pool == NULL ? NULL : tp_arena_pool_get(pool);
        assert_true(pool == NULL || pooled != NULL || errno == ENOMEM);
        calls_until_refusal = -1;
        if (pool != NULL) {
            tp_arena_pool_put(pool, pooled);
            pooled = tp_arena_pool_get(pool);
            assert_non_null(pooled);
            assert_non_null(tp_arena_alloc(pooled, 100));
            tp_arena_pool_put(pool, pooled);
            tp_arena_pool_destroy(pool);
        }
        tp_scratch_end(other);
        tp_scratch_end(scratch);
    }
}

/* A chunk that the heap would not give in full is as large as it must be. */
static void less_than_wanted_is_enough(void **state)
{
    (void)state;
    struct tp_arena *arena = tp_arena_create(&(tp_arena_options){.first = SIZE_MAX});
    assert_non_null(arena);
    char *memory = tp_arena_alloc(arena, 100);
    assert_non_null(memory);
    memset(memory, 1, 100);
    assert_in_range(arena->held, 164, 1000);
    tp_arena_destroy(arena);
}

static void a_format_that_fails_gives_its_place_back(void **state)
{
    (void)state;
    struct tp_arena *arena = tp_arena_create(NULL);
    assert_non_null(arena);
    char *first = tp_arena_alloc(arena, 4000); /* what is left does not hold the text */
    assert_non_null(first);
    uint64_t used = 0;
    for (unsigned which = 1; which <= 2; which++) {
        formats_until_refusal = which;
        errno = 0;
        assert_null(tp_arena_printf(arena, "%.*f", 1000, 1.0));
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(formats_until_refusal, 0);
    }
    used = tpi_arena_used(arena);
    char *text = tp_arena_printf(arena, "%.*f", 1000, 1.0);
    assert_non_null(text);
    assert_int_equal(strlen(text), 1002);
    assert_in_range(tpi_arena_used(arena) - used, 1003, 1003 + 32);
    tp_arena_destroy(arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_refused_once),
        cmocka_unit_test(refused_at_random),
        cmocka_unit_test(scratch_and_pools_are_refused),
        cmocka_unit_test(less_than_wanted_is_enough),
        cmocka_unit_test(a_format_that_fails_gives_its_place_back),
    };
    (void)argc;
    if (getenv("TP_TEST_STARTED") == NULL) {
        setenv("TP_TEST_STARTED", "1", 1);
        setenv("TIDEPOOL", "rseq=off,gcpercent=off,gcperiod=0,lossy=0", 1);
        execv("/proc/self/exe", argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
