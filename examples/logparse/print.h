/* SPDX-License-Identifier: BSD-2-Clause */
/* What tp-logparse writes: fields of lines, faults, and reports. All append to a buffer; false and
   errno ENOMEM. */
#ifndef EXAMPLES_LOGPARSE_PRINT_H
#define EXAMPLES_LOGPARSE_PRINT_H

#include "scan.h"

/* A line of cells with tabs between them: the format's columns; a cell may be empty. Any thread. */
bool print_cells(tp_bytes *out, enum log_format format, const struct log_line *line);

/* An object with the fields that the line has. Any thread. */
bool print_object(tp_bytes *out, enum log_format format, const struct log_line *line);

/* file:line: why: the line, which may be cut. */
bool print_fault(tp_bytes *out, const struct log_fault *fault);

/* 5 lines = 4 parsed + 1 bad */
bool print_sum(tp_bytes *out, const struct log_report *report);

/* The sum, and the first `top` keys of each table that has any. */
bool print_tables(tp_bytes *out, const struct log_report *report, size_t top);

/* The same as JSON, an object a line. */
bool print_json(tp_bytes *out, const struct log_report *report, size_t top);

#endif
