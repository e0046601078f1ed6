/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-logparse: what is in some logs, counted by several threads, or their lines' fields.

   Exit status: 0; 1 where lines were bad and --strict was given; 2 where the command line is wrong,
   something could not be read or written, or there was no memory. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include "options.h"
#include "print.h"

static int64_t now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- the listener; its context is the command --- */

static bool hear_line(void *context, enum log_format format, const struct log_line *line,
                      tp_bytes *out)
{
    const struct command *command = context;
    return command->json ? print_object(out, format, line) : print_cells(out, format, line);
}

static bool hear_block(void *context, tp_view out)
{
    (void)context;
    return fwrite(out.data, 1, out.len, stdout) == out.len;
}

static void hear_fault(void *context, const struct log_fault *fault)
{
    tp_bytes out = {0};
    (void)context;
    if (print_fault(&out, fault))
        fwrite(out.data, 1, out.len, stderr);
    else
        fprintf(stderr, "%s:%" PRIu64 ": %s\n", fault->name, fault->number, fault->why);
    tp_bytes_free(&out);
}

static void hear_problem(void *context, const char *name, const char *problem)
{
    (void)context;
    fprintf(stderr, "tp-logparse: %s: %s\n", name, problem);
}

/* --- reports --- */

/* A name and a number a line. */
static void print_stats(const struct log_report *report, const struct command *command,
                        const tp_heap_stats *before, const tp_heap_stats *after, int64_t ns)
{
    double seconds = (double)(ns > 0 ? ns : 1) / 1e9;
    fprintf(stderr,
            "threads %u\nlines %" PRIu64 "\nparsed %" PRIu64 "\nbad %" PRIu64 "\nbytes %" PRIu64
            "\nseconds %.6f\nlines_per_s %.0f\nmb_per_s %.1f\nallocations %" PRIu64
            "\nallocated_bytes %" PRIu64 "\narena_peak_bytes %" PRIu64 "\nkeys %" PRIu64
            "\nresizes %" PRIu64 "\n",
            command->log.threads, report->lines, report->parsed, report->bad, report->bytes,
            seconds, (double)report->lines / seconds, (double)report->bytes / 1e6 / seconds,
            after->allocations - before->allocations, after->allocated - before->allocated,
            report->arena_peak, report->keys, report->resizes);
}

/* The report on standard output; beside fields, bad lines' number on standard error. */
static bool print_report(const struct log_report *report, const struct command *command)
{
    FILE *to = command->fields ? stderr : stdout;
    tp_bytes out = {0};
    bool done;
    if (command->fields)
        done = report->bad == 0 ||
               (tp_bytes_append_str(&out, "tp-logparse: ") && print_sum(&out, report));
    else if (command->json)
        done = print_json(&out, report, command->log.top);
    else
        done = print_tables(&out, report, command->log.top);
    done = done && (out.len == 0 || fwrite(out.data, 1, out.len, to) == out.len);
    tp_bytes_free(&out);
    return done;
}

int main(int argc, char **argv)
{
    struct command command;
    struct log_listener listener = {.context = &command, .tell = hear_problem};
    struct log_report report;
    tp_heap_stats before, after;
    int64_t begin_ns, ns;
    int status = command_parse(&command, argc, argv);
    if (status >= 0)
        return status;
    /* a pipe whose reader has gone and a file that has reached its limit are errors of write(2) */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (command.fields) {
        listener.line = hear_line;
        listener.write = hear_block;
    }
    if (command.bad)
        listener.fault = hear_fault;
    command.log.listener = &listener;
    tp_heap_stats_read(&before);
    begin_ns = now_ns();
    if (!log_scan(&command.log, command.names, command.names_n, &report)) {
        fprintf(stderr, "tp-logparse: no memory: %s\n", strerror(errno));
        return 2;
    }
    ns = now_ns() - begin_ns;
    tp_heap_stats_read(&after);
    status = report.failed ? 2 : command.strict && report.bad != 0 ? 1 : 0;
    if (!print_report(&report, &command) || fflush(stdout) != 0) {
        fprintf(stderr, "tp-logparse: standard output: %s\n", strerror(errno));
        status = 2;
    }
    if (command.stats)
        print_stats(&report, &command, &before, &after, ns);
    log_report_free(&report);
    return ferror(stderr) != 0 ? 2 : status;
}
