/* SPDX-License-Identifier: BSD-2-Clause */
/* What has to hold of examples/json for any bytes: they are accepted or rejected, whether they are
   copied or borrowed, without a read outside of them; what is accepted is printed, parsed again,
   and is the same tree; its numbers are the RFC's; where it is an array, its first string is a JSON
   pointer into it. libFuzzer calls this (see run), and test_corpus.c does for what libFuzzer has
   found. It aborts where a rule is broken. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(rule) ((rule) ? (void)0 : broken(#rule, __LINE__))

__attribute__((noreturn)) static void broken(const char *rule, int line)
{
    fprintf(stderr, "fuzz_json.c:%d: broken: %s\n", line, rule);
    abort();
}

static void check_error(const struct json_error *error, tp_view text)
{
    size_t line = 1, column = 1;
    HOLDS(error->fault > JSON_FAULT_MEMORY && error->fault <= JSON_FAULT_RANGE);
    HOLDS(error->fault != JSON_FAULT_NO_ZERO);
    HOLDS(error->offset <= text.len);
    for (size_t i = 0; i < error->offset; i++) {
        column = text.data[i] == '\n' ? 1 : column + 1;
        line += text.data[i] == '\n';
    }
    HOLDS(error->line == line && error->column == column);
}

static size_t digits_at(tp_view text, size_t at)
{
    size_t n = 0;
    while (at + n < text.len && text.data[at + n] >= '0' && text.data[at + n] <= '9')
        n++;
    return n;
}

/* What is accepted has no other numbers than the RFC's: a second, plain reading of them. */
static void check_numbers(tp_view text)
{
    bool string = false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = text.data[i];
        if (string && byte == '\\') {
            i++;
        } else if (byte == '"') {
            string = !string;
        } else if (!string && (byte == '-' || (byte >= '0' && byte <= '9'))) {
            if (byte == '-')
                i++;
            size_t whole = digits_at(text, i);
            HOLDS(whole == 1 || (whole > 1 && text.data[i] != '0'));
            i += whole;
            if (i < text.len && text.data[i] == '.') {
                HOLDS(digits_at(text, i + 1) > 0);
                i += 1 + digits_at(text, i + 1);
            }
            if (i < text.len && (text.data[i] | 0x20) == 'e') {
                i++;
                if (i < text.len && (text.data[i] == '+' || text.data[i] == '-'))
                    i++;
                HOLDS(digits_at(text, i) > 0);
                i += digits_at(text, i);
            }
            HOLDS(i >= text.len || strchr(" \t\r\n,]}", text.data[i--]) != NULL);
        }
    }
}

/* Printed and parsed again it is the same tree, and printed once more the same text. */
static void check_printing(struct json_parser *parser, tp_arena *arena,
                           const struct json_value *root, bool pretty)
{
    tp_bytes first = {0}, second = {0};
    const struct json_value *again;
    HOLDS(json_print(parser, root, pretty, &first));
    (void)tp_bytes_str(&first);
    again = json_parse(parser, arena, tp_view_from_bytes(&first), JSON_BORROW);
    HOLDS(again != NULL);
    HOLDS(json_same(parser, root, again));
    HOLDS(json_print(parser, again, pretty, &second));
    HOLDS(tp_view_equal(tp_view_from_bytes(&first), tp_view_from_bytes(&second)));
    tp_bytes_free(&first);
    tp_bytes_free(&second);
}

/* The same text, its end at the end of what may be read. */
static const struct json_value *parse_borrowing(struct json_parser *parser, tp_arena *arena,
                                                const uint8_t *data, size_t size,
                                                unsigned char **copy)
{
    *copy = malloc(size + TP_BYTES_PADDING);
    HOLDS(*copy != NULL);
    memset(*copy + size, '"', TP_BYTES_PADDING);
    (*copy)[size] = 0;
    if (size != 0)
        memcpy(*copy, data, size);
    return json_parse(parser, arena, tp_view_from_mem(*copy, size), JSON_BORROW);
}

/* It leads somewhere, nowhere, or is none: then it breaks a rule that is easily told. */
static void check_pointer(const struct json_value *root, tp_view pointer)
{
    bool wrong = pointer.len != 0 && pointer.data[0] != '/';
    for (size_t i = 0; i < pointer.len; i++)
        wrong |=
            pointer.data[i] == '~' && (i + 1 == pointer.len || (pointer.data[i + 1] & 0xfe) != '0');
    errno = 0;
    if (json_pointer(root, pointer) == NULL)
        HOLDS(errno == (wrong ? EINVAL : ENOENT));
    else
        HOLDS(!wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_parser parser = {.depth_max = 40};
    tp_arena *arena = tp_arena_create(NULL);
    tp_view text = tp_view_from_mem(data, size);
    const struct json_value *root, *borrowing;
    struct json_error error;
    unsigned char *copy;
    HOLDS(arena != NULL);
    root = json_parse(&parser, arena, text, 0);
    error = parser.error;
    borrowing = parse_borrowing(&parser, arena, data, size, &copy);
    HOLDS((root == NULL) == (borrowing == NULL));
    HOLDS(error.fault == parser.error.fault && error.offset == parser.error.offset);
    if (root == NULL) {
        check_error(&error, text);
    } else {
        HOLDS(error.fault == JSON_OK);
        check_numbers(text);
        HOLDS(json_same(&parser, root, borrowing));
        check_printing(&parser, arena, root, false);
        check_printing(&parser, arena, borrowing, true);
        if (json_type(root) == JSON_ARRAY && json_length(root) != 0 &&
            json_type(root->items) == JSON_STRING)
            check_pointer(root, json_string(root->items));
    }
    free(copy);
    json_parser_free(&parser);
    tp_arena_destroy(arena);
    return 0;
}
