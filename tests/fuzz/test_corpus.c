/* SPDX-License-Identifier: BSD-2-Clause */
/* What fuzzing has found is tried again in each build, without a fuzzer: every file of the corpus
   goes through the target's function, whole and cut short. One program a target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>

#define FILE_BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void test_corpus(void **state)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    DIR *directory = opendir(TP_TEST_CORPUS);
    struct dirent *entry;
    unsigned files = 0;
    (void)state;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[4096];
        FILE *file;
        size_t size;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), TP_TEST_CORPUS "/%s", entry->d_name);
        file = fopen(path, "rb");
        assert_non_null(file);
        size = fread(bytes, 1, sizeof(bytes), file);
        assert_true(size < sizeof(bytes));
        fclose(file);
        LLVMFuzzerTestOneInput(bytes, size);
        for (size_t cut = size / 2; cut < size; cut += 1 + size / 16)
            LLVMFuzzerTestOneInput(bytes, cut);
        files++;
    }
    closedir(directory);
    printf("%u files\n", files);
    assert_true(files >= TP_TEST_CORPUS_FILES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
