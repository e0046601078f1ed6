/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of a log, written where not every byte may stand. False and errno ENOMEM. Used by print.c;
   any thread. */
#ifndef EXAMPLES_LOGPARSE_TEXT_H
#define EXAMPLES_LOGPARSE_TEXT_H

#include <tidepool.h>

/* On one line, safe for a terminal: tabs and newlines as \t and \n, other control bytes, both bytes
   of U+0080 to U+009F, and what is no UTF-8, as \x and two digits. A backslash stays. */
bool text_shown(tp_bytes *out, tp_view text);

/* The same with a backslash as \\, so that it can be undone. */
bool text_cell(tp_bytes *out, tp_view text);

/* A JSON string, with its quotes; other controls as \u and four digits. What is no UTF-8 becomes
   U+FFFD, one for each byte. */
bool text_json(tp_bytes *out, tp_view text);

#endif
