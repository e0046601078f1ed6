/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-logger: replays the lines of any file, or of standard input, through the logger, by N threads.

   Lines of an access log become fields, and their status decides their level; other lines are
   messages of level info. With --format=raw every line comes out as it went in.

   SIGTERM, SIGINT and SIGHUP: reading stops, what was read is written, the exit status is 128 + the
   signal's number. Another one, a second later or more, ends the program at once. SIGUSR1 flushes.
   Signals are taken by a thread of their own, so nothing is done in a handler. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <tidepool.h>
#include "access_log.h"
#include "input.h"
#include "logger.h"
#include "options.h"

#define SECOND_SIGNAL_NS 1000000000

struct replay {
    struct command command;
    struct logger *log;
    struct input input;
    int stop_pipe[2]; /* the write end is closed to stop */
    sigset_t signals;
    int stopped_by;       /* a signal, 0: none; the signal thread's until it has ended */
    int64_t stopped_ns;   /* when */
    atomic_bool finished; /* the signal thread has nothing left to do */
    _Atomic uint64_t lines;
};

static int64_t now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool replay_line(struct replay *replay, struct logger_text line)
{
    struct access_line access;
    if (!access_line_parse(line, &access))
        return logger_log(replay->log, LOGGER_INFO, line, NULL, 0);
    if (replay->command.logger.format == LOGGER_RAW)
        return logger_log(replay->log, access.level, line, NULL, 0);
    return logger_log(replay->log, access.level, logger_text("access"), access.fields, access.n);
}

/* Returns how many lines there were. */
static uint64_t replay_chunk(struct replay *replay, const struct chunk *chunk)
{
    const char *at = chunk->data, *end = chunk->data + chunk->length;
    uint64_t lines = 0;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline != NULL ? newline : end) - at);
        if (!replay_line(replay, (struct logger_text){at, length}) && errno != EAGAIN)
            input_give_up(&replay->input);
        at += length + 1;
        lines++;
    }
    return lines;
}

/* Waits for input, or for another thread that does: the collector need not. */
static bool next_chunk(struct input *input, struct chunk *chunk)
{
    bool more;
    tp_gc_blocking_begin();
    more = input_chunk(input, chunk);
    tp_gc_blocking_end();
    return more;
}

static void *replay_thread(void *argument)
{
    struct replay *replay = argument;
    struct chunk chunk = {0};
    while (next_chunk(&replay->input, &chunk))
        atomic_fetch_add(&replay->lines, replay_chunk(replay, &chunk));
    free(chunk.data);
    return NULL;
}

/* timeout(1) and its like send the same signal twice in a row: that is no second one. */
static void stop(struct replay *replay, int signal)
{
    int64_t now = now_ns();
    if (replay->stopped_by == 0) {
        replay->stopped_by = signal;
        replay->stopped_ns = now;
        close(replay->stop_pipe[1]);
    } else if (now - replay->stopped_ns >= SECOND_SIGNAL_NS) {
        fputs("tp-logger: second signal: what was not written yet is lost\n", stderr);
        _exit(128 + signal);
    }
}

static bool next_signal(struct replay *replay, int *signal)
{
    int error;
    tp_gc_blocking_begin(); /* a flush may have made us known to the collector */
    error = sigwait(&replay->signals, signal);
    tp_gc_blocking_end();
    return error == 0;
}

static void *signal_thread(void *argument)
{
    struct replay *replay = argument;
    int signal;
    while (next_signal(replay, &signal)) {
        if (signal == SIGUSR2 && atomic_load(&replay->finished))
            return NULL;
        if (signal == SIGUSR1)
            logger_flush(replay->log);
        else if (signal != SIGUSR2)
            stop(replay, signal);
    }
    return NULL;
}

/* nohup and shells' background jobs have some ignored, and that stays so. */
static bool is_ignored(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* A pipe whose reader has gone and a file that has reached its limit are errors of write(2). The
   other signals are the signal thread's alone. */
static void take_signals(struct replay *replay)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&replay->signals);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (signals[i] == SIGUSR2 || !is_ignored(signals[i]))
            sigaddset(&replay->signals, signals[i]);
    }
    pthread_sigmask(SIG_BLOCK, &replay->signals, NULL);
}

/* A standard descriptor that came closed must not become some other file's: what uses it shall
   fail. */
static void hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(1);
    }
}

/* False: a thread could not be started, and it was told. Those that were are waited for. */
static bool run_threads(struct replay *replay)
{
    pthread_t threads[THREADS_MAX], signals;
    unsigned started = 0;
    int error = pthread_create(&signals, NULL, signal_thread, replay);
    bool listening = error == 0;
    while (error == 0 && started < replay->command.threads) {
        error = pthread_create(&threads[started], NULL, replay_thread, replay);
        if (error == 0)
            started++;
    }
    if (error != 0)
        fprintf(stderr, "tp-logger: thread %u: cannot start: %s\n", started + 1, strerror(error));
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (listening) {
        atomic_store(&replay->finished, true);
        pthread_kill(signals, SIGUSR2);
        pthread_join(signals, NULL);
    }
    return error == 0;
}

/* KiB. Not getrusage's figure, which may be that of the parent, from before exec. */
static long peak_rss_kib(void)
{
    struct rusage usage = {0};
    char line[256];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && peak == 0 && fgets(line, sizeof(line), status) != NULL) {
        if (sscanf(line, "VmHWM: %ld kB", &peak) != 1)
            peak = 0;
    }
    if (status != NULL)
        fclose(status);
    if (peak == 0 && getrusage(RUSAGE_SELF, &usage) == 0)
        peak = usage.ru_maxrss;
    return peak;
}

/* mode allocations bytes cycles peak_rss_kib ns_per_line pool_hits */
static void print_stats(const struct replay *replay, const struct logger_stats *stats,
                        uint64_t cycles, int64_t ns)
{
    uint64_t lines = replay->lines;
    fprintf(stderr, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %ld %" PRIu64 " %" PRIu64 "\n",
            logger_alloc_name(replay->command.logger.alloc), stats->allocations,
            stats->allocated_bytes, cycles, peak_rss_kib(), lines != 0 ? (uint64_t)ns / lines : 0,
            stats->pool_hits);
}

static const char *signal_name(int signal)
{
    if (signal == SIGTERM)
        return "SIGTERM";
    return signal == SIGINT ? "SIGINT" : "SIGHUP";
}

static const char *output_name(const struct replay *replay)
{
    const char *path = replay->command.logger.path;
    return strcmp(path, "-") == 0 ? "standard output" : path;
}

/* Tells what went wrong, if anything, and what that cost. Returns the exit status. */
static int report(const struct replay *replay, const struct logger_stats *stats)
{
    int signal = replay->stopped_by;
    if (stats->error != 0)
        fprintf(stderr, "tp-logger: %s: %s: %s\n", output_name(replay), stats->failed_call,
                strerror(stats->error));
    else if (stats->lost != stats->dropped) /* nothing else loses lines */
        fprintf(stderr, "tp-logger: a record: %s\n", strerror(ENOMEM));
    if (signal != 0)
        fprintf(stderr, "tp-logger: stopped by %s\n", signal_name(signal));
    if (stats->error != 0 || stats->lost != 0 || signal != 0)
        fprintf(stderr, "tp-logger: written %" PRIu64 " lines, %" PRIu64 " lost%s\n",
                stats->written, stats->lost,
                replay->input.stopped ? "; the rest of the input was not read" : "");
    if (signal != 0)
        return 128 + signal;
    /* lines that --drop let go were asked to be */
    return stats->error != 0 || stats->lost != stats->dropped || replay->input.failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct replay replay;
    struct logger_stats stats = {0};
    uint64_t cycles = gc_cycle();
    int64_t begin_ns;
    bool started;
    int status;
    hold_standard_descriptors();
    status = command_parse(&replay.command, argc, argv);
    if (status >= 0)
        return status;
    take_signals(&replay);
    if (pipe(replay.stop_pipe) != 0 ||
        !input_open(&replay.input, &replay.command, replay.stop_pipe[0])) {
        fprintf(stderr, "tp-logger: cannot start: %s\n", strerror(errno));
        return 1;
    }
    begin_ns = now_ns();
    replay.log = logger_open(&replay.command.logger);
    if (replay.log == NULL) {
        fprintf(stderr, "tp-logger: %s: open: %s\n", output_name(&replay), strerror(errno));
        fputs("tp-logger: written 0 lines, 0 lost; the input was not read\n", stderr);
        return 1;
    }
    started = run_threads(&replay);
    logger_close(replay.log, &stats);
    status = report(&replay, &stats);
    if (replay.command.stats)
        print_stats(&replay, &stats, gc_cycle() - cycles, now_ns() - begin_ns);
    input_close(&replay.input);
    return started || status != 0 ? status : 1;
}
