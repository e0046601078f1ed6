/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatting a line: see format.h.

   No text that a caller hands in can forge a line or break out of its quotes: in JSON and key=value
   lines quotes, backslashes and control characters are escaped and what is not UTF-8 becomes
   U+FFFD; in raw lines a newline becomes \n. So the one real newline is the line's end. */
#include "format.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Moves on to a further record of the same line. */
static bool next_record(struct line *line)
{
    struct record *record = record_get(line->records);
    line->gets++;
    if (record == NULL) {
        line->failed = true;
        return false;
    }
    record->next = NULL;
    record->more = NULL;
    record->length = 0;
    if (line->last != NULL)
        tp_gc_store(&line->last->more, record);
    else
        line->first = record;
    line->last = record;
    return true;
}

void line_begin(struct line *line, struct records *records)
{
    *line = (struct line){.records = records};
    next_record(line);
}

static void append_slow(struct line *line, const char *bytes, size_t n)
{
    while (n > 0 && !line->failed) {
        size_t room = RECORD_TEXT_BYTES - line->last->length;
        size_t part = n < room ? n : room;
        if (room == 0) {
            next_record(line);
            continue;
        }
        memcpy(line->last->text + line->last->length, bytes, part);
        line->last->length += part;
        bytes += part;
        n -= part;
    }
}

static inline void append(struct line *line, const char *bytes, size_t n)
{
    struct record *record = line->last;
    if (n == 0)
        return;
    if (line->failed || n > RECORD_TEXT_BYTES - record->length) {
        append_slow(line, bytes, n);
        return;
    }
    memcpy(record->text + record->length, bytes, n);
    record->length += n;
}

static inline void append_char(struct line *line, char c)
{
    append(line, &c, 1);
}

static inline void append_string(struct line *line, const char *string)
{
    append(line, string, strlen(string));
}

/* Bytes of the UTF-8 sequence at `text`, 0 where it is none: overlong ones, surrogates and what is
   above U+10FFFF are none (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *text, size_t n)
{
    unsigned char lead = text[0], low = 0x80, high = 0xbf;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0xc2 || lead > 0xf4 || n < length)
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

static void append_escape(struct line *line, unsigned char c)
{
    char escape[8];
    switch (c) {
    case '"':
    case '\\':
        append_char(line, '\\');
        append_char(line, (char)c);
        break;
    case '\n':
        append_string(line, "\\n");
        break;
    case '\r':
        append_string(line, "\\r");
        break;
    case '\t':
        append_string(line, "\\t");
        break;
    default:
        append(line, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
        break;
    }
}

/* Bytes that stand for themselves in a quoted string. */
static inline bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void append_quoted(struct line *line, struct logger_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t begin = 0, at = 0;
    append_char(line, '"');
    while (at < text.length) {
        size_t step = 1;
        if (is_plain(bytes[at]) ||
            (bytes[at] >= 0x80 && (step = utf8_length(bytes + at, text.length - at)) != 0)) {
            at += step;
            continue;
        }
        append(line, text.data + begin, at - begin);
        if (bytes[at] >= 0x80)
            append_string(line, "\\ufffd");
        else
            append_escape(line, bytes[at]);
        begin = ++at;
    }
    append(line, text.data + begin, at - begin);
    append_char(line, '"');
}

/* A key=value line quotes only what needs it. */
static void append_value_text(struct line *line, struct logger_text text)
{
    bool bare = text.length > 0;
    for (size_t i = 0; i < text.length && bare; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bare = is_plain(c) && c != ' ' && c != '=';
    }
    if (bare)
        append(line, text.data, text.length);
    else
        append_quoted(line, text);
}

static void append_integer(struct line *line, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0)
        digits[--at] = '-';
    append(line, digits + at, sizeof(digits) - at);
}

/* JSON has no infinity, no NaN, and a point whatever the locale says. */
static void append_double(struct line *line, double number)
{
    char text[40];
    int length = snprintf(text, sizeof(text), "%.17g", number);
    char *comma = strchr(text, ',');
    if (comma != NULL)
        *comma = '.';
    if (!isfinite(number))
        append_string(line, "null");
    else
        append(line, text, (size_t)length);
}

static void append_value(struct line *line, enum logger_format format,
                         const struct logger_field *field)
{
    switch (field->type) {
    case LOGGER_TYPE_TEXT:
        if (format == LOGGER_JSON)
            append_quoted(line, field->value.text);
        else
            append_value_text(line, field->value.text);
        break;
    case LOGGER_TYPE_INT:
        append_integer(line, field->value.integer);
        break;
    case LOGGER_TYPE_DOUBLE:
        append_double(line, field->value.real);
        break;
    case LOGGER_TYPE_BOOL:
        append_string(line, field->value.truth ? "true" : "false");
        break;
    }
}

size_t stamp_format(struct stamp *stamp, const struct timespec *moment, char text[STAMP_BYTES])
{
    long us = moment->tv_nsec / 1000;
    size_t length;
    if (stamp->text[0] == '\0' || stamp->second != moment->tv_sec) {
        struct tm utc = {0};
        gmtime_r(&moment->tv_sec, &utc);
        if (strftime(stamp->text, sizeof(stamp->text), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
            memcpy(stamp->text, "0000-00-00T00:00:00", 20);
        stamp->second = moment->tv_sec;
    }
    length = strlen(stamp->text);
    memcpy(text, stamp->text, length);
    text[length] = '.';
    for (size_t digit = 6; digit > 0; digit--) {
        text[length + digit] = (char)('0' + us % 10);
        us /= 10;
    }
    text[length + 7] = 'Z';
    return length + 8;
}

static void append_time(struct line *line, struct stamp *stamp)
{
    struct timespec now = {0};
    char text[STAMP_BYTES];
    clock_gettime(CLOCK_REALTIME, &now);
    append(line, text, stamp_format(stamp, &now, text));
}

static void format_json(struct line *line, const struct line_style *style, struct stamp *stamp,
                        enum logger_level level, struct logger_text message,
                        const struct logger_field *fields, size_t n)
{
    append_string(line, "{");
    if (style->time) {
        append_string(line, "\"time\":\"");
        append_time(line, stamp);
        append_string(line, "\",");
    }
    append_string(line, "\"level\":\"");
    append_string(line, logger_level_name(level));
    append_string(line, "\",\"msg\":");
    append_quoted(line, message);
    for (size_t i = 0; i < n; i++) {
        append_string(line, ",\"");
        append_string(line, fields[i].key);
        append_string(line, "\":");
        append_value(line, LOGGER_JSON, &fields[i]);
    }
    append_string(line, "}\n");
}

static void format_kv(struct line *line, const struct line_style *style, struct stamp *stamp,
                      enum logger_level level, struct logger_text message,
                      const struct logger_field *fields, size_t n)
{
    if (style->time) {
        append_string(line, "time=");
        append_time(line, stamp);
        append_char(line, ' ');
    }
    append_string(line, "level=");
    append_string(line, logger_level_name(level));
    append_string(line, " msg=");
    append_value_text(line, message);
    for (size_t i = 0; i < n; i++) {
        append_char(line, ' ');
        append_string(line, fields[i].key);
        append_char(line, '=');
        append_value(line, LOGGER_KV, &fields[i]);
    }
    append_char(line, '\n');
}

static void format_raw(struct line *line, struct logger_text message)
{
    while (message.length > 0) {
        const char *newline = memchr(message.data, '\n', message.length);
        size_t part = newline != NULL ? (size_t)(newline - message.data) : message.length;
        append(line, message.data, part);
        if (newline != NULL) {
            append(line, "\\n", 2);
            part++;
        }
        message.data += part;
        message.length -= part;
    }
    append_char(line, '\n');
}

void line_format(struct line *line, const struct line_style *style, struct stamp *stamp,
                 enum logger_level level, struct logger_text message,
                 const struct logger_field *fields, size_t n)
{
    switch (style->format) {
    case LOGGER_JSON:
        format_json(line, style, stamp, level, message, fields, n);
        break;
    case LOGGER_KV:
        format_kv(line, style, stamp, level, message, fields, n);
        break;
    case LOGGER_RAW:
        format_raw(line, message);
        break;
    }
    if (line->failed)
        errno = ENOMEM;
}
