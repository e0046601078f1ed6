/* SPDX-License-Identifier: BSD-2-Clause */
/* The log parser against loghub's answers: for each of its logs that is there, each line, each
   column. The answers are in CSV (RFC 4180). No line is excepted: they agree on all of them.

   What loghub's columns are called differs from log to log; the tables below say which field each
   is. Its content has no blanks around it, as ours. It gives Linux's and OpenSSH's host as "Level"
   and "Component"; OpenSSH's answers leave out that the process is always sshd.

   The logs are in TP_DATA_DIR, or beside the source tree (TP_TEST_DATA_DIR); where they are not,
   the tests are skipped. */
#include "logparse_fixture.h"

#include <stdbool.h>

#define LINES 2000
#define COLUMNS_MAX 12

struct column {
    const char *name;
    enum log_field field;
};

struct log {
    const char *name;
    enum log_format format;
    struct column columns[COLUMNS_MAX];
};

static const struct log logs[] = {
    {"Android",
     LOG_ANDROID,
     {{"Date", LOG_DATE},
      {"Time", LOG_TIME},
      {"Pid", LOG_PID},
      {"Tid", LOG_TID},
      {"Level", LOG_LEVEL},
      {"Component", LOG_COMPONENT},
      {"Content", LOG_CONTENT}}},
    {"Apache",
     LOG_APACHE_ERROR,
     {{"Time", LOG_TIME}, {"Level", LOG_LEVEL}, {"Content", LOG_CONTENT}}},
    {"HDFS",
     LOG_HDFS,
     {{"Date", LOG_DATE},
      {"Time", LOG_TIME},
      {"Pid", LOG_PID},
      {"Level", LOG_LEVEL},
      {"Component", LOG_COMPONENT},
      {"Content", LOG_CONTENT}}},
    {"Linux",
     LOG_SYSLOG,
     {{"Month", LOG_MONTH},
      {"Date", LOG_DAY},
      {"Time", LOG_TIME},
      {"Level", LOG_HOST},
      {"Component", LOG_COMPONENT},
      {"PID", LOG_PID},
      {"Content", LOG_CONTENT}}},
    {"OpenSSH",
     LOG_SYSLOG,
     {{"Date", LOG_MONTH},
      {"Day", LOG_DAY},
      {"Time", LOG_TIME},
      {"Component", LOG_HOST},
      {"Pid", LOG_PID},
      {"Content", LOG_CONTENT}}},
    {"Zookeeper",
     LOG_ZOOKEEPER,
     {{"Date", LOG_DATE},
      {"Time", LOG_TIME},
      {"Level", LOG_LEVEL},
      {"Node", LOG_NODE},
      {"Component", LOG_COMPONENT},
      {"Id", LOG_ID},
      {"Content", LOG_CONTENT}}},
};

/* --- files --- */

/* The whole file, the caller's to free; NULL: there is none. */
static unsigned char *read_data(const char *log, const char *suffix, size_t *n)
{
    const char *folder = getenv("TP_DATA_DIR");
    unsigned char *text;
    char path[4096];
    FILE *file;
    long end;
    snprintf(path, sizeof(path), "%s/logs/loghub/%s_2k.log%s",
             folder != NULL ? folder : TP_TEST_DATA_DIR, log, suffix);
    file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    end = ftell(file);
    assert_true(end >= 0);
    rewind(file);
    *n = (size_t)end;
    text = malloc(*n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *n, file), *n);
    fclose(file);
    return text;
}

/* --- CSV --- */

struct csv {
    const unsigned char *at, *end;
    bool row_ended; /* behind the last cell */
};

/* The next cell, its quotes undone, in `cell`. */
static void csv_cell(struct csv *csv, tp_bytes *cell)
{
    bool quoted = csv->at < csv->end && *csv->at == '"';
    tp_bytes_reset(cell);
    for (csv->at += quoted; csv->at < csv->end; csv->at++) {
        unsigned char byte = *csv->at;
        if (quoted && byte == '"') {
            if (csv->end - csv->at > 1 && csv->at[1] == '"') {
                csv->at++;
            } else {
                quoted = false;
                continue;
            }
        } else if (!quoted && (byte == ',' || byte == '\n' || byte == '\r')) {
            break;
        }
        assert_true(tp_bytes_append_byte(cell, byte));
    }
    assert_false(quoted);
    if (csv->at < csv->end && *csv->at == ',') {
        csv->at++;
        csv->row_ended = false;
        return;
    }
    csv->at += csv->end - csv->at > 1 && csv->at[0] == '\r' && csv->at[1] == '\n';
    csv->at += csv->at < csv->end;
    csv->row_ended = true;
}

static void test_csv(void **state)
{
    static const char text[] = "a,\"b,\"\"c\"\"\r\nd\",\r\n\"\",e";
    static const struct {
        const char *cell;
        bool row_ended;
    } wanted[] = {{"a", false}, {"b,\"c\"\r\nd", false}, {"", true}, {"", false}, {"e", true}};
    struct csv csv = {(const unsigned char *)text, (const unsigned char *)text + strlen(text),
                      false};
    tp_bytes cell = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        csv_cell(&csv, &cell);
        assert_string_equal(tp_bytes_str(&cell), wanted[i].cell);
        assert_int_equal(csv.row_ended, wanted[i].row_ended);
    }
    assert_ptr_equal(csv.at, csv.end);
    tp_bytes_free(&cell);
}

/* --- comparing --- */

/* Which column of ours each of the CSV's is; NULL: none. Returns how many there are. */
static size_t read_header(const struct log *log, struct csv *csv, const struct column **columns)
{
    tp_bytes cell = {0};
    size_t n = 0, known = 0, wanted = 0;
    do {
        assert_true(n < COLUMNS_MAX);
        csv_cell(csv, &cell);
        columns[n] = NULL;
        for (size_t i = 0; i < COLUMNS_MAX && log->columns[i].name != NULL; i++) {
            if (strcmp(tp_bytes_str(&cell), log->columns[i].name) == 0)
                columns[n] = &log->columns[i];
        }
        known += columns[n] != NULL;
        n++;
    } while (!csv->row_ended);
    while (wanted < COLUMNS_MAX && log->columns[wanted].name != NULL)
        wanted++;
    assert_int_equal(known, wanted);
    tp_bytes_free(&cell);
    return n;
}

/* Compares the line that was parsed last with the CSV's next row. */
static unsigned compare_row(const struct log *log, unsigned number, struct csv *csv,
                            const struct column **columns, size_t columns_n)
{
    tp_bytes cell = {0};
    unsigned differ = 0;
    for (size_t i = 0; i < columns_n; i++) {
        csv_cell(csv, &cell);
        assert_int_equal(csv->row_ended, i + 1 == columns_n);
        if (i == 0)
            assert_int_equal(strtoul(tp_bytes_str(&cell), NULL, 10), number);
        if (columns[i] == NULL ||
            tp_view_equal(line.fields[columns[i]->field], tp_view_from_bytes(&cell)))
            continue;
        differ++;
        print_error("%s:%u: %s: ours '%.*s', loghub's '%s'\n", log->name, number, columns[i]->name,
                    (int)line.fields[columns[i]->field].len,
                    (const char *)line.fields[columns[i]->field].data, tp_bytes_str(&cell));
    }
    tp_bytes_free(&cell);
    return differ;
}

static void compare(const struct log *log)
{
    const struct column *columns[COLUMNS_MAX];
    size_t text_n = 0, answers_n = 0, columns_n;
    unsigned char *text = read_data(log->name, "", &text_n);
    unsigned char *answers = read_data(log->name, "_structured.csv", &answers_n);
    const unsigned char *at = text;
    struct csv csv = {answers, answers + answers_n, false};
    unsigned number = 0, differ = 0;
    if (text == NULL || answers == NULL) {
        print_message("%s: no such data: skipped\n", log->name);
        skip();
    }
    assert_int_equal(log_format_detect(tp_view_from_mem(text, text_n)), log->format);
    columns_n = read_header(log, &csv, columns);
    while (at < text + text_n) {
        const unsigned char *newline = memchr(at, '\n', (size_t)(text + text_n - at));
        const unsigned char *end = newline != NULL ? newline : text + text_n;
        number++;
        if (!parse_bytes(log->format, at, (size_t)(end - at)))
            fail_msg("%s:%u: %s", log->name, number, line.why);
        if (strcmp(log->name, "OpenSSH") == 0)
            assert_field(LOG_COMPONENT, "sshd");
        differ += compare_row(log, number, &csv, columns, columns_n);
        at = end + 1;
    }
    assert_int_equal(differ, 0);
    assert_int_equal(number, LINES);
    assert_ptr_equal(csv.at, csv.end);
    free(text);
    free(answers);
}

static void test_android(void **state)
{
    (void)state;
    compare(&logs[0]);
}

static void test_apache(void **state)
{
    (void)state;
    compare(&logs[1]);
}

static void test_hdfs(void **state)
{
    (void)state;
    compare(&logs[2]);
}

static void test_linux(void **state)
{
    (void)state;
    compare(&logs[3]);
}

static void test_openssh(void **state)
{
    (void)state;
    compare(&logs[4]);
}

static void test_zookeeper(void **state)
{
    (void)state;
    compare(&logs[5]);
}

static int free_line(void **state)
{
    (void)state;
    free(line_copy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),       cmocka_unit_test(test_android),
        cmocka_unit_test(test_apache),    cmocka_unit_test(test_hdfs),
        cmocka_unit_test(test_linux),     cmocka_unit_test(test_openssh),
        cmocka_unit_test(test_zookeeper),
    };
    return cmocka_run_group_tests_name("logparse_loghub", tests, NULL, free_line);
}
