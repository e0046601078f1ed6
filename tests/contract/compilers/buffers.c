/* SPDX-License-Identifier: BSD-2-Clause */
/* Byte buffers and views where a compiler knows much of what is copied: constant strings, parts of
   constant strings. None of it may warn. As C and as C++. */
#include <tidepool/bytes.h>

#ifdef __cplusplus
#define EMPTY                                                                                      \
    {                                                                                              \
    }
#else
#define EMPTY                                                                                      \
    {                                                                                              \
        0                                                                                          \
    }
#endif

static tp_view word_of(tp_view line, size_t word)
{
    size_t from = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == ' ') {
            if (word == 0)
                return tp_view_slice(line, from, i);
            word--;
            from = i + 1;
        }
    }
    return tp_view_slice(line, from, line.len);
}

static bool append_escaped(tp_bytes *to, char byte)
{
    const char *escape = byte == '\t' ? "\\t" : byte == '\n' ? "\\n" : NULL;
    return escape != NULL ? tp_bytes_append_str(to, escape)
                          : tp_bytes_append_byte(to, (unsigned char)byte);
}

int main(void)
{
    tp_bytes bytes = EMPTY;
    tp_view line = tp_view_from_str("GET /a/b HTTP/1.1");
    bool done = tp_bytes_from_view(&bytes, word_of(line, 1)) && append_escaped(&bytes, '\t') &&
                append_escaped(&bytes, 'x') && tp_bytes_append_view(&bytes, word_of(line, 2)) &&
                tp_bytes_append(&bytes, "", 0) && tp_bytes_append_i64(&bytes, -5) &&
                tp_view_equal_str(tp_view_from_bytes(&bytes), "/a/b\\txHTTP/1.1-5");
    tp_bytes_free(&bytes);
    return done ? 0 : 1;
}
