/* SPDX-License-Identifier: BSD-2-Clause */
/* A tree as text: see json.h. What is still to be printed of each open array or object waits on the
   parser's stack, as a value of the same type that has the rest of the items. */
#include "internal.h"
#include "scan.h"

struct printer {
    struct json_parser *parser;
    tp_bytes *out;
    bool pretty;
};

/* Bytes that have to be escaped: the two-character form's second one, or 'u'. */
static unsigned char escape_of(unsigned char c)
{
    static const unsigned char controls[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
    return c < ' ' ? controls[c] : c;
}

static bool print_escape(tp_bytes *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char text[6] = {'\\', escape_of(c), '0', '0'};
    if (text[1] != 'u')
        return tp_bytes_append(out, text, 2);
    text[4] = (unsigned char)hex[c >> 4];
    text[5] = (unsigned char)hex[c & 15];
    return tp_bytes_append(out, text, 6);
}

/* The first byte that has to be escaped, or the end. */
static const unsigned char *printable(const unsigned char *at, const unsigned char *end)
{
    while (end - at >= 8 && scan_marks(scan_load(at)) == 0)
        at += 8;
    while (at < end && *at >= ' ' && *at != '"' && *at != '\\')
        at++;
    return at;
}

static bool print_string(tp_bytes *out, const struct json_value *value)
{
    const unsigned char *run = value->text, *end = run + json_length(value), *at;
    if (!tp_bytes_append_byte(out, '"'))
        return false;
    while (run < end) {
        at = printable(run, end);
        if (!tp_bytes_append(out, run, (size_t)(at - run)))
            return false;
        run = at;
        if (at < end && !print_escape(out, *run++))
            return false;
    }
    return tp_bytes_append_byte(out, '"');
}

/* A double stays one when it is read again. */
static bool print_double(tp_bytes *out, double value)
{
    size_t begin = out->len;
    if (!tp_bytes_append_double(out, value))
        return false;
    for (size_t i = begin; i < out->len; i++) {
        if (out->data[i] == '.' || out->data[i] == 'e')
            return true;
    }
    return tp_bytes_append(out, ".0", 2);
}

/* A value without its contents. */
static bool print_one(tp_bytes *out, const struct json_value *value)
{
    switch (json_type(value)) {
    case JSON_NULL:
        return tp_bytes_append(out, "null", 4);
    case JSON_BOOL:
        return tp_bytes_append_str(out, value->truth ? "true" : "false");
    case JSON_INT:
        return tp_bytes_append_i64(out, value->integer);
    case JSON_UINT:
        return tp_bytes_append_u64(out, value->natural);
    case JSON_DOUBLE:
        return print_double(out, value->real);
    case JSON_STRING:
        return print_string(out, value);
    case JSON_ARRAY:
        return tp_bytes_append_str(out, json_length(value) != 0 ? "[" : "[]");
    case JSON_OBJECT:
        return tp_bytes_append_str(out, json_length(value) != 0 ? "{" : "{}");
    }
    return true;
}

static bool print_newline(const struct printer *to)
{
    static const char blanks[] = "                                                                ";
    size_t left = 2 * to->parser->stack.len;
    if (!to->pretty)
        return true;
    if (!tp_bytes_append_byte(to->out, '\n'))
        return false;
    while (left != 0) {
        size_t part = left < sizeof(blanks) - 1 ? left : sizeof(blanks) - 1;
        if (!tp_bytes_append(to->out, blanks, part))
            return false;
        left -= part;
    }
    return true;
}

/* What is in front of the next value of the innermost container: an object's key, too. NULL: no
   room. */
static const struct json_value *print_to_next(const struct printer *to, bool first)
{
    struct json_value *rest = &to->parser->stack.data[to->parser->stack.len - 1];
    const struct json_member *member = rest->members;
    if ((!first && !tp_bytes_append_byte(to->out, ',')) || !print_newline(to))
        return NULL;
    rest->head = json_head(json_type(rest), json_length(rest) - 1);
    if (json_type(rest) == JSON_ARRAY)
        return rest->items++;
    rest->members++;
    if (!print_string(to->out, &member->key) || !tp_bytes_append(to->out, ": ", to->pretty ? 2 : 1))
        return NULL;
    return &member->value;
}

/* Ends the containers of which nothing is left. */
static bool print_ends(const struct printer *to)
{
    struct json_parser *parser = to->parser;
    while (parser->stack.len != 0) {
        const struct json_value *rest = &parser->stack.data[parser->stack.len - 1];
        unsigned char bracket = json_type(rest) == JSON_ARRAY ? ']' : '}';
        if (json_length(rest) != 0)
            break;
        parser->stack.len--;
        if (!print_newline(to) || !tp_bytes_append_byte(to->out, bracket))
            return false;
    }
    return true;
}

bool json_print(struct json_parser *parser, const struct json_value *value, bool pretty,
                tp_bytes *out)
{
    struct printer to = {.parser = parser, .out = out, .pretty = pretty};
    bool first;
    tp_vec_reset(&parser->stack);
    do {
        if (!print_one(out, value))
            return false;
        first = json_type(value) >= JSON_ARRAY && json_length(value) != 0;
        if (first && !tp_vec_push(&parser->stack, *value))
            return false;
        if (!first && !print_ends(&to))
            return false;
        if (parser->stack.len == 0)
            return true;
        value = print_to_next(&to, first);
    } while (value != NULL);
    return false;
}
