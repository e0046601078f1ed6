/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of an access log, cut into fields:

       client ident user [time] "request" status bytes ["referer" "agent"]

   Servers escape quotes in the quoted parts by a backslash; the escapes are left as they are. A
   line that does not fit is no access line, and nothing of it is guessed. */
#include "access_log.h"

struct cursor {
    const char *at, *end;
};

static bool skip_space(struct cursor *in)
{
    if (in->at == in->end || *in->at != ' ')
        return false;
    in->at++;
    return true;
}

/* Up to the next space or the end; not empty. */
static bool take_word(struct cursor *in, struct logger_text *word)
{
    size_t left = (size_t)(in->end - in->at);
    const char *space = left > 0 ? memchr(in->at, ' ', left) : NULL;
    word->data = in->at;
    word->length = space != NULL ? (size_t)(space - in->at) : left;
    in->at += word->length;
    return word->length > 0;
}

static bool take_bracketed(struct cursor *in, struct logger_text *text)
{
    const char *close;
    if (in->at == in->end || *in->at != '[')
        return false;
    close = memchr(in->at, ']', (size_t)(in->end - in->at));
    if (close == NULL)
        return false;
    *text = (struct logger_text){in->at + 1, (size_t)(close - in->at - 1)};
    in->at = close + 1;
    return true;
}

/* The quote that ends the text at `at`; NULL: there is none. Most text has no escape in it. */
static const char *closing_quote(const char *at, const char *end)
{
    const char *quote = memchr(at, '"', (size_t)(end - at));
    if (quote == NULL || memchr(at, '\\', (size_t)(quote - at)) == NULL)
        return quote;
    while (at < end && *at != '"')
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    return at < end ? at : NULL;
}

static bool take_quoted(struct cursor *in, struct logger_text *text)
{
    const char *quote;
    if (in->at == in->end || *in->at != '"')
        return false;
    quote = closing_quote(in->at + 1, in->end);
    if (quote == NULL)
        return false;
    *text = (struct logger_text){in->at + 1, (size_t)(quote - in->at - 1)};
    in->at = quote + 1;
    return true;
}

/* Digits alone; 18 of them fit. */
static bool to_number(struct logger_text text, int64_t *number)
{
    *number = 0;
    if (text.length == 0 || text.length > 18)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *number = *number * 10 + (text.data[i] - '0');
    }
    return true;
}

static bool is_dash(struct logger_text text)
{
    return text.length == 1 && text.data[0] == '-';
}

static void add_text(struct access_line *access, const char *key, struct logger_text text)
{
    if (is_dash(text))
        return;
    access->fields[access->n++] = LOGGER_TEXT(key, text);
}

static void add_number(struct access_line *access, const char *key, int64_t number)
{
    access->fields[access->n++] = LOGGER_INT(key, number);
}

/* "GET /path HTTP/1.1" in three; anything else as it is. */
static void add_request(struct access_line *access, struct logger_text request)
{
    struct cursor in = {request.data, request.data + request.length};
    struct logger_text method, path, protocol;
    if (take_word(&in, &method) && skip_space(&in) && take_word(&in, &path) && skip_space(&in) &&
        take_word(&in, &protocol) && in.at == in.end) {
        add_text(access, "method", method);
        add_text(access, "path", path);
        add_text(access, "protocol", protocol);
    } else {
        add_text(access, "request", request);
    }
}

static enum logger_level level_of_status(int64_t status)
{
    if (status >= 500)
        return LOGGER_ERROR;
    return status >= 400 ? LOGGER_WARN : LOGGER_INFO;
}

bool access_line_parse(struct logger_text line, struct access_line *access)
{
    struct cursor in = {line.data, line.data + line.length};
    struct logger_text client, ident, user, moment, request, status_text, bytes_text, referer,
        agent;
    int64_t status, bytes = 0;
    if (!take_word(&in, &client) || !skip_space(&in) || !take_word(&in, &ident) ||
        !skip_space(&in) || !take_word(&in, &user) || !skip_space(&in) ||
        !take_bracketed(&in, &moment) || !skip_space(&in) || !take_quoted(&in, &request) ||
        !skip_space(&in) || !take_word(&in, &status_text) || !skip_space(&in) ||
        !take_word(&in, &bytes_text))
        return false;
    if (!to_number(status_text, &status) ||
        (!is_dash(bytes_text) && !to_number(bytes_text, &bytes)))
        return false;
    access->n = 0;
    access->level = level_of_status(status);
    add_text(access, "client", client);
    add_text(access, "user", user);
    add_text(access, "at", moment);
    add_request(access, request);
    add_number(access, "status", status);
    add_number(access, "bytes", bytes);
    if (in.at == in.end)
        return true;
    if (!skip_space(&in) || !take_quoted(&in, &referer) || !skip_space(&in) ||
        !take_quoted(&in, &agent) || in.at != in.end)
        return false;
    add_text(access, "referer", referer);
    add_text(access, "agent", agent);
    return true;
}
