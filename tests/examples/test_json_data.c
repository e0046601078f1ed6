/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of examples/json on real inputs: suites whose files' names say what is to come of
   them, round trips, large documents. They are in TP_DATA_DIR, or beside the source; where they are
   not, each test says so and is skipped. */
#include "json_fixture.h"

#include <dirent.h>

/* What has to come of a file. */
enum wanted { ACCEPT, REJECT, EITHER, LEAVE };

typedef enum wanted wanted_of(const char *name);

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static enum wanted by_letter(const char *name)
{
    if (begins(name, "y_"))
        return ACCEPT;
    return begins(name, "n_") ? REJECT : begins(name, "i_") ? EITHER : LEAVE;
}

static enum wanted by_word(const char *name)
{
    if (strstr(name, "_EXCLUDE") != NULL)
        return LEAVE;
    if (begins(name, "pass"))
        return ACCEPT;
    return begins(name, "fail") ? REJECT : LEAVE;
}

static enum wanted all_good(const char *name)
{
    return strstr(name, ".json") != NULL ? ACCEPT : LEAVE;
}

/* Parses a file both ways; true: accepted. What was accepted makes its round trip. */
static bool parse_file(struct fixture *f, const char *path)
{
    const struct json_value *root, *borrowing;
    unsigned char *copy;
    tp_bytes text;
    assert_non_null(read_data(path, &text));
    copy = padded(text.data, text.len);
    root = parse(f, text.data, text.len);
    borrowing = json_parse(&f->parser, f->arena, tp_view_from_mem(copy, text.len), JSON_BORROW);
    assert_int_equal(root != NULL, borrowing != NULL);
    if (root != NULL) {
        assert_true(json_same(&f->parser, root, borrowing));
        assert_round_trip(f, root);
    }
    free(copy);
    tp_bytes_free(&text);
    return root != NULL;
}

/* All files of a folder. */
static void check_folder(const char *folder, wanted_of *wanted, unsigned at_least)
{
    const char *data = getenv("TP_DATA_DIR");
    unsigned counts[LEAVE] = {0};
    char path[1024];
    struct dirent *entry;
    struct fixture f;
    DIR *directory;
    snprintf(path, sizeof(path), "%s/%s", data != NULL ? data : TP_TEST_DATA_DIR, folder);
    directory = opendir(path);
    if (directory == NULL) {
        printf("%s: not there: skipped\n", path);
        skip();
    }
    fixture_begin(&f);
    while ((entry = readdir(directory)) != NULL) {
        enum wanted result = wanted(entry->d_name);
        bool accepted;
        if (result == LEAVE)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        accepted = parse_file(&f, path);
        if (result != EITHER && accepted != (result == ACCEPT))
            fail_msg("%s: %s", path, accepted ? "accepted" : json_fault_text(f.parser.error.fault));
        counts[result]++;
    }
    closedir(directory);
    fixture_end(&f);
    printf("%s: %u accepted, %u rejected, %u either\n", folder, counts[ACCEPT], counts[REJECT],
           counts[EITHER]);
    assert_true(counts[ACCEPT] + counts[REJECT] + counts[EITHER] >= at_least);
}

static void test_parsing(void **state)
{
    (void)state;
    check_folder("json/test_parsing", by_letter, 100);
}

static void test_checker(void **state)
{
    (void)state;
    check_folder("json/jsonchecker", by_word, 30);
}

static void test_small(void **state)
{
    (void)state;
    check_folder("json/small", all_good, 5);
}

/* twitter, citm_catalog, canada and the like: parsed, printed and parsed again, equal. */
static void test_large(void **state)
{
    (void)state;
    check_folder("json", all_good, 5);
}

/* The text that comes out is the one that went in. */
static void test_exact(void **state)
{
    struct fixture f;
    tp_bytes text;
    unsigned n = 0;
    char path[64];
    (void)state;
    fixture_begin(&f);
    for (unsigned i = 1; i <= 99; i++) {
        const struct json_value *root;
        snprintf(path, sizeof(path), "json/roundtrip/roundtrip%02u.json", i);
        if (read_data(path, &text) == NULL)
            continue;
        root = parse(&f, text.data, text.len);
        assert_non_null(root);
        assert_string_equal(print(&f, root, false), tp_bytes_str(&text));
        tp_bytes_free(&text);
        n++;
    }
    fixture_end(&f);
    if (n == 0) {
        printf("json/roundtrip: not there: skipped\n");
        skip();
    }
    assert_true(n >= 27);
}

/* The same text with and without escapes. */
static void test_escaped(void **state)
{
    const struct json_value *plain, *escaped;
    tp_bytes a, b;
    struct fixture f;
    (void)state;
    if (read_data("json/twitter.json", &a) == NULL ||
        read_data("json/twitterescaped.json", &b) == NULL) {
        printf("json/twitter.json: not there: skipped\n");
        skip();
    }
    fixture_begin(&f);
    plain = json_parse(&f.parser, f.arena, tp_view_from_bytes(&a), 0);
    escaped = json_parse(&f.parser, f.arena, tp_view_from_bytes(&b), 0);
    assert_true(plain != NULL && escaped != NULL);
    assert_true(json_same(&f.parser, plain, escaped));
    tp_bytes_free(&a);
    tp_bytes_free(&b);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parsing), cmocka_unit_test(test_checker),
        cmocka_unit_test(test_small),   cmocka_unit_test(test_large),
        cmocka_unit_test(test_exact),   cmocka_unit_test(test_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
