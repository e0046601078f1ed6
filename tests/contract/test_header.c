/* SPDX-License-Identifier: BSD-2-Clause */
/* The header as a program uses it: TP_POOL_DEFINE in several files and forms, the short names, the
   version. test_header_other.c is the second file. */
#include "support.h"
#include "test_header.h"

struct line {
    char text[120];
    unsigned length;
};

static unsigned line_resets;

static void line_reset(struct line *line)
{
    line->length = 0;
    line_resets++;
}

static void line_reset_any(void *object, void *context)
{
    (void)context;
    line_reset(object);
}

TP_POOL_DEFINE(plain, struct line)
TP_POOL_DEFINE(line, struct line, .reset = line_reset_any, .idle_max = 10)
TP_POOL_DEFINE(number, uint64_t, .live_max = 2)
TP_POOL_DEFINE(unused_one, char)
TP_POOL_DEFINE(shared_name, struct line) /* of the same name as the other file's */

struct wide {
    _Alignas(256) char bytes[300];
};
TP_POOL_DEFINE(wide, struct wide)

static unsigned foreign_made, foreign_freed;

static void *foreign_make(void *context)
{
    ++*(unsigned *)context;
    return malloc(sizeof(struct line));
}

static void foreign_free(void *object, void *context)
{
    (void)context;
    foreign_freed++;
    free(object);
}

TP_POOL_DEFINE(foreign, struct line, .make = foreign_make, .destruct = foreign_free,
               .context = &foreign_made)

static void a_defined_pool_is_typed_and_creates_itself(void **state)
{
    (void)state;
    struct line *one = plain_get(), *two = plain_get();
    assert_non_null(one);
    assert_non_null(two);
    assert_ptr_not_equal(one, two);
    memset(one, 1, sizeof *one);
    memset(two, 2, sizeof *two);
    plain_put(one);
    plain_put(two);
    plain_put(NULL);
    tp_pool_stats stats = support_stats(plain_pool());
    assert_int_equal(stats.gets, 2);
    assert_int_equal(stats.puts, 2);
    assert_int_equal(stats.idle, 2);
    assert_ptr_equal(plain_pool(), plain_pool());
}

static void a_put_of_null_creates_nothing(void **state)
{
    (void)state;
    unused_one_put(NULL);
    unused_one_put(unused_one_get());
}

static void options_may_be_given(void **state)
{
    struct line *lines[20];
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        assert_non_null(lines[i] = line_get());
    for (unsigned i = 0; i < 20; i++)
        line_put(lines[i]);
    assert_int_equal(line_resets, 20);
    assert_int_equal(support_stats(line_pool()).idle, 10);
    uint64_t *numbers[2] = {number_get(), number_get()};
    assert_non_null(numbers[0]);
    assert_non_null(numbers[1]);
    assert_null(number_get());
    assert_int_equal(errno, EAGAIN);
    assert_null(tp_pool_get_wait(number_pool(), 1000));
    number_put(numbers[0]);
    number_put(numbers[1]);
}

static void the_types_alignment_is_kept(void **state)
{
    (void)state;
    struct wide *wides[3];
    for (unsigned i = 0; i < 3; i++) {
        wides[i] = wide_get();
        assert_non_null(wides[i]);
        assert_int_equal((uintptr_t)wides[i] % 256, 0);
    }
    for (unsigned i = 0; i < 3; i++)
        wide_put(wides[i]);
}

static void make_may_be_given(void **state)
{
    (void)state;
    struct line *line = foreign_get();
    assert_non_null(line);
    line->length = 3;
    foreign_put(line);
    assert_int_equal(foreign_made, 1);
    tp_pool_trim(foreign_pool());
    assert_int_equal(foreign_freed, 1);
}

static void pools_of_one_name_in_two_files_are_two(void **state)
{
    (void)state;
    struct line *mine = shared_name_get();
    assert_non_null(mine);
    assert_ptr_not_equal(shared_name_pool(), other_pool());
    assert_int_equal(support_stats(other_pool()).gets, 0);
    assert_int_equal(other_get_and_put(), 0);
    assert_int_equal(support_stats(other_pool()).gets, 1);
    assert_int_equal(support_stats(shared_name_pool()).gets, 1);
    shared_name_put(mine);
}

static void inlined_and_called_functions_mix(void **state)
{
    (void)state;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64});
    assert_non_null(pool);
    for (unsigned i = 0; i < 200; i++) {
        void *objects[4] = {tp_pool_get(pool), other_get(pool), tp_pool_get(pool), other_get(pool)};
        void *memory[2] = {tp_heap_alloc(i), other_alloc(i)};
        for (unsigned j = 0; j < 4; j++)
            assert_non_null(objects[j]);
        other_put(pool, objects[0]);
        tp_pool_put(pool, objects[1]);
        tp_pool_put(pool, objects[2]);
        other_put(pool, objects[3]);
        other_free(memory[0]);
        tp_heap_free(memory[1]);
    }
    other_put(pool, NULL);
    other_free(NULL);
    tp_pool_stats stats = support_stats(pool);
    assert_int_equal(stats.gets, 800);
    assert_int_equal(stats.puts, 800);
    assert_int_equal(stats.made, 4);
    tp_pool_destroy(pool);
}

/* --- many threads meet at a pool's first get --- */

TP_POOL_DEFINE(first, struct line)

static struct support_gate first_gate = SUPPORT_GATE_INIT;
static unsigned first_wrong;

static void *gets_first(void *unused)
{
    support_gate_wait(&first_gate);
    struct line *line = first_get();
    if (line == NULL)
        support_add(&first_wrong, 1);
    first_put(line);
    return unused;
}

static void threads_that_meet_at_the_first_get_create_one_pool(void **state)
{
    pthread_t threads[8];
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        threads[i] = support_thread(gets_first, NULL);
    support_gate_open(&first_gate);
    for (unsigned i = 0; i < 8; i++)
        support_join(threads[i]);
    assert_int_equal(support_read(&first_wrong), 0);
    tp_pool_stats stats = support_stats(first_pool());
    assert_int_equal(stats.gets, 8);
    assert_int_equal(stats.idle, stats.made);
}

/* --- short names --- */

static void short_names_are_the_long_ones(void **state)
{
    (void)state;
    void *objects[4];
    tp_pool_stats stats;
    tp_pool *pool = pool_create(&(tp_pool_options){.size = 16, .live_max = 4});
    assert_non_null(pool);
    assert_int_equal(pool_reserve(pool, 2), 2);
    assert_int_equal(pool_get_many(pool, objects, 3), 3);
    objects[3] = pool_get(pool);
    assert_non_null(objects[3]);
    assert_null(pool_get_wait(pool, 0));
    pool_put_many(pool, objects, 3);
    pool_put(pool, objects[3]);
    pool_stats_read(pool, &stats);
    assert_int_equal(stats.puts, 4);
    pool_trim(pool);
    pool_destroy(pool);
    uint64_t number = gc_collect();
    assert_int_equal(gc_cycle(), number);
    int percent = gc_percent_set(50);
    assert_int_equal(gc_percent_set(percent), 50);
    int64_t limit = gc_memory_limit_set(-1);
    assert_true(gc_memory_limit_set(limit) == limit);
}

static void the_library_is_of_the_headers_version(void **state)
{
    char version[32];
    (void)state;
    snprintf(version, sizeof version, "%d.%d.%d", TP_VERSION_MAJOR, TP_VERSION_MINOR,
             TP_VERSION_PATCH);
    assert_string_equal(version, TP_VERSION_STRING);
    assert_string_equal(tp_version(), TP_VERSION_STRING);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_defined_pool_is_typed_and_creates_itself),
        cmocka_unit_test(a_put_of_null_creates_nothing),
        cmocka_unit_test(options_may_be_given),
        cmocka_unit_test(the_types_alignment_is_kept),
        cmocka_unit_test(make_may_be_given),
        cmocka_unit_test(pools_of_one_name_in_two_files_are_two),
        cmocka_unit_test(inlined_and_called_functions_mix),
        cmocka_unit_test(threads_that_meet_at_the_first_get_create_one_pool),
        cmocka_unit_test(short_names_are_the_long_ones),
        cmocka_unit_test(the_library_is_of_the_headers_version),
    };
    (void)argc;
    support_start(argv, support_no_scenarios);
    return support_group("header", tests, support_modes);
}
