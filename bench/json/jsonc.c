/* SPDX-License-Identifier: BSD-2-Clause */
/* json-c: json_tokener_parse_ex, json_object_put. */
#include <json.h>
#include "document.h"

static void json_c(void *context, uint64_t n)
{
    (void)context;
    while (n-- > 0) {
        json_tokener *tokener = bench_must(json_tokener_new(), "json_tokener_new");
        json_object *tree = json_tokener_parse_ex(tokener, document, (int)document_length);
        if (tree == NULL)
            bench_fail("json-c refuses the document: %s",
                       json_tokener_error_desc(json_tokener_get_error(tokener)));
        json_object_put(tree);
        json_tokener_free(tokener);
    }
}

static void *json_c_open(struct bench_case *self)
{
    document_open(self);
    return NULL;
}

static const struct bench_case cases[] = {
    {.measurement = "json", .subject = "json_c", .open = json_c_open, .loop = json_c},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
