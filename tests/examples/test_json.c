/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of examples/json: what is accepted, what is rejected and where that is said to be, on
   texts of our own. Numbers are in test_json_number.c, trees in test_json_tree.c, real inputs in
   test_json_data.c. */
#include "json_fixture.h"

/* --- accepted: a text, and how it is printed --- */

static const char *const accepted[][2] = {
    {"null", "null"},
    {" true ", "true"},
    {"\t\r\n false\n", "false"},
    {"[]", "[]"},
    {" [ ] ", "[]"},
    {"{}", "{}"},
    {"{\n}\n", "{}"},
    {"[[[]],{}]", "[[[]],{}]"},
    {"[null,true , false,\n0]", "[null,true,false,0]"},
    {"{\"a\" : 1 , \"b\":{\"c\":[2]}}", "{\"a\":1,\"b\":{\"c\":[2]}}"},
    {"{\"a\":1,\"a\":2,\"\":3}", "{\"a\":1,\"a\":2,\"\":3}"},
    {"{\"a\":[],\"b\":[{}]}", "{\"a\":[],\"b\":[{}]}"},
    {"\"\"", "\"\""},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"\"\\u0041\\u00e9\\u20ac\\ud83c\\udf0a\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a\""},
    {"\"\\u0000\\u001F\\u007f\"", "\"\\u0000\\u001f\x7f\""},
    {"\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
     "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""},
    {"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
    {"\"\\ud800\\udc00\\udbff\\udfff\"", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
    {"\"a long string, \xe2\x82\xac, with \\\"one\\\" of each kind of thing in it\\n\"",
     "\"a long string, \xe2\x82\xac, with \\\"one\\\" of each kind of thing in it\\n\""},
    {"\"\\\\\"", "\"\\\\\""},
    {"\"\\\\\\\"\\\\\"", "\"\\\\\\\"\\\\\""},
    {"[0,-0,0.0,-0.0,1.0,-1,1.5e3,1E2,1e-2]", "[0,-0.0,0.0,-0.0,1.0,-1,1500.0,100.0,0.01]"},
    {"[9223372036854775807,9223372036854775808,18446744073709551616]",
     "[9223372036854775807,9223372036854775808,18446744073709552000.0]"},
    {"[1e100,5e-324,1.7976931348623157e308]", "[1e100,5e-324,1.7976931348623157e308]"},
};

static void test_accepted(void **state)
{
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        const char *text = accepted[i][0];
        unsigned char *copy = padded(text, strlen(text));
        const struct json_value *root = parse_str(&f, text), *borrowing;
        if (root == NULL)
            fail_msg("%s: %s", text, json_fault_text(f.parser.error.fault));
        assert_int_equal(f.parser.error.fault, JSON_OK);
        assert_string_equal(print(&f, root, false), accepted[i][1]);
        assert_round_trip(&f, root);
        borrowing =
            json_parse(&f.parser, f.arena, tp_view_from_mem(copy, strlen(text)), JSON_BORROW);
        assert_non_null(borrowing);
        assert_true(json_same(&f.parser, root, borrowing));
        free(copy);
    }
    fixture_end(&f);
}

/* --- rejected: a text, the fault, its line and column --- */

static const struct {
    const char *text;
    enum json_fault fault;
    unsigned line, column;
} rejected[] = {
    {"", JSON_FAULT_EMPTY, 1, 1},
    {" \n\t ", JSON_FAULT_EMPTY, 2, 3},
    {"\xef\xbb\xbf[]", JSON_FAULT_BOM, 1, 1},
    {"\v1", JSON_FAULT_VALUE, 1, 1},
    {"[1]\f", JSON_FAULT_TRAILING, 1, 4},
    {"[1] 2", JSON_FAULT_TRAILING, 1, 5},
    {"{}}", JSON_FAULT_TRAILING, 1, 3},
    {"\"a\"b", JSON_FAULT_TRAILING, 1, 4},
    {"nulll", JSON_FAULT_TRAILING, 1, 5},
    {"1 // one", JSON_FAULT_TRAILING, 1, 3},
    {"[", JSON_FAULT_END, 1, 2},
    {"[1", JSON_FAULT_END, 1, 3},
    {"[1,\n\n", JSON_FAULT_END, 3, 1},
    {"{", JSON_FAULT_END, 1, 2},
    {"{\"a\"", JSON_FAULT_END, 1, 5},
    {"{\"a\":", JSON_FAULT_END, 1, 6},
    {"{\"a\":1", JSON_FAULT_END, 1, 7},
    {"{\"a\":1,", JSON_FAULT_END, 1, 8},
    {"-", JSON_FAULT_END, 1, 2},
    {"1.", JSON_FAULT_END, 1, 3},
    {"1e", JSON_FAULT_END, 1, 3},
    {"1e+", JSON_FAULT_END, 1, 4},
    {"]", JSON_FAULT_VALUE, 1, 1},
    {"[,1]", JSON_FAULT_VALUE, 1, 2},
    {"[1,]", JSON_FAULT_VALUE, 1, 4},
    {"{\"a\":}", JSON_FAULT_VALUE, 1, 6},
    {"[+1]", JSON_FAULT_VALUE, 1, 2},
    {"[.5]", JSON_FAULT_VALUE, 1, 2},
    {"[NaN]", JSON_FAULT_VALUE, 1, 2},
    {"['a']", JSON_FAULT_VALUE, 1, 2},
    {"\xff", JSON_FAULT_VALUE, 1, 1},
    {"[tru]", JSON_FAULT_LITERAL, 1, 2},
    {"nul", JSON_FAULT_LITERAL, 1, 1},
    {"[\n  fals\xc3]", JSON_FAULT_LITERAL, 2, 3},
    {"{1:2}", JSON_FAULT_KEY, 1, 2},
    {"{\"a\":1,}", JSON_FAULT_KEY, 1, 8},
    {"{,}", JSON_FAULT_KEY, 1, 2},
    {"{a:1}", JSON_FAULT_KEY, 1, 2},
    {"{\"a\" 1}", JSON_FAULT_COLON, 1, 6},
    {"{\"a\"}", JSON_FAULT_COLON, 1, 5},
    {"{\"a\"::1}", JSON_FAULT_VALUE, 1, 6},
    {"[1 2]", JSON_FAULT_IN_ARRAY, 1, 4},
    {"[1}", JSON_FAULT_IN_ARRAY, 1, 3},
    {"[\"a\":1]", JSON_FAULT_IN_ARRAY, 1, 5},
    {"{\"a\":1]", JSON_FAULT_IN_OBJECT, 1, 7},
    {"{\"a\":1 \"b\":2}", JSON_FAULT_IN_OBJECT, 1, 8},
    {"[1x]", JSON_FAULT_IN_ARRAY, 1, 3},
    {"\"abc", JSON_FAULT_QUOTE, 1, 1},
    {"[\"\xc3\xa9", JSON_FAULT_QUOTE, 1, 2},
    {"[\n\"a\\", JSON_FAULT_QUOTE, 2, 1},
    {"\"\\u00", JSON_FAULT_QUOTE, 1, 1},
    {"\"\\n", JSON_FAULT_QUOTE, 1, 1},
    {"\"\\\"", JSON_FAULT_QUOTE, 1, 1},
    {"\"a\nb\"", JSON_FAULT_CONTROL, 1, 3},
    {"\"\x1f\"", JSON_FAULT_CONTROL, 1, 2},
    {"\"\xc3\xa9\t\"", JSON_FAULT_CONTROL, 1, 4},
    {"\"\\n\t\"", JSON_FAULT_CONTROL, 1, 4},
    {"\"\x80\"", JSON_FAULT_UTF8, 1, 2},
    {"\"a\xff\"", JSON_FAULT_UTF8, 1, 3},
    {"\"\xc0\xaf\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xc1\xbf\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xe0\x9f\xbf\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xed\xa0\x80\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xed\xbf\xbf\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xf0\x8f\xbf\xbf\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xf4\x90\x80\x80\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xf5\x80\x80\x80\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xf8\x88\x80\x80\x80\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xc3\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xe2\x82\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xf0\x9f\x8c\"", JSON_FAULT_UTF8, 1, 2},
    {"\"\xe2\x82", JSON_FAULT_UTF8, 1, 2},
    {"\"\\n\xff\"", JSON_FAULT_UTF8, 1, 4},
    {"\"\\x\"", JSON_FAULT_ESCAPE, 1, 3},
    {"\"ab\\\n\"", JSON_FAULT_ESCAPE, 1, 5},
    {"\"\\\xc3\xa9\"", JSON_FAULT_ESCAPE, 1, 3},
    {"\"\\u12g4\"", JSON_FAULT_HEX, 1, 6},
    {"\"\\u123\"", JSON_FAULT_HEX, 1, 7},
    {"\"\\ud83c\\u0g\"", JSON_FAULT_HEX, 1, 11},
    {"\"\\ud83c\"", JSON_FAULT_SURROGATE, 1, 2},
    {"\"\\ud83cx\"", JSON_FAULT_SURROGATE, 1, 2},
    {"\"\\ud83c\\n\"", JSON_FAULT_SURROGATE, 1, 2},
    {"\"\\ud83c\\ud83c\"", JSON_FAULT_SURROGATE, 1, 2},
    {"\"\\ud83c\\u0041\"", JSON_FAULT_SURROGATE, 1, 2},
    {"\"\\ud83c\\ue000\"", JSON_FAULT_SURROGATE, 1, 2},
    {"\"a\\udf0a\"", JSON_FAULT_SURROGATE, 1, 3},
    {"[-a]", JSON_FAULT_DIGIT, 1, 3},
    {"[1.]", JSON_FAULT_DIGIT, 1, 4},
    {"[1.e5]", JSON_FAULT_DIGIT, 1, 4},
    {"[1e]", JSON_FAULT_DIGIT, 1, 4},
    {"[1e+-1]", JSON_FAULT_DIGIT, 1, 5},
    {"[01]", JSON_FAULT_LEADING_ZERO, 1, 2},
    {"[0x1]", JSON_FAULT_IN_ARRAY, 1, 3}, /* C's, not JSON's */
    {"[-0x1F]", JSON_FAULT_IN_ARRAY, 1, 4},
    {"-0X.8p3", JSON_FAULT_TRAILING, 1, 3},
    {"[-00]", JSON_FAULT_LEADING_ZERO, 1, 3},
    {"[1,\n 00.5]", JSON_FAULT_LEADING_ZERO, 2, 2},
    {"[0x10]", JSON_FAULT_IN_ARRAY, 1, 3},
    {"1e309", JSON_FAULT_RANGE, 1, 1},
};

static void check_fault(struct fixture *f, size_t i)
{
    const struct json_error *error = &f->parser.error;
    if (error->fault != rejected[i].fault || error->line != rejected[i].line ||
        error->column != rejected[i].column)
        fail_msg("%s: %zu:%zu: %s", rejected[i].text, error->line, error->column,
                 json_fault_text(error->fault));
}

static void test_rejected(void **state)
{
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    for (size_t i = 0; i < sizeof(rejected) / sizeof(rejected[0]); i++) {
        size_t length = strlen(rejected[i].text);
        unsigned char *copy = padded(rejected[i].text, length);
        assert_null(parse(&f, rejected[i].text, length));
        check_fault(&f, i);
        assert_null(json_parse(&f.parser, f.arena, tp_view_from_mem(copy, length), JSON_BORROW));
        check_fault(&f, i);
        free(copy);
    }
    fixture_end(&f);
}

/* Each fault that a text can have is among the texts above, or has a test of its own. */
static void test_faults(void **state)
{
    unsigned seen[JSON_FAULT_RANGE + 1] = {
        [JSON_OK] = 1, [JSON_FAULT_MEMORY] = 1, [JSON_FAULT_NO_ZERO] = 1, [JSON_FAULT_DEPTH] = 1};
    (void)state;
    for (size_t i = 0; i < sizeof(rejected) / sizeof(rejected[0]); i++)
        seen[rejected[i].fault]++;
    for (unsigned fault = 0; fault <= JSON_FAULT_RANGE; fault++)
        assert_true(seen[fault] != 0);
    assert_string_equal(json_fault_text(JSON_OK), "");
    assert_string_equal(json_fault_text(JSON_FAULT_MEMORY), "out of memory");
    assert_string_equal(json_fault_text(JSON_FAULT_RANGE), "number too large for a double");
}

/* A zero byte is no end. */
static void test_zero_bytes(void **state)
{
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    assert_null(parse(&f, "[1\0]", 4));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_IN_ARRAY);
    assert_null(parse(&f, "\"a\0\"", 4));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_CONTROL);
    assert_int_equal(f.parser.error.offset, 2);
    assert_null(parse(&f, "\"\\\0\"", 4));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_ESCAPE);
    assert_null(parse(&f, "1\0", 2));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_TRAILING);
    assert_null(parse(&f, "\0", 1));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_VALUE);
    fixture_end(&f);
}

static void test_borrow(void **state)
{
    static const char text[] = "[\"plain\",\"esc\\u0061ped\"]";
    size_t length = sizeof(text) - 1;
    unsigned char *copy = padded(text, length);
    const struct json_value *root;
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    root = json_parse(&f.parser, f.arena, tp_view_from_mem(copy, length), JSON_BORROW);
    assert_non_null(root);
    assert_ptr_equal(root->items[0].text, copy + 2);
    assert_true(root->items[1].text < copy || root->items[1].text >= copy + length);
    assert_true(tp_view_equal_str(json_string(&root->items[1]), "escaped"));
    copy[length] = ' ';
    assert_null(json_parse(&f.parser, f.arena, tp_view_from_mem(copy, length), JSON_BORROW));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_NO_ZERO);
    assert_null(json_parse(&f.parser, f.arena, tp_view_from_mem(NULL, 0), JSON_BORROW));
    assert_int_equal(f.parser.error.fault, JSON_FAULT_EMPTY);
    free(copy);
    /* without the flag, the text may go */
    copy = padded(text, length);
    root = json_parse(&f.parser, f.arena, tp_view_from_mem(copy, length), 0);
    memset(copy, 'x', length);
    free(copy);
    assert_non_null(root);
    assert_string_equal(print(&f, root, false), "[\"plain\",\"escaped\"]");
    fixture_end(&f);
}

/* --- every cut and every change of a byte: no crash, and what is accepted is consistent --- */

static const char sample[] =
    "{\"k\\u00e9y\" : [1, -2.5e-3,true ,null],\"\xe2\x82\xac\":\"\\ud83c\\udf0a "
    "\\n\",\n\"deep\":[[{\"\":18446744073709551615}], 12345678.125]}";

static void check_any(struct fixture *f, const unsigned char *text, size_t length)
{
    tp_view view = tp_view_from_mem(text, length);
    const struct json_value *root;
    tp_arena_reset(f->arena);
    root = json_parse(&f->parser, f->arena, view, JSON_BORROW);
    if (root != NULL) {
        assert_int_equal(f->parser.error.fault, JSON_OK);
        assert_round_trip(f, root);
        return;
    }
    assert_int_not_equal(f->parser.error.fault, JSON_OK);
    assert_true(f->parser.error.offset <= length);
    assert_true(f->parser.error.line >= 1 && f->parser.error.column >= 1);
}

static void test_cuts(void **state)
{
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    for (size_t length = 0; length < sizeof(sample); length++) {
        unsigned char *copy = padded(sample, length);
        check_any(&f, copy, length);
        assert_int_equal(f.parser.error.fault == JSON_OK, length == sizeof(sample) - 1);
        free(copy);
    }
    fixture_end(&f);
}

static void test_changes(void **state)
{
    size_t length = sizeof(sample) - 1;
    unsigned char *copy = padded(sample, length);
    struct fixture f;
    (void)state;
    fixture_begin(&f);
    for (size_t i = 0; i < length; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            copy[i] = (unsigned char)byte;
            check_any(&f, copy, length);
        }
        copy[i] = (unsigned char)sample[i];
    }
    free(copy);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted), cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_faults),   cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_borrow),   cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
