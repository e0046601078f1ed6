/* SPDX-License-Identifier: BSD-2-Clause */
/* cJSON: cJSON_ParseWithLength, cJSON_Delete. It neither checks UTF-8 nor keeps integers exact. */
#include <cJSON.h>
#include "document.h"

static void cjson(void *context, uint64_t n)
{
    (void)context;
    while (n-- > 0) {
        cJSON *tree = cJSON_ParseWithLength(document, document_length);
        if (tree == NULL)
            bench_fail("cJSON refuses the document");
        cJSON_Delete(tree);
    }
}

static void *cjson_open(struct bench_case *self)
{
    document_open(self);
    return NULL;
}

static const struct bench_case cases[] = {
    {.measurement = "json", .subject = "cjson", .open = cjson_open, .loop = cjson},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
