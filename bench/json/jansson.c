/* SPDX-License-Identifier: BSD-2-Clause */
/* Jansson: json_loadb, json_decref. It checks UTF-8 and keeps integers exact. */
#include <jansson.h>
#include "document.h"

static void jansson(void *context, uint64_t n)
{
    (void)context;
    while (n-- > 0) {
        json_error_t error;
        json_t *tree = json_loadb(document, document_length, 0, &error);
        if (tree == NULL)
            bench_fail("jansson refuses the document: %s", error.text);
        json_decref(tree);
    }
}

static void *jansson_open(struct bench_case *self)
{
    document_open(self);
    return NULL;
}

static const struct bench_case cases[] = {
    {.measurement = "json", .subject = "jansson", .open = jansson_open, .loop = jansson},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
