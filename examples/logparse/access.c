/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of web servers' access logs, in Apache's common and combined formats:

       host ident user [day/month/year:time zone] "request" status bytes "referer" "agent"

   Servers escape quotes and bytes in the quoted parts (\" and \x..). A user may have blanks in its
   name, so it ends where the time begins. A request is whatever the client sent: where it is not
   "METHOD path PROTOCOL" or "METHOD path", only LOG_REQUEST is there. */
#include "cursor.h"

/* One digit less than the largest uint64_t has: no number that is taken overflows. */
#define NUMBER_DIGITS_MAX 19

/* "01/Mar/2024:00:00:00 +0000" */
#define TIME_BYTES 26

static bool is_dash(tp_view text)
{
    return text.len == 1 && text.data[0] == '-';
}

static void set(struct log_line *line, enum log_field field, tp_view text)
{
    if (!is_dash(text))
        line->fields[field] = text;
}

static inline bool are_digits(const unsigned char *at)
{
    return is_digit(at[0]) && is_digit(at[1]);
}

/* "01/Mar/2024:00:00:00 +0000]". A loop over a shape would be a fifth of the whole parsing. */
static bool is_time(const unsigned char *at)
{
    return at[2] == '/' && at[6] == '/' && at[11] == ':' && at[14] == ':' && at[17] == ':' &&
           at[20] == ' ' && (at[21] == '+' || at[21] == '-') && at[26] == ']' && are_digits(at) &&
           is_letter(at[3]) && is_letter(at[4]) && is_letter(at[5]) && are_digits(at + 7) &&
           are_digits(at + 9) && are_digits(at + 12) && are_digits(at + 15) &&
           are_digits(at + 18) && are_digits(at + 22) && are_digits(at + 24);
}

/* The user, and the time in brackets. The time's fixed shape tells its bracket from others. */
static bool take_user_and_time(struct cursor *in, struct log_line *line)
{
    const unsigned char *user = in->at, *bracket;
    struct cursor next = *in;
    while ((bracket = find(&next, '[')) != NULL) {
        next.at = bracket + 1;
        if (bracket == user || bracket[-1] != ' ' || left(&next) < TIME_BYTES + 1 ||
            !is_time(next.at))
            continue;
        set(line, LOG_TIME, tp_view_from_mem(next.at, TIME_BYTES));
        set(line, LOG_USER, view_between(user, bracket - 1));
        in->at = next.at + TIME_BYTES + 1;
        return bracket - 1 > user || refuse(line, "no user");
    }
    return refuse(line, "no time like [01/Mar/2024:00:00:00 +0000]");
}

/* A quote is escaped where an odd number of backslashes stands before it. */
static bool is_escaped(const unsigned char *quote, const unsigned char *from)
{
    const unsigned char *at = quote;
    while (at > from && at[-1] == '\\')
        at--;
    return (quote - at) % 2 != 0;
}

/* A space and a text in quotes, the first quote that is not escaped ends it. */
static bool take_quoted(struct cursor *in, tp_view *text)
{
    struct cursor next = *in;
    const unsigned char *from, *quote;
    if (!take_byte(&next, ' ') || !take_byte(&next, '"'))
        return false;
    from = next.at;
    while ((quote = find(&next, '"')) != NULL) {
        next.at = quote + 1;
        if (!is_escaped(quote, from)) {
            *text = view_between(from, quote);
            *in = next;
            return true;
        }
    }
    return false;
}

static bool is_method(tp_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_letter(text.data[i]) && text.data[i] != '-' && text.data[i] != '_')
            return false;
    }
    return text.len > 0;
}

/* A path may have blanks in it: a protocol begins behind the last one. */
static void set_request(struct log_line *line, tp_view request)
{
    const unsigned char *end = request.data + request.len, *first, *last;
    tp_view method, path, protocol;
    set(line, LOG_REQUEST, request);
    first = request.len > 0 ? memchr(request.data, ' ', request.len) : NULL;
    if (first == NULL)
        return;
    last = memrchr(first, ' ', (size_t)(end - first));
    method = view_between(request.data, first);
    protocol = view_between(last + 1, end);
    if (protocol.len < 5 || memcmp(protocol.data, "HTTP/", 5) != 0) {
        if (last != first)
            return;
        last = end;
        protocol = (tp_view){0};
    }
    path = first < last ? view_between(first + 1, last) : (tp_view){0};
    if (path.len == 0 || !is_method(method))
        return;
    line->fields[LOG_METHOD] = method;
    line->fields[LOG_PATH] = path;
    line->fields[LOG_PROTOCOL] = protocol;
}

static bool take_status_and_bytes(struct cursor *in, struct log_line *line)
{
    tp_view status, bytes;
    if (!take_byte(in, ' ') || !take_word(in, &status))
        return refuse(line, "no status");
    if (!is_dash(status) && !(status.len == 3 && is_digit(status.data[0]) &&
                              is_digit(status.data[1]) && is_digit(status.data[2])))
        return refuse(line, "the status is not three digits");
    if (!take_byte(in, ' ') || !take_word(in, &bytes))
        return refuse(line, "no bytes");
    set(line, LOG_STATUS, status);
    if (is_dash(bytes))
        return true;
    for (size_t i = 0; i < bytes.len; i++) {
        if (!is_digit(bytes.data[i]))
            return refuse(line, "the bytes are no number");
        line->bytes = line->bytes * 10 + (uint64_t)(bytes.data[i] - '0');
    }
    if (bytes.len > NUMBER_DIGITS_MAX)
        return refuse(line, "the bytes are more than 19 digits");
    line->fields[LOG_BYTES] = bytes;
    return true;
}

/* What both formats begin with. */
static bool take_common(struct cursor *in, struct log_line *line)
{
    tp_view host, ident, request;
    if (!take_word(in, &host) || !take_byte(in, ' '))
        return refuse(line, "no host");
    if (!take_word(in, &ident) || !take_byte(in, ' '))
        return refuse(line, "no ident");
    set(line, LOG_HOST, host);
    set(line, LOG_IDENT, ident);
    if (!take_user_and_time(in, line))
        return false;
    if (!take_quoted(in, &request))
        return refuse(line, "no request in quotes");
    set_request(line, request);
    return take_status_and_bytes(in, line);
}

bool log_common_parse(tp_view text, struct log_line *line)
{
    struct cursor in = cursor_of(text);
    if (!take_common(&in, line))
        return false;
    return in.at == in.end || refuse(line, "text behind the bytes");
}

bool log_combined_parse(tp_view text, struct log_line *line)
{
    struct cursor in = cursor_of(text);
    tp_view referer, agent;
    if (!take_common(&in, line))
        return false;
    if (!take_quoted(&in, &referer))
        return refuse(line, "no referer in quotes");
    if (!take_quoted(&in, &agent))
        return refuse(line, "no agent in quotes");
    set(line, LOG_REFERER, referer);
    set(line, LOG_AGENT, agent);
    return in.at == in.end || refuse(line, "text behind the agent");
}
