/* SPDX-License-Identifier: BSD-2-Clause */
/* Escaping: see text.h. What needs no escape is copied in runs. */
#include "text.h"

/* The bytes of the UTF-8 character at `at` (RFC 3629: the shortest form, no surrogates, nothing
   above U+10FFFF); 0: there is none. */
static size_t character_bytes(const unsigned char *at, const unsigned char *end)
{
    size_t left = (size_t)(end - at), n;
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    n = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] == 0xe0)
        low = 0xa0;
    if (at[0] == 0xed)
        high = 0x9f;
    if (at[0] == 0xf0)
        low = 0x90;
    if (at[0] == 0xf4)
        high = 0x8f;
    if (left < n || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    }
    return n;
}

/* Nearly all bytes: as they are, wherever they stand. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* How a byte is written; `special` has those that are plain otherwise but need a backslash. NULL:
   as it is. */
static const char *short_escape(unsigned char byte, const char *special)
{
    switch (byte) {
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\\':
        return strchr(special, '\\') != NULL ? "\\\\" : NULL;
    case '"':
        return strchr(special, '"') != NULL ? "\\\"" : NULL;
    default:
        return NULL;
    }
}

/* `control`: of a control byte; `c1`: of U+0080 to U+009F, by the second byte; `invalid`: of a byte
   that is no character. */
struct style {
    const char *special, *control, *c1, *invalid;
};

/* How the n bytes of a character are written, or a byte where n is 0. NULL: as they are. Terminals
   obey the controls U+0080 to U+009F, too. */
static const char *format_of(const unsigned char *at, size_t n, const struct style *style)
{
    if (n == 0)
        return style->invalid;
    if (at[0] < 0x20 || at[0] == 0x7f)
        return style->control;
    return at[0] == 0xc2 && at[1] < 0xa0 ? style->c1 : NULL;
}

static bool write_escaped(tp_bytes *out, tp_view text, const struct style *style)
{
    const unsigned char *at = text.data, *plain = at, *end;
    if (text.len == 0)
        return true;
    end = at + text.len;
    for (;;) {
        const char *escape, *format;
        size_t n;
        while (at < end && is_plain(*at))
            at++;
        if (at == end)
            break;
        n = character_bytes(at, end);
        escape = short_escape(*at, style->special);
        format = format_of(at, n, style);
        if (escape == NULL && format == NULL) {
            at += n;
            continue;
        }
        if (!tp_bytes_append(out, plain, (size_t)(at - plain)))
            return false;
        at += n > 1 ? n : 1;
        plain = at;
        if (escape != NULL ? !tp_bytes_append_str(out, escape)
                           : !tp_bytes_printf(out, format, at[-1]))
            return false;
    }
    return tp_bytes_append(out, plain, (size_t)(at - plain));
}

bool text_shown(tp_bytes *out, tp_view text)
{
    return write_escaped(out, text, &(struct style){"", "\\x%02x", "\\xc2\\x%02x", "\\x%02x"});
}

bool text_cell(tp_bytes *out, tp_view text)
{
    return write_escaped(out, text, &(struct style){"\\", "\\x%02x", "\\xc2\\x%02x", "\\x%02x"});
}

bool text_json(tp_bytes *out, tp_view text)
{
    return tp_bytes_append_byte(out, '"') &&
           write_escaped(out, text, &(struct style){"\\\"", "\\u%04x", "\\u%04x", "\\ufffd"}) &&
           tp_bytes_append_byte(out, '"');
}
