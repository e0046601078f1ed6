/* SPDX-License-Identifier: BSD-2-Clause */
/* NDJSON: a value a line. The input goes through one buffer, which is as large as its longest line
   needs; the newline behind a line becomes the zero that the parser wants there. */
#include "tool.h"

#include "scan.h"

/* A line [begin, end) of the buffer. */
static void take_line(struct tool *tool, const char *name, uint64_t line, size_t begin, size_t end)
{
    tool->in.data[end] = 0;
    /* an empty line is no text */
    if (scan_space(tool->in.data + begin) != tool->in.data + end)
        tool_text(tool, name, line, tp_view_from_mem(tool->in.data + begin, end - begin));
}

/* Makes the rest of the buffer its beginning. */
static void drop_front(tp_bytes *in, size_t n)
{
    in->len -= n;
    memmove(in->data, in->data + n, in->len);
}

void tool_lines(struct tool *tool, const char *name, int fd)
{
    uint64_t line = 1;
    size_t known = 0; /* bytes at the front that have no newline */
    int more;
    tp_bytes_reset(&tool->in);
    while ((more = tool_read(tool, name, fd)) > 0) {
        const unsigned char *newline;
        size_t begin = 0;
        while (!tool->stuck &&
               (newline = memchr(tool->in.data + known, '\n', tool->in.len - known)) != NULL) {
            size_t end = (size_t)(newline - tool->in.data);
            take_line(tool, name, line++, begin, end);
            begin = known = end + 1;
        }
        drop_front(&tool->in, begin);
        known = tool->in.len;
    }
    if (more == 0 && tool->in.len != 0)
        take_line(tool, name, line, 0, tool->in.len);
}
