/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings that are more than plain ASCII: UTF-8 is checked (RFC 3629, section 4: nothing overlong,
   no surrogates, nothing above U+10FFFF), escapes are decoded into the arena. A string without
   escapes stays where it is, in the text. */
#include "internal.h"
#include "scan.h"

static inline bool continues(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Bytes of the sequence at `at`, whose first byte is not ASCII; 0: it is none. Each byte is looked
   at only where the one in front is fine: the zero behind the text stops it. */
static inline unsigned utf8_length(const unsigned char *at)
{
    unsigned code;
    if (at[0] < 0xe0)
        return at[0] >= 0xc2 && continues(at[1]) ? 2 : 0;
    if (!continues(at[1]) || !continues(at[2]))
        return 0;
    code = (at[0] & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    if (at[0] < 0xf0)
        return code >= 0x800 && code - 0xd800 >= 0x800 ? 3 : 0;
    /* without its last six bits: 0x400 is U+10000, 0x43ff the end of planes */
    return code >= 0x400 && code < 0x4400 && continues(at[3]) ? 4 : 0;
}

/* From a byte that is not plain ASCII to the next quote or backslash; NULL: something else stands
   in between. */
static const unsigned char *read_plain(struct json_reader *in, const unsigned char *at)
{
    while (*at >= 0x80) {
        do {
            unsigned length = utf8_length(at);
            if (TP_UNLIKELY(length == 0))
                return json_fail(in, at, JSON_FAULT_UTF8);
            at += length;
        } while (*at >= 0x80);
        at = scan_plain(at);
    }
    return TP_LIKELY(*at >= ' ') ? at : json_fail(in, at, JSON_FAULT_CONTROL);
}

/* --- escapes --- */

/* What a hexadecimal digit stands for; 16: it is none. */
static unsigned hex_digit(unsigned char c)
{
    unsigned char letter = c | 0x20;
    if (c >= '0' && c <= '9')
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10u : 16;
}

/* The four digits at `at`; NULL: it is not that many. */
static const unsigned char *read_hex(struct json_reader *in, const unsigned char *at,
                                     unsigned *code)
{
    *code = 0;
    for (unsigned i = 0; i < 4; i++, at++) {
        unsigned digit = hex_digit(*at);
        if (TP_UNLIKELY(digit > 15))
            return json_fail(in, at, JSON_FAULT_HEX);
        *code = *code << 4 | digit;
    }
    return at;
}

static unsigned char *put_utf8(unsigned char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (unsigned char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (unsigned char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (unsigned char)(0xe0 | code >> 12);
        } else {
            *to++ = (unsigned char)(0xf0 | code >> 18);
            *to++ = (unsigned char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (unsigned char)(0x80 | (code & 0x3f));
    return to;
}

/* \uXXXX at the backslash `at`, two of them where the first is the upper half of a pair. */
static const unsigned char *read_unicode(struct json_reader *in, const unsigned char *at,
                                         unsigned char **to)
{
    const unsigned char *next;
    unsigned code, low;
    next = read_hex(in, at + 2, &code);
    if (next == NULL)
        return NULL;
    if (code - 0xd800 < 0x800) {
        if (code >= 0xdc00 || next[0] != '\\' || next[1] != 'u')
            return json_fail(in, at, JSON_FAULT_SURROGATE);
        next = read_hex(in, next + 2, &low);
        if (next == NULL)
            return NULL;
        if (low - 0xdc00 >= 0x400)
            return json_fail(in, at, JSON_FAULT_SURROGATE);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, code);
    return next;
}

/* The escape at the backslash `at`. */
static const unsigned char *read_escape(struct json_reader *in, const unsigned char *at,
                                        unsigned char **to)
{
    unsigned char c;
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
        c = at[1];
        break;
    case 'b':
        c = '\b';
        break;
    case 'f':
        c = '\f';
        break;
    case 'n':
        c = '\n';
        break;
    case 'r':
        c = '\r';
        break;
    case 't':
        c = '\t';
        break;
    case 'u':
        return read_unicode(in, at, to);
    default:
        return json_fail(in, at + 1, JSON_FAULT_ESCAPE);
    }
    *(*to)++ = c;
    return at + 2;
}

/* The quote that ends the string, `at` being outside of an escape; the text's end: there is none.
 */
static const unsigned char *closing_quote(struct json_reader *in, const unsigned char *at)
{
    const unsigned char *from = at;
    for (;;) {
        const unsigned char *quote = memchr(at, '"', (size_t)(in->end - at)), *slash;
        if (quote == NULL)
            return in->end;
        for (slash = quote; slash > from && slash[-1] == '\\'; slash--)
            continue;
        if ((quote - slash) % 2 == 0)
            return quote;
        at = quote + 1;
    }
}

/* Decoded, a string is never longer: its room is known before, and the rest is given back. */
static const unsigned char *decode(struct json_reader *in, const unsigned char *begin,
                                   const unsigned char *at, struct json_value *value)
{
    size_t room = (size_t)(closing_quote(in, at) - begin);
    unsigned char *text = json_text_memory(in, room), *to = text;
    const unsigned char *run = begin;
    if (text == NULL)
        return json_fail(in, begin - 1, JSON_FAULT_MEMORY);
    for (;;) {
        memcpy(to, run, (size_t)(at - run));
        to += at - run;
        if (*at == '"')
            break;
        at = run = read_escape(in, at, &to);
        if (at == NULL || (at = read_plain(in, scan_plain(at))) == NULL)
            return NULL;
    }
    value->head = json_head(JSON_STRING, (size_t)(to - text));
    if (in->arena != NULL)
        value->text = tp_arena_resize(in->arena, text, room, (size_t)(to - text));
    else
        tp_gc_store(&value->text, text);
    return at + 1;
}

const unsigned char *json_read_string(struct json_reader *in, const unsigned char *begin,
                                      const unsigned char *at, struct json_value *value)
{
    at = read_plain(in, at);
    if (at != NULL && *at == '"') {
        value->head = json_head(JSON_STRING, (size_t)(at - begin));
        value->text = begin;
        return at + 1;
    }
    if (at != NULL)
        at = decode(in, begin, at, value);
    /* where the text ends, the string that it ends in is what is wrong */
    if (at == NULL && in->parser->error.fault == JSON_FAULT_END)
        json_fail(in, begin - 1, JSON_FAULT_QUOTE);
    return at;
}
