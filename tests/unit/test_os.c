/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/os: pages, threads, clock and pressure, restartable sequences. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>

#include "heap_help.h"

#include <tidepool/detail/local.h>

enum { PAGES = 65536 }; /* what callers may count on as a unit */

static char **arguments;

static bool all_zero(const char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != 0)
            return false;
    return true;
}

/* --- pages.c --- */

static void touch(void *at)
{
    signal(SIGSEGV, SIG_DFL); /* not cmocka's */
    *(volatile char *)at = 1;
}

static void reserved_space_is_aligned_and_usable_once_committed(void **state)
{
    char said[256];
    int status;
    (void)state;
    assert_true(tpi_is_power_of_two(tpi_os_page_bytes()));
    for (size_t align = PAGES; align <= (size_t)64 << 20; align *= 4) {
        char *at = tpi_os_reserve(4 * PAGES, align);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % align, 0);
        help_run_dying(touch, at, said, sizeof said, &status);
        assert_true(WIFSIGNALED(status));
        assert_true(tpi_os_commit(at + PAGES, 2 * PAGES));
        assert_true(all_zero(at + PAGES, 2 * PAGES));
        memset(at + PAGES, 0x55, 2 * PAGES);
        help_run_dying(touch, at + 3 * PAGES, said, sizeof said, &status);
        assert_true(WIFSIGNALED(status));
        tpi_os_unmap(at, 4 * PAGES);
    }
}

static void hidden_memory_faults_and_keeps_its_contents(void **state)
{
    char said[256];
    int status;
    (void)state;
    char *at = tpi_os_map(3 * PAGES);
    assert_non_null(at);
    memset(at, 0x55, 3 * PAGES);
    assert_true(tpi_os_hide(at + PAGES, PAGES));
    help_run_dying(touch, at + PAGES, said, sizeof said, &status);
    assert_true(WIFSIGNALED(status));
    at[PAGES - 1] = at[2 * PAGES] = 1;
    assert_true(tpi_os_commit(at + PAGES, PAGES));
    for (size_t i = PAGES; i < 2 * PAGES; i++)
        assert_int_equal(at[i], 0x55);
    tpi_os_unmap(at, 3 * PAGES);
}

static void released_memory_reads_as_zero(void **state)
{
    (void)state;
    char *at = tpi_os_map(3 * PAGES);
    assert_non_null(at);
    memset(at, 0x55, 3 * PAGES);
    tpi_os_release(at + PAGES, PAGES);
    assert_true(all_zero(at + PAGES, PAGES));
    assert_int_equal(at[PAGES - 1], 0x55);
    assert_int_equal(at[2 * PAGES], 0x55);
    tpi_os_unmap(at, 3 * PAGES);
}

static void moved_pages_keep_their_contents(void **state)
{
    (void)state;
    char *at = tpi_os_map(4 * PAGES), *to = tpi_os_map(4 * PAGES);
    assert_true(at != NULL && to != NULL);
    memset(at, 0x33, 4 * PAGES);
    memset(to, 0x44, 4 * PAGES);
    if (!tpi_os_move(at + PAGES, PAGES, to + PAGES, PAGES)) {
        tpi_os_unmap(at, 4 * PAGES);
        tpi_os_unmap(to, 4 * PAGES);
        skip(); /* a kernel before 5.7 */
    }
    for (size_t i = 0; i < PAGES; i++)
        assert_int_equal(to[PAGES + i], 0x33);
    assert_int_equal(to[0], 0x44);
    assert_int_equal(to[2 * PAGES], 0x44);
    assert_true(all_zero(at + PAGES, PAGES));
    at[PAGES] = 1; /* still committed */
    tpi_os_unmap(at, 4 * PAGES);
    tpi_os_unmap(to, 4 * PAGES);
}

static void what_is_too_much_is_refused(void **state)
{
    (void)state;
    assert_null(tpi_os_reserve((size_t)1 << 60, PAGES));
    assert_null(tpi_os_map((size_t)1 << 60));
}

/* --- clock.c --- */

static void time_does_not_go_back(void **state)
{
    (void)state;
    int64_t before = tpi_os_now_ns(), first = before;
    for (int i = 0; i < 1000; i++) {
        int64_t now = tpi_os_now_ns();
        assert_true(now >= before);
        before = now;
    }
    usleep(2000);
    assert_true(tpi_os_now_ns() - first >= 2000000);
}

static int pressure_of(const char *text)
{
    char path[] = "/tmp/test_os_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    int pressure = tpi_os_pressure(path);
    unlink(path);
    return pressure;
}

static void pressure_is_read_from_its_file(void **state)
{
    (void)state;
    assert_int_equal(pressure_of("some avg10=0.00 avg60=1.00 avg300=2.00 total=3\n"
                                 "full avg10=9.00 avg60=9.00 avg300=9.00 total=9\n"), 0);
    assert_int_equal(pressure_of("some avg10=12.34 avg60=0.00 avg300=0.00 total=0\n"), 1234);
    assert_int_equal(pressure_of("some avg10=0.07 avg60=0.00 avg300=0.00 total=0\n"), 7);
    assert_int_equal(pressure_of("some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n"), 10000);
    assert_int_equal(pressure_of(""), -1);
    assert_int_equal(pressure_of("nothing of the kind\n"), -1);
    assert_int_equal(tpi_os_pressure("/nonexistent/pressure"), -1);
    assert_true(tpi_os_pressure("/proc/pressure/memory") >= -1);
}

/* --- thread.c --- */

static sem_t began;
static int signals_blocked;
static pid_t other_thread;

static void *service(void *argument)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    signals_blocked = 0;
    for (int i = 1; i < NSIG; i++)
        signals_blocked += sigismember(&mask, i) == 1;
    other_thread = gettid();
    *(int *)argument = 42;
    sem_post(&began);
    return NULL;
}

static void a_thread_starts_with_signals_blocked(void **state)
{
    sigset_t before, after;
    int given = 0;
    (void)state;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    sem_init(&began, 0, 0);
    assert_true(tpi_os_thread_start(service, &given));
    while (sem_wait(&began) != 0)
        ;
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(given, 42);
    assert_true(signals_blocked >= 31);
    for (int i = 1; i < NSIG; i++)
        assert_int_equal(sigismember(&before, i), sigismember(&after, i));
    assert_true(other_thread != gettid());
}

static uint64_t ended;

static void at_exit(void *mark)
{
    tpi_count(&ended, *(uint64_t *)mark);
}

static void at_exit_of_the_other(void *mark)
{
    tpi_count(&ended, *(uint64_t *)mark * 1000);
}

static void *live_marked(void *mark)
{
    if (mark != NULL)
        tpi_os_thread_mark(TPI_EXIT_CACHES, mark);
    if (mark != NULL && *(uint64_t *)mark == 10)
        tpi_os_thread_mark(TPI_EXIT_SCRATCH, mark);
    return NULL;
}

static void marked_threads_are_told_of(void **state)
{
    static uint64_t marks[3] = {1, 10, 100};
    pthread_t threads[4];
    (void)state;
    assert_true(tpi_os_thread_exit_hook(TPI_EXIT_CACHES, at_exit));
    assert_true(tpi_os_thread_exit_hook(TPI_EXIT_SCRATCH, at_exit_of_the_other));
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, live_marked, i < 3 ? &marks[i] : NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ended, 10111);
}

static char fork_order[8];
static size_t fork_steps;

static void fork_step(char step)
{
    if (fork_steps < sizeof fork_order)
        fork_order[fork_steps++] = step;
}

static void on_prepare(void)
{
    fork_step('p');
}

static void on_parent(void)
{
    fork_step('f');
}

static void on_child(void)
{
    fork_step('c');
}

static void fork_calls_its_hooks(void **state)
{
    int status;
    (void)state;
    assert_true(tpi_os_fork_hooks(on_prepare, on_parent, on_child));
    fork_steps = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(fork_steps == 2 && memcmp(fork_order, "pc", 2) == 0 ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fork_steps, 2);
    assert_memory_equal(fork_order, "pf", 2);
}

/* --- rseq.c --- */

static void *announcement_elsewhere(void *argument)
{
    *(uint64_t **)argument = tpi_os_rseq_announcement();
    return NULL;
}

static void each_thread_has_its_own_announcement(void **state)
{
    pthread_t thread;
    uint64_t *other = NULL;
    (void)state;
    if (!tpi_os_rseq_start())
        skip();
    uint64_t *own = tpi_os_rseq_announcement();
    assert_non_null(own);
    assert_int_equal((uintptr_t)own % 32, 8); /* struct rseq is aligned to 32, rseq_cs is 8 in */
    assert_ptr_equal(tpi_os_rseq_announcement(), own);
    pthread_create(&thread, NULL, announcement_elsewhere, &other);
    pthread_join(thread, NULL);
    assert_non_null(other);
    assert_ptr_not_equal(other, own);
}

#ifdef TP_DETAIL_SEQUENCES

static uint64_t starts, ends, stop;

/* A long sequence that counts how often it began and how often it came to its end. */
static void *run_sequences(void *argument)
{
    uint64_t *announcement = tpi_os_rseq_announcement(), word;
    (void)argument;
    sem_post(&began);
    while (tpi_load_relaxed_64(&stop) == 0)
        __asm__ volatile(TP_DETAIL_SEQUENCE_BEGIN
                         "incq %[starts]\n\t"
                         ".rept 2000\n\tpause\n\t.endr\n\t"
                         "incq %[ends]\n" TP_DETAIL_SEQUENCE_END
                         : [word] "=&r"(word), [cs] "=m"(*announcement), [starts] "+m"(starts),
                           [ends] "+m"(ends)
                         :
                         : "memory", "cc");
    return NULL;
}

static void a_fence_starts_sequences_again(void **state)
{
    pthread_t thread;
    (void)state;
    if (!tpi_os_rseq_start())
        skip();
    sem_init(&began, 0, 0);
    pthread_create(&thread, NULL, run_sequences, NULL);
    while (sem_wait(&began) != 0)
        ;
    /* On a busy machine the thread may not run for a while. */
    for (int i = 0; i < 50000; i++) {
        uint64_t complete = tpi_load_relaxed_64(&ends);
        if (i >= 500 && complete > 0 && tpi_load_relaxed_64(&starts) > complete + 5)
            break;
        tpi_os_rseq_fence();
        if (i % 50 == 0)
            usleep(1000); /* on one processor it has to run at all */
    }
    tpi_store_relaxed_64(&stop, 1);
    pthread_join(thread, NULL);
    assert_true(ends > 0);
    assert_true(starts > ends + 5);
}

#else

static void a_fence_starts_sequences_again(void **state)
{
    (void)state;
    skip();
}

#endif

/* Where libc has registered nothing (another libc, or told not to), a thread does it itself. */
static void it_works_without_libc(void **state)
{
    int status;
    (void)state;
    if (getenv("GLIBC_TUNABLES") != NULL || access(arguments[0], X_OK) != 0)
        skip();
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
        execv(arguments[0], arguments);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        skip(); /* an emulator's program cannot execute itself */
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserved_space_is_aligned_and_usable_once_committed),
        cmocka_unit_test(hidden_memory_faults_and_keeps_its_contents),
        cmocka_unit_test(released_memory_reads_as_zero),
        cmocka_unit_test(moved_pages_keep_their_contents),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(time_does_not_go_back),
        cmocka_unit_test(pressure_is_read_from_its_file),
        cmocka_unit_test(a_thread_starts_with_signals_blocked),
        cmocka_unit_test(marked_threads_are_told_of),
        cmocka_unit_test(fork_calls_its_hooks),
        cmocka_unit_test(each_thread_has_its_own_announcement),
        cmocka_unit_test(a_fence_starts_sequences_again),
        cmocka_unit_test(it_works_without_libc),
    };
    (void)argc;
    arguments = argv;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
