/* SPDX-License-Identifier: BSD-2-Clause */
/* The structure of a text: see json.h.

   Values wait on the parser's stack until the array or object that they belong to is closed; then
   they go to the arena in one piece, and the value of the container takes their place. While it is
   open, a container's slot on the stack has its type and the index of the slot of the one around
   it. So depth costs 16 bytes a level, and no C stack. */
#include "internal.h"
#include "scan.h"

const unsigned char *json_fail(struct json_reader *in, const unsigned char *at,
                               enum json_fault fault)
{
    /* those in front of END are not about a byte */
    bool end = at == in->end && fault > JSON_FAULT_END;
    in->parser->error.fault = end ? JSON_FAULT_END : fault;
    in->parser->error.offset = (size_t)(at - in->text);
    return NULL;
}

const char *json_fault_text(enum json_fault fault)
{
    static const char *const texts[] = {"",
#define FAULT_TEXT(name, text) text,
                                        JSON_FAULTS(FAULT_TEXT)
#undef FAULT_TEXT
    };
    return texts[fault];
}

void json_parser_free(struct json_parser *parser)
{
    tp_vec_free(&parser->stack);
    if (parser->locale != NULL)
        freelocale(parser->locale);
    parser->locale = NULL;
}

/* Most strings are short and have nothing special in them. */
static inline const unsigned char *read_string(struct json_reader *in, const unsigned char *begin,
                                               struct json_value *value)
{
    const unsigned char *at = scan_plain(begin);
    if (TP_UNLIKELY(*at != '"'))
        return json_read_string(in, begin, at, value);
    value->head = json_head(JSON_STRING, (size_t)(at - begin));
    value->text = begin;
    return at + 1;
}

static inline const unsigned char *read_word(struct json_reader *in, const unsigned char *at,
                                             const char *word, size_t length)
{
    return memcmp(at, word, length) == 0 ? at + length : json_fail(in, at, JSON_FAULT_LITERAL);
}

/* A value that contains no others. */
static inline const unsigned char *read_scalar(struct json_reader *in, const unsigned char *at,
                                               struct json_value *value)
{
    switch (*at) {
    case '"':
        return read_string(in, at + 1, value);
    case 't':
        *value = (struct json_value){.head = json_head(JSON_BOOL, 0), .truth = true};
        return read_word(in, at, "true", 4);
    case 'f':
        *value = (struct json_value){.head = json_head(JSON_BOOL, 0), .truth = false};
        return read_word(in, at, "false", 5);
    case 'n':
        *value = (struct json_value){.head = json_head(JSON_NULL, 0)};
        return read_word(in, at, "null", 4);
    default:
        if (*at == '-' || (*at >= '0' && *at <= '9'))
            return json_read_number(in, at, value);
        return json_fail(in, at, JSON_FAULT_VALUE);
    }
}

/* What lies on the stack above a container that ends becomes its contents. */
static inline bool close_container(struct json_reader *in, struct json_value *open,
                                   const struct json_value *top)
{
    size_t n = (size_t)(top - open - 1);
    struct json_value *items = NULL;
    open->head =
        json_type(open) == JSON_ARRAY ? json_head(JSON_ARRAY, n) : json_head(JSON_OBJECT, n / 2);
    if (TP_UNLIKELY(in->arena == NULL))
        return json_collected_close(open, n);
    if (n != 0) {
        items = tp_arena_alloc(in->arena, n * sizeof(*items));
        if (items == NULL)
            return false;
        memcpy(items, open + 1, n * sizeof(*items));
    }
    open->items = items;
    return true;
}

#define STACK_FIRST 128 /* values that a parser has room for from the start */

/* The parser's stack while a text is read: copies of its fields, for the compiler to keep in
   registers. */
struct stack {
    struct json_value *base, *top, *limit;
    struct json_value *open; /* slot of the innermost open container */
    size_t depth, depth_max;
};

/* Room for `used` values and two more. */
__attribute__((noinline, cold)) static bool grow(struct json_reader *in, size_t used)
{
    in->parser->stack.len = used;
    return in->arena != NULL ? tp_vec_reserve(&in->parser->stack, used * 2)
                             : json_collected_grow(in->parser, used);
}

TP_ALWAYS_INLINE bool has_room(struct json_reader *in, struct stack *stack)
{
    size_t used = (size_t)(stack->top - stack->base), open = (size_t)(stack->open - stack->base);
    if (TP_LIKELY(stack->limit - stack->top >= 2))
        return true;
    if (!grow(in, used))
        return false;
    stack->base = in->parser->stack.data;
    stack->top = stack->base + used;
    stack->open = stack->base + open;
    stack->limit = stack->base + in->parser->stack.cap;
    return true;
}

TP_ALWAYS_INLINE bool push_container(struct stack *stack, enum json_type type)
{
    if (TP_UNLIKELY(stack->depth++ == stack->depth_max))
        return false;
    *stack->top = (struct json_value){.head = json_head(type, 0),
                                      .natural = (size_t)(stack->open - stack->base)};
    stack->open = stack->top++;
    return true;
}

TP_ALWAYS_INLINE bool pop_container(struct json_reader *in, struct stack *stack)
{
    struct json_value *outer = stack->base + stack->open->natural;
    if (TP_UNLIKELY(!close_container(in, stack->open, stack->top)))
        return false;
    stack->top = stack->open + 1;
    stack->open = outer;
    stack->depth--;
    return true;
}

/* A key and its colon; what follows them is a value. */
static inline const unsigned char *read_key(struct json_reader *in, const unsigned char *at,
                                            struct json_value *key)
{
    if (TP_UNLIKELY(*at != '"'))
        return json_fail(in, at, JSON_FAULT_KEY);
    at = read_string(in, at + 1, key);
    if (TP_UNLIKELY(at == NULL))
        return NULL;
    at = scan_space(at);
    return *at == ':' ? scan_space(at + 1) : json_fail(in, at, JSON_FAULT_COLON);
}

/* The value at `at`, which becomes the bottom of the parser's stack; NULL, or what follows it. The
   labels are the states of a parser of RFC 8259's grammar: what may come at `at`. */
static const unsigned char *read_value(struct json_reader *in, const unsigned char *at)
{
    struct json_parser *parser = in->parser;
    struct stack stack = {
        .base = parser->stack.data,
        .top = parser->stack.data,
        .limit = parser->stack.data + parser->stack.cap,
        .open = parser->stack.data,
        .depth_max = parser->depth_max != 0 ? parser->depth_max : JSON_DEPTH_MAX,
    };
value:
    if (!has_room(in, &stack))
        return json_fail(in, at, JSON_FAULT_MEMORY);
    if (*at == '{') {
        if (!push_container(&stack, JSON_OBJECT))
            return json_fail(in, at, JSON_FAULT_DEPTH);
        at = scan_space(at + 1);
        if (*at != '}')
            goto key;
    } else if (*at == '[') {
        if (!push_container(&stack, JSON_ARRAY))
            return json_fail(in, at, JSON_FAULT_DEPTH);
        at = scan_space(at + 1);
        if (*at != ']')
            goto value;
    } else {
        at = read_scalar(in, at, stack.top++);
        if (TP_UNLIKELY(at == NULL))
            return NULL;
        goto after_value;
    }
close:
    if (!pop_container(in, &stack))
        return json_fail(in, at, JSON_FAULT_MEMORY);
    at++;
after_value:
    if (stack.depth == 0)
        return at;
    at = scan_space(at);
    if (json_type(stack.open) == JSON_ARRAY) {
        if (*at == ',') {
            at = scan_space(at + 1);
            goto value;
        }
        if (*at == ']')
            goto close;
        return json_fail(in, at, JSON_FAULT_IN_ARRAY);
    }
    if (*at != ',') {
        if (*at == '}')
            goto close;
        return json_fail(in, at, JSON_FAULT_IN_OBJECT);
    }
    at = scan_space(at + 1);
key:
    if (!has_room(in, &stack))
        return json_fail(in, at, JSON_FAULT_MEMORY);
    at = read_key(in, at, stack.top++);
    if (TP_LIKELY(at != NULL))
        goto value;
    return NULL;
}

/* The whole text: a value with white space around it. */
static const struct json_value *read_text(struct json_reader *in)
{
    struct json_parser *parser = in->parser;
    const unsigned char *at = scan_space(in->text);
    const struct json_value *root = NULL;
    if (at == in->end)
        at = json_fail(in, at, JSON_FAULT_EMPTY);
    else if (memcmp(in->text, "\xef\xbb\xbf", 3) == 0)
        at = json_fail(in, at, JSON_FAULT_BOM);
    else
        at = read_value(in, at);
    if (at == NULL)
        return NULL;
    at = scan_space(at);
    if (at != in->end) {
        json_fail(in, at, JSON_FAULT_TRAILING);
        return NULL;
    }
    root = in->arena != NULL ? tp_arena_memdup(in->arena, parser->stack.data, sizeof(*root))
                             : json_collected_values(parser->stack.data, 1);
    if (root == NULL)
        json_fail(in, at, JSON_FAULT_MEMORY);
    return root;
}

/* Where the offset is, for people. */
static void find_line(const unsigned char *text, struct json_error *error)
{
    const unsigned char *at = text, *stop = text + error->offset, *newline;
    error->line = 1;
    while (at < stop && (newline = memchr(at, '\n', (size_t)(stop - at))) != NULL) {
        error->line++;
        at = newline + 1;
    }
    error->column = (size_t)(stop - at) + 1;
}

/* A copy of the text that can be read as a reader does. */
static const unsigned char *copy_text(struct json_reader *in, tp_view text)
{
    unsigned char *copy = json_text_memory(in, text.len + TP_BYTES_PADDING);
    if (copy == NULL)
        return NULL;
    if (text.len != 0)
        memcpy(copy, text.data, text.len);
    memset(copy + text.len, 0, TP_BYTES_PADDING);
    return copy;
}

const struct json_value *json_parse(struct json_parser *parser, tp_arena *arena, tp_view text,
                                    unsigned flags)
{
    struct json_reader in = {.parser = parser, .arena = arena, .text = text.data};
    const struct json_value *root = NULL;
    parser->error = (struct json_error){.fault = JSON_OK};
    if ((flags & JSON_BORROW) == 0 || text.data == NULL)
        in.text = copy_text(&in, text);
    if (in.text == NULL || !tp_vec_reserve(&parser->stack, STACK_FIRST) ||
        (arena == NULL && !json_collected_begin(parser))) {
        parser->error.fault = JSON_FAULT_MEMORY;
        return NULL;
    }
    in.end = in.text + text.len;
    if (*in.end != 0)
        json_fail(&in, in.end, JSON_FAULT_NO_ZERO);
    else
        root = read_text(&in);
    if (arena == NULL)
        json_collected_end(parser);
    if (root == NULL)
        find_line(in.text, &parser->error);
    return root;
}
