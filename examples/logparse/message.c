/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines whose end is a message: Apache's error log, BSD syslog, and the logs of HDFS, Zookeeper and
   Android. The fields and where they are cut are those of loghub's answers for its logs of these
   kinds (tests/examples/test_logparse_loghub.c compares them line by line); what other versions of
   the same programs write beside that is taken too. */
#include "cursor.h"

/* The rest of the line, behind blanks; it may be empty. */
static tp_view take_rest(struct cursor *in)
{
    (void)take_blanks(in);
    return view_between(in->at, in->end);
}

/* Letters and digits, one or more. */
static bool take_name(struct cursor *in, tp_view *name)
{
    const unsigned char *from = in->at;
    while (in->at < in->end && (is_letter(*in->at) || is_digit(*in->at)))
        in->at++;
    *name = view_between(from, in->at);
    return in->at > from;
}

/* Up to the first colon that a blank follows or the line's end. */
static bool take_component(struct cursor *in, tp_view *component)
{
    struct cursor next = *in;
    const unsigned char *colon;
    while ((colon = find(&next, ':')) != NULL) {
        next.at = colon + 1;
        if (next.at == next.end || is_blank(*next.at)) {
            *component = view_between(in->at, colon);
            *in = next;
            return true;
        }
    }
    return false;
}

/* "component: content", which HDFS and Android end with. */
static bool take_message(struct cursor *in, struct log_line *line)
{
    tp_view component;
    if (!take_component(in, &component))
        return refuse(line, "no colon behind the component");
    while (component.len > 0 && is_blank(component.data[component.len - 1]))
        component.len--;
    if (component.len == 0)
        return refuse(line, "no component");
    line->fields[LOG_COMPONENT] = component;
    line->fields[LOG_CONTENT] = take_rest(in);
    return true;
}

/* --- Apache's error log --- */

/* "Sun Dec 04 04:47:44 2005", since 2.4 with a fraction of the second. */
static bool take_error_time(struct cursor *in, tp_view *moment)
{
    struct cursor next = *in;
    tp_view part;
    if (!take_shape(&next, "AAA AAA ?0 00:00:00", &part))
        return false;
    if (take_byte(&next, '.') && !take_digits(&next, &part))
        return false;
    if (!take_shape(&next, " 0000", &part))
        return false;
    *moment = view_between(in->at, next.at);
    *in = next;
    return true;
}

/* "notice", or since 2.4 "core:notice". */
static bool take_error_level(struct cursor *in, struct log_line *line)
{
    struct cursor next = *in;
    tp_view level, module;
    const unsigned char *colon;
    const unsigned char *close = find(&next, ']');
    if (close == NULL)
        return false;
    next.end = close;
    colon = find(&next, ':');
    if (colon != NULL) {
        module = view_between(next.at, colon);
        line->fields[LOG_MODULE] = module;
        next.at = colon + 1;
    }
    if (!take_name(&next, &level) || next.at != close)
        return false;
    line->fields[LOG_LEVEL] = level;
    in->at = close + 1;
    return true;
}

/* "[pid 1:tid 2]" or "[pid 1]", since 2.4. */
static void take_error_ids(struct cursor *in, struct log_line *line)
{
    struct cursor next = *in;
    tp_view pid, tid = {0};
    if (!take_text(&next, "[pid ") || !take_digits(&next, &pid))
        return;
    if (take_text(&next, ":tid ") && !take_digits(&next, &tid))
        return;
    if (!take_byte(&next, ']'))
        return;
    line->fields[LOG_PID] = pid;
    line->fields[LOG_TID] = tid;
    (void)take_blanks(&next);
    *in = next;
}

bool log_apache_error_parse(tp_view text, struct log_line *line)
{
    struct cursor in = cursor_of(text), content;
    const unsigned char *close;
    if (!take_byte(&in, '[') || !take_error_time(&in, &line->fields[LOG_TIME]) ||
        !take_byte(&in, ']'))
        return refuse(line, "no time like [Fri Mar 01 00:00:00 2024]");
    if (!take_blanks(&in) || !take_byte(&in, '[') || !take_error_level(&in, line))
        return refuse(line, "no level like [error] or [core:error]");
    if (!take_blanks(&in))
        return refuse(line, "no content");
    take_error_ids(&in, line);
    content = in;
    if (take_text(&in, "[client ") && (close = find(&in, ']')) != NULL)
        line->fields[LOG_CLIENT] = view_between(in.at, close);
    /* the client is a part of the message too, as in loghub's answers */
    line->fields[LOG_CONTENT] = take_rest(&content);
    return true;
}

/* --- syslog --- */

static bool is_month(tp_view name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (size_t i = 0; i < sizeof(months) - 1; i += 3) {
        if (memcmp(name.data, months + i, 3) == 0)
            return true;
    }
    return false;
}

/* "component[pid]", either part of which may have blanks in it: "syslogd 1.4.1", "-- root[12]". */
static void set_process(struct log_line *line, tp_view process)
{
    const unsigned char *bracket = NULL;
    if (process.len > 0 && process.data[process.len - 1] == ']')
        bracket = memrchr(process.data, '[', process.len);
    if (bracket != NULL) {
        const unsigned char *close = process.data + process.len - 1;
        line->fields[LOG_PID] = view_between(bracket + 1, close);
        process = view_between(process.data, bracket);
    }
    line->fields[LOG_COMPONENT] = process;
}

bool log_syslog_parse(tp_view text, struct log_line *line)
{
    struct cursor in = cursor_of(text);
    tp_view process;
    if (!take_shape(&in, "AAA", &line->fields[LOG_MONTH]) || !is_month(line->fields[LOG_MONTH]))
        return refuse(line, "no month");
    if (!take_blanks(&in) || !take_digits(&in, &line->fields[LOG_DAY]) ||
        line->fields[LOG_DAY].len > 2)
        return refuse(line, "no day of the month");
    if (!take_blanks(&in) || !take_shape(&in, "00:00:00", &line->fields[LOG_TIME]))
        return refuse(line, "no time like 00:00:00");
    if (!take_blanks(&in) || !take_word(&in, &line->fields[LOG_HOST]))
        return refuse(line, "no host");
    if (!take_blanks(&in))
        return refuse(line, "no content");
    /* syslogd's own "last message repeated 2 times" has no process */
    if (take_component(&in, &process))
        set_process(line, process);
    line->fields[LOG_CONTENT] = take_rest(&in);
    return true;
}

/* --- HDFS --- */

bool log_hdfs_parse(tp_view text, struct log_line *line)
{
    struct cursor in = cursor_of(text);
    if (!take_shape(&in, "000000", &line->fields[LOG_DATE]) || !take_blanks(&in))
        return refuse(line, "no date of six digits");
    if (!take_shape(&in, "000000", &line->fields[LOG_TIME]) || !take_blanks(&in))
        return refuse(line, "no time of six digits");
    if (!take_digits(&in, &line->fields[LOG_PID]) || !take_blanks(&in))
        return refuse(line, "no process number");
    if (!take_name(&in, &line->fields[LOG_LEVEL]) || !take_blanks(&in))
        return refuse(line, "no level");
    return take_message(&in, line);
}

/* --- Zookeeper --- */

/* The "@" of "node:component@id] - ", and the bracket: names of threads may have either too. */
static bool find_id(const struct cursor *in, const unsigned char **at, const unsigned char **close)
{
    struct cursor next = *in;
    while ((*close = find(&next, ']')) != NULL) {
        *at = *close;
        while (*at > in->at && is_digit((*at)[-1]))
            --*at;
        next.at = *close + 1;
        if (*at<*close && * at> in->at && (*at)[-1] == '@' && take_blanks(&next) &&
            take_byte(&next, '-') && (next.at == next.end || is_blank(*next.at))) {
            --*at;
            return true;
        }
        next.at = *close + 1;
    }
    return false;
}

/* "node:component@id" in the brackets is a thread, and a class and line of source. Threads are
   named after addresses and have colons too; node and component are cut at the first one, as in
   loghub's answers. */
bool log_zookeeper_parse(tp_view text, struct log_line *line)
{
    struct cursor in = cursor_of(text);
    const unsigned char *at, *close, *colon, *last;
    if (!take_shape(&in, "0000-00-00", &line->fields[LOG_DATE]) || !take_blanks(&in))
        return refuse(line, "no date like 2024-03-01");
    if (!take_shape(&in, "00:00:00,000", &line->fields[LOG_TIME]) || !take_blanks(&in))
        return refuse(line, "no time like 00:00:00,000");
    if (!take_byte(&in, '-') || !take_blanks(&in) || !take_name(&in, &line->fields[LOG_LEVEL]) ||
        !take_blanks(&in))
        return refuse(line, "no level");
    if (!take_byte(&in, '['))
        return refuse(line, "no bracket behind the level");
    if (!find_id(&in, &at, &close))
        return refuse(line, "no \"@1] -\" in front of the content");
    colon = memchr(in.at, ':', (size_t)(at - in.at));
    if (colon == NULL)
        return refuse(line, "no colon in the brackets");
    last = memrchr(colon, ':', (size_t)(at - colon));
    line->fields[LOG_NODE] = view_between(in.at, colon);
    line->fields[LOG_COMPONENT] = view_between(colon + 1, at);
    line->fields[LOG_CLASS] = view_between(last + 1, at);
    line->fields[LOG_ID] = view_between(at + 1, close);
    in.at = close + 1;
    (void)take_blanks(&in);
    in.at++; /* the dash that find_id saw */
    line->fields[LOG_CONTENT] = take_rest(&in);
    return true;
}

/* --- Android --- */

bool log_android_parse(tp_view text, struct log_line *line)
{
    struct cursor in = cursor_of(text);
    tp_view fraction;
    if ((!take_shape(&in, "00-00", &line->fields[LOG_DATE]) &&
         !take_shape(&in, "0000-00-00", &line->fields[LOG_DATE])) ||
        !take_blanks(&in))
        return refuse(line, "no date like 03-01");
    if (!take_shape(&in, "00:00:00.", &line->fields[LOG_TIME]) || !take_digits(&in, &fraction) ||
        !take_blanks(&in))
        return refuse(line, "no time like 00:00:00.000");
    line->fields[LOG_TIME].len += fraction.len;
    if (!take_digits(&in, &line->fields[LOG_PID]) || !take_blanks(&in))
        return refuse(line, "no process number");
    if (!take_digits(&in, &line->fields[LOG_TID]) || !take_blanks(&in))
        return refuse(line, "no thread number");
    if (!take_shape(&in, "A", &line->fields[LOG_LEVEL]) || !take_blanks(&in))
        return refuse(line, "the level is not one letter");
    return take_message(&in, line);
}
