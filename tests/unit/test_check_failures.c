/* SPDX-License-Identifier: BSD-2-Clause */
/* poolcheck without memory for its entries: nobody is accused for that. And a put within a put: the
   second is a double one, though the first has not ended.

   Linked with -Wl,--wrap for calloc and tsearch, which lib/pool/check.c calls. */
#include "heap_help.h"

#include <search.h>

#include "pool/pool.h"

#include <tidepool/version.h>

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));
void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));

static bool refuse_calloc, refuse_tsearch;
static unsigned refusals;

void *__wrap_calloc(size_t n, size_t size)
{
    refusals += refuse_calloc;
    return refuse_calloc ? NULL : __real_calloc(n, size);
}

void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
    refusals += refuse_tsearch;
    return refuse_tsearch ? NULL : __real_tsearch(key, root, compare);
}

/* --- first, while each object ever made has its entry --- */

static void put_foreign(void *pool)
{
    uint64_t foreign[8] = {0};
    tp_pool_put(pool, foreign);
}

static void put_twice(void *pool)
{
    void *object = tp_pool_get(pool);
    tp_pool_put(pool, object);
    tp_pool_put(pool, object);
}

static void misuse_is_found(void **state)
{
    (void)state;
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.name = "misused", .size = 64});
    assert_non_null(pool);
    help_expect_abort(put_foreign, pool, "no object of this pool");
    help_expect_abort(put_twice, pool, "double put");
    tp_pool_destroy(pool);
}

static void putting_reset(void *object, void *context)
{
    static bool again;
    if (!again) {
        again = true;
        tp_pool_put(*(tp_pool **)context, object);
    }
}

static void put_one(void *pool)
{
    tp_pool_put(pool, tp_pool_get(pool));
}

static void a_put_within_a_put_is_a_double_one(void **state)
{
    static tp_pool *pool;
    (void)state;
    pool = tp_pool_create(
        &(tp_pool_options){.size = 64, .reset = putting_reset, .context = (void *)&pool});
    assert_non_null(pool);
    help_expect_abort(put_one, pool, "double put");
    tp_pool_destroy(pool);
}

/* --- then without memory --- */

static void an_object_without_entry_is_put_as_any(bool *refuse, size_t live_max)
{
    tp_pool *pool = tp_pool_create(
        &(tp_pool_options){.name = "unwatched", .size = 64, .live_max = live_max});
    assert_non_null(pool);
    *refuse = true;
    refusals = 0;
    void *object = tp_pool_get(pool);
    *refuse = false;
    assert_non_null(object);
    assert_int_equal(refusals, 1);
    tp_pool_put(pool, object);
    help_expect_abort(put_foreign, pool, "no object of this pool"); /* the heap knows it is none */
    tp_pool_trim(pool);
    object = tp_pool_get(pool); /* this one has its entry */
    assert_non_null(object);
    tp_pool_put(pool, object);
    help_expect_abort(put_twice, pool, "double put");
    tp_pool_destroy(pool);
}

static void want_of_memory_accuses_nobody(void **state)
{
    (void)state;
    an_object_without_entry_is_put_as_any(&refuse_calloc, 0);
    an_object_without_entry_is_put_as_any(&refuse_tsearch, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misuse_is_found),
        cmocka_unit_test(a_put_within_a_put_is_a_double_one),
        cmocka_unit_test(want_of_memory_accuses_nobody),
    };
    (void)tp_version(); /* links the start of the library in */
    tpi_check_configure(1, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
