/* SPDX-License-Identifier: BSD-2-Clause */
/* What lib/cache does for and to threads: limits open and close, closers reach every record, what a
   thread leaves is found, numbers and capacities, bits that keep a cache closed. */
#include "cache_help.h"

static struct tpi_cache cache;

static struct tp_detail_local *own_local(void)
{
    return tp_detail_local_at(cache.number * TP_DETAIL_LOCAL_BYTES);
}

static void put_objects(size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++)
        assert_true(tpi_cache_put(&cache, help_object(i)));
}

static void get_objects(size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_non_null(tpi_cache_get(&cache));
}

/* --- the way up: small, grown, previous, depot --- */

static void magazines_fill_one_after_the_other(void **state)
{
    struct walk walk;
    (void)state;
    help_open(&cache, 64, 0);
    assert_null(tpi_cache_get(&cache));
    put_objects(0, 1);
    assert_int_equal(own_local()->capacity, 6);
    put_objects(1, 6);
    assert_int_equal(own_local()->capacity, 62);
    put_objects(7, 55);
    walk_cache(&walk, &cache);
    assert_true(walk.loaded == 62 && walk.previous == 0 && walk.depot_magazines == 0);
    put_objects(62, 62);
    walk_cache(&walk, &cache);
    assert_true(walk.loaded == 62 && walk.previous == 62 && walk.depot_magazines == 0);
    put_objects(124, 1);
    walk_cache(&walk, &cache);
    assert_true(walk.loaded == 1 && walk.previous == 62 && walk.depot_magazines == 1);
    for (size_t i = 125; i-- > 0;) { /* and down again: what was put last comes first */
        void *object = tpi_cache_get(&cache);
        assert_true(help_index(object) / 62 == i / 62);
    }
    assert_null(tpi_cache_get(&cache));
    help_close(&cache);
}

static void a_pair_at_the_edge_moves_no_magazine(void **state)
{
    struct walk walk;
    (void)state;
    help_open(&cache, 64, 0);
    put_objects(0, 186);
    walk_cache(&walk, &cache);
    assert_int_equal(walk.depot_magazines, 1);
    for (int i = 0; i < 1000; i++) { /* at every level of both of its magazines, once */
        void *objects[70];
        size_t n = (size_t)i % 70;
        for (size_t got = 0; got < n; got++)
            objects[got] = tpi_cache_get(&cache);
        for (size_t got = 0; got < n; got++)
            assert_true(tpi_cache_put(&cache, objects[got]));
    }
    walk_cache(&walk, &cache);
    assert_int_equal(walk.depot_magazines, 1);
    assert_int_equal(walk_idle(&walk), 186);
    help_close(&cache);
}

/* --- limits --- */

static void an_owner_opens_its_limits_and_they_count(void **state)
{
    struct tpi_cache_counts counts;
    void *object;
    (void)state;
    help_open(&cache, 64, 0);
    assert_false(tp_detail_get(own_local(), &object));
    assert_false(tp_detail_put(own_local(), help_object(0)));
    put_objects(0, 3);
    if (!tpi_sequences_on()) {
        assert_false(tp_detail_get(own_local(), &object));
        assert_false(tp_detail_put(own_local(), help_object(3)));
        help_close(&cache);
        return;
    }
    for (size_t i = 3; i-- > 0;) {
        assert_true(tp_detail_get(own_local(), &object));
        assert_ptr_equal(object, help_object(i));
    }
    assert_false(tp_detail_get(own_local(), &object));
    for (size_t i = 0; i < 6; i++)
        assert_true(tp_detail_put(own_local(), help_object(i)));
    assert_false(tp_detail_put(own_local(), help_object(6)));
    assert_false(tp_detail_put(own_local(), NULL));
    tpi_cache_counts(&cache, &counts);
    assert_int_equal(counts.hits, 3);
    assert_int_equal(counts.puts, 9);
    help_close(&cache);
}

static void sequences_of_many_stop_at_the_limits(void **state)
{
    void *objects[64], *got[64] = {NULL};
    (void)state;
    help_open(&cache, 64, 0);
    for (size_t i = 0; i < 64; i++)
        objects[i] = help_object(i);
    put_objects(0, 7); /* a magazine of 62 */
    if (tpi_sequences_on()) {
        assert_int_equal(tpi_sequence_put_many(own_local(), objects + 7, 57), 55);
        for (size_t n = 0; n <= 9; n++) {
            assert_int_equal(tpi_sequence_get_many(own_local(), got, n), n);
            for (size_t i = 0; i < n; i++)
                assert_ptr_equal(got[i], objects[62 - n + i]);
            assert_int_equal(tpi_sequence_put_many(own_local(), got, n), n);
        }
        assert_int_equal(tpi_sequence_get_many(own_local(), got, 64), 62);
    }
    assert_int_equal(tpi_sequence_get_many(own_local(), got, 64), 0);
    tpi_cache_take(&cache, TPI_TAKE_TO_DEPOT);
    assert_int_equal(tpi_sequence_put_many(own_local(), objects, 3), 0);
    help_close(&cache);
}

static void callbacks_on_put_close_the_inlined_put_alone(void **state)
{
    void *object;
    (void)state;
    help_open(&cache, 64, 0);
    cache.calls_on_put = true;
    put_objects(0, 3);
    assert_false(tp_detail_put(own_local(), help_object(3)));
    assert_int_equal(tp_detail_get(own_local(), &object), tpi_sequences_on());
    object = help_object(3);
    assert_int_equal(tpi_sequence_put_many(own_local(), &object, 1), tpi_sequences_on());
    help_close(&cache);
}

/* Whoever takes leaves limits closed, and the floor above any level that the owner may have read
   before: only the owner opens it again. */
static void a_record_that_others_empty_stays_closed(void **state)
{
    void *object;
    (void)state;
    help_open(&cache, 64, 0);
    for (int how = 0; how < 4; how++) {
        put_objects(0, 10);
        if (how < 2)
            tpi_cache_take(&cache, how == 0 ? TPI_TAKE_TO_DEPOT : TPI_TAKE_TO_DOOM);
        else
            tpi_cache_rotate_all();
        assert_int_equal(own_local()->floor, TPI_CLOSED_FLOOR);
        assert_int_equal(own_local()->ceiling, 0);
        assert_int_equal(own_local()->ceiling_called, 0);
        assert_int_equal(tpi_local_level(own_local()), 0);
        assert_false(tp_detail_get(own_local(), &object));
        assert_false(tp_detail_put(own_local(), help_object(11)));
        tpi_cache_rotate_all();
        tpi_cache_rotate_all(); /* nothing for a whole cycle: retired */
        assert_int_equal(own_local()->floor, TPI_CLOSED_FLOOR);
        tpi_cache_take(&cache, TPI_TAKE_TO_DOOM);
        tpi_cache_drop_doomed(&cache);
        memset(help_dropped, 0, sizeof help_dropped);
    }
    help_close(&cache);
}

static void the_closed_bits_close(void **state)
{
    static const uint32_t bits[] = {TPI_CLOSED_WAITING, TPI_CLOSED_CHECKING, TPI_CLOSED_DESTROYED};
    void *object;
    (void)state;
    for (int i = 0; i < 3; i++) {
        help_open(&cache, 64, 0);
        put_objects(0, 3);
        cache.closed = bits[i];
        assert_non_null(tpi_cache_get(&cache)); /* its slow path sees the bit */
        assert_false(tp_detail_get(own_local(), &object));
        assert_int_equal(tpi_cache_put(&cache, help_object(2)), bits[i] == TPI_CLOSED_CHECKING);
        assert_false(tp_detail_put(own_local(), help_object(5)));
        help_close(&cache);
    }
}

/* --- closers and threads --- */

enum { MANY_THREADS = 70 }; /* more than two batches */

static struct lead leads[MANY_THREADS];
static unsigned visits;

static void put_one(void *argument)
{
    help_require(tpi_cache_put(&cache, argument));
}

static void visit(struct tpi_thread *thread, struct tpi_cache *visited, void *context)
{
    const struct tp_detail_local *local = tpi_thread_local(thread, visited);
    assert_ptr_equal(visited, &cache);
    assert_ptr_equal(context, &visits);
    assert_false(tpi_local_is_open(local));
    assert_int_not_equal(pthread_mutex_trylock(&thread->lock.mutex), 0);
    visits++;
}

static void closers_visit_every_thread_once(void **state)
{
    struct walk walk;
    (void)state;
    help_open(&cache, 64, 0);
    for (size_t i = 0; i < MANY_THREADS; i++)
        lead_start(&leads[i]);
    for (size_t i = 0; i < MANY_THREADS; i += 2) /* the others have not used it */
        lead_do(&leads[i], put_one, help_object(i));
    visits = 0;
    tpi_close_and_visit(&cache, visit, &visits);
    assert_int_equal(visits, MANY_THREADS / 2);
    walk_cache(&walk, &cache);
    assert_int_equal(walk.loaded, MANY_THREADS / 2);
    tpi_cache_take(&cache, TPI_TAKE_TO_DEPOT);
    walk_cache(&walk, &cache);
    assert_int_equal(walk.loaded, 0);
    assert_int_equal(walk.in_depot, MANY_THREADS / 2);
    for (size_t i = 0; i < MANY_THREADS; i++)
        lead_end(&leads[i]);
    get_objects(MANY_THREADS / 2);
    help_close(&cache);
}

static void put_some(void *argument)
{
    (void)argument;
    for (size_t i = 0; i < 100; i++)
        help_require(tpi_cache_put(&cache, help_object(i)));
    for (size_t i = 0; i < 3; i++)
        help_require(tpi_cache_get(&cache) != NULL);
}

static void what_a_thread_leaves_is_found(void **state)
{
    struct lead lead;
    struct walk walk;
    struct tpi_cache_counts counts;
    (void)state;
    help_open(&cache, 64, 0);
    lead_start(&lead);
    lead_do(&lead, put_some, NULL);
    tpi_cache_rotate_all(); /* victims */
    lead_do(&lead, put_one, help_object(200));
    struct tpi_thread *record = lead_record(&lead);
    lead_end(&lead);
    walk_cache(&walk, &cache);
    assert_int_equal(walk.loaded + walk.previous + walk.victims, 0);
    assert_int_equal(walk.in_depot, 1);
    assert_int_equal(walk.in_victim_depot, 97);
    tpi_cache_counts(&cache, &counts);
    assert_true(counts.hits == 3 && counts.puts == 101);
    assert_null(record->rseq_cs);
    for (unsigned i = 0; i < TPI_CACHES_MAX / 64; i++)
        assert_int_equal(record->active[i], 0);
    get_objects(98);
    lead_start(&lead); /* the next thread has that record, and finds it closed */
    assert_ptr_equal(lead_record(&lead), record);
    lead_end(&lead);
    help_close(&cache);
}

/* --- counts while threads come and go --- */

static void get_and_put_some(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++) {
        put_one(help_object(0));
        help_require(tpi_cache_get(&cache) != NULL);
    }
}

static void read_counts(void *argument)
{
    tpi_cache_counts(&cache, argument);
}

/* A thread ends while its counts are read: they are in its record or retired, never in both. */
static void no_count_is_counted_twice(void **state)
{
    struct lead pair[2], reader;
    struct tpi_cache_counts counts;
    struct tpi_thread *records[2], *next = tpi_thread_first();
    (void)state;
    help_open(&cache, 64, 0);
    lead_start(&reader);
    for (int i = 0; i < 2; i++) {
        lead_start(&pair[i]);
        records[i] = lead_record(&pair[i]);
    }
    while (next != records[0] && next != records[1])
        next = next->next;
    int first = next == records[1]; /* of the two, it is visited first */
    lead_do(&pair[first], get_and_put_some, NULL);
    tpi_lock(&records[!first]->lock); /* the reader stops here */
    reader.run = read_counts;
    reader.argument = &counts;
    sem_post(&reader.go);
    usleep(20000); /* it is there by now, or the test shows nothing */
    lead_end(&pair[first]);
    tpi_unlock(&records[!first]->lock);
    lead_wait(&reader.done);
    assert_int_equal(counts.hits, 100);
    assert_int_equal(counts.puts, 100);
    lead_end(&pair[!first]);
    lead_end(&reader);
    help_close(&cache);
}

/* --- after the exit handler --- */

static struct tpi_thread *late_record;
static bool late_inlined;

static void late(void *argument)
{
    void *object = help_object(50), *missed;
    (void)argument;
    late_inlined = tp_detail_put(own_local(), object);
    help_require(tpi_cache_put(&cache, object));
    help_require(tpi_cache_get(&cache) == object);
    late_inlined |= tp_detail_get(own_local(), &missed) || tp_detail_put(own_local(), object);
    help_require(tpi_cache_put(&cache, object));
    lead_find_record(&late_record);
}

static void *leave_late(void *argument)
{
    pthread_setspecific(*(pthread_key_t *)argument, argument);
    put_one(help_object(40));
    return NULL;
}

static void after_its_exit_handler_a_thread_has_no_fast_path(void **state)
{
    pthread_key_t key; /* newer than the library's: its destructor runs later */
    pthread_t thread;
    struct walk walk;
    (void)state;
    help_open(&cache, 64, 0);
    assert_int_equal(pthread_key_create(&key, late), 0);
    pthread_create(&thread, NULL, leave_late, &key);
    pthread_join(thread, NULL);
    pthread_key_delete(key);
    assert_false(late_inlined);
    assert_non_null(late_record);
    assert_null(late_record->rseq_cs);
    walk_cache(&walk, &cache);
    assert_int_equal(walk_idle(&walk), 2);
    tpi_cache_take(&cache, TPI_TAKE_TO_DOOM); /* the record that all such threads share too */
    walk_cache(&walk, &cache);
    assert_int_equal(walk.doomed, 2);
    help_close(&cache);
}

/* --- numbers and capacities --- */

static void numbers_are_given_lowest_first(void **state)
{
    static struct tpi_cache caches[TPI_CACHES_MAX];
    uint32_t opened = 0;
    (void)state;
    for (; opened < TPI_CACHES_MAX; opened++) {
        caches[opened] = (struct tpi_cache){.bytes = 64, .give_back = help_give_back};
        errno = 0;
        uint32_t number = tpi_cache_number_take();
        if (number == 0)
            break;
        assert_int_equal(number, opened + 1); /* 0 is always closed */
        tpi_cache_open(&caches[opened], number);
    }
    assert_int_equal(opened, TPI_CACHES_MAX - 1);
    assert_int_equal(errno, EAGAIN);
    tpi_cache_close(&caches[4000]);
    tpi_cache_close(&caches[70]);
    tpi_cache_open(&caches[4000], tpi_cache_number_take());
    assert_int_equal(caches[4000].number, 71);
    tpi_cache_open(&caches[70], tpi_cache_number_take());
    assert_int_equal(caches[70].number, 4001);
    for (uint32_t i = 0; i < opened; i++)
        tpi_cache_close(&caches[i]);
}

static void capacity_follows_the_size(void **state)
{
    static const uint64_t sizes[][3] = {{0, 62, 62},     {16, 62, 62},    {1024, 62, 62},
                                        {1025, 30, 62},  {2048, 30, 62},  {4096, 14, 56},
                                        {8192, 6, 24},   {8193, 2, 8},    {32768, 2, 8},
                                        {32769, 1, 4},   {1 << 30, 1, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        help_open(&cache, sizes[i][0], 0);
        assert_int_equal(cache.capacity, sizes[i][1]);
        for (int quiet = 0; quiet < 5; quiet++) /* never below where it began */
            tpi_cache_rotate_all();
        assert_int_equal(cache.capacity, sizes[i][1]);
        for (int fought = 0; fought < 8; fought++) {
            cache.contention += 100;
            uint32_t before = cache.capacity;
            tpi_cache_rotate_all();
            assert_true(cache.capacity > before || before == sizes[i][2]);
        }
        assert_int_equal(cache.capacity, sizes[i][2]);
        cache.contention += 3; /* a little: it stays */
        tpi_cache_rotate_all();
        assert_int_equal(cache.capacity, sizes[i][2]);
        for (int quiet = 0; quiet < 8; quiet++)
            tpi_cache_rotate_all();
        assert_int_equal(cache.capacity, sizes[i][1]);
        help_close(&cache);
    }
}

static void all_caches_together_are_bounded(void **state)
{
    static struct tpi_cache other;
    struct walk walk, other_walk;
    (void)state;
    tpi_cached_bytes_max_set(100 * 1000);
    help_open(&cache, 1000, 0);
    help_open(&other, 1000, 0);
    for (size_t i = 0; i < 500; i++)
        if (!tpi_cache_put(i % 2 == 0 ? &cache : &other, help_object(i)))
            help_dropped[i] = true;
    walk_cache(&walk, &cache);
    walk_cache(&other_walk, &other);
    size_t idle = walk_idle(&walk) + walk_idle(&other_walk);
    assert_true(idle >= 100 && idle < 100 + 2 * 62);
    memset(help_dropped, 0, sizeof help_dropped);
    help_close(&cache);
    help_close(&other);
    help_open(&cache, 1000, 0); /* what was dropped has been given back */
    put_objects(0, 100);
    help_close(&cache);
    tpi_cached_bytes_max_set(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(magazines_fill_one_after_the_other),
        cmocka_unit_test(a_pair_at_the_edge_moves_no_magazine),
        cmocka_unit_test(an_owner_opens_its_limits_and_they_count),
        cmocka_unit_test(sequences_of_many_stop_at_the_limits),
        cmocka_unit_test(callbacks_on_put_close_the_inlined_put_alone),
        cmocka_unit_test(a_record_that_others_empty_stays_closed),
        cmocka_unit_test(the_closed_bits_close),
        cmocka_unit_test(closers_visit_every_thread_once),
        cmocka_unit_test(what_a_thread_leaves_is_found),
        cmocka_unit_test(no_count_is_counted_twice),
        cmocka_unit_test(after_its_exit_handler_a_thread_has_no_fast_path),
        cmocka_unit_test(numbers_are_given_lowest_first),
        cmocka_unit_test(capacity_follows_the_size),
        cmocka_unit_test(all_caches_together_are_bounded),
    };
    return cache_tests_run("test_cache_threads", tests, sizeof tests / sizeof tests[0]);
}
