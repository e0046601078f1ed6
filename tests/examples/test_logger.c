/* SPDX-License-Identifier: BSD-2-Clause */
/* The logger of examples/logger as a library: lines come out when they should, threads come and go,
   the output fails, and nothing is lost without being counted. What a line looks like is in
   test_logger_format.c; the command is tested by tests/contract/test_logger.sh. */
#include "logger_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

static bool log_number(struct logger *log, int number)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", number);
    return log_text(log, text);
}

struct stayer {
    struct logger *log;
    pthread_barrier_t logged, flushed;
};

static void *log_and_stay(void *argument)
{
    struct stayer *stayer = argument;
    log_text(stayer->log, "from a thread that stays");
    pthread_barrier_wait(&stayer->logged);
    pthread_barrier_wait(&stayer->flushed);
    return NULL;
}

/* A flush brings out what another thread has gathered, however little. */
static void test_flush(void **state)
{
    struct stayer stayer = {.log = open_logger((struct logger_options){.format = LOGGER_RAW})};
    pthread_t thread;
    (void)state;
    pthread_barrier_init(&stayer.logged, NULL, 2);
    pthread_barrier_init(&stayer.flushed, NULL, 2);
    pthread_create(&thread, NULL, log_and_stay, &stayer);
    pthread_barrier_wait(&stayer.logged);
    assert_true(logger_flush(stayer.log));
    pthread_barrier_wait(&stayer.flushed);
    pthread_join(thread, NULL);
    assert_file(path, "from a thread that stays\n");
    assert_true(logger_flush(stayer.log));
    assert_true(logger_close(stayer.log, NULL));
    pthread_barrier_destroy(&stayer.logged);
    pthread_barrier_destroy(&stayer.flushed);
}

/* A line needs no flush and no further line to be written soon. */
static void test_idle_line(void **state)
{
    struct logger *log = open_logger((struct logger_options){.format = LOGGER_RAW});
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct stat status = {0};
        off_t expected = (off_t)(2 * (round + 1));
        assert_true(log_number(log, round));
        for (int ms = 0; ms < 5000 && status.st_size < expected; ms++) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            assert_int_equal(stat(path, &status), 0);
        }
        assert_int_equal(status.st_size, expected);
    }
    assert_true(logger_close(log, NULL));
}

static void *log_some(void *argument)
{
    struct logger *log = argument;
    for (int i = 0; i < 37; i++)
        log_number(log, i);
    return NULL;
}

/* 400 threads, 4 at a time: 400 x 37 lines, and no more producers than threads at one time. */
static void test_threads_come_and_go(void **state)
{
    struct logger *log = open_logger((struct logger_options){.format = LOGGER_RAW});
    struct logger_stats stats;
    unsigned producers = 0;
    (void)state;
    for (int round = 0; round < 100; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, log_some, log), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    for (struct producer *p = atomic_load(&log->producers); p != NULL; p = p->next)
        producers++;
    assert_in_range(producers, 1, 4);
    assert_true(logger_close(log, &stats));
    assert_int_equal(stats.written, 400 * 37);
    assert_int_equal(stats.lost, 0);
}

static void test_rotation(void **state)
{
    struct logger *log = open_logger(
        (struct logger_options){.format = LOGGER_RAW, .rotate_bytes = 100, .rotate_keep = 3});
    struct logger_stats stats;
    char *all = malloc(FILE_BYTES_MAX), name[128];
    int number = 0;
    (void)state;
    assert_non_null(all);
    all[0] = '\0';
    for (int i = 1000; i < 1200; i++) /* 20 lines of 5 bytes a file: 10 files */
        assert_true(log_number(log, i));
    assert_true(logger_close(log, &stats));
    assert_int_equal(stats.rotations, 9);
    assert_int_equal(stats.written, 200);
    for (int i = 3; i >= 0; i--) {
        char *text;
        snprintf(name, sizeof(name), i > 0 ? "%s.%d" : "%s", path, i);
        text = read_file(name);
        assert_int_equal(strlen(text), 100);
        strcat(all, text);
        free(text);
    }
    for (const char *at = all; *at != '\0'; at += 5)
        assert_int_equal(atoi(at), 1120 + number++);
    assert_int_equal(number, 80);
    snprintf(name, sizeof(name), "%s.4", path);
    assert_int_not_equal(access(name, F_OK), 0);
    free(all);
}

/* The folder is gone: files cannot be renamed, but no line is lost. */
static void test_rotation_fails(void **state)
{
    char sub[128], inside[160];
    struct logger *log;
    struct logger_stats stats;
    (void)state;
    snprintf(sub, sizeof(sub), "%s/sub", folder);
    snprintf(inside, sizeof(inside), "%s/log", sub);
    assert_int_equal(mkdir(sub, 0700), 0);
    log = open_logger(
        (struct logger_options){.path = inside, .format = LOGGER_RAW, .rotate_bytes = 100});
    assert_int_equal(unlink(inside), 0);
    assert_int_equal(rmdir(sub), 0);
    for (int i = 1000; i < 1100; i++)
        assert_true(log_number(log, i));
    assert_false(logger_close(log, &stats));
    assert_int_equal(errno, ENOENT);
    assert_string_equal(stats.failed_call, "rotate");
    assert_int_equal(stats.written, 100);
    assert_int_equal(stats.lost, 0);
    assert_int_equal(stats.rotations, 0);
}

static void test_full_disk(void **state)
{
    struct logger *log = open_logger((struct logger_options){.path = "/dev/full"});
    struct logger_stats stats;
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(log_number(log, i));
    assert_false(logger_flush(log));
    assert_int_equal(errno, ENOSPC);
    assert_false(log_number(log, 100)); /* known by now */
    assert_int_equal(errno, ENOSPC);
    assert_false(logger_close(log, &stats));
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(stats.error, ENOSPC);
    assert_string_equal(stats.failed_call, "write");
    assert_int_equal(stats.written, 0);
    assert_int_equal(stats.lost, 101);
}

static void test_open_fails(void **state)
{
    struct logger_options none = {.path = "/nonexistent/log"};
    struct logger_options standard = {.path = "-", .rotate_bytes = 1};
    (void)state;
    assert_null(logger_open(&none));
    assert_int_equal(errno, ENOENT);
    assert_null(logger_open(&standard));
    assert_int_equal(errno, EINVAL);
    assert_null(logger_open(&(struct logger_options){.path = NULL}));
    assert_int_equal(errno, EINVAL);
}

/* A FIFO that is read only from `gate` on, or after a while. */
struct slow_reader {
    int fd;
    bool impatient;
    atomic_bool gate;
    char text[1 << 20];
    size_t length;
};

static void *read_slowly(void *argument)
{
    struct slow_reader *reader = argument;
    ssize_t got;
    for (int ms = 0; !atomic_load(&reader->gate) && !(reader->impatient && ms > 200); ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    while ((got = read(reader->fd, reader->text + reader->length,
                       sizeof(reader->text) - 1 - reader->length)) > 0)
        reader->length += (size_t)got;
    return NULL;
}

/* More than a FIFO, the logger's buffer and its ring hold. */
#define SLOW_LINES 4000

static void log_to_slow_reader(bool drop, struct logger_stats *stats, struct slow_reader *reader)
{
    char message[128];
    struct logger *log;
    pthread_t thread;
    int accepted = 0;
    assert_int_equal(mkfifo(path, 0600), 0);
    reader->fd = open(path, O_RDONLY | O_NONBLOCK);
    reader->impatient = !drop;
    assert_true(reader->fd >= 0);
    log = open_logger((struct logger_options){.format = LOGGER_RAW, .drop = drop});
    fcntl(reader->fd, F_SETFL, 0);
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, reader), 0);
    for (int i = 0; i < SLOW_LINES; i++) {
        snprintf(message, sizeof(message), "%0100d", i);
        accepted += log_text(log, message);
    }
    atomic_store(&reader->gate, true);
    assert_true(logger_close(log, stats));
    pthread_join(thread, NULL);
    close(reader->fd);
    assert_int_equal(stats->written, accepted);
    assert_int_equal(stats->written + stats->lost, SLOW_LINES);
    assert_int_equal(reader->length, stats->written * 101);
}

static void test_wait_when_full(void **state)
{
    static struct slow_reader reader;
    struct logger_stats stats;
    (void)state;
    log_to_slow_reader(false, &stats, &reader);
    assert_int_equal(stats.lost, 0);
    assert_true(stats.waits > 0);
    for (int i = 0; i < SLOW_LINES; i++)
        assert_int_equal(strtol(reader.text + i * 101, NULL, 10), i);
}

static void test_drop_when_full(void **state)
{
    static struct slow_reader reader;
    struct logger_stats stats;
    int last = -1;
    (void)state;
    log_to_slow_reader(true, &stats, &reader);
    assert_true(stats.dropped > 0);
    assert_int_equal(stats.lost, stats.dropped);
    for (size_t at = 0; at < reader.length; at += 101) {
        int number = (int)strtol(reader.text + at, NULL, 10);
        assert_true(number > last);
        last = number;
    }
}

/* Checked builds lose a quarter of the puts, so that nobody relies on what a pool keeps. */
static bool loses_puts(void)
{
    tp_pool *pool = pool_create(&(tp_pool_options){.size = RECORD_BYTES});
    tp_pool_stats stats;
    assert_non_null(pool);
    for (int i = 0; i < 400; i++)
        pool_put(pool, pool_get(pool));
    pool_stats_read(pool, &stats);
    pool_destroy(pool);
    return stats.made > 50;
}

/* One thread, 20,000 lines: malloc, the heap and the collector are asked each time, the pool makes
   what is under way at one time. */
static void test_allocations(void **state)
{
    static const enum logger_alloc allocs[] = {LOGGER_MALLOC, LOGGER_HEAP, LOGGER_POOL, LOGGER_GC};
    (void)state;
    for (size_t i = 0; i < sizeof(allocs) / sizeof(allocs[0]); i++) {
        struct logger *log =
            open_logger((struct logger_options){.path = "/dev/null", .alloc = allocs[i]});
        struct logger_stats stats;
        for (int n = 0; n < 20000; n++)
            assert_true(log_number(log, n));
        assert_true(logger_close(log, &stats));
        assert_int_equal(stats.written, 20000);
        if (allocs[i] == LOGGER_POOL) {
            assert_in_range(stats.allocations, 1, loses_puts() ? 10000 : 1000);
            assert_int_equal(stats.allocations + stats.pool_hits, 20000);
        } else {
            assert_in_range(stats.allocations, 20000, 20100);
            assert_int_equal(stats.pool_hits, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_flush),       TEST(test_idle_line),      TEST(test_threads_come_and_go),
        TEST(test_rotation),    TEST(test_rotation_fails), TEST(test_full_disk),
        TEST(test_open_fails),  TEST(test_wait_when_full), TEST(test_drop_when_full),
        TEST(test_allocations),
    };
    return cmocka_run_group_tests_name("examples/logger", tests, NULL, NULL);
}
