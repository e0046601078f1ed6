/* SPDX-License-Identifier: BSD-2-Clause */
/* A parser and an arena for the tests of examples/json, texts in memory that ends where it says,
   and the folder of real inputs. Each test program includes this once. */
#ifndef TESTS_EXAMPLES_JSON_FIXTURE_H
#define TESTS_EXAMPLES_JSON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json/json.h"

struct fixture {
    struct json_parser parser;
    tp_arena *arena;
    tp_bytes out, again;
};

static inline void fixture_begin(struct fixture *f)
{
    *f = (struct fixture){.arena = tp_arena_create(NULL)};
    assert_non_null(f->arena);
}

static inline void fixture_end(struct fixture *f)
{
    json_parser_free(&f->parser);
    tp_arena_destroy(f->arena);
    tp_bytes_free(&f->out);
    tp_bytes_free(&f->again);
}

/* The text at the end of an allocation of malloc's, with the padding that JSON_BORROW asks for, and
   no byte more: an address sanitizer sees who reads on. Padding that goes on as JSON might. The
   caller frees it. */
static inline unsigned char *padded(const void *text, size_t length)
{
    unsigned char *copy = malloc(length + TP_BYTES_PADDING);
    assert_non_null(copy);
    memset(copy + length, '1', TP_BYTES_PADDING);
    copy[length] = 0;
    if (length != 0)
        memcpy(copy, text, length);
    return copy;
}

static inline const struct json_value *parse(struct fixture *f, const void *text, size_t length)
{
    tp_arena_reset(f->arena);
    return json_parse(&f->parser, f->arena, tp_view_from_mem(text, length), 0);
}

static inline const struct json_value *parse_str(struct fixture *f, const char *text)
{
    return parse(f, text, strlen(text));
}

static inline const char *print(struct fixture *f, const struct json_value *value, bool pretty)
{
    tp_bytes_reset(&f->out);
    assert_true(json_print(&f->parser, value, pretty, &f->out));
    return tp_bytes_str(&f->out);
}

/* What was accepted is printed and read again: the same tree, and the same text in the end. */
static inline void assert_round_trip(struct fixture *f, const struct json_value *root)
{
    const struct json_value *again;
    for (int pretty = 0; pretty <= 1; pretty++) {
        tp_bytes_reset(&f->again);
        assert_true(json_print(&f->parser, root, pretty, &f->again));
        again = json_parse(&f->parser, f->arena, tp_view_from_bytes(&f->again), 0);
        assert_non_null(again);
        assert_true(json_same(&f->parser, root, again));
        (void)print(f, again, pretty);
        assert_true(tp_view_equal(tp_view_from_bytes(&f->out), tp_view_from_bytes(&f->again)));
    }
}

/* A file of the folder of real inputs; NULL: it is not there. The caller frees it. */
static inline tp_bytes *read_data(const char *name, tp_bytes *bytes)
{
    const char *folder = getenv("TP_DATA_DIR");
    char path[4096];
    FILE *file;
    size_t n;
    snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : TP_TEST_DATA_DIR, name);
    file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    *bytes = (tp_bytes){0};
    do {
        assert_true(tp_bytes_reserve(bytes, bytes->len * 2 + 65536));
        n = fread(bytes->data + bytes->len, 1, bytes->cap - bytes->len, file);
        bytes->len += n;
    } while (n > 0);
    assert_int_equal(ferror(file), 0);
    fclose(file);
    return bytes;
}

#endif
