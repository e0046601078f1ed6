/* SPDX-License-Identifier: BSD-2-Clause */
/* simdjson's DOM with a parser that is reused, as it is meant to be: the limit. It checks UTF-8,
   rounds numbers correctly, and takes the processor's widest vectors. */
#include <simdjson.h>
#include "document.h"

static void parse(void *context, uint64_t n)
{
    auto *parser = static_cast<simdjson::dom::parser *>(context);
    while (n-- > 0) {
        simdjson::dom::element tree;
        if (parser->parse(document, document_length, false).get(tree) != simdjson::SUCCESS)
            bench_fail("simdjson refuses the document");
        bench_fence(&tree);
    }
}

static_assert(DOCUMENT_PADDING >= simdjson::SIMDJSON_PADDING, "it may read as far");

static void *open(struct bench_case *self)
{
    static simdjson::dom::parser parser;
    document_open(self);
    return &parser;
}

int main(int argc, char **argv)
{
    bench_case made{};
    made.measurement = "json";
    made.subject = "simdjson";
    made.open = open;
    made.loop = parse;
    return bench_cases_main(argc, argv, &made, 1);
}
