/* SPDX-License-Identifier: BSD-2-Clause */
/* Trees of examples/json: looking up, comparing, printing, depth, and what they cost in memory; and
   the two ways of scanning held against each other. */
#include "json_fixture.h"

#include <errno.h>
#include <tidepool/heap.h>
#include "json/scan.h"

static void test_values(void **state)
{
    const struct json_value *root, *value;
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    assert_int_equal(sizeof(struct json_value), 16);
    assert_int_equal(sizeof(struct json_member), 32);
    root = parse_str(&f, "{\"a\":[true,false,null],\"b\":\"text\",\"a\":-7,\"\":1.5}");
    assert_non_null(root);
    assert_int_equal(json_type(root), JSON_OBJECT);
    assert_int_equal(json_length(root), 4);
    assert_true(tp_view_equal_str(json_string(&root->members[2].key), "a"));
    value = &root->members[0].value;
    assert_int_equal(json_type(value), JSON_ARRAY);
    assert_int_equal(json_length(value), 3);
    assert_true(value->items[0].truth);
    assert_false(value->items[1].truth);
    assert_int_equal(json_type(&value->items[2]), JSON_NULL);
    /* the last of that name */
    assert_int_equal(json_get(root, tp_view_from_str("a"))->integer, -7);
    assert_true(json_get(root, tp_view_from_str(""))->real == 1.5);
    assert_true(tp_view_equal_str(json_string(json_get(root, tp_view_from_str("b"))), "text"));
    assert_null(json_get(root, tp_view_from_str("c")));
    assert_null(json_get(value, tp_view_from_str("a")));
    fixture_end(&f);
}

static void test_pointers(void **state)
{
    /* NULL: leads nowhere */
    static const char *const cases[][2] = {
        {"/a", "[10,[11]]"},
        {"/a/0", "10"},
        {"/a/1", "[11]"},
        {"/a/1/0", "11"},
        {"/a/2", NULL},
        {"/a/-", NULL},
        {"/a/00", NULL},
        {"/a/01", NULL},
        {"/a/+1", NULL},
        {"/a/", NULL},
        {"/a/1 ", NULL},
        {"/a/18446744073709551617", NULL},
        {"/", "1"},
        {"//", NULL},
        {"/b~1c", "2"},
        {"/b/c", NULL},
        {"/~0", "3"},
        {"/~01", "4"},
        {"/d/0", "5"},
        {"/d/-", "6"},
        {"/d/01", "7"},
        {"/ ", "8"},
        {"/\"", "9"},
        {"/%41", NULL},
        {"/\xc3\xa9", "0"},
        {"/e", "false"},
        {"/e/0", NULL},
        {"/s/0", NULL},
        {"/d", "{\"0\":5,\"-\":6,\"01\":7}"},
        {"/ab", NULL},
        {"/a~1", NULL},
    };
    static const char *const wrong[] = {"a", "~", "/~", "/~2", "/a/~", "/a~a", " /a", "/a/0~"};
    static const char text[] =
        "{\"a\":[10,[11]],\"\":1,\"b/c\":2,\"~\":3,\"~1\":4,\"d\":{\"0\":5,\"-\":6,\"01\":7},"
        "\" \":8,\"\\\"\":9,\"\\u00e9\":0,\"e\":true,\"e\":false,\"s\":\"text\"}";
    const struct json_value *root;
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    root = parse_str(&f, text);
    assert_non_null(root);
    assert_ptr_equal(json_pointer(root, tp_view_from_str("")), root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct json_value *value = json_pointer(root, tp_view_from_str(cases[i][0]));
        if ((value == NULL) != (cases[i][1] == NULL))
            fail_msg("%s", cases[i][0]);
        if (value == NULL)
            assert_int_equal(errno, ENOENT);
        else
            assert_string_equal(print(&f, value, false), cases[i][1]);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        errno = 0;
        assert_null(json_pointer(root, tp_view_from_str(wrong[i])));
        assert_int_equal(errno, EINVAL);
    }
    fixture_end(&f);
}

static void test_same(void **state)
{
    static const char *const texts[] = {
        "1",
        "1.0",
        "-1",
        "\"1\"",
        "18446744073709551615",
        "true",
        "false",
        "null",
        "0.0",
        "-0.0",
        "[]",
        "{}",
        "[1]",
        "[1,2]",
        "[2,1]",
        "[[1],2]",
        "[[],[]]",
        "[[[]]]",
        "{\"a\":1}",
        "{\"a\":2}",
        "{\"b\":1}",
        "{\"a\":1,\"b\":1}",
        "{\"b\":1,\"a\":1}",
        "{\"a\":1,\"a\":1}",
        "[\"a\",1]",
        "\"\"",
        "\"a\\u0000b\"",
        "\"a\\u0000c\"",
    };
    enum { N = sizeof(texts) / sizeof(texts[0]) };
    const struct json_value *first[N], *second[N];
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    for (size_t i = 0; i < N; i++) {
        first[i] = json_parse(&f.parser, f.arena, tp_view_from_str(texts[i]), 0);
        second[i] = json_parse(&f.parser, f.arena, tp_view_from_str(texts[i]), 0);
        assert_true(first[i] != NULL && second[i] != NULL);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++)
            assert_int_equal(json_same(&f.parser, first[i], second[j]), i == j);
    }
    fixture_end(&f);
}

static void test_pretty(void **state)
{
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    assert_string_equal(
        print(&f, parse_str(&f, "{\"a\":[1,{\"b\":[]},{}],\"c\":\"\\u0001\\u001f\\\"/\"}"), true),
        "{\n"
        "  \"a\": [\n"
        "    1,\n"
        "    {\n"
        "      \"b\": []\n"
        "    },\n"
        "    {}\n"
        "  ],\n"
        "  \"c\": \"\\u0001\\u001f\\\"/\"\n"
        "}");
    fixture_end(&f);
}

/* `n` of `open`, then `middle`, then `n` of `close`. The caller frees it. */
static char *nested(size_t n, const char *open, const char *middle, const char *close)
{
    char *text = malloc(n * (strlen(open) + strlen(close)) + strlen(middle) + 1), *to = text;
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        to = stpcpy(to, open);
    to = stpcpy(to, middle);
    for (size_t i = 0; i < n; i++)
        to = stpcpy(to, close);
    *to = '\0';
    return text;
}

static void check_depth(struct fixture *f, size_t depth, bool fits, const char *open,
                        const char *close)
{
    char *text = nested(depth, open, "1", close);
    const struct json_value *root = parse_str(f, text);
    assert_int_equal(root != NULL, fits);
    if (fits) {
        assert_round_trip(f, root);
    } else {
        assert_int_equal(f->parser.error.fault, JSON_FAULT_DEPTH);
        /* the bracket that is one too many */
        assert_int_equal(
            f->parser.error.column,
            (f->parser.depth_max != 0 ? f->parser.depth_max : JSON_DEPTH_MAX) * strlen(open) + 1);
    }
    free(text);
}

static void test_depth(void **state)
{
    const struct json_value *root;
    struct fixture f;
    char *text;
    (void)state;
    fixture_begin(&f);
    check_depth(&f, JSON_DEPTH_MAX, true, "[", "]");
    check_depth(&f, JSON_DEPTH_MAX + 1, false, "[", "]");
    check_depth(&f, JSON_DEPTH_MAX, true, "{\"a\":", "}");
    check_depth(&f, JSON_DEPTH_MAX + 1, false, "{\"a\":", "}");
    text = nested(100000, "[", "", "");
    assert_null(parse_str(&f, text));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_DEPTH);
    free(text);
    f.parser.depth_max = 1;
    check_depth(&f, 1, true, "[", "]");
    check_depth(&f, 2, false, "[", "]");
    assert_non_null(parse_str(&f, "[1,2,3]"));
    assert_null(parse_str(&f, "[1,{}]"));
    /* no C stack is used, however deep */
    f.parser.depth_max = 1000000;
    text = nested(1000000, "[", "", "]");
    root = parse_str(&f, text);
    assert_non_null(root);
    assert_true(json_same(&f.parser, root, root));
    assert_string_equal(print(&f, root, false), text);
    free(text);
    fixture_end(&f);
}

/* --- memory --- */

static void test_no_memory(void **state)
{
    tp_arena *small = tp_arena_create(&(tp_arena_options){.limit = 16384});
    struct fixture f;
    char *text = nested(1000, "[", "1", "]");
    char *long_string = nested(1, "\"\\n", "", "");
    (void)state;
    assert_non_null(small);
    fixture_begin(&f);
    assert_null(json_parse(&f.parser, small, tp_view_from_str(text), 0));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_MEMORY);
    /* the parser is as good as before */
    assert_non_null(parse_str(&f, text));
    free(text);
    free(long_string);
    long_string = malloc(40001);
    assert_non_null(long_string);
    memset(long_string, 'a', 40000);
    memcpy(long_string, "\"\\n", 3);
    strcpy(long_string + 39999, "\"");
    assert_null(json_parse(&f.parser, small, tp_view_from_str(long_string), 0));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_MEMORY);
    free(long_string);
    tp_arena_destroy(small);
    fixture_end(&f);
}

static uint64_t allocations(void)
{
    tp_heap_stats stats;
    tp_heap_stats_read(&stats);
    return stats.allocations;
}

/* A record of a log, `i` deciding what it looks like. */
static void make_record(tp_bytes *record, unsigned i)
{
    tp_bytes_reset(record);
    assert_true(
        tp_bytes_printf(record, "{\"id\":%u,\"name\":\"n\\u00e9 %u\",\"list\":[", i, i * 7919));
    for (unsigned j = 0; j < i % 40; j++)
        assert_true(tp_bytes_printf(record, "%s{\"x\":%u.5e1,\"y\":null}", j != 0 ? "," : "", j));
    assert_true(tp_bytes_printf(record, "],\"text\":\"%0*d\"}", (int)(i % 97), 0));
    (void)tp_bytes_str(record);
}

enum { RECORDS = 2000 };

/* What a round over all records allocates of the heap: parsed, printed, and rewound. */
static uint64_t one_round(struct fixture *f, tp_bytes *record)
{
    uint64_t before = allocations();
    for (unsigned i = 0; i < RECORDS; i++) {
        tp_arena_mark mark = tp_arena_save(f->arena);
        const struct json_value *root;
        make_record(record, i);
        root = json_parse(&f->parser, f->arena, tp_view_from_bytes(record), JSON_BORROW);
        assert_non_null(root);
        tp_bytes_reset(&f->out);
        assert_true(json_print(&f->parser, root, false, &f->out));
        assert_true(json_same(&f->parser, root, root));
        tp_arena_rewind(f->arena, mark);
    }
    return allocations() - before;
}

/* What the arena allocates for as many rewinds: nothing, but where the library runs checked and
   never hands out the same memory again. */
static uint64_t rewinds_alone(struct fixture *f)
{
    uint64_t before = allocations();
    for (unsigned i = 0; i < RECORDS; i++) {
        tp_arena_mark mark = tp_arena_save(f->arena);
        assert_non_null(tp_arena_alloc(f->arena, 1000));
        tp_arena_rewind(f->arena, mark);
    }
    return allocations() - before;
}

static void test_steady_state(void **state)
{
    tp_bytes record = {0};
    struct fixture f;
    uint64_t first, second, alone;
    (void)state;
    fixture_begin(&f);
    first = one_round(&f, &record);
    second = one_round(&f, &record);
    alone = rewinds_alone(&f);
    printf("allocations for %u records: %u, then %u, of which the arena's %u\n", RECORDS,
           (unsigned)first, (unsigned)second, (unsigned)alone);
    assert_true(second <= alone);
    assert_true(first < alone + 40);
    tp_bytes_free(&record);
    fixture_end(&f);
}

/* --- scanning --- */

/* Each kind of byte at each place, with a zero as the last resort. */
static void test_scanning(void **state)
{
    unsigned char text[128];
    (void)state;
    for (unsigned place = 0; place < 40; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            bool space = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
            bool plain = byte >= ' ' && byte < 0x80 && byte != '"' && byte != '\\';
            memset(text, ' ', 64);
            memset(text + 64, 0, 64);
            text[place] = (unsigned char)byte;
            assert_ptr_equal(scan_space_by_8(text), text + (space ? 64 : place));
            assert_ptr_equal(scan_space_many(text), text + (space ? 64 : place));
            assert_ptr_equal(scan_space(text), text + (space ? 64 : place));
            memset(text, 'a', 64);
            text[place] = (unsigned char)byte;
            text[place + 1] = '!'; /* one more than a space: where a borrow would show */
            text[place + 2] = '#';
            assert_ptr_equal(scan_plain_by_8(text), text + (plain ? 64 : place));
            assert_ptr_equal(scan_plain(text), text + (plain ? 64 : place));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_same),         cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_depth),        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_steady_state), cmocka_unit_test(test_scanning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
