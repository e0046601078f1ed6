/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of formats, and which of them a log has. */
#include "logparse.h"

#include "cursor.h"

/* clang-format off */
#define ACCESS_COLUMNS                                                                             \
    LOG_HOST, LOG_IDENT, LOG_USER, LOG_TIME, LOG_REQUEST, LOG_METHOD, LOG_PATH, LOG_PROTOCOL,      \
    LOG_STATUS, LOG_BYTES

const struct log_format_info log_formats[LOG_FORMATS] = {
    [LOG_COMBINED] = {"combined", {ACCESS_COLUMNS, LOG_REFERER, LOG_AGENT}, 12,
                      log_combined_parse},
    [LOG_COMMON] = {"common", {ACCESS_COLUMNS}, 10, log_common_parse},
    [LOG_APACHE_ERROR] = {"apache-error",
                          {LOG_TIME, LOG_MODULE, LOG_LEVEL, LOG_PID, LOG_TID, LOG_CLIENT,
                           LOG_CONTENT}, 7, log_apache_error_parse},
    [LOG_SYSLOG] = {"syslog",
                    {LOG_MONTH, LOG_DAY, LOG_TIME, LOG_HOST, LOG_COMPONENT, LOG_PID, LOG_CONTENT},
                    7, log_syslog_parse},
    [LOG_HDFS] = {"hdfs", {LOG_DATE, LOG_TIME, LOG_PID, LOG_LEVEL, LOG_COMPONENT, LOG_CONTENT},
                  6, log_hdfs_parse},
    [LOG_ZOOKEEPER] = {"zookeeper",
                       {LOG_DATE, LOG_TIME, LOG_LEVEL, LOG_NODE, LOG_COMPONENT, LOG_CLASS, LOG_ID,
                        LOG_CONTENT}, 8, log_zookeeper_parse},
    [LOG_ANDROID] = {"android",
                     {LOG_DATE, LOG_TIME, LOG_PID, LOG_TID, LOG_LEVEL, LOG_COMPONENT, LOG_CONTENT},
                     7, log_android_parse},
};

const char *const log_field_names[LOG_FIELDS] = {
    [LOG_AGENT] = "agent", [LOG_BYTES] = "bytes", [LOG_CLASS] = "class", [LOG_CLIENT] = "client",
    [LOG_COMPONENT] = "component", [LOG_CONTENT] = "content", [LOG_DATE] = "date",
    [LOG_DAY] = "day", [LOG_HOST] = "host", [LOG_ID] = "id", [LOG_IDENT] = "ident",
    [LOG_LEVEL] = "level", [LOG_METHOD] = "method", [LOG_MODULE] = "module",
    [LOG_MONTH] = "month", [LOG_NODE] = "node", [LOG_PATH] = "path", [LOG_PID] = "pid",
    [LOG_PROTOCOL] = "protocol", [LOG_REFERER] = "referer", [LOG_REQUEST] = "request",
    [LOG_STATUS] = "status", [LOG_TID] = "tid", [LOG_TIME] = "time", [LOG_USER] = "user",
};
/* clang-format on */

bool log_line_parse(enum log_format format, tp_view text, struct log_line *line)
{
    while (text.len > 0 && (is_blank(text.data[text.len - 1]) || text.data[text.len - 1] == '\r'))
        text.len--;
    memset(line, 0, sizeof(*line));
    if (text.len == 0)
        return refuse(line, "nothing in the line");
    return log_formats[format].parse(text, line);
}

/* How many of the first lines fit. */
static unsigned count_fits(enum log_format format, tp_view text)
{
    struct cursor in = cursor_of(text);
    struct log_line line;
    unsigned fits = 0;
    for (unsigned i = 0; i < LOG_DETECT_LINES && in.at < in.end; i++) {
        const unsigned char *newline = find(&in, '\n');
        const unsigned char *end = newline != NULL ? newline : in.end;
        fits += log_line_parse(format, view_between(in.at, end), &line);
        in.at = newline != NULL ? newline + 1 : in.end;
    }
    return fits;
}

enum log_format log_format_detect(tp_view text)
{
    enum log_format best = LOG_FORMATS;
    unsigned most = 0;
    for (unsigned i = 0; i < LOG_FORMATS; i++) {
        unsigned fits = count_fits((enum log_format)i, text);
        if (fits > most) {
            most = fits;
            best = (enum log_format)i;
        }
    }
    return best;
}

enum log_format log_format_named(const char *name)
{
    unsigned i = 0;
    while (i < LOG_FORMATS && strcmp(log_formats[i].name, name) != 0)
        i++;
    return (enum log_format)i;
}
