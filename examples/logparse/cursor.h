/* SPDX-License-Identifier: BSD-2-Clause */
/* A place in a line, and what can be taken from there. Each take gives false and leaves the place
   where it was when the line has something else there. Used by access.c and message.c. */
#ifndef EXAMPLES_LOGPARSE_CURSOR_H
#define EXAMPLES_LOGPARSE_CURSOR_H

#include "logparse.h"

struct cursor {
    const unsigned char *at, *end;
};

static inline struct cursor cursor_of(tp_view text)
{
    return (struct cursor){text.data, text.len > 0 ? text.data + text.len : text.data};
}

static inline size_t left(const struct cursor *in)
{
    return (size_t)(in->end - in->at);
}

static inline tp_view view_between(const unsigned char *from, const unsigned char *to)
{
    return tp_view_from_mem(from, (size_t)(to - from));
}

static inline const unsigned char *find(const struct cursor *in, int byte)
{
    return left(in) > 0 ? memchr(in->at, byte, left(in)) : NULL;
}

static inline bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool is_letter(unsigned char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static inline bool is_blank(unsigned char byte)
{
    return byte == ' ' || byte == '\t';
}

static inline bool take_byte(struct cursor *in, unsigned char byte)
{
    if (in->at == in->end || *in->at != byte)
        return false;
    in->at++;
    return true;
}

static inline bool take_text(struct cursor *in, const char *text)
{
    size_t n = strlen(text);
    if (left(in) < n || memcmp(in->at, text, n) != 0)
        return false;
    in->at += n;
    return true;
}

/* One or more. */
static inline bool take_blanks(struct cursor *in)
{
    const unsigned char *from = in->at;
    while (in->at < in->end && is_blank(*in->at))
        in->at++;
    return in->at > from;
}

static inline bool take_digits(struct cursor *in, tp_view *digits)
{
    const unsigned char *from = in->at;
    while (in->at < in->end && is_digit(*in->at))
        in->at++;
    *digits = view_between(from, in->at);
    return in->at > from;
}

/* Up to the next space or the end; not empty. */
static inline bool take_word(struct cursor *in, tp_view *word)
{
    const unsigned char *from = in->at, *space = find(in, ' ');
    const unsigned char *to = space != NULL ? space : in->end;
    if (to == from)
        return false;
    in->at = to;
    *word = view_between(from, to);
    return true;
}

/* Text of a shape: '0' stands for a digit, 'A' for a letter, ' ' for a blank, '?' for a digit or a
   blank, and any other byte for itself. */
static inline bool take_shape(struct cursor *in, const char *shape, tp_view *text)
{
    const unsigned char *at = in->at;
    size_t n = strlen(shape);
    if (left(in) < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char want = (unsigned char)shape[i], got = at[i];
        bool fits = want == '0'   ? is_digit(got)
                    : want == 'A' ? is_letter(got)
                    : want == '?' ? is_digit(got) || is_blank(got)
                                  : got == want;
        if (!fits)
            return false;
    }
    in->at += n;
    *text = view_between(at, in->at);
    return true;
}

/* False, and why: for `return refuse(line, "...")`. */
static inline bool refuse(struct log_line *line, const char *why)
{
    line->why = why;
    return false;
}

#endif
