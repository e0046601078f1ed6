/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON (RFC 8259): text to a tree in an arena, and back.

       struct json_parser parser = {0};
       const struct json_value *root = json_parse(&parser, arena, text, 0);
       if (root == NULL)
           ...                              (parser.error says what, and where)
       id = json_get(root, tp_view_from_str("id"));
       ...
       tp_arena_reset(arena);               (the tree is gone, the parser is warm)
       json_parser_free(&parser);

   A tree is values of 16 bytes, an array's items and an object's members contiguous, in the order
   of the text; it is never changed, and goes with its arena. A parser keeps what it grew: once it
   is warm, and its arena too, parsing allocates nothing from the heap. Nothing here recurses,
   whatever the depth. One thread at a time uses a parser; trees may be read by any number of them.
 */
#ifndef EXAMPLES_JSON_JSON_H
#define EXAMPLES_JSON_JSON_H

#include <locale.h>
#include <tidepool/arena.h>
#include <tidepool/bytes.h>
#include <tidepool/vec.h>

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,    /* no fraction, no exponent, and it fits an int64_t; not "-0" */
    JSON_UINT,   /* the same above INT64_MAX */
    JSON_DOUBLE, /* any other number: the nearest double */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_value {
    uint64_t head; /* its type in the low 8 bits, its length above: json_type, json_length */
    union {
        bool truth;
        int64_t integer;
        uint64_t natural;
        double real;
        const unsigned char *text; /* UTF-8, no zero behind it */
        const struct json_value *items;
        const struct json_member *members;
    };
};

/* The key is a JSON_STRING. Members with equal keys stay, in order. */
struct json_member {
    struct json_value key, value;
};

static inline enum json_type json_type(const struct json_value *value)
{
    return (enum json_type)(value->head & 0xff);
}

/* Bytes of a string, items of an array, members of an object; else 0. */
static inline size_t json_length(const struct json_value *value)
{
    return value->head >> 8;
}

/* What a JSON_STRING says. As long as the tree. */
static inline tp_view json_string(const struct json_value *value)
{
    return tp_view_from_mem(value->text, json_length(value));
}

/* --- parsing --- */

/* What can be wrong, and how it is said. */
#define JSON_FAULTS(X)                                                                             \
    X(MEMORY, "out of memory")                                                                     \
    X(NO_ZERO, "no zero byte behind the text")                                                     \
    X(EMPTY, "no value")                                                                           \
    X(BOM, "byte order mark")                                                                      \
    X(END, "unexpected end")                                                                       \
    X(VALUE, "expected a value")                                                                   \
    X(LITERAL, "expected true, false or null")                                                     \
    X(KEY, "expected a string as an object's key")                                                 \
    X(COLON, "expected ':' behind an object's key")                                                \
    X(IN_ARRAY, "expected ',' or ']' in an array")                                                 \
    X(IN_OBJECT, "expected ',' or '}' in an object")                                               \
    X(TRAILING, "trailing characters")                                                             \
    X(DEPTH, "too deep")                                                                           \
    X(QUOTE, "string without its closing quote")                                                   \
    X(CONTROL, "control character in a string")                                                    \
    X(UTF8, "invalid UTF-8")                                                                       \
    X(ESCAPE, "unknown escape")                                                                    \
    X(HEX, "expected four hexadecimal digits")                                                     \
    X(SURROGATE, "lone surrogate")                                                                 \
    X(DIGIT, "expected a digit")                                                                   \
    X(LEADING_ZERO, "number has a leading zero")                                                   \
    X(RANGE, "number too large for a double")

enum json_fault {
    JSON_OK,
#define JSON_FAULT_NAME(name, text) JSON_FAULT_##name,
    JSON_FAULTS(JSON_FAULT_NAME)
#undef JSON_FAULT_NAME
};

/* "" for JSON_OK. Static. */
const char *json_fault_text(enum json_fault fault);

/* Where the offending byte is. */
struct json_error {
    enum json_fault fault;
    size_t offset; /* bytes in front of it */
    size_t line;   /* from 1; a line ends with "\n" */
    size_t column; /* from 1, in bytes */
};

/* How deep arrays and objects may nest where a parser does not say. */
#define JSON_DEPTH_MAX 1024

/* {0} is a parser; nothing is allocated before it is used. */
struct json_parser {
    size_t depth_max;                /* set by the caller; 0: JSON_DEPTH_MAX */
    struct json_error error;         /* of the last json_parse */
    locale_t locale;                 /* C, once it was needed */
    tp_vec(struct json_value) stack; /* values whose array or object is still open */
};

void json_parser_free(struct json_parser *parser);

/* json_parse's flag: the text outlives the tree, whose strings point into it where they have no
   escapes; nothing is copied. Behind the text lie a zero byte and TP_BYTES_PADDING - 1 more that
   may be read: so it is with a tp_bytes after tp_bytes_str. Without the flag any memory will do,
   and a copy of the text goes to the arena. */
#define JSON_BORROW 1u

/* The tree of a whole text, the arena's; with white space around it, and nothing else. NULL and
   parser->error; the arena may then hold a part of a tree, which goes when it is rewound. Where
   `arena` is NULL the tree is left to the collector (tidepool/gc.h): what a local variable, or what
   is stored with tp_gc_store, leads to stays. Whoever holds a part of it holds that alone; and what
   the parser lends below is no root: the caller holds the tree until json_print or json_same is
   back. */
TP_NODISCARD const struct json_value *json_parse(struct json_parser *parser, tp_arena *arena,
                                                 tp_view text, unsigned flags);

/* --- printing --- */

/* Appends the value as text: on one line without white space, or, pretty, indented by 2, without a
   newline behind it. Strings come as UTF-8 with the escapes that have to be; a double has a point
   or an exponent, so that what is parsed again is the same tree. False and errno ENOMEM: what was
   appended is a part of it. The parser lends its stack. */
TP_NODISCARD bool json_print(struct json_parser *parser, const struct json_value *value,
                             bool pretty, tp_bytes *out);

/* --- looking things up --- */

/* The last member of that name; NULL: there is none, or this is no object. */
const struct json_value *json_get(const struct json_value *object, tp_view name);

/* What a JSON pointer (RFC 6901) leads to; "" is the root itself. NULL and errno: EINVAL where it
   is no pointer, ENOENT where it leads nowhere ("-", behind an array's last item, is nowhere). */
const struct json_value *json_pointer(const struct json_value *root, tp_view pointer);

/* Whether two trees are the same: types, values, order and duplicates of members; doubles by their
   bits. False and errno ENOMEM where there was no room to find out; else errno is kept. The parser
   lends its stack. */
bool json_same(struct json_parser *parser, const struct json_value *a, const struct json_value *b);

#endif
