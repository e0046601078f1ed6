/* SPDX-License-Identifier: BSD-2-Clause */
/* A cache of collected objects while a cycle marks: the visit sees each idle object once, wherever
   it is; gets take no more than they need; what idles later is shaded. */
#include "cache_help.h"

enum { BYTES = 1024 }; /* 62 objects a magazine */

static unsigned seen[OBJECTS];
static size_t shaded;

static void shade(void *const *objects, size_t n)
{
    (void)objects;
    shaded += n;
}

static void see(void *const *objects, size_t n, void *context)
{
    (void)context;
    for (size_t i = 0; i < n; i++)
        seen[help_index(objects[i])]++;
}

static struct tpi_cache cache;

static void open_marking(void)
{
    help_open(&cache, BYTES, 0);
    cache.shade = shade;
    shaded = 0;
    memset(seen, 0, sizeof seen);
}

static void mark(bool on)
{
    tpi_store_relaxed_32(&cache.closed, on ? TPI_CLOSED_MARKING : 0);
}

static void end_marking(void)
{
    tpi_cache_puts_end(&cache);
    tpi_store_relaxed_32(&cache.closed, TPI_CLOSED_DESTROYED);
    tpi_cache_take(&cache, TPI_TAKE_TO_DOOM);
    memset(help_dropped, 0, sizeof help_dropped);
    tpi_cache_drop_doomed(&cache);
    tpi_cache_close(&cache);
}

static void put(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        assert_true(tpi_cache_put(&cache, help_object(i)));
}

static void put_200(void *argument)
{
    size_t from = *(size_t *)argument;
    put(from, from + 200);
}

static void each_is_seen_once(void **state)
{
    struct lead lead;
    size_t from = 200;
    (void)state;
    lead_start(&lead);
    open_marking();
    put(0, 200);                    /* depot, previous, loaded */
    lead_do(&lead, put_200, &from); /* another thread's */
    tpi_cache_rotate_all();         /* all of them: victims */
    put(400, 500);
    from = 500;
    lead_do(&lead, put_200, &from);
    tpi_cache_take(&cache, TPI_TAKE_TO_DOOM); /* 0 to 700 are doomed */
    put(700, 800);
    mark(true);
    tpi_cache_visit_idle(&cache, see, NULL);
    for (size_t i = 0; i < OBJECTS; i++)
        assert_int_equal(seen[i], i < 800);
    assert_int_equal(shaded, 0);
    void *objects[200];
    assert_int_equal(tpi_cache_get_many(&cache, objects, 100), 100); /* they are idle still */
    lead_end(&lead);
    mark(false);
    end_marking();
}

static void a_get_moves_no_magazine_to_its_thread(void **state)
{
    (void)state;
    open_marking();
    put(0, 300);
    mark(true);
    tpi_cache_visit_idle(&cache, see, NULL);
    struct tpi_thread *thread = tpi_thread_lock();
    struct tp_detail_local *local = tpi_thread_local(thread, &cache);
    tpi_unlock(&thread->lock);
    for (unsigned i = 0; i < 100; i++) {
        assert_non_null(tpi_cache_get(&cache));
        assert_int_equal(tpi_local_level(local), 0);
        assert_int_equal(local->previous, 0);
        assert_int_equal(local->victims, 0);
    }
    mark(false);
    assert_non_null(tpi_cache_get(&cache));
    assert_true(tpi_local_level(local) > 0 || local->victims != 0); /* so it is otherwise */
    end_marking();
}

static void what_idles_later_is_shaded(void **state)
{
    void *objects[100];
    (void)state;
    open_marking();
    put(0, 10);
    assert_int_equal(shaded, 0);
    mark(true);
    tpi_cache_visit_idle(&cache, see, NULL);
    put(10, 110);
    assert_int_equal(shaded, 100);
    for (size_t i = 0; i < 100; i++)
        objects[i] = help_object(110 + i);
    assert_int_equal(tpi_cache_put_many(&cache, objects, 50), 50);
    assert_int_equal(shaded, 150);
    assert_int_equal(tpi_cache_fill(&cache, objects + 50, 50, true), 50);
    assert_int_equal(shaded, 200);
    tpi_cache_take(&cache, TPI_TAKE_TO_DOOM); /* visited or shaded, all of them */
    assert_int_equal(shaded, 200);
    mark(false);
    end_marking();
}

/* While the visit has some in hand, another thread trims. */
static void trim(void *argument)
{
    (void)argument;
    tpi_cache_take(&cache, TPI_TAKE_TO_DOOM);
}

static void *trim_main(void *argument)
{
    trim(argument);
    return NULL;
}

static pthread_t trimmer;

static void see_and_trim(void *const *objects, size_t n, void *context)
{
    bool *trimmed = context;
    see(objects, n, NULL);
    if (!*trimmed)
        assert_int_equal(pthread_create(&trimmer, NULL, trim_main, NULL), 0);
    *trimmed = true;
    tpi_os_sleep(1000000); /* it waits for the closers' lock */
}

static void what_is_trimmed_before_its_visit_is_shaded(void **state)
{
    bool trimmed = false;
    (void)state;
    open_marking();
    put(0, 600);
    mark(true);
    tpi_cache_visit_idle(&cache, see_and_trim, &trimmed);
    pthread_join(trimmer, NULL);
    size_t visited = 0;
    for (size_t i = 0; i < OBJECTS; i++)
        visited += seen[i];
    assert_int_equal(visited + shaded, 600);
    mark(false);
    end_marking();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_seen_once),
        cmocka_unit_test(a_get_moves_no_magazine_to_its_thread),
        cmocka_unit_test(what_idles_later_is_shaded),
        cmocka_unit_test(what_is_trimmed_before_its_visit_is_shaded),
    };
    tpi_sequences_set(TPI_SEQUENCES_OFF);
    return cmocka_run_group_tests_name("visiting a cache", tests, NULL, NULL);
}
