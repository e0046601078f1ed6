/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of logs, cut into fields without copying: what log_line_parse gives points into the line,
   which must outlive it. Escapes stay as the log has them, trailing blanks and a carriage return do
   not count. Bytes may be any: zeroes and invalid UTF-8 are text as other bytes are.

   Nothing here allocates or keeps state; any thread. */
#ifndef EXAMPLES_LOGPARSE_LOGPARSE_H
#define EXAMPLES_LOGPARSE_LOGPARSE_H

#include <tidepool.h>

enum log_format {
    LOG_COMBINED,     /* host ident user [time] "request" status bytes "referer" "agent" */
    LOG_COMMON,       /* the same without the last two */
    LOG_APACHE_ERROR, /* [time] [level] content; [time] [module:level] [pid 1:tid 2] content */
    LOG_SYSLOG,       /* Jun 14 15:16:01 host component[pid]: content */
    LOG_HDFS,         /* 081109 203615 148 INFO component: content */
    LOG_ZOOKEEPER,    /* 2015-07-29 17:41:44,747 - INFO  [node:component@id] - content */
    LOG_ANDROID,      /* 03-17 16:13:38.811  1702  2395 D component: content */
    LOG_FORMATS       /* how many; also: not known yet */
};

enum log_field {
    LOG_AGENT,
    LOG_BYTES,
    LOG_CLASS, /* Zookeeper: the component behind its last colon */
    LOG_CLIENT,
    LOG_COMPONENT,
    LOG_CONTENT,
    LOG_DATE,
    LOG_DAY,
    LOG_HOST,
    LOG_ID,
    LOG_IDENT,
    LOG_LEVEL,
    LOG_METHOD,
    LOG_MODULE,
    LOG_MONTH,
    LOG_NODE,
    LOG_PATH,
    LOG_PID,
    LOG_PROTOCOL,
    LOG_REFERER,
    LOG_REQUEST, /* whole; method, path and protocol are there where it is one */
    LOG_STATUS,
    LOG_TID,
    LOG_TIME,
    LOG_USER,
    LOG_FIELDS /* how many; also: none */
};

/* Columns of the format that has the most. */
#define LOG_COLUMNS_MAX 12

struct log_line {
    tp_view fields[LOG_FIELDS]; /* data NULL: the line has none, or a "-" for it */
    uint64_t bytes;             /* LOG_BYTES as a number; 0 where there is none */
    const char *why;            /* after a line that does not fit: what is wrong */
};

struct log_format_info {
    const char *name;
    enum log_field columns[LOG_COLUMNS_MAX]; /* in the line's order */
    size_t columns_n;
    bool (*parse)(tp_view text, struct log_line *line);
};

extern const struct log_format_info log_formats[LOG_FORMATS];
extern const char *const log_field_names[LOG_FIELDS];

/* One line, without its newline. False: it does not fit, line->why says why, and the fields are of
   no use. */
bool log_line_parse(enum log_format format, tp_view text, struct log_line *line);

/* Lines that a format is known by. */
#define LOG_DETECT_LINES 32

/* The format that most of the first lines of `text` fit; LOG_FORMATS where none does. */
enum log_format log_format_detect(tp_view text);

/* LOG_FORMATS: there is no such name. */
enum log_format log_format_named(const char *name);

/* What log_formats[] points to. */
bool log_combined_parse(tp_view text, struct log_line *line);
bool log_common_parse(tp_view text, struct log_line *line);
bool log_apache_error_parse(tp_view text, struct log_line *line);
bool log_syslog_parse(tp_view text, struct log_line *line);
bool log_hdfs_parse(tp_view text, struct log_line *line);
bool log_zookeeper_parse(tp_view text, struct log_line *line);
bool log_android_parse(tp_view text, struct log_line *line);

#endif
