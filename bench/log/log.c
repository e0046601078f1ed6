/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole runs over an access log in the combined format, which is in the page cache: nanoseconds of
   wall time a line.

       bench_log SUBJECT log combined THREADS

   logparse   ours, `tp-logparse -j N`; the command is $BENCH_LOGPARSE, the log $BENCH_LOG
   awk        paths, statuses and bytes by host in three arrays
   sscanf     getline and one sscanf a line, statuses counted
   compute    no log at all: arithmetic in registers, divided among the threads. What it gains from
              a second thread is what this machine has to give at the moment.

   With two threads, logparse and compute run with one and with two, in turn, so that all four see
   the same machine. One thread, and a command that has one, is kept on one processor. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../harness/harness.h"

#define RUNS 7u
#define COMPUTE_STEPS UINT64_C(60000000)

extern char **environ;

static const char *log_path;

static void run_command(char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status, error;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    error = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        bench_fail("%s: %s", arguments[0], strerror(error));
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_fail("%s: failed, wait status %d", arguments[0], status);
}

static void logparse(unsigned threads)
{
    char *command = getenv("BENCH_LOGPARSE"), *j = threads == 1 ? "1" : "2";
    char *arguments[] = {command, "-j", j, "--format", "combined", (char *)log_path, NULL};
    if (command == NULL)
        bench_fail("BENCH_LOGPARSE is not set");
    run_command(arguments);
}

static void awk(unsigned threads)
{
    char *arguments[] = {"awk",
                         "{ paths[$7]++; statuses[$9]++; bytes[$1] += $10 }"
                         "END { for (s in statuses) print s, statuses[s]; }",
                         (char *)log_path, NULL};
    (void)threads;
    run_command(arguments);
}

static void scan(unsigned threads)
{
    static unsigned long statuses[1000];
    char host[256], user[256], when[64], method[256], path[8192], protocol[256];
    char *line = NULL;
    size_t cap = 0;
    FILE *in = bench_must(fopen(log_path, "r"), log_path);
    (void)threads;
    while (getline(&line, &cap, in) > 0) {
        unsigned status;
        unsigned long long bytes;
        int fields = sscanf(line, "%255s %*s %255s [%63[^]]] \"%255s %8191s %255[^\"]\" %u %llu",
                            host, user, when, method, path, protocol, &status, &bytes);
        if (fields >= 7 && status < 1000)
            statuses[status]++;
    }
    free(line);
    fclose(in);
    bench_fence(statuses);
}

/* Four chains, so that the multiplier is busy and a sibling on the same core would show. */
static void *compute_part(void *steps)
{
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (uint64_t i = *(const uint64_t *)steps; i > 0; i--) {
        a = (a ^ (a >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
        b = (b ^ (b >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
        c = (c ^ (c >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
        d = (d ^ (d >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    }
    a += b + c + d;
    __asm__ volatile("" : : "r"(a));
    return NULL;
}

static void compute(unsigned threads)
{
    pthread_t second;
    uint64_t steps = COMPUTE_STEPS / threads;
    if (threads > 1 && pthread_create(&second, NULL, compute_part, &steps) != 0)
        bench_fail("cannot start a second thread");
    compute_part(&steps);
    if (threads > 1)
        pthread_join(second, NULL);
}

/* Reads the log once, which also brings it into the page cache. */
static uint64_t count_lines(void)
{
    static char buffer[1 << 16];
    uint64_t lines = 0;
    ssize_t n;
    int in = open(log_path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        bench_fail("%s: %s", log_path, strerror(errno));
    while ((n = read(in, buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < n; i++)
            lines += buffer[i] == '\n';
    close(in);
    if (n < 0 || lines == 0)
        bench_fail("%s: no lines to be read", log_path);
    return lines;
}

typedef void one_run(unsigned threads);

static const struct {
    const char *name;
    one_run *run;
} subjects[] = {{"logparse", logparse}, {"awk", awk}, {"sscanf", scan}};

struct series {
    const char *name;
    one_run *run;
    unsigned threads;
    double ns[RUNS]; /* a line */
};

static double timed_run(const struct series *series, uint64_t lines)
{
    uint64_t start;
    if (series->threads == 1)
        bench_pin(1);
    start = bench_now_ns();
    series->run(series->threads);
    start = bench_now_ns() - start;
    bench_unpin();
    return (double)start / (double)lines;
}

static void measure(struct series *series, size_t count)
{
    uint64_t lines = count_lines();
    for (size_t i = 0; i < count; i++)
        timed_run(&series[i], lines);
    for (unsigned r = 0; r < RUNS; r++)
        for (size_t i = 0; i < count; i++)
            series[i].ns[r] = timed_run(&series[i], lines);
    for (size_t i = 0; i < count; i++) {
        double *ns = series[i].ns;
        qsort(ns, RUNS, sizeof ns[0], bench_compare_double);
        printf("measurement=log size=combined threads=%u subject=%s n=%llu min=%.4f quartile=%.4f "
               "median=%.4f\n",
               series[i].threads, series[i].name, (unsigned long long)(lines * RUNS), ns[0],
               ns[RUNS / 4], ns[RUNS / 2]);
    }
}

int main(int argc, char **argv)
{
    bench_begin(argv[0]);
    if (argc != 5)
        bench_fail("usage: SUBJECT log combined THREADS");
    log_path = bench_must(getenv("BENCH_LOG"), "BENCH_LOG");
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        one_run *run = subjects[i].run;
        struct series one = {.name = argv[1], .run = run, .threads = 1};
        struct series all[] = {
            {.name = "compute", .run = compute, .threads = 1},
            {.name = argv[1], .run = run, .threads = 1},
            {.name = "compute", .run = compute, .threads = 2},
            {.name = argv[1], .run = run, .threads = 2},
        };
        if (strcmp(subjects[i].name, argv[1]) != 0)
            continue;
        if (strcmp(argv[4], "1") == 0)
            measure(&one, 1);
        else
            measure(all, sizeof all / sizeof all[0]);
        return 0;
    }
    bench_fail("no subject %s", argv[1]);
}
