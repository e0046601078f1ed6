/* SPDX-License-Identifier: BSD-2-Clause */
/* tp-json's parts: main.c opens what is named, lines.c cuts it into lines, tool.c does what is done
   with each text. All of it is one thread's. */
#ifndef EXAMPLES_JSON_TOOL_H
#define EXAMPLES_JSON_TOOL_H

#include <stdint.h>

#include "json.h"
#include "options.h"

#define TOOL_READ_BYTES ((size_t)1 << 18) /* room for a read, at least */
#define TOOL_OUT_BYTES ((size_t)1 << 16)  /* written once there is so much */

struct tool {
    struct command command;
    struct json_parser parser;
    tp_arena *arena; /* a tree, from one rewind to the next; NULL: the collector's */
    tp_bytes in, out;
    uint64_t texts, bytes; /* looked at */
    uint64_t rejected;     /* texts: told; also those where a pointer led nowhere */
    uint64_t allocations;  /* the library's counter when it was last looked at, */
    uint64_t settled;      /* and how many texts there were when it was last seen to change */
    bool failed;           /* reading, writing or memory did: told */
    bool stuck;            /* the output did: nothing more is read */
};

/* Parses one text, which has a zero and padding behind it, and prints what is asked for. `line` is
   where it begins in the input, 0: it is all of it. */
void tool_text(struct tool *tool, const char *name, uint64_t line, tp_view text);

/* Writes what is printed so far. False: it is stuck. */
bool tool_flush(struct tool *tool);

/* Tells that a call on the input failed, as errno says. */
void tool_failed(struct tool *tool, const char *name);

/* Appends what one read gives to the buffer, which grows where it is full. 0: nothing was left; -1:
   it failed and was told. What is printed so far is written first. */
int tool_read(struct tool *tool, const char *name, int fd);

/* Looks at the library's counter of objects, the heap's and collected ones. */
void tool_count(struct tool *tool);

/* All lines of an open file, each a text of its own but for blank ones. */
void tool_lines(struct tool *tool, const char *name, int fd);

#endif
