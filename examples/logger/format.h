/* SPDX-License-Identifier: BSD-2-Clause */
/* A line's text: JSON, key=value or raw, straight into records. By the thread that logs. */
#ifndef EXAMPLES_LOGGER_FORMAT_H
#define EXAMPLES_LOGGER_FORMAT_H

#include <time.h>
#include "record.h"

/* A line that is being written. After a failure (no memory) appending does nothing. */
struct line {
    struct records *records;
    struct record *first, *last;
    uint64_t gets; /* of records */
    bool failed;
};

/* The last second's date, kept by each thread: most lines share it with the line before. */
struct stamp {
    time_t second;
    char text[24]; /* 2026-01-31T23:59:59 */
};

struct line_style {
    enum logger_format format;
    bool time;
};

/* Begins a line; its first record is got here. */
void line_begin(struct line *line, struct records *records);

/* Formats the whole line, newline included. errno is ENOMEM where line->failed. */
void line_format(struct line *line, const struct line_style *style, struct stamp *stamp,
                 enum logger_level level, struct logger_text message,
                 const struct logger_field *fields, size_t n);

/* `moment` in UTC as ISO 8601 with microseconds, and a Z. Returns the length. */
#define STAMP_BYTES 40
size_t stamp_format(struct stamp *stamp, const struct timespec *moment, char text[STAMP_BYTES]);

#endif
