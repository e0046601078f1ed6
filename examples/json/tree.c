/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding things in a tree, and comparing two: see json.h. */
#include "internal.h"

#include <errno.h>

const struct json_value *json_get(const struct json_value *object, tp_view name)
{
    if (json_type(object) != JSON_OBJECT)
        return NULL;
    for (size_t i = json_length(object); i > 0; i--) {
        const struct json_member *member = &object->members[i - 1];
        if (tp_view_equal(json_string(&member->key), name))
            return &member->value;
    }
    return NULL;
}

/* --- JSON pointers --- */

/* Bytes of the escape or byte at the front of a token, and what it stands for; 0: a bare '~'. */
static size_t token_byte(tp_view token, unsigned char *byte)
{
    *byte = token.data[0];
    if (*byte != '~')
        return 1;
    if (token.len < 2 || (token.data[1] != '0' && token.data[1] != '1'))
        return 0;
    *byte = token.data[1] == '0' ? '~' : '/';
    return 2;
}

static bool is_pointer(tp_view pointer)
{
    unsigned char byte;
    if (pointer.len != 0 && pointer.data[0] != '/')
        return false;
    while (pointer.len != 0) {
        size_t taken = token_byte(pointer, &byte);
        if (taken == 0)
            return false;
        pointer = tp_view_slice(pointer, taken, pointer.len);
    }
    return true;
}

/* Whether the token says the key. */
static bool token_is(tp_view token, tp_view key)
{
    unsigned char byte;
    while (token.len != 0 && key.len != 0) {
        size_t taken = token_byte(token, &byte);
        if (byte != key.data[0])
            return false;
        token = tp_view_slice(token, taken, token.len);
        key = tp_view_slice(key, 1, key.len);
    }
    return token.len == 0 && key.len == 0;
}

/* The item of that index: digits without zeroes in front. */
static const struct json_value *item_at(const struct json_value *array, tp_view token)
{
    size_t index = 0;
    if (token.len == 0 || (token.data[0] == '0' && token.len > 1))
        return NULL;
    for (size_t i = 0; i < token.len; i++) {
        if (token.data[i] < '0' || token.data[i] > '9' || index >= json_length(array))
            return NULL;
        index = index * 10 + (token.data[i] - '0');
    }
    return index < json_length(array) ? &array->items[index] : NULL;
}

static const struct json_value *child_at(const struct json_value *value, tp_view token)
{
    if (json_type(value) == JSON_ARRAY)
        return item_at(value, token);
    if (json_type(value) != JSON_OBJECT)
        return NULL;
    for (size_t i = json_length(value); i > 0; i--) {
        if (token_is(token, json_string(&value->members[i - 1].key)))
            return &value->members[i - 1].value;
    }
    return NULL;
}

const struct json_value *json_pointer(const struct json_value *root, tp_view pointer)
{
    if (!is_pointer(pointer)) {
        errno = EINVAL;
        return NULL;
    }
    while (pointer.len != 0) {
        const unsigned char *slash;
        tp_view token = tp_view_slice(pointer, 1, pointer.len);
        slash = token.len != 0 ? memchr(token.data, '/', token.len) : NULL;
        if (slash != NULL)
            token.len = (size_t)(slash - token.data);
        root = child_at(root, token);
        if (root == NULL) {
            errno = ENOENT;
            return NULL;
        }
        pointer = tp_view_slice(pointer, token.len + 1, pointer.len);
    }
    return root;
}

/* --- comparing --- */

/* Whether two values are the same but for what they contain. */
static bool same_one(const struct json_value *a, const struct json_value *b)
{
    if (a->head != b->head)
        return false;
    switch (json_type(a)) {
    case JSON_BOOL:
        return a->truth == b->truth;
    case JSON_INT:
    case JSON_UINT:
    case JSON_DOUBLE:
        return a->natural == b->natural;
    case JSON_STRING:
        return tp_view_equal(json_string(a), json_string(b));
    default:
        return true;
    }
}

/* Arrays and objects alike are rows of values, keys among them: pairs of rows wait on the stack. */
static bool push_rows(struct json_parser *parser, const struct json_value *a,
                      const struct json_value *b)
{
    size_t n = json_length(a) * (json_type(a) == JSON_OBJECT ? 2 : 1);
    struct json_value rows[2] = {{.head = n, .items = a->items}, {.head = n, .items = b->items}};
    return json_type(a) < JSON_ARRAY || n == 0 || tp_vec_append(&parser->stack, rows, 2);
}

bool json_same(struct json_parser *parser, const struct json_value *a, const struct json_value *b)
{
    tp_vec_reset(&parser->stack);
    if (!same_one(a, b) || !push_rows(parser, a, b))
        return false;
    while (parser->stack.len != 0) {
        struct json_value *rows = &parser->stack.data[parser->stack.len - 2];
        a = rows[0].items++;
        b = rows[1].items++;
        if (--rows[0].head == 0)
            parser->stack.len -= 2;
        if (!same_one(a, b) || !push_rows(parser, a, b))
            return false;
    }
    return true;
}
