/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the controls (control.h): with one thing wrong in the library the stress on sequences must
   find it within a bounded time, and with nothing wrong it must not. TP_TEST_CONTROL_DIR is where
   they are. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { CLASH = 3, SKIP = 77, FAILED_TO_RUN = 126 };

#define BOUND_SECONDS "30" /* a fault is found in a tenth of one on an idle machine */

/* Runs a control and reads what it says on stderr; its wait status. */
static int run(const char *name, const char *seconds, char *said, size_t size)
{
    char path[4096];
    int ends[2], status;
    size_t used = 0;
    snprintf(path, sizeof path, "%s/%s", TP_TEST_CONTROL_DIR, name);
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (seconds != NULL)
            setenv("TP_STRESS_SECONDS", seconds, 1);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(path, name, (char *)NULL);
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        _exit(FAILED_TO_RUN);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], said + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    said[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void skip_where_nothing_can_break(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP)
        skip();
}

/* Found by the table of owners, by a count at the end, or by the library's own checks. */
static void must_fail(const char *name, const char *seconds)
{
    char said[4096];
    int status = run(name, seconds, said, sizeof said);
    skip_where_nothing_can_break(status);
    printf("%s: as it must, it said: %s", name, said);
    bool clash = WIFEXITED(status) && WEXITSTATUS(status) == CLASH && strstr(said, "clash: ");
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(said, "tidepool: ");
    if (!clash && !aborted)
        fail_msg("%s found nothing wrong (wait status 0x%x)", name, (unsigned)status);
}

static void with_nothing_wrong_it_passes(void **state)
{
    char said[4096];
    (void)state;
    int status = run("control_none", NULL, said, sizeof said);
    skip_where_nothing_can_break(status);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("control_none: wait status 0x%x: %s", (unsigned)status, said);
}

static void plain_membarrier_is_found(void **state)
{
    (void)state;
    must_fail("control_fence", BOUND_SECONDS);
}

static void a_limit_left_open_is_found(void **state)
{
    (void)state;
    must_fail("control_limit", BOUND_SECONDS);
}

static void a_path_left_at_exit_is_found(void **state)
{
    (void)state;
    must_fail("control_exit", BOUND_SECONDS);
}

/* Only the counts at the end show it. */
static void a_missing_flush_at_exit_is_found(void **state)
{
    (void)state;
    must_fail("control_flush", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nothing_wrong_it_passes),
        cmocka_unit_test(plain_membarrier_is_found),
        cmocka_unit_test(a_limit_left_open_is_found),
        cmocka_unit_test(a_path_left_at_exit_is_found),
        cmocka_unit_test(a_missing_flush_at_exit_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
