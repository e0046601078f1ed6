/* SPDX-License-Identifier: BSD-2-Clause */
/* Trees that are left to the collector: json_parse without an arena.

   A value's word may be a number as well as an address, so rows of values are objects of which any
   word may be a pointer. While a text is read, its values wait on the parser's stack, which is
   memory of the heap: for as long as that lasts it is a root, and what of it becomes the tree's is
   moved with tp_gc_move. */
#include "internal.h"

bool json_collected_begin(struct json_parser *parser)
{
    return tp_gc_root_add(parser->stack.data, parser->stack.cap * sizeof(struct json_value)) == 0;
}

void json_collected_end(struct json_parser *parser)
{
    tp_gc_root_remove(parser->stack.data);
}

/* At no time are the values in memory that is no root. */
bool json_collected_grow(struct json_parser *parser, size_t used)
{
    struct json_parser larger = {0};
    if (!tp_vec_append(&larger.stack, parser->stack.data, used))
        return false;
    if (!tp_vec_reserve(&larger.stack, used * 2) || !json_collected_begin(&larger)) {
        tp_vec_free(&larger.stack);
        return false;
    }
    json_collected_end(parser);
    tp_vec_free(&parser->stack);
    parser->stack = larger.stack;
    return true;
}

struct json_value *json_collected_values(const struct json_value *values, size_t n)
{
    struct json_value *copies = tp_gc_alloc_conservative(n * sizeof(*copies));
    if (copies != NULL)
        tp_gc_move(copies, values, n);
    return copies;
}

bool json_collected_close(struct json_value *open, size_t n)
{
    struct json_value *items = NULL;
    if (n != 0) {
        items = json_collected_values(open + 1, n);
        if (items == NULL)
            return false;
    }
    tp_gc_store(&open->items, items);
    return true;
}
