/* SPDX-License-Identifier: BSD-2-Clause */
/* Small objects in batches: random histories against a list of what is out, bad frees, threads that
   exchange objects, and what is left after a peak. */
#include <pthread.h>

#include "heap_help.h"

enum { LIVE_MAX = 40000, STEPS = 4000, BATCH_MAX = 200 };

struct small {
    char *at;
    uint64_t stamp;
    unsigned size_class;
};

/* As lib/cache does for its users: objects are hidden while they are not in use. */
static void stamp(const struct small *object)
{
    size_t bytes = tp_detail_class_bytes(object->size_class);
    tpi_track_show(object->at, bytes);
    memcpy(object->at, &object->stamp, 8);
    memcpy(object->at + bytes - 8, &object->stamp, 8);
}

static void check_stamp_and_hide(const struct small *object)
{
    size_t bytes = tp_detail_class_bytes(object->size_class);
    uint64_t first, last;
    memcpy(&first, object->at, 8);
    memcpy(&last, object->at + bytes - 8, 8);
    help_require(first == object->stamp && last == object->stamp);
    tpi_track_hide(object->at, bytes);
}

static void check_where(const struct small *object, size_t offset, bool allocated)
{
    struct tpi_where where = tpi_heap_where(object->at + offset);
    assert_non_null(where.span);
    assert_int_equal(where.state, TPI_SPAN_SMALL);
    assert_int_equal(where.size_class, object->size_class);
    assert_ptr_equal(where.start, object->at);
    assert_int_equal(where.bytes, tp_detail_class_bytes(object->size_class));
    assert_int_equal(where.allocated, allocated);
    assert_int_equal(tp_detail_class_of_address(object->at + offset), object->size_class);
}

static size_t take(struct help_random *random, struct small *live, size_t n)
{
    void *batch[BATCH_MAX];
    unsigned size_class = 1 + (unsigned)help_below(random, TP_DETAIL_CLASSES - 1);
    size_t bytes = tp_detail_class_bytes(size_class);
    size_t most = tpi_min((size_t)BATCH_MAX, 1 + (256 << 10) / bytes);
    size_t wanted = 1 + help_below(random, most);
    wanted = tpi_min(wanted, LIVE_MAX - n);
    assert_int_equal(tpi_central_alloc(size_class, batch, wanted), wanted);
    for (size_t i = 0; i < wanted; i++) {
        struct small object = {batch[i], help_next(random), size_class};
        assert_int_equal((uintptr_t)batch[i] % 16, 0);
        check_where(&object, help_below(random, bytes), true);
        stamp(&object);
        live[n + i] = object;
    }
    return n + wanted;
}

/* Gives a batch back: objects of any classes, or neighbours in the list, which are of one class. */
static size_t give(struct help_random *random, struct small *live, size_t n)
{
    void *batch[BATCH_MAX];
    size_t wanted = 1 + help_below(random, BATCH_MAX);
    wanted = tpi_min(wanted, n);
    bool mixed = help_below(random, 2) == 0;
    size_t start = help_below(random, n - wanted + 1);
    struct small last = {0};
    for (size_t i = 0; i < wanted; i++) {
        size_t at = mixed ? help_below(random, n) : tpi_min(start, n - 1);
        last = live[at];
        check_stamp_and_hide(&last);
        batch[i] = last.at;
        live[at] = live[--n];
    }
    tpi_central_free(batch, wanted);
    struct tpi_where where = tpi_heap_where(last.at);
    assert_false(where.span != NULL && where.allocated);
    return n;
}

static void random_history(void **state)
{
    (void)state;
    struct help_random random = help_seed("central");
    struct small *live = malloc(LIVE_MAX * sizeof *live);
    size_t n = 0;
    assert_non_null(live);
    for (int i = 0; i < STEPS; i++) {
        /* The population rises and falls, to nothing at times. */
        bool rising = i % 1000 < 450 || (i % 1000 < 700 && help_below(&random, 2) == 0);
        if (n == 0 || (rising && n < LIVE_MAX))
            n = take(&random, live, n);
        else
            n = give(&random, live, n);
        if (i % 100 == 0)
            help_check_heap();
        if (help_below(&random, 300) == 0)
            tpi_heap_scavenge(help_below(&random, 8 << 20));
    }
    while (n > 0)
        n = give(&random, live, n);
    /* A class keeps one empty span, until the scavenger runs. */
    assert_true(tpi_pageheap.spans <= TP_DETAIL_CLASSES - 1);
    tpi_heap_scavenge(0);
    assert_int_equal(tpi_heap_in_use(), 0);
    assert_int_equal(tpi_heap_resident(), 0);
    help_check_heap();
    free(live);
}

static void where_knows_the_whole_slot(void **state)
{
    (void)state;
    for (unsigned c = 1; c < TP_DETAIL_CLASSES; c++) {
        void *object;
        assert_int_equal(tpi_central_alloc(c, &object, 1), 1);
        struct small small = {object, 0, c};
        size_t bytes = tp_detail_class_bytes(c);
        check_where(&small, 0, true);
        check_where(&small, bytes - 1, true);
        struct small next = {(char *)object + bytes, 0, c};
        check_where(&next, 0, false);
        struct tpi_span *span = tpi_span_of((uintptr_t)object);
        uintptr_t behind = span->base + (uintptr_t)tpi_class_slots(c) * bytes;
        if (behind < tpi_span_end(span))
            assert_null(tpi_heap_where((void *)behind).span);
        tpi_central_free(&object, 1);
        check_where(&small, 0, false);
    }
    int local;
    assert_null(tpi_heap_where(&local).span);
    assert_null(tpi_heap_where(NULL).span);
    assert_null(tpi_heap_where((void *)UINTPTR_MAX).span);
    tpi_heap_scavenge(0);
    assert_int_equal(tpi_heap_in_use(), 0);
}

/* --- what must abort --- */

static void free_small(void *object)
{
    tpi_central_free(&object, 1);
}

static void bad_frees_abort(void **state)
{
    (void)state;
    void *objects[3], *local = objects;
    assert_int_equal(tpi_central_alloc(tp_detail_class_of_size(100), objects, 3), 3);
    char *large = tpi_large_alloc(100000, 16, false), *pages = tpi_pages_alloc(1);
    help_expect_abort(free_small, local, "not from this heap");
    help_expect_abort(tpi_large_free, local, "not from this heap");
    help_expect_abort(free_small, NULL, "not from this heap");
    help_expect_abort(free_small, (char *)objects[1] + 16, "not the start of an object");
    help_expect_abort(tpi_large_free, large + 16, "not the start of an object");
    help_expect_abort(tpi_large_free, objects[1], "freed as another kind of object");
    help_expect_abort(free_small, large, "freed as another kind of object");
    help_expect_abort(free_small, pages, "not in an object");
    help_expect_abort(tpi_large_free, pages, "not in an object");
    help_expect_abort(tpi_pages_free, large, "freed as another kind of object");
    tpi_central_free(&objects[1], 1);
    help_expect_abort(free_small, objects[1], "double free (112 bytes, size class 7)");
    tpi_central_free(&objects[0], 1);
    tpi_central_free(&objects[2], 1);
    help_expect_abort(free_small, objects[2], "double free");
    tpi_heap_scavenge(0);
    help_expect_abort(free_small, objects[2], "double free");
    tpi_large_free(large);
    tpi_pages_free(pages);
    help_expect_abort(tpi_large_free, large, "double free");
    help_expect_abort(tpi_pages_free, pages, "double free");
}

static void free_pair(void *pair)
{
    tpi_central_free(pair, 2);
}

static void the_same_twice_in_a_batch_aborts(void **state)
{
    (void)state;
    void *twice[2];
    assert_int_equal(tpi_central_alloc(1, twice, 1), 1);
    twice[1] = twice[0];
    help_expect_abort(free_pair, twice, "double free (16 bytes, size class 1)");
    tpi_central_free(twice, 1);
}

/* --- what is left after a peak --- */

static void a_burst_leaves_nothing(void **state)
{
    (void)state;
    enum { BURST = 200000 };
    void **objects = malloc(BURST * sizeof *objects);
    unsigned size_class = tp_detail_class_of_size(256);
    assert_non_null(objects);
    tpi_heap_scavenge(0);
    uint64_t before = tpi_heap_in_use();
    assert_int_equal(tpi_central_alloc(size_class, objects, BURST), BURST);
    assert_true(tpi_heap_in_use() - before >= BURST * 256ul);
    assert_true(tpi_heap_in_use() - before <= BURST * 256ul + (1 << 16));
    tpi_central_free(objects, BURST);
    assert_true(tpi_heap_in_use() - before <= tpi_class_span_pages(size_class) * 8192ul);
    tpi_heap_scavenge(0);
    assert_int_equal(tpi_heap_in_use(), before);
    assert_int_equal(tpi_heap_resident(), before);
    free(objects);
}

/* After a peak of 20 times what stays, traffic moves what stays together. */
static void traffic_compacts(void **state)
{
    (void)state;
    enum { PEAK = 100000, STAY = 5000, BATCH = 50 };
    struct help_random random = help_seed("traffic");
    void **objects = malloc(PEAK * sizeof *objects), *batch[BATCH];
    unsigned size_class = tp_detail_class_of_size(64);
    assert_non_null(objects);
    assert_int_equal(tpi_central_alloc(size_class, objects, PEAK), PEAK);
    for (size_t n = PEAK; n > STAY; n--) {
        size_t i = help_below(&random, n);
        tpi_central_free(&objects[i], 1);
        objects[i] = objects[n - 1];
    }
    assert_true(tpi_heap_in_use() > 10 * STAY * 64ul); /* holes everywhere */
    for (int round = 0; round < 20 * STAY / BATCH; round++) {
        for (size_t i = 0; i < BATCH; i++) {
            size_t at = help_below(&random, STAY - i);
            batch[i] = objects[at];
            objects[at] = objects[STAY - i - 1];
        }
        tpi_central_free(batch, BATCH);
        assert_int_equal(tpi_central_alloc(size_class, objects + STAY - BATCH, BATCH), BATCH);
    }
    tpi_heap_scavenge(0);
    assert_true(tpi_heap_in_use() < 2 * STAY * 64ul);
    tpi_central_free(objects, STAY);
    free(objects);
    tpi_heap_scavenge(0);
    assert_int_equal(tpi_heap_in_use(), 0);
}

/* --- threads --- */

enum { THREADS = 4, ROUNDS = 3000, BOARD = 512 };

static uint64_t board[BOARD]; /* objects on their way from one thread to another */

static void *exchange(void *argument)
{
    struct help_random random = {*(uint64_t *)argument};
    for (int round = 0; round < ROUNDS; round++) {
        void *batch[32], *others[32];
        unsigned size_class = 1 + (unsigned)help_below(&random, TP_DETAIL_CLASSES - 1);
        size_t n = tpi_central_alloc(size_class, batch, 1 + help_below(&random, 32)), m = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t *place = &board[help_below(&random, BOARD)];
            struct small object = {batch[i], (uint64_t)(uintptr_t)batch[i], size_class};
            stamp(&object);
            uint64_t old = tpi_load_relaxed_64(place);
            while (!tpi_cas_acq_rel_64(place, &old, object.stamp))
                ;
            if (old == 0)
                continue;
            struct tpi_where where = tpi_heap_where((void *)(uintptr_t)old);
            help_require(where.span != NULL && where.allocated);
            check_stamp_and_hide(&(struct small){where.start, old, where.size_class});
            others[m++] = where.start;
        }
        tpi_central_free(others, m);
        if (round % 500 == 0)
            tpi_heap_scavenge(0);
        if (round % 16 == 0)
            tpi_large_free(tpi_large_alloc(help_below(&random, 1 << 20), 16, false));
    }
    return NULL;
}

static void threads_exchange_objects(void **state)
{
    (void)state;
    struct help_random random = help_seed("threads");
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        seeds[i] = help_next(&random) | 1;
        assert_int_equal(pthread_create(&threads[i], NULL, exchange, &seeds[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    help_check_heap();
    for (size_t i = 0; i < BOARD; i++) {
        void *object = (void *)(uintptr_t)board[i];
        if (object != NULL)
            tpi_central_free(&object, 1);
        board[i] = 0;
    }
    tpi_heap_scavenge(0);
    assert_int_equal(tpi_heap_in_use(), 0);
    help_check_heap();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_history),
        cmocka_unit_test(where_knows_the_whole_slot),
        cmocka_unit_test(a_burst_leaves_nothing),
        cmocka_unit_test(traffic_compacts),
        cmocka_unit_test(threads_exchange_objects),
        cmocka_unit_test(bad_frees_abort),
        cmocka_unit_test(the_same_twice_in_a_batch_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
