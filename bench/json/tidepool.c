/* SPDX-License-Identifier: BSD-2-Clause */
/* Ours: examples/json, with a parser and an arena that are reused, and, `tidepool_fresh`, with both
   made anew for each document. The text is copied to the arena, as it is to the peers' trees. */
#include <tidepool/heap.h>
#include "../../examples/json/json.h"
#include "document.h"

struct reader {
    struct json_parser parser;
    tp_arena *arena;
};

static void reader_open(struct reader *reader)
{
    tp_arena_options options = {.name = "bench", .retain = TP_ARENA_RETAIN_ALL};
    reader->parser = (struct json_parser){0};
    reader->arena = bench_must(tp_arena_create(&options), "tp_arena_create");
}

static void reader_close(struct reader *reader)
{
    json_parser_free(&reader->parser);
    tp_arena_destroy(reader->arena);
}

static void parse(struct reader *reader)
{
    const struct json_value *tree =
        json_parse(&reader->parser, reader->arena, tp_view_from_mem(document, document_length), 0);
    if (tree == NULL)
        bench_fail("ours refuses the document at byte %zu: %s", reader->parser.error.offset,
                   json_fault_text(reader->parser.error.fault));
    bench_fence(tree);
}

static void reused(void *context, uint64_t n)
{
    struct reader *reader = context;
    while (n-- > 0) {
        parse(reader);
        tp_arena_reset(reader->arena);
    }
}

static void fresh(void *context, uint64_t n)
{
    (void)context;
    while (n-- > 0) {
        struct reader reader;
        reader_open(&reader);
        parse(&reader);
        reader_close(&reader);
    }
}

static uint64_t allocations(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations;
}

static struct bench_cost reused_cost(void *context)
{
    struct bench_cost cost = {0, 0};
    uint64_t before = allocations();
    reused(context, 1);
    cost.allocs = (double)(allocations() - before);
    return cost;
}

/* The bytes are what the arena holds in the end. */
static struct bench_cost fresh_cost(void *context)
{
    struct bench_cost cost;
    struct reader reader;
    tp_arena_stats stats;
    uint64_t before = allocations();
    (void)context;
    reader_open(&reader);
    parse(&reader);
    tp_arena_stats_read(reader.arena, &stats);
    reader_close(&reader);
    cost.allocs = (double)(allocations() - before);
    cost.bytes = (double)stats.held;
    return cost;
}

static void *ours_open(struct bench_case *self)
{
    static struct reader reader;
    document_open(self);
    reader_open(&reader);
    return &reader;
}

static const struct bench_case cases[] = {
    {.measurement = "json",
     .subject = "tidepool",
     .open = ours_open,
     .loop = reused,
     .cost = reused_cost},
    {.measurement = "json",
     .subject = "tidepool_fresh",
     .open = ours_open,
     .loop = fresh,
     .cost = fresh_cost},
};

int main(int argc, char **argv)
{
    return bench_cases_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
