/* SPDX-License-Identifier: BSD-2-Clause */
/* What tp-json does with a text, and its reading and writing: see tool.h. */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <tidepool/gc.h>
#include <tidepool/stats.h>
#include <unistd.h>

#define COUNT_EVERY 64 /* texts between two looks at the counter */

void tool_failed(struct tool *tool, const char *name)
{
    fprintf(stderr, "tp-json: %s: %s\n", name, strerror(errno));
    tool->failed = true;
}

bool tool_flush(struct tool *tool)
{
    const unsigned char *at = tool->out.data, *end = at + tool->out.len;
    tp_gc_blocking_begin();
    while (at < end && !tool->stuck) {
        ssize_t n = write(STDOUT_FILENO, at, (size_t)(end - at));
        if (n >= 0) {
            at += n;
        } else if (errno != EINTR) {
            tool_failed(tool, "standard output");
            tool->stuck = true;
        }
    }
    tp_gc_blocking_end();
    tp_bytes_reset(&tool->out);
    return !tool->stuck;
}

int tool_read(struct tool *tool, const char *name, int fd)
{
    tp_bytes *in = &tool->in;
    ssize_t n;
    if (!tool_flush(tool))
        return -1;
    if (in->cap - in->len < TOOL_READ_BYTES &&
        !tp_bytes_reserve(in, in->cap < 2 * TOOL_READ_BYTES ? 2 * TOOL_READ_BYTES : in->cap * 2)) {
        tool_failed(tool, name);
        return -1;
    }
    tp_gc_blocking_begin(); /* whoever waits for input holds no cycle up */
    do
        n = read(fd, in->data + in->len, in->cap - in->len);
    while (n < 0 && errno == EINTR);
    tp_gc_blocking_end();
    if (n < 0) {
        tool_failed(tool, name);
        return -1;
    }
    in->len += (size_t)n;
    return n > 0;
}

void tool_count(struct tool *tool)
{
    tp_memstats stats;
    tp_memstats_read(&stats);
    if (stats.mallocs != tool->allocations)
        tool->settled = tool->texts;
    tool->allocations = stats.mallocs;
}

/* The place is that of the text's first byte, plus what the parser says. */
static void reject(struct tool *tool, const char *name, uint64_t line)
{
    const struct json_error *error = &tool->parser.error;
    fprintf(stderr, "%s:%" PRIu64 ":%zu: %s", name, line + error->line - (line != 0), error->column,
            json_fault_text(error->fault));
    if (error->fault == JSON_FAULT_DEPTH)
        fprintf(stderr, " (%zu)", tool->command.depth);
    fputc('\n', stderr);
    if (error->fault == JSON_FAULT_MEMORY)
        tool->failed = true;
    else
        tool->rejected++;
}

static void not_found(struct tool *tool, const char *name, uint64_t line)
{
    fprintf(stderr, "%s:", name);
    if (line != 0)
        fprintf(stderr, "%" PRIu64 ":", line);
    fprintf(stderr, " %s: not there\n", tool->command.pointer);
    tool->rejected++;
}

static void print(struct tool *tool, const char *name, uint64_t line,
                  const struct json_value *value)
{
    const char *pointer = tool->command.pointer;
    if (pointer != NULL)
        value = json_pointer(value, tp_view_from_str(pointer));
    if (value == NULL) {
        not_found(tool, name, line);
        return;
    }
    if (!json_print(&tool->parser, value, tool->command.style == STYLE_PRETTY, &tool->out) ||
        !tp_bytes_append_byte(&tool->out, '\n'))
        tool_failed(tool, name);
    if (tool->out.len >= TOOL_OUT_BYTES)
        tool_flush(tool);
}

void tool_text(struct tool *tool, const char *name, uint64_t line, tp_view text)
{
    tp_arena_mark mark = {0};
    const struct json_value *value;
    const struct json_value *volatile tree; /* on the stack until the end, where it is found */
    if (tool->arena != NULL)
        mark = tp_arena_save(tool->arena);
    tree = value = json_parse(&tool->parser, tool->arena, text, JSON_BORROW);
    tool->texts++;
    tool->bytes += text.len;
    if (value == NULL)
        reject(tool, name, line);
    else if (tool->command.style != STYLE_NONE)
        print(tool, name, line, value); /* what is left of the tree is in a vector, no root */
    (void)tree;
    if (tool->arena != NULL)
        tp_arena_rewind(tool->arena, mark);
    if (tool->command.stats && tool->texts % COUNT_EVERY == 0)
        tool_count(tool);
}
