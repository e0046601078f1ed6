/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parser's files share. parse.c knows the structure of a text, string.c and number.c what
   stands in it. All of them read a text that has a zero byte and padding behind its end: no test
   for the end is needed where a zero is no valid byte. */
#ifndef EXAMPLES_JSON_INTERNAL_H
#define EXAMPLES_JSON_INTERNAL_H

#include <tidepool/gc.h>

#include "json.h"

/* One text that is being parsed. */
struct json_reader {
    struct json_parser *parser;
    tp_arena *arena;                 /* NULL: the tree is left to the collector */
    const unsigned char *text, *end; /* *end is 0 */
};

/* Notes what is wrong with the byte at `at`. Always NULL, which its callers return. */
const unsigned char *json_fail(struct json_reader *in, const unsigned char *at,
                               enum json_fault fault);

/* The rest of a string that began at `begin`, behind its quote: what is in front of `at` stands for
   itself, what is there does not. Fills *value; returns what follows the closing quote, or NULL. */
const unsigned char *json_read_string(struct json_reader *in, const unsigned char *begin,
                                      const unsigned char *at, struct json_value *value);

/* The number at `at`, a digit or '-'. Fills *value; returns what follows, or NULL. */
const unsigned char *json_read_number(struct json_reader *in, const unsigned char *at,
                                      struct json_value *value);

/* The double nearest to digits * 10^exponent, ties to even, for exponents of this size. */
#define JSON_EXACT_EXPONENT 27
double json_scale(uint64_t digits, int exponent);

/* --- collected.c: where there is no arena. False, NULL: out of memory --- */

/* The parser's stack is a root from the one to the other. */
bool json_collected_begin(struct json_parser *parser);
void json_collected_end(struct json_parser *parser);

/* Room on the stack for twice as many values as are used. */
bool json_collected_grow(struct json_parser *parser, size_t used);

/* Copies of n values, 1 or more. */
struct json_value *json_collected_values(const struct json_value *values, size_t n);

/* The n values on the stack above a container become its contents. */
bool json_collected_close(struct json_value *open, size_t n);

/* Memory for a text: the arena's, or the collector's. */
static inline unsigned char *json_text_memory(struct json_reader *in, size_t bytes)
{
    return in->arena != NULL ? tp_arena_alloc(in->arena, bytes) : tp_gc_alloc_leaf(bytes);
}

static inline uint64_t json_head(enum json_type type, size_t length)
{
    return (uint64_t)length << 8 | (uint64_t)type;
}

#endif
