/* SPDX-License-Identifier: BSD-2-Clause */
/* Logs read by several threads: what their lines say in sum, and each line's fields or faults in
   the input's order for whoever wants them. What comes out does not depend on the number of
   threads. */
#ifndef EXAMPLES_LOGPARSE_SCAN_H
#define EXAMPLES_LOGPARSE_SCAN_H

#include "counts.h"
#include "logparse.h"

enum log_table {
    LOG_BY_STATUS,
    LOG_BY_PATH, /* of requests that have none: the request */
    LOG_BY_HOST,
    LOG_BY_LEVEL,
    LOG_BY_COMPONENT, /* Zookeeper: class; Apache's errors: module */
    LOG_BY_FAULT,     /* of lines that were not parsed: why */
    LOG_TABLES
};

extern const char *const log_table_names[LOG_TABLES];

/* A line that does not fit its format. */
struct log_fault {
    const char *name; /* of the file */
    uint64_t number;  /* of the line, from 1 */
    const char *why;
    tp_view text;
};

/* Who listens. Members may be NULL, but for tell, and write where line is not. write and fault are
   called in the input's order, one at a time; line by several threads at once; tell at any time,
   one at a time. */
struct log_listener {
    void *context;
    /* Appends what there is to write about a line. False and errno ENOMEM. */
    bool (*line)(void *context, enum log_format format, const struct log_line *line, tp_bytes *out);
    /* Takes what line() appended for a block of lines. False and errno: stop. */
    bool (*write)(void *context, tp_view out);
    void (*fault)(void *context, const struct log_fault *fault);
    void (*tell)(void *context, const char *name, const char *problem);
};

struct log_options {
    enum log_format format; /* LOG_FORMATS: by the first lines of each file */
    unsigned threads;       /* at least 1 */
    size_t distinct;        /* keys that are expected in a table; 0: 16384 */
    size_t top;             /* keys of each table that are wanted in order; 0: all */
    size_t block_bytes;     /* what a thread takes at a time; 0: 128 KiB */
    size_t line_bytes_max;  /* a longer line is a fault; 0: 64 MiB */
    bool no_tables;         /* count lines alone */
    const struct log_listener *listener;
};

struct log_report {
    uint64_t lines, parsed, bad; /* counts; lines are parsed or bad */
    uint64_t bytes;              /* of the input */
    uint64_t keys, resizes;      /* of all threads' maps */
    uint64_t arena_peak;         /* bytes, of all threads' arenas */
    bool failed;                 /* something could not be read or written; it was told */
    /* Most lines first (hosts: most bytes), then by key; behind the first .top in no order. */
    log_count_vec tables[LOG_TABLES];
    tp_arena **arenas; /* what the tables point to */
    unsigned arenas_n;
};

/* names[]: files; "-" is standard input. False and errno ENOMEM: there is no report. Else the
   caller gives it back by log_report_free. */
bool log_scan(const struct log_options *options, char *const *names, size_t names_n,
              struct log_report *report);
void log_report_free(struct log_report *report);

#endif
