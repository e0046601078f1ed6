/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder for each test of the logger, and a log in it. Each test program includes this once. */
#ifndef TESTS_EXAMPLES_LOGGER_FIXTURE_H
#define TESTS_EXAMPLES_LOGGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "logger/internal.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

static char folder[64], path[96];

static inline int make_folder(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    snprintf(folder, sizeof(folder), "/tmp/tp-test-logger-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/log", folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    char name[128];
    (void)state;
    unlink(path);
    for (int i = 1; i <= 9; i++) {
        snprintf(name, sizeof(name), "%s.%d", path, i);
        unlink(name);
    }
    return rmdir(folder);
}

/* The file's text; the caller frees it. */
static inline char *read_file(const char *name)
{
    char *text = malloc(FILE_BYTES_MAX);
    FILE *file = fopen(name, "r");
    size_t length = 0;
    assert_non_null(text);
    if (file != NULL) {
        length = fread(text, 1, FILE_BYTES_MAX - 1, file);
        fclose(file);
    }
    text[length] = '\0';
    return text;
}

static inline void assert_file(const char *name, const char *expected)
{
    char *text = read_file(name);
    assert_string_equal(text, expected);
    free(text);
}

static inline struct logger *open_logger(struct logger_options options)
{
    struct logger *log;
    options.path = options.path != NULL ? options.path : path;
    log = logger_open(&options);
    assert_non_null(log);
    return log;
}

static inline bool log_text(struct logger *log, const char *text)
{
    return logger_log(log, LOGGER_INFO, logger_text(text), NULL, 0);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, make_folder, remove_folder)

#endif
