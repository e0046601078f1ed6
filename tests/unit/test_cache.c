/* SPDX-License-Identifier: BSD-2-Clause */
/* One cache through random histories of all its operations on several threads, one after the other,
   against a model that knows each object's place and age: nothing is lost or twice, every count is
   exact, and a rotation dooms exactly what was idle since before the last one. */
#include "cache_help.h"

enum { THREADS = 4, STEPS = 4000, MANY = 150 };

enum place { AWAY, USED, IDLE };

static struct {
    enum place place;
    unsigned rotations; /* since it became idle */
} model[OBJECTS];

static struct tpi_cache cache;
static uint64_t hits_expected, puts_expected;
static struct help_random random_numbers;

/* --- one step, run on some thread. Its results are for check_step --- */

enum what { GET, PUT, GET_MANY, PUT_MANY, FILL, FILL_LOAD, GET_SHARED, PUT_SHARED, WHATS };

struct step {
    enum what what;
    size_t n; /* wanted; then: done */
    void *objects[MANY];
};

static void step_run(void *argument)
{
    struct step *step = argument;
    void *object;
    switch (step->what) {
    case GET:
        object = tpi_cache_get(&cache);
        step->objects[0] = object;
        step->n = object != NULL;
        break;
    case PUT:
        step->n = step->n > 0 && tpi_cache_put(&cache, step->objects[0]);
        break;
    case GET_MANY:
        step->n = tpi_cache_get_many(&cache, step->objects, step->n);
        break;
    case PUT_MANY:
        step->n = tpi_cache_put_many(&cache, step->objects, step->n);
        break;
    case FILL:
    case FILL_LOAD:
        step->n = tpi_cache_fill(&cache, step->objects, step->n, step->what == FILL_LOAD);
        break;
    case GET_SHARED:
        step->objects[0] = tpi_cache_get_shared(&cache);
        step->n = step->objects[0] != NULL;
        break;
    case PUT_SHARED:
        step->n = step->n > 0 && tpi_cache_put_shared(&cache, step->objects[0]);
        break;
    case WHATS:
        break;
    }
}

static bool step_gets(enum what what)
{
    return what == GET || what == GET_MANY || what == GET_SHARED;
}

/* Objects for a put (that are in use) or a fill (that are nowhere). */
static size_t choose(void **objects, size_t n, enum place from)
{
    size_t chosen = 0, start = help_below(&random_numbers, OBJECTS);
    for (size_t i = 0; i < OBJECTS && chosen < n; i++)
        if (model[(start + i) % OBJECTS].place == from)
            objects[chosen++] = help_object((start + i) % OBJECTS);
    return chosen;
}

static void check_step(const struct step *step)
{
    for (size_t i = 0; i < step->n; i++) {
        size_t object = help_index(step->objects[i]);
        if (step_gets(step->what)) {
            assert_int_equal(model[object].place, IDLE);
            model[object].place = USED;
        } else {
            model[object].place = IDLE;
            model[object].rotations = 0;
        }
    }
    hits_expected += step_gets(step->what) ? step->n : 0;
    puts_expected +=
        step->what == PUT || step->what == PUT_MANY || step->what == PUT_SHARED ? step->n : 0;
}

/* --- what a cycle does, and trim --- */

static void check_dropped(size_t i, bool expected)
{
    assert_int_equal(help_dropped[i], expected);
    if (expected)
        model[i].place = AWAY;
    help_dropped[i] = false;
}

static void rotate(void)
{
    tpi_cache_rotate_all();
    tpi_cache_drop_doomed_all();
    for (size_t i = 0; i < OBJECTS; i++) {
        check_dropped(i, model[i].place == IDLE && model[i].rotations == 1);
        model[i].rotations++;
    }
}

static void take(enum tpi_take how)
{
    tpi_cache_take(&cache, how);
    tpi_cache_drop_doomed(&cache);
    for (size_t i = 0; i < OBJECTS; i++)
        check_dropped(i, model[i].place == IDLE && how == TPI_TAKE_TO_DOOM);
}

/* --- what holds after each step --- */

static void check_all(void)
{
    struct walk walk;
    struct tpi_cache_counts counts;
    size_t idle = 0;
    walk_cache(&walk, &cache);
    for (size_t i = 0; i < OBJECTS; i++) {
        assert_int_equal(walk.seen[i], model[i].place == IDLE);
        idle += model[i].place == IDLE;
    }
    assert_int_equal(walk_idle(&walk), idle);
    assert_int_equal(walk.doomed, 0);
    assert_true(cache.idle_max == 0 || idle <= cache.idle_max);
    tpi_cache_counts(&cache, &counts);
    assert_int_equal(counts.hits, hits_expected);
    assert_int_equal(counts.puts, puts_expected);
}

/* A get that found nothing: all that is idle is in other threads, and most of it loaded there. */
static void check_missed(struct tpi_thread *thread)
{
    struct walk walk;
    const struct tp_detail_local *local = tpi_thread_local(thread, &cache);
    walk_cache(&walk, &cache);
    assert_int_equal(walk.in_depot + walk.in_victim_depot, 0);
    assert_int_equal(tpi_local_level(local), 0);
    assert_int_equal(local->victims, 0);
    assert_true(local->previous == 0 || tpi_magazine_at(local->previous)->count == 0);
}

static void random_step(struct lead *leads)
{
    struct step step = {.what = (enum what)help_below(&random_numbers, WHATS)};
    struct lead *lead = &leads[help_below(&random_numbers, THREADS)];
    bool fills = step.what == FILL || step.what == FILL_LOAD;
    size_t wanted = step.what == GET || step.what == PUT || step.what == PUT_SHARED
                        ? 1 : 1 + help_below(&random_numbers, MANY);
    step.n = step_gets(step.what) ? wanted : choose(step.objects, wanted, fills ? AWAY : USED);
    size_t given = step.n;
    lead_do(lead, step_run, &step);
    check_step(&step);
    if (step_gets(step.what) && step.what != GET_SHARED && step.n < wanted)
        check_missed(lead_record(lead));
    if (!step_gets(step.what) && step.n < given) /* only a bound refuses */
        assert_true(cache.idle_max != 0 && (fills || cache.budget == 0));
}

static void history(uint64_t bytes, uint64_t idle_max)
{
    struct lead leads[THREADS];
    memset(model, 0, sizeof model);
    hits_expected = puts_expected = 0;
    help_open(&cache, bytes, idle_max);
    for (int i = 0; i < THREADS; i++)
        lead_start(&leads[i]);
    for (int i = 0; i < STEPS; i++) {
        size_t dice = help_below(&random_numbers, 100);
        if (dice < 2) {
            rotate();
        } else if (dice < 3) {
            take(help_below(&random_numbers, 2) ? TPI_TAKE_TO_DEPOT : TPI_TAKE_TO_DOOM);
        } else if (dice < 4) { /* what a thread leaves stays idle */
            struct lead *lead = &leads[help_below(&random_numbers, THREADS)];
            lead_end(lead);
            lead_start(lead);
        } else {
            random_step(leads);
        }
        check_all();
    }
    for (int i = 0; i < THREADS; i++)
        lead_end(&leads[i]);
    check_all();
    take(TPI_TAKE_TO_DOOM);
    check_all();
    assert_true(cache.idle_max == 0 || cache.budget == cache.idle_max);
    help_close(&cache);
}

static void small_objects(void **state)
{
    (void)state;
    history(64, 0);
}

static void larger_objects_in_smaller_magazines(void **state)
{
    (void)state;
    history(4096, 0);
    history(8192, 0);
    history(32768, 0);
    history(100000, 0);
}

static void bounded_idle_objects(void **state)
{
    (void)state;
    history(64, 1);
    history(64, 7);
    history(64, 200);
    history(32768, 10);
}

/* Two rotations in a row drop everything, and each survives the first. */
static void what_is_idle_for_two_rotations_is_dropped(void **state)
{
    (void)state;
    help_open(&cache, 64, 0);
    memset(model, 0, sizeof model);
    for (size_t n = 1; n <= 400; n += 57) {
        for (size_t i = 0; i < n; i++) {
            assert_true(tpi_cache_put(&cache, help_object(i)));
            model[i].place = IDLE;
            model[i].rotations = 0;
        }
        rotate();
        for (size_t i = 0; i < n; i++)
            assert_int_equal(model[i].place, IDLE);
        rotate();
        for (size_t i = 0; i < n; i++)
            assert_int_equal(model[i].place, AWAY);
    }
    help_close(&cache);
}

/* Of a burst of 100, one get and put per cycle keeps what it uses, and what it uses alone. */
static void use_keeps_alive_what_it_uses(void **state)
{
    (void)state;
    help_open(&cache, 64, 0);
    for (size_t i = 0; i < 100; i++)
        assert_true(tpi_cache_put(&cache, help_object(i)));
    for (int cycle = 0; cycle < 8; cycle++) {
        tpi_cache_rotate_all();
        tpi_cache_drop_doomed_all();
        void *object = tpi_cache_get(&cache);
        assert_non_null(object);
        assert_true(tpi_cache_put(&cache, object));
    }
    size_t dropped = 0;
    for (size_t i = 0; i < 100; i++)
        dropped += help_dropped[i];
    assert_int_equal(dropped, 99);
    help_close(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_objects),
        cmocka_unit_test(larger_objects_in_smaller_magazines),
        cmocka_unit_test(bounded_idle_objects),
        cmocka_unit_test(what_is_idle_for_two_rotations_is_dropped),
        cmocka_unit_test(use_keeps_alive_what_it_uses),
    };
    random_numbers = help_seed("test_cache");
    return cache_tests_run("test_cache", tests, sizeof tests / sizeof tests[0]);
}
