/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/base: bits, atomics, locks with ranks, conditions, and the line before an abort. */
#include <fcntl.h>
#include <pthread.h>

#include "heap_help.h"

/* ThreadSanitizer is not to say first what the library says itself. Other builds call it never. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_mutex_bugs=0:detect_deadlocks=0";
}

/* --- bits.h --- */

static void sizes_are_rounded(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 65536; align *= 2) {
        for (size_t n = 0; n < 3 * align && n < 70000; n += 1 + align / 7) {
            size_t up = tpi_align_up(n, align);
            assert_true(up >= n && up - n < align && up % align == 0);
        }
    }
    assert_false(tpi_is_power_of_two(0));
    for (unsigned i = 0; i < 64; i++) {
        assert_true(tpi_is_power_of_two((size_t)1 << i));
        assert_false(i >= 2 && tpi_is_power_of_two(((size_t)1 << i) - 1));
    }
}

static void bits_are_found(void **state)
{
    uint64_t bits[3] = {0};
    (void)state;
    for (unsigned low = 0; low < 64; low++) {
        for (unsigned high = low; high < 64; high++) {
            uint64_t n = UINT64_C(1) << low | UINT64_C(1) << high;
            assert_int_equal(tpi_lowest_bit(n), low);
            assert_int_equal(tpi_highest_bit(n), high);
            assert_int_equal(tpi_bit_count(n), low == high ? 1 : 2);
        }
    }
    for (size_t i = 0; i < 192; i++) {
        tpi_bit_set(bits, i);
        assert_true(tpi_bit_get(bits, i));
        assert_int_equal(tpi_bit_count(bits[0]) + tpi_bit_count(bits[1]) + tpi_bit_count(bits[2]),
                         1);
        tpi_bit_clear(bits, i);
        assert_false(tpi_bit_get(bits, i));
    }
    assert_true(bits[0] == 0 && bits[1] == 0 && bits[2] == 0);
}

static void products_overflow(void **state)
{
    size_t product;
    (void)state;
    assert_false(tpi_multiply_overflows(1 << 20, 1 << 20, &product));
    assert_int_equal(product, (size_t)1 << 40);
    assert_true(tpi_multiply_overflows((size_t)1 << 32, (size_t)1 << 32, &product));
    assert_false(tpi_multiply_overflows(SIZE_MAX, 1, &product));
    assert_false(tpi_multiply_overflows(SIZE_MAX, 0, &product));
    assert_int_equal(product, 0);
}

/* --- atomic.h --- */

static void exchanges_say_what_was_there(void **state)
{
    uint64_t word = 7, expected = 8;
    uint32_t half = 7, expected_half = 8;
    void *pointer = NULL;
    (void)state;
    assert_false(tpi_cas_acq_rel_64(&word, &expected, 9));
    assert_int_equal(expected, 7);
    assert_true(tpi_cas_acq_rel_64(&word, &expected, 9));
    assert_int_equal(tpi_load_acquire_64(&word), 9);
    assert_int_equal(expected, 7);
    assert_int_equal(tpi_add_acq_rel_64(&word, (uint64_t)0 - 10), 9);
    assert_true(tpi_load_relaxed_64(&word) == UINT64_MAX);
    assert_false(tpi_cas_acq_rel_32(&half, &expected_half, 9));
    assert_int_equal(expected_half, 7);
    assert_int_equal(tpi_add_acq_rel_32(&half, 5), 7);
    assert_int_equal(tpi_load_relaxed_32(&half), 12);
    tpi_store_release_ptr(&pointer, &word);
    assert_ptr_equal(tpi_load_acquire_ptr(&pointer), &word);
}

enum { COUNTERS = 4, COUNTS = 50000 };

static uint64_t counted, locked_count;
static struct tpi_lock count_lock = TPI_LOCK_INIT(TPI_RANK_LEAF);

static void *count_up(void *argument)
{
    (void)argument;
    for (int i = 0; i < COUNTS; i++) {
        tpi_count(&counted, 1);
        tpi_lock(&count_lock);
        locked_count++;
        tpi_unlock(&count_lock);
    }
    return NULL;
}

static void threads_count_together(void **state)
{
    pthread_t threads[COUNTERS];
    (void)state;
    for (int i = 0; i < COUNTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    for (int i = 0; i < COUNTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counted, COUNTERS * COUNTS);
    assert_int_equal(locked_count, COUNTERS * COUNTS);
}

/* --- lock.h --- */

static struct tpi_lock outer = TPI_LOCK_INIT(TPI_RANK_WAIT);
static struct tpi_lock inner = TPI_LOCK_INIT(TPI_RANK_RECORD);
static struct tpi_lock inner_too = TPI_LOCK_INIT(TPI_RANK_RECORD);

static void lock_twice(void *argument)
{
    (void)argument;
    tpi_lock(&outer);
    tpi_lock(&outer);
}

static void lock_downwards(void *argument)
{
    (void)argument;
    tpi_lock(&inner);
    tpi_lock(&outer);
}

static void lock_beside(void *argument)
{
    (void)argument;
    tpi_lock(&inner);
    tpi_lock(&inner_too);
}

static void lock_under_the_next(void *argument)
{
    (void)argument;
    tpi_lock(&inner);
    tpi_lock_next(&inner_too);
    tpi_unlock(&inner); /* one of the two is still held */
    tpi_lock(&outer);
}

static void unlock_what_is_free(void *argument)
{
    (void)argument;
    tpi_unlock(&outer);
}

static void *try_elsewhere(void *argument)
{
    bool *got = argument;
    *got = tpi_lock_try(&outer);
    if (*got)
        tpi_unlock(&outer);
    return NULL;
}

static bool others_can_lock(void)
{
    pthread_t thread;
    bool got = false;
    assert_int_equal(pthread_create(&thread, NULL, try_elsewhere, &got), 0);
    pthread_join(thread, NULL);
    return got;
}

static void locks_exclude(void **state)
{
    (void)state;
    tpi_lock(&outer);
    assert_false(others_can_lock());
    tpi_lock(&inner);
    tpi_lock_next(&inner_too);
    tpi_unlock(&inner_too);
    tpi_unlock(&inner);
    tpi_unlock(&outer);
    assert_true(others_can_lock());
    assert_true(tpi_lock_try(&outer));
    tpi_unlock(&outer);
}

static void misuse_of_locks_aborts(void **state)
{
    (void)state;
    help_expect_abort(lock_twice, NULL, "entered again by the thread that is in it");
    help_expect_abort(unlock_what_is_free, NULL, "an unlock of rank 3 failed");
}

static void wrong_order_aborts_in_checked_builds(void **state)
{
    (void)state;
    if (!tpi_checked)
        skip();
    help_expect_abort(lock_downwards, NULL, "lock order: rank 3 taken under ranks 0x40");
    help_expect_abort(lock_beside, NULL, "lock order: rank 6");
    help_expect_abort(lock_under_the_next, NULL, "lock order: rank 3");
}

/* The holder has another identity in a child: what it held is made anew, and the order with it. */
static void a_child_can_lock(void **state)
{
    int status;
    (void)state;
    tpi_lock(&outer);
    tpi_lock(&inner);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tpi_lock_reset_in_child(&inner);
        tpi_lock_reset_in_child(&outer);
        tpi_lock(&outer);
        tpi_lock(&inner);
        tpi_unlock(&inner);
        tpi_unlock(&outer);
        _exit(0);
    }
    tpi_unlock(&inner);
    tpi_unlock(&outer);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* --- conditions --- */

static struct tpi_condition condition;
static int turns;

static void *take_turns(void *argument)
{
    (void)argument;
    tpi_lock(&outer);
    for (int i = 0; i < 100; i++) {
        while (turns % 2 == 0)
            tpi_condition_wait(&condition, &outer);
        turns++;
        tpi_condition_wake_one(&condition);
    }
    tpi_unlock(&outer);
    return NULL;
}

static void conditions_wake(void **state)
{
    pthread_t thread;
    (void)state;
    tpi_condition_init(&condition);
    assert_int_equal(pthread_create(&thread, NULL, take_turns, NULL), 0);
    tpi_lock(&outer);
    for (int i = 0; i < 100; i++) {
        while (turns % 2 == 1)
            tpi_condition_wait(&condition, &outer);
        turns++;
        tpi_condition_wake_all(&condition);
    }
    tpi_unlock(&outer);
    pthread_join(thread, NULL);
    assert_int_equal(turns, 200);
}

static void conditions_end_in_time(void **state)
{
    (void)state;
    tpi_condition_init(&condition);
    int64_t begin = tpi_os_now_ns();
    tpi_lock(&outer);
    while (tpi_condition_wait_until(&condition, &outer, begin + 20000000))
        ;
    assert_false(tpi_condition_wait_until(&condition, &outer, begin));
    tpi_unlock(&outer);
    assert_true(tpi_os_now_ns() - begin >= 20000000);
}

/* --- assert.h --- */

static void die_fatally(void *argument)
{
    tpi_fatal("%s is %d", (const char *)argument, 42);
}

static void die_by_check(void *argument)
{
    tpi_check(argument == NULL, "never said");
    tpi_check(argument != NULL, "%p was expected", argument);
}

static void die_by_assert(void *argument)
{
    tpi_assert(argument != NULL);
}

static void aborts_say_why(void **state)
{
    char said[4096];
    int status;
    (void)state;
    help_expect_abort(die_fatally, "the answer", "tidepool: the answer is 42\n");
    help_expect_abort(die_by_check, NULL, "was expected");
    help_run_dying(die_by_assert, NULL, said, sizeof said, &status);
    assert_int_equal(WIFSIGNALED(status), tpi_checked);
    assert_int_equal(strstr(said, "internal rule broken: argument != NULL") != NULL, tpi_checked);
}

static void warn_long(void *argument)
{
    char text[2000];
    (void)argument;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    errno = 77;
    tpi_warn("%s", text);
    tpi_warn("errno is %d", errno);
}

/* A line is cut rather than lost, and is a line all the same. */
static void long_lines_are_cut(void **state)
{
    char said[4096];
    int status;
    (void)state;
    help_run_dying(warn_long, NULL, said, sizeof said, &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char *second = strchr(said, '\n');
    assert_non_null(second);
    assert_true(second - said > 400 && second - said < 512);
    assert_memory_equal(said, "tidepool: xxx", 13);
    assert_string_equal(second + 1, "tidepool: errno is 77\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_rounded),
        cmocka_unit_test(bits_are_found),
        cmocka_unit_test(products_overflow),
        cmocka_unit_test(exchanges_say_what_was_there),
        cmocka_unit_test(threads_count_together),
        cmocka_unit_test(locks_exclude),
        cmocka_unit_test(misuse_of_locks_aborts),
        cmocka_unit_test(wrong_order_aborts_in_checked_builds),
        cmocka_unit_test(a_child_can_lock),
        cmocka_unit_test(conditions_wake),
        cmocka_unit_test(conditions_end_in_time),
        cmocka_unit_test(aborts_say_why),
        cmocka_unit_test(long_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
