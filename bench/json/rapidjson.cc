/* SPDX-License-Identifier: BSD-2-Clause */
/* RapidJSON's DOM, a document made anew each time: with the flags that it has by default, and
   `strict`, which checks UTF-8 and rounds numbers correctly, as ours and jansson do. */
#include <rapidjson/document.h>
#include "document.h"

template <unsigned flags> static void parse(void *, uint64_t n)
{
    while (n-- > 0) {
        rapidjson::Document tree;
        tree.Parse<flags>(document, document_length);
        if (tree.HasParseError())
            bench_fail("RapidJSON refuses the document at byte %zu", tree.GetErrorOffset());
        bench_fence(&tree);
    }
}

static void *open(struct bench_case *self)
{
    document_open(self);
    return nullptr;
}

static bench_case make_case(const char *subject, bench_loop *loop)
{
    bench_case made{};
    made.measurement = "json";
    made.subject = subject;
    made.open = open;
    made.loop = loop;
    return made;
}

int main(int argc, char **argv)
{
    constexpr unsigned strict =
        rapidjson::kParseFullPrecisionFlag | rapidjson::kParseValidateEncodingFlag;
    const bench_case cases[] = {
        make_case("rapidjson", parse<rapidjson::kParseDefaultFlags>),
        make_case("rapidjson_strict", parse<strict>),
    };
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
