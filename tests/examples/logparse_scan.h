/* SPDX-License-Identifier: BSD-2-Clause */
/* Logs that are made up, and scans of them that remember what they heard. Each test program
   includes this once. */
#ifndef TESTS_EXAMPLES_LOGPARSE_SCAN_H
#define TESTS_EXAMPLES_LOGPARSE_SCAN_H

#include "logparse_fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include "logparse/print.h"
#include "logparse/scan.h"

#define LONGEST 3000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a scan said: lines' cells, faults, and problems, in the order that they were told. */
struct heard {
    tp_bytes lines, faults, problems;
    int truncate_fd;       /* where >= 0: the file is cut as the first line is heard */
    unsigned no_memory_at; /* where > 0: for this line, and those behind it */
    unsigned lines_n;      /* counted for no_memory_at: one thread */
    bool write_fails;
};

static char path[64];

/* --- listening --- */

static inline bool hear_line(void *context, enum log_format format,
                             const struct log_line *heard_line, tp_bytes *out)
{
    struct heard *heard = context;
    if (heard->truncate_fd >= 0)
        assert_int_equal(ftruncate(heard->truncate_fd, 10), 0);
    if (heard->no_memory_at != 0 && ++heard->lines_n >= heard->no_memory_at) {
        errno = ENOMEM;
        return false;
    }
    return print_cells(out, format, heard_line);
}

static inline bool hear_block(void *context, tp_view out)
{
    struct heard *heard = context;
    if (heard->write_fails) {
        errno = ENOSPC;
        return false;
    }
    return tp_bytes_append_view(&heard->lines, out);
}

static inline void hear_fault(void *context, const struct log_fault *fault)
{
    struct heard *heard = context;
    bool cut = strcmp(fault->why, "the line is too long") == 0; /* where may differ */
    assert_true(tp_bytes_printf(&heard->faults, "%" PRIu64 " %s %zu\n", fault->number, fault->why,
                                cut ? 0 : fault->text.len));
}

static inline void hear_problem(void *context, const char *name, const char *problem)
{
    struct heard *heard = context;
    assert_true(tp_bytes_printf(&heard->problems, "%s: %s\n", name, problem));
}

static inline void hear_nothing(struct heard *heard)
{
    tp_bytes_free(&heard->lines);
    tp_bytes_free(&heard->faults);
    tp_bytes_free(&heard->problems);
}

/* Scans the names with a listener; the report is the caller's. */
static inline void scan(struct log_options options, char *const *names, size_t n,
                        struct heard *heard, struct log_report *report)
{
    struct log_listener listener = {heard, hear_line, hear_block, hear_fault, hear_problem};
    options.listener = &listener;
    if (options.line_bytes_max == 0)
        options.line_bytes_max = LONGEST;
    assert_true(log_scan(&options, names, n, report));
    assert_int_equal(report->lines, report->parsed + report->bad);
}

static inline void assert_same(const tp_bytes *a, const tp_bytes *b)
{
    assert_int_equal(a->len, b->len);
    if (a->len != 0)
        assert_memory_equal(a->data, b->data, a->len);
}

static inline void assert_text(tp_bytes *bytes, const char *wanted)
{
    assert_string_equal(tp_bytes_str(bytes), wanted);
}

/* --- logs that are made up --- */

static uint64_t random_state;

static inline unsigned below(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

static inline void add(tp_bytes *text, const char *more)
{
    assert_true(tp_bytes_append_str(text, more));
}

static inline void add_access(tp_bytes *text, unsigned hosts, unsigned pad)
{
    assert_true(tp_bytes_printf(text,
                                "192.0.2.%u - - [01/Mar/2024:00:00:00 +0000] \"GET /%u HTTP/1.1\" "
                                "%u %u \"-\" \"%0*u\"",
                                below(hosts), below(40), 200 + below(4) * 100, below(5000),
                                (int)pad + 1, 0));
}

static inline void write_file(const tp_bytes *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (text->len != 0)
        assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
    assert_int_equal(fclose(file), 0);
}

static inline int make_path(void **state)
{
    int fd;
    (void)state;
    snprintf(path, sizeof(path), "/tmp/tp-test-logparse-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static inline int remove_path(void **state)
{
    (void)state;
    free(line_copy);
    return unlink(path);
}

#endif
