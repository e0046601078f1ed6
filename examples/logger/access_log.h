/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a web server's access log (common and combined format) as a logger's fields. */
#ifndef EXAMPLES_LOGGER_ACCESS_LOG_H
#define EXAMPLES_LOGGER_ACCESS_LOG_H

#include "logger.h"

#define ACCESS_FIELDS_MAX 10

struct access_line {
    enum logger_level level; /* by status: 5xx error, 4xx warn, else info */
    size_t n;
    struct logger_field fields[ACCESS_FIELDS_MAX];
};

/* The fields point into `line`; what the log has as "-" is left out. False: another format. */
bool access_line_parse(struct logger_text line, struct access_line *access);

#endif
