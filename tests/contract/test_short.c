/* SPDX-License-Identifier: BSD-2-Clause */
/* Each short name does what its prefixed name does, with the arguments in the right places.
   test_short.sh sees to it that none is missing, in the header or here. */
#include "support.h"

static unsigned calls;

static void count_call(void *argument)
{
    calls += *(unsigned *)argument;
}

static void pools(void **state)
{
    (void)state;
    tp_pool *pool = pool_create(&(tp_pool_options){.size = 40, .live_max = 6});
    tp_pool_stats stats;
    void *objects[4];
    assert_non_null(pool);
    assert_int_equal(pool_reserve(pool, 3), 3);
    void *one = pool_get(pool), *two = pool_get_wait(pool, 0);
    assert_non_null(one);
    assert_non_null(two);
    assert_int_equal(pool_get_many(pool, objects, 4), 4);
    assert_null(pool_get_wait(pool, 1000));
    pool_put(pool, one);
    pool_put(pool, two);
    pool_put_many(pool, objects, 4);
    pool_trim(pool);
    pool_stats_read(pool, &stats);
    assert_int_equal(stats.gets, 6);
    assert_int_equal(stats.live, 0);
    pool_destroy(pool);
}

static void cycles(void **state)
{
    (void)state;
    int percent = gc_percent_set(50);
    int64_t limit = gc_memory_limit_set(-1);
    uint64_t before = gc_cycle();
    assert_true(gc_collect() > before);
    assert_int_equal(gc_percent_set(percent), 50);
    assert_int_equal(gc_memory_limit_set(limit), limit);
}

struct link {
    struct link *next, *other;
    void *more[];
};
TP_GC_TYPE(link_type, struct link, next, other);

static void count_up(void *arg)
{
    ++*(int *)arg;
}

static void *nothing(void *arg)
{
    return arg;
}

static void collected_objects(void **state)
{
    static struct link *root;
    (void)state;
    assert_int_equal(gc_thread_attach(), 0);
    struct link *one = gc_alloc(&link_type), *two = gc_alloc_array(&link_type, 2);
    struct link *flex = gc_alloc_flex(&link_type, 3);
    void **conservative = gc_alloc_conservative(64);
    assert_true(one != NULL && two != NULL && flex != NULL && conservative != NULL);
    assert_non_null(gc_alloc_leaf(100));
    assert_int_equal(gc_root_add(&root, sizeof root), 0);
    gc_store(&root, one);
    gc_store(&one->next, two);
    assert_true(gc_cas(&one->next, two, flex));
    assert_ptr_equal(gc_exchange(&one->other, two), NULL);
    gc_move(conservative, (void **)&one->next, 2);
    assert_ptr_equal(conservative[1], two);
    gc_edit_begin(two);
    gc_edit_end(two);
    gc_shade(two);
    assert_ptr_equal(gc_pin(two), two);
    gc_unpin(two);
    gc_safepoint();
    gc_store(&root, (struct link *)NULL);
    assert_int_equal(gc_root_remove(&root), 0);
    tp_gc_weak *weak = gc_weak_make(one);
    assert_ptr_equal(gc_weak_get(weak), one);
    gc_weak_free(weak);
    int calls_up = 0;
    gc_cleanup_cancel(gc_cleanup_add(one, count_up, &calls_up));
    gc_blocking_begin();
    gc_blocking_end();
    assert_ptr_equal(gc_blocking_call(nothing, &calls_up), &calls_up);
    static char stack[4096];
    assert_int_equal(gc_stack_add(stack, sizeof stack), 0);
    assert_int_equal(gc_stack_remove(stack), 0);
    assert_int_equal(calls_up, 0);
    gc_thread_detach();
}

static void statistics(void **state)
{
    tp_memstats stats;
    (void)state;
    memstats_read(&stats);
    assert_true(stats.num_gc > 0);
    FILE *stream = fopen("/dev/null", "w");
    assert_non_null(stream);
    assert_int_equal(memstats_print(stream), 0);
    fclose(stream);
}

static char *formatted(tp_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

static void arenas(void **state)
{
    (void)state;
    unsigned one = 1;
    tp_arena_stats stats;
    tp_arena *arena = arena_create(&(tp_arena_options){.limit = 1 << 20});
    tp_arena *child = arena_child(arena, 100000);
    assert_non_null(child);
    assert_null(arena_alloc(child, 200000));
    assert_non_null(arena_alloc(child, 100));
    arena_destroy(child);
    tp_arena_mark mark = arena_save(arena);
    assert_int_equal(arena_defer(arena, count_call, &one), 0);
    assert_int_equal((uintptr_t)arena_alloc_aligned(arena, 100, 4096) % 4096, 0);
    int *zeroes = arena_alloc_zeroed(arena, 10, sizeof(int));
    assert_int_equal(zeroes[9], 0);
    zeroes[0] = 5;
    zeroes = arena_resize(arena, zeroes, 10 * sizeof(int), 1000 * sizeof(int));
    assert_int_equal(zeroes[0], 5);
    assert_string_equal(arena_strdup(arena, "tide"), "tide");
    assert_string_equal(arena_strndup(arena, "tidepool", 4), "tide");
    assert_memory_equal(arena_memdup(arena, "tide", 4), "tide", 4);
    assert_string_equal(arena_printf(arena, "%s %d", "tide", 7), "tide 7");
    assert_string_equal(formatted(arena, "%d %s", 7, "tides"), "7 tides");
    arena_rewind(arena, mark);
    assert_int_equal(calls, 1);
    arena_stats_read(arena, &stats);
    assert_int_equal(stats.limit, 1 << 20);
    arena_reset(arena);
    arena_destroy(arena);
    tp_arena *scratch = scratch_begin(NULL), *other = scratch_begin(scratch);
    assert_non_null(scratch);
    assert_ptr_not_equal(scratch, other);
    scratch_end(other);
    scratch_end(scratch);
}

static void pools_of_arenas(void **state)
{
    (void)state;
    tp_arena_pool *pool = arena_pool_create(NULL);
    tp_arena *arena = arena_pool_get(pool);
    assert_non_null(arena_alloc(arena, 10));
    arena_pool_put(pool, arena);
    arena_pool_destroy(pool);
}

static bool append_formatted(tp_bytes *bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bool done = bytes_vprintf(bytes, format, arguments);
    va_end(arguments);
    return done;
}

static void buffers(void **state)
{
    (void)state;
    tp_bytes bytes = {0};
    tp_view view = view_from_str("views");
    assert_true(bytes_reserve(&bytes, 1000));
    assert_true(bytes.cap >= 1000);
    assert_true(bytes_from_mem(&bytes, "tidepool", 4));
    assert_true(bytes_append(&bytes, "pool..", 4));
    assert_string_equal(bytes_str(&bytes), "tidepool");
    assert_true(bytes_from_str(&bytes, "a"));
    assert_true(bytes_append_str(&bytes, "b"));
    assert_true(bytes_append_view(&bytes, view_slice(view, 1, 3)));
    assert_true(bytes_append_byte(&bytes, 'c'));
    assert_true(bytes_append_i64(&bytes, -1));
    assert_true(bytes_append_u64(&bytes, UINT64_MAX));
    assert_true(bytes_append_double(&bytes, 0.5));
    assert_true(bytes_printf(&bytes, "%d%s", 3, "x"));
    assert_true(append_formatted(&bytes, "%s%d", "y", 4));
    assert_string_equal(bytes_str(&bytes), "abiec-1184467440737095516150.53xy4");
    bytes_reset(&bytes);
    unsigned char *room = bytes_room(&bytes, 5);
    assert_non_null(room);
    memcpy(room, "12345", 5);
    bytes.len += 5;
    assert_true(bytes_from_view(&bytes, view));
    assert_true(view_equal(view_from_bytes(&bytes), view));
    assert_true(view_equal_str(view_from_mem("viewsandmore", 5), "views"));
    assert_true(bytes_clip(&bytes));
    assert_true(bytes.cap < 1000);
    bytes_free(&bytes);
    assert_null(bytes.data);
}

static void pools_of_buffers(void **state)
{
    (void)state;
    tp_bytes_pool *pool = bytes_pool_create(NULL);
    tp_bytes_pool_stats stats;
    tp_bytes *bytes = bytes_get(pool);
    assert_non_null(bytes);
    bytes_put(pool, bytes);
    bytes_pool_stats_read(pool, &stats);
    assert_int_equal(stats.puts, 1);
    bytes_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools),
        cmocka_unit_test(cycles),
        cmocka_unit_test(arenas),
        cmocka_unit_test(pools_of_arenas),
        cmocka_unit_test(buffers),
        cmocka_unit_test(pools_of_buffers),
        cmocka_unit_test(collected_objects),
        cmocka_unit_test(statistics),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return cmocka_run_group_tests_name("short names", tests, NULL, NULL);
}
