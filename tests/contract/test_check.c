/* SPDX-License-Identifier: BSD-2-Clause */
/* TIDEPOOL=poolcheck=N, in any build: misuse of objects aborts with one line that names the pool,
   the object and the rule; what is in use at exit is reported; right programs run as ever.

   Each misuse is a scenario in a process of its own, which says on stderr which object it
   misuses. */
#include "support.h"

static volatile size_t past = 0; /* what the compiler cannot see through */

static tp_pool *named(const char *name)
{
    return tp_pool_create(&(tp_pool_options){.name = name, .size = 64});
}

static void names(const void *address)
{
    fprintf(stderr, "address %p\n", address);
}

/* --- misuses --- */

static int double_put(void)
{
    tp_pool *pool = named("herring");
    void *object = tp_pool_get(pool), *volatile again = object;
    names(object);
    tp_pool_put(pool, object);
    tp_pool_put(pool, again);
    return 0;
}

static int double_put_many(void)
{
    tp_pool *pool = named("herring");
    void *objects[3] = {tp_pool_get(pool), tp_pool_get(pool), NULL};
    objects[2] = objects[0];
    names(objects[0]);
    tp_pool_put_many(pool, objects, 3);
    return 0;
}

static int double_put_later(void)
{
    enum { N = 500 };
    void *objects[N];
    tp_pool *pool = named("herring");
    if (tp_pool_get_many(pool, objects, N) != N)
        return 1;
    tp_pool_put_many(pool, objects, N);
    tp_gc_collect();
    names(objects[3]);
    tp_pool_put(pool, objects[3]);
    return 0;
}

static int foreign_stack(void)
{
    char array[64];
    char *volatile address = array;
    names(address);
    tp_pool_put(named("herring"), address);
    return 0;
}

static int foreign_heap(void)
{
    void *volatile address = tp_heap_alloc(64);
    names(address);
    tp_pool_put(named("herring"), address);
    return 0;
}

static int foreign_interior(void)
{
    tp_pool *pool = named("herring");
    char *object = tp_pool_get(pool);
    names(object + 16 + past);
    tp_pool_put(pool, object + 16 + past);
    return 0;
}

static int to_another_pool(void)
{
    tp_pool *pool = named("herring");
    void *object = tp_pool_get(named("salmon"));
    names(object);
    tp_pool_put(pool, object);
    return 0;
}

static int use_after_put(void)
{
    tp_pool *pool = named("herring");
    volatile char *object = tp_pool_get(pool);
    names((const void *)object);
    tp_pool_put(pool, (void *)object);
    object[17] = 1;
    return tp_pool_get(pool) == NULL;
}

static int use_after_put_dropped(void)
{
    tp_pool *pool = named("herring");
    volatile char *object = tp_pool_get(pool);
    names((const void *)object);
    tp_pool_put(pool, (void *)object);
    object[63] = 1;
    tp_pool_trim(pool);
    return 0;
}

static int construct_anything(void *object, void *context)
{
    (void)context;
    memset(object, 0x33, 64);
    return 0;
}

static int use_after_put_constructed(void)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.name = "herring", .size = 64, .construct = construct_anything});
    volatile char *object = tp_pool_get(pool);
    names((const void *)object);
    tp_pool_put(pool, (void *)object);
    object[0] = 1;
    return tp_pool_get(pool) == NULL;
}

static int destroy_twice(void)
{
    tp_pool *pool = named("herring");
    tp_pool *volatile again = pool;
    void *object = tp_pool_get(pool); /* so that it lingers */
    names(object);
    tp_pool_destroy(pool);
    tp_pool_destroy(again);
    return 0;
}

/* --- what is right --- */

static unsigned constructed, destructed;

static int counting_construct(void *object, void *context)
{
    (void)context;
    constructed++;
    memset(object, 0x33, 64);
    return 0;
}

static void counting_destruct(void *object, void *context)
{
    const unsigned char *bytes = object;
    (void)context;
    for (unsigned i = 0; i < 64; i++)
        if (bytes[i] != 0x33)
            abort(); /* destructed what was not constructed */
    destructed++;
}

static void *foreign_make(void *context)
{
    (void)context;
    return calloc(1, 64);
}

static void foreign_free(void *object, void *context)
{
    (void)context;
    free(object);
}

static int all_is_right(void)
{
    enum { N = 300 };
    void *objects[N];
    tp_pool *pools[3] = {
        named("plain"),
        tp_pool_create(&(tp_pool_options){
            .size = 64, .construct = counting_construct, .destruct = counting_destruct}),
        tp_pool_create(&(tp_pool_options){.make = foreign_make, .destruct = foreign_free})};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned round = 0; round < 4; round++) {
            size_t n = tp_pool_get_many(pools[i], objects, N);
            for (size_t j = 0; j < n; j++) {
                if (i == 1 && ((unsigned char *)objects[j])[9] != 0x33)
                    return 1;
                memset(objects[j], 0x33, 64);
            }
            tp_pool_put_many(pools[i], objects, n);
            if (round == 1)
                tp_gc_collect();
            if (round == 2)
                tp_pool_trim(pools[i]);
            if (n != N)
                return 2;
        }
    for (unsigned i = 0; i < 3; i++)
        tp_pool_destroy(pools[i]);
    return constructed == destructed && constructed >= N ? 0 : 3;
}

/* A pool whose objects are another's: with what belongs to a request in them, for instance. */
static void *make_from_pool(void *pool)
{
    return tp_pool_get(pool);
}

static void put_into_pool(void *object, void *pool)
{
    tp_pool_put(pool, object);
}

static int one_from_another(void)
{
    enum { N = 100 };
    void *objects[N];
    tp_pool *below = named("below");
    tp_pool *above = tp_pool_create(
        &(tp_pool_options){.make = make_from_pool, .destruct = put_into_pool, .context = below});
    for (unsigned round = 0; round < 4; round++) {
        if (tp_pool_get_many(above, objects, N) != N)
            return 1;
        tp_pool_put_many(above, objects, N);
        if (round % 2 != 0)
            tp_pool_trim(above);
    }
    tp_pool_destroy(above);
    tp_pool_destroy(below);
    return 0;
}

/* --- at exit --- */

__attribute__((noinline)) static void *leaking_function(tp_pool *pool)
{
    return tp_pool_get(pool);
}

static int leaks(void)
{
    tp_pool *pool = named("herring");
    void *object = leaking_function(pool);
    names(object);
    tp_pool_put(pool, tp_pool_get(pool));
    return 0;
}

static int leaks_many(void)
{
    tp_pool *pool = named("herring");
    for (unsigned i = 0; i < 35; i++)
        if (leaking_function(pool) == NULL)
            return 1;
    return 0;
}

static int unnamed_leak(void)
{
    return leaking_function(tp_pool_create(&(tp_pool_options){.size = 64})) == NULL;
}

/* --- sampled: one object in eight is watched --- */

static int one_misuse_in_many(void)
{
    void *objects[64];
    tp_pool *pool = named("herring");
    if (tp_pool_get_many(pool, objects, 64) != 64)
        return 1;
    for (unsigned i = 0; i < 64; i++)
        tp_pool_put(pool, objects[i]);
    for (unsigned i = 0; i < 64; i++)
        ((volatile char *)objects[i])[5] = 1;
    tp_pool_trim(pool);
    return 0;
}

static const struct support_scenario scenarios[] = {
    {"double_put", double_put},
    {"double_put_many", double_put_many},
    {"double_put_later", double_put_later},
    {"foreign_stack", foreign_stack},
    {"foreign_heap", foreign_heap},
    {"foreign_interior", foreign_interior},
    {"to_another_pool", to_another_pool},
    {"use_after_put", use_after_put},
    {"use_after_put_dropped", use_after_put_dropped},
    {"use_after_put_constructed", use_after_put_constructed},
    {"destroy_twice", destroy_twice},
    {"all_is_right", all_is_right},
    {"one_from_another", one_from_another},
    {"leaks", leaks},
    {"leaks_many", leaks_many},
    {"unnamed_leak", unnamed_leak},
    {"one_misuse_in_many", one_misuse_in_many},
    {NULL, NULL},
};

/* --- the tests --- */

/* Aborts with one line that says so and names the pool and the object; ASan may be faster where it
   sees the write itself. */
static void misuse(const char *name, const char *options, const char *says)
{
    struct support_result result;
    char address[64] = "?";
    support_run(name, options, &result);
    (void)sscanf(result.text, "address %63s", address);
    const char *line = strstr(result.text, "tidepool: ");
    if (strstr(result.text, "ERROR: AddressSanitizer: use-after-poison") != NULL)
        return;
    if (line == NULL || strstr(line, says) == NULL || strstr(line, "'herring'") == NULL ||
        (strcmp(name, "destroy_twice") != 0 && strstr(line, address) == NULL) ||
        support_lines(result.text) != 1 || !WIFSIGNALED(result.status) ||
        WTERMSIG(result.status) != SIGABRT)
        fail_msg("%s with %s did not abort with one line that says '%s', 'herring' and %s: status "
                 "0x%x, stderr:\n%s",
                 name, options, says, address, (unsigned)result.status, result.text);
}

static void a_double_put_aborts(void **state)
{
    (void)state;
    misuse("double_put", "poolcheck=1", "double put");
    misuse("double_put_many", "poolcheck=1", "double put");
    misuse("double_put_later", "poolcheck=1", "double put");
}

static void a_put_of_a_foreign_pointer_aborts(void **state)
{
    (void)state;
    misuse("foreign_stack", "poolcheck=1", "no object of this pool");
    misuse("foreign_heap", "poolcheck=1", "no object of this pool");
    misuse("foreign_interior", "poolcheck=1", "no object of this pool");
    misuse("foreign_stack", "poolcheck=8", "no object of this pool");
    misuse("foreign_interior", "poolcheck=8", "no object of this pool");
}

static void a_put_to_another_pool_aborts(void **state)
{
    (void)state;
    misuse("to_another_pool", "poolcheck=1", "'salmon'");
}

static void a_write_after_the_put_aborts(void **state)
{
    (void)state;
    misuse("use_after_put", "poolcheck=1", "offset 17");
    misuse("use_after_put_dropped", "poolcheck=1", "offset 63");
    misuse("use_after_put_constructed", "poolcheck=1", "offset 0");
}

static void destroying_twice_aborts_even_unchecked(void **state)
{
    (void)state;
    misuse("destroy_twice", "poolcheck=1", "destroyed twice");
    misuse("destroy_twice", "service=1", "destroyed twice");
}

static void one_object_in_so_many_is_watched(void **state)
{
    struct support_result result;
    (void)state;
    support_run("one_misuse_in_many", "poolcheck=8", &result);
    assert_true(!support_has_passed(&result));
    if (strstr(result.text, "AddressSanitizer") == NULL)
        assert_non_null(strstr(result.text, "offset 5"));
}

static void right_programs_run_as_ever(void **state)
{
    (void)state;
    support_passes("all_is_right", "poolcheck=1");
    support_passes("all_is_right", "poolcheck=8");
    support_passes("all_is_right", "poolcheck=1,service=0");
    support_passes("one_from_another", "poolcheck=1");
}

static void what_is_in_use_at_exit_is_reported_with_its_get(void **state)
{
    struct support_result result;
    char address[64] = "?";
    (void)state;
    support_run("leaks", "poolcheck=1", &result);
    assert_true(support_has_passed(&result));
    (void)sscanf(result.text, "address %63s", address);
    const char *line = strstr(result.text, "tidepool: ");
    if (support_lines(result.text) != 1 || line == NULL || strstr(line, "'herring'") == NULL ||
        strstr(line, address) == NULL || strstr(line, "test_check") == NULL)
        fail_msg("the report does not name pool, object and program:\n%s", result.text);
    support_run("unnamed_leak", "poolcheck=1", &result);
    assert_int_equal(support_lines(result.text), 1);
    assert_non_null(strstr(result.text, "unnamed"));
    support_run("leaks_many", "poolcheck=1", &result);
    assert_in_range(support_lines(result.text), 2, 20); /* a screen of them, and how many more */
    assert_non_null(strstr(result.text, "25 "));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_double_put_aborts),
        cmocka_unit_test(a_put_of_a_foreign_pointer_aborts),
        cmocka_unit_test(a_put_to_another_pool_aborts),
        cmocka_unit_test(a_write_after_the_put_aborts),
        cmocka_unit_test(destroying_twice_aborts_even_unchecked),
        cmocka_unit_test(one_object_in_so_many_is_watched),
        cmocka_unit_test(right_programs_run_as_ever),
        cmocka_unit_test(what_is_in_use_at_exit_is_reported_with_its_get),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
