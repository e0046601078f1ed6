/* SPDX-License-Identifier: BSD-2-Clause */
/* What no program may do with the heap: each case aborts with one line that names the address. The
   double free of a small object is found in checked builds only: elsewhere free looks at nothing.
   And what AddressSanitizer sees because the heap tells it. */
#include "support.h"

static volatile size_t past = 0; /* what the compiler cannot see through */

/* The address that the library's line must name, as %p prints it. */
static void names(const void *address)
{
    fprintf(stderr, "address %p\n", address);
}

static int free_of_stack(void)
{
    char array[64];
    char *volatile address = array;
    names(address);
    tp_heap_free(address);
    return 0;
}

static int free_of_static(void)
{
    static char array[64];
    char *volatile address = array;
    names(address);
    tp_heap_free(address);
    return 0;
}

static int free_of_malloced(void)
{
    void *volatile address = malloc(100);
    names(address);
    tp_heap_free(address);
    return 0;
}

static int free_inside_large(void)
{
    char *memory = tp_heap_alloc(100000);
    names(memory + 8192 + past);
    tp_heap_free(memory + 8192 + past);
    return 0;
}

static int free_of_large_twice(void)
{
    char *memory = tp_heap_alloc(100000);
    char *volatile again = memory;
    names(memory);
    tp_heap_free(memory);
    tp_heap_free(again);
    return 0;
}

static int free_of_large_behind_its_end(void)
{
    char *memory = tp_heap_alloc(100000);
    names(memory + 8192 * 1000 + past);
    tp_heap_free(memory + 8192 * 1000 + past);
    return 0;
}

static int realloc_of_stack(void)
{
    char array[64];
    char *volatile address = array;
    names(address);
    return tp_heap_realloc(address, 100) != NULL;
}

static int realloc_inside_large(void)
{
    char *memory = tp_heap_alloc(100000);
    names(memory + 8192 + past);
    return tp_heap_realloc(memory + 8192 + past, 200000) != NULL;
}

/* --- in checked builds --- */

static int free_inside_small(void)
{
    char *memory = tp_heap_alloc(100);
    names(memory + 16 + past);
    tp_heap_free(memory + 16 + past);
    return 0;
}

static int free_of_small_twice(void)
{
    char *memory = tp_heap_alloc(100);
    char *volatile again = memory;
    names(memory);
    tp_heap_free(memory);
    tp_heap_free(again);
    return 0;
}

static int free_of_small_twice_later(void)
{
    void *blocks[200];
    for (unsigned i = 0; i < 200; i++)
        blocks[i] = tp_heap_alloc(100);
    void *volatile again = blocks[0];
    for (unsigned i = 0; i < 200; i++)
        tp_heap_free(blocks[i]);
    names(again);
    tp_heap_free(again);
    return 0;
}

static int write_behind_small(void)
{
    char *memory = tp_heap_alloc(100);
    volatile char *behind = memory + tp_heap_usable_size(memory) + past;
    names(memory);
    *behind = 7;
    tp_heap_free(memory);
    return 0;
}

/* --- where ASan watches --- */

static int read_after_free(void)
{
    volatile char *memory = tp_heap_alloc(100);
    names((const void *)memory);
    tp_heap_free((void *)memory);
    return memory[20 + past] == 3;
}

static int read_after_put(void)
{
    tp_pool *pool = tp_pool_create(&(tp_pool_options){.size = 64});
    volatile char *object = tp_pool_get(pool);
    names((const void *)object);
    tp_pool_put(pool, (void *)object);
    return object[20 + past] == 3;
}

static int read_of_large_after_free(void)
{
    volatile char *memory = tp_heap_alloc(100000);
    names((const void *)memory);
    tp_heap_free((void *)memory);
    return memory[50000 + past] == 3;
}

static const struct support_scenario scenarios[] = {
    {"free_of_stack", free_of_stack},
    {"free_of_static", free_of_static},
    {"free_of_malloced", free_of_malloced},
    {"free_inside_large", free_inside_large},
    {"free_of_large_twice", free_of_large_twice},
    {"free_of_large_behind_its_end", free_of_large_behind_its_end},
    {"realloc_of_stack", realloc_of_stack},
    {"realloc_inside_large", realloc_inside_large},
    {"free_inside_small", free_inside_small},
    {"free_of_small_twice", free_of_small_twice},
    {"free_of_small_twice_later", free_of_small_twice_later},
    {"write_behind_small", write_behind_small},
    {"read_after_free", read_after_free},
    {"read_after_put", read_after_put},
    {"read_of_large_after_free", read_of_large_after_free},
    {NULL, NULL},
};

/* It aborts with one line that says so and names the address. */
static void aborts(const char *name, const char *says)
{
    struct support_result result;
    char address[64];
    support_run(name, NULL, &result);
    const char *line = strstr(result.text, "tidepool: ");
    if (sscanf(result.text, "address %63s", address) != 1 || line == NULL ||
        strstr(line, address) == NULL || strstr(line, says) == NULL ||
        support_lines(result.text) != 1 || !WIFSIGNALED(result.status) ||
        WTERMSIG(result.status) != SIGABRT)
        fail_msg("%s did not abort with one line that says '%s': status 0x%x, stderr:\n%s", name,
                 says, (unsigned)result.status, result.text);
}

static void frees_of_what_is_not_the_heaps(void **state)
{
    (void)state;
    aborts("free_of_stack", "free");
    aborts("free_of_static", "free");
    aborts("free_of_malloced", "free");
    aborts("free_inside_large", "free");
    aborts("free_of_large_twice", "free");
    aborts("free_of_large_behind_its_end", "free");
}

static void reallocs_of_what_is_not_the_heaps(void **state)
{
    (void)state;
    aborts("realloc_of_stack", "realloc");
    aborts("realloc_inside_large", "realloc");
}

static void in_a_checked_build(const char *name, const char *says)
{
    if (!support_poisons())
        skip();
    aborts(name, says);
}

static void frees_inside_small_objects(void **state)
{
    (void)state;
    in_a_checked_build("free_inside_small", "free");
}

static void double_frees_of_small_objects(void **state)
{
    (void)state;
    in_a_checked_build("free_of_small_twice", "free");
    in_a_checked_build("free_of_small_twice_later", "free");
}

static void writes_past_a_small_object(void **state)
{
    (void)state;
    in_a_checked_build("write_behind_small", "past the end");
}

static void asan_sees(const char *name)
{
    struct support_result result;
    if (!support_asan)
        skip();
    support_run(name, NULL, &result);
    if (strstr(result.text, "AddressSanitizer: use-after-poison") == NULL)
        fail_msg("%s: status 0x%x, stderr:\n%s", name, (unsigned)result.status, result.text);
}

static void asan_sees_reads_of_what_is_free_or_idle(void **state)
{
    (void)state;
    asan_sees("read_after_free");
    asan_sees("read_after_put");
    asan_sees("read_of_large_after_free");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frees_of_what_is_not_the_heaps),
        cmocka_unit_test(reallocs_of_what_is_not_the_heaps),
        cmocka_unit_test(frees_inside_small_objects),
        cmocka_unit_test(double_frees_of_small_objects),
        cmocka_unit_test(writes_past_a_small_object),
        cmocka_unit_test(asan_sees_reads_of_what_is_free_or_idle),
    };
    (void)argc;
    support_start(argv, scenarios);
    return cmocka_run_group_tests_name("heap abuse", tests, NULL, NULL);
}
