/* SPDX-License-Identifier: BSD-2-Clause */
/* A fuzz target for libFuzzer: the log parser. An input's first three bytes say the format
   (or, from 128 on, that the log tells it), the block's size and the longest line; the rest is a
   log. It is cut at newlines here, one line at a time, each in memory of just its size; and it is
   scanned as a file and as a pipe. All three must say the same, and a field must lie within its
   line. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "logparse/print.h"
#include "logparse/scan.h"
#include "logparse/text.h"

/* What a pipe takes without a reader. */
#define LOG_BYTES_MAX 65536

struct settings {
    enum log_format format;
    bool detect; /* the scan has to find the format */
    size_t block_bytes, line_bytes_max;
};

static void must(bool held, const char *what)
{
    if (held)
        return;
    fprintf(stderr, "fuzz_logparse: %s\n", what);
    abort();
}

/* --- what is said of a line; the context is a buffer --- */

static bool hear_line(void *context, enum log_format format, const struct log_line *line,
                      tp_bytes *out)
{
    (void)context;
    return print_cells(out, format, line) && print_object(out, format, line);
}

static bool hear_block(void *context, tp_view out)
{
    return tp_bytes_append_view(context, out);
}

/* A line that is too long may have been cut anywhere. */
static void hear_fault(void *context, const struct log_fault *fault)
{
    bool cut = strcmp(fault->why, "the line is too long") == 0;
    must(tp_bytes_printf(context, "%" PRIu64 " %s ", fault->number, fault->why), "memory");
    must(cut || text_shown(context, fault->text), "memory");
    must(tp_bytes_append_byte(context, '\n'), "memory");
}

static void hear_problem(void *context, const char *name, const char *problem)
{
    (void)context;
    fprintf(stderr, "fuzz_logparse: %s: %s\n", name, problem);
    abort();
}

/* --- line by line; faults and lines apart, as blocks tell the faults first --- */

static void parse_line(const struct settings *settings, tp_view text, uint64_t number,
                       tp_bytes *lines, tp_bytes *faults)
{
    struct log_fault fault = {"", number, "the line is too long", text};
    unsigned char *copy = malloc(text.len + (text.len == 0));
    struct log_line line;
    must(copy != NULL, "memory");
    if (text.len != 0)
        memcpy(copy, text.data, text.len);
    if (text.len > settings->line_bytes_max) {
        hear_fault(faults, &fault);
    } else if (!log_line_parse(settings->format, tp_view_from_mem(copy, text.len), &line)) {
        fault.why = line.why;
        hear_fault(faults, &fault);
    } else {
        for (unsigned i = 0; i < LOG_FIELDS; i++) {
            tp_view field = line.fields[i];
            must(field.data == NULL ||
                     (field.data >= copy && field.data + field.len <= copy + text.len),
                 "a field outside of its line");
        }
        must(hear_line(NULL, settings->format, &line, lines), "memory");
    }
    free(copy);
}

static void parse(const struct settings *settings, tp_view log, tp_bytes *lines, tp_bytes *faults)
{
    uint64_t number = 0;
    while (log.len > 0) {
        const unsigned char *newline = memchr(log.data, '\n', log.len);
        size_t n = newline != NULL ? (size_t)(newline - log.data) : log.len;
        parse_line(settings, tp_view_slice(log, 0, n), ++number, lines, faults);
        log = tp_view_slice(log, n + 1, log.len);
    }
}

/* --- as a whole --- */

static void scan(const struct settings *settings, int fd, size_t n, const tp_bytes *wanted_lines,
                 const tp_bytes *wanted_faults)
{
    struct log_listener listener = {NULL, hear_line, hear_block, NULL, hear_problem};
    struct log_options options = {.format = settings->detect ? LOG_FORMATS : settings->format,
                                  .threads = 1,
                                  .distinct = 1,
                                  .block_bytes = settings->block_bytes,
                                  .line_bytes_max = settings->line_bytes_max,
                                  .listener = &listener};
    struct log_report report;
    tp_bytes heard = {0};
    char path[32], *names[] = {path};
    snprintf(path, sizeof(path), "/dev/fd/%d", fd);
    listener.context = &heard;
    if (n % 2 == 0) {
        listener.line = NULL;
        listener.fault = hear_fault;
        wanted_lines = wanted_faults;
    }
    must(log_scan(&options, names, 1, &report), "memory");
    must(report.lines == report.parsed + report.bad, "a line was lost");
    must(report.bytes == n, "bytes were lost");
    must(tp_view_equal(tp_view_from_bytes(&heard), tp_view_from_bytes(wanted_lines)),
         "the same log in blocks is another");
    log_report_free(&report);
    tp_bytes_free(&heard);
    close(fd);
}

static void write_all(int fd, tp_view log)
{
    while (log.len > 0) {
        ssize_t n = write(fd, log.data, log.len);
        must(n > 0, "write");
        log = tp_view_slice(log, (size_t)n, log.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct settings settings;
    tp_bytes lines = {0}, faults = {0};
    tp_view log;
    int file, ends[2];
    if (n < 3 || n > LOG_BYTES_MAX)
        return 0;
    settings.format = (enum log_format)(data[0] % LOG_FORMATS);
    settings.block_bytes = 1 + data[1];
    settings.line_bytes_max = 1 + 4 * (size_t)data[2];
    log = tp_view_from_mem(data + 3, n - 3);
    settings.detect = data[0] >= 128 && log.len != 0;
    if (settings.detect) {
        settings.format = log_format_detect(log);
        if (settings.format == LOG_FORMATS)
            return 0;
        settings.line_bytes_max = LOG_BYTES_MAX; /* all of the first lines are judged */
    }
    parse(&settings, log, &lines, &faults);
    file = memfd_create("log", MFD_CLOEXEC);
    must(file >= 0 && pipe(ends) == 0, "files");
    write_all(file, log);
    scan(&settings, file, log.len, &lines, &faults);
    write_all(ends[1], log);
    close(ends[1]);
    scan(&settings, ends[0], log.len, &lines, &faults);
    tp_bytes_free(&lines);
    tp_bytes_free(&faults);
    return 0;
}
